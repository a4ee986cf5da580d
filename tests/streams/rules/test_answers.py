"""Each command is answered: what was done is said, and what was not done is never said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.streams.rules.test_commands import CONFIG, NOW, a_command, a_report
from tocsin.schemas.events import (
    CommandAnswered,
    CommandIssued,
    CommandOutcome,
    EndpointCommand,
    EndpointCommandKind,
    EscalationAcknowledged,
)
from tocsin.streams.rules.decide import decide, fire
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.delivery.deliver import deliver
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.values import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

ACK, OTHER_ACK = a_command("acknowledge"), a_command("acknowledge", "c2")
RESOLVE = a_command("resolve")
SNOOZE = a_command("snooze", until=NOW + HOUR)
UNHEARD_OF = a_command("acknowledge", "c2", target="nonsense")
CHOICE = msgspec.structs.replace(a_command("choose"), choice="wait")
FOREIGN = msgspec.structs.replace(ACK, event_id="c2", tenant="globex")

# what came before (reports by their id), the command, what is answered, and what the detail says
ANSWERS: dict[str, tuple[list[CommandIssued | str], CommandIssued, str, str]] = {
    "acknowledged by the report": (["r"], ACK, "done", ""),
    "resolved": (["r"], RESOLVE, "done", ""),
    "snoozed": (["r"], SNOOZE, "done", "until 2027-01-15T09:00:00.000Z"),
    "snoozed for longer than is allowed": (["r"], a_command("snooze", until=NOW + 400 * DAY), "done", "longest"),
    "taken already": (["r", ACK], OTHER_ACK, "already_so", "acknowledged already"),
    "taken, but resolved": (["r", RESOLVE], OTHER_ACK, "already_so", "resolved already"),
    "resolved already": (["r", RESOLVE], a_command("resolve", "c2"), "already_so", "resolved already"),
    "the very same command": (["r", ACK], ACK, "already_so", "this very command"),
    "put off, but resolved": (["r", RESOLVE], a_command("snooze", "c2", until=NOW + HOUR), "refused", "resolved"),
    "an id that nobody has seen": (["r"], UNHEARD_OF, "kept", "tenant acme knows no such id; nothing is done"),
    "another tenant's": (["r"], FOREIGN, "kept", "tenant globex knows no such id; nothing is done"),
    "an id of no length": (["r"], a_command("resolve", target="x" * 2000), "refused", "more than"),
    "a kind of a later release": (["r"], a_command("unknown"), "refused", "newer kind"),
    "a snooze that is over": (["r"], a_command("snooze", until=NOW), "refused", "a time to come"),
    "a choice about nothing": (["r"], CHOICE, "kept", "tenant acme knows no such id"),
    "a choice that is none": (["r"], a_command("choose"), "refused", "one of wait, retry, give_up"),
    "one that resolves waits there": (
        [a_command("resolve", target="nonsense")], UNHEARD_OF, "refused", "one that resolves is waiting already",
    ),
}  # fmt: skip


def answers(decisions: list[Decision]) -> dict[str, CommandAnswered]:
    """The last answer by command."""
    found = [one.event for one in decisions if isinstance(one, Emit) and isinstance(one.event, CommandAnswered)]
    return {one.command: one for one in found}


@pytest.mark.parametrize(("before", "issued", "outcome", "says"), ANSWERS.values(), ids=list(ANSWERS))
def test_what_is_answered(
    rows: DictRows, before: list[CommandIssued | str], issued: CommandIssued, outcome: str, says: str
) -> None:
    for each in before:
        decide(a_report(each) if isinstance(each, str) else each, rows, NOW, CONFIG)
    (emitted,) = [one for one in decide(issued, rows, NOW, CONFIG) if one.topic == "answers"]
    assert isinstance(emitted, Emit)
    answer = emitted.event
    assert isinstance(answer, CommandAnswered)
    assert (answer.outcome, answer.command, emitted.key) == (outcome, issued.event_id, issued.event_id)
    assert says in (answer.detail or "")
    assert (answer.tenant, answer.kind, answer.by) == (issued.tenant, issued.kind, "ann")
    assert (answer.case is not None) == (outcome in ("done", "already_so") or "put off" in (answer.detail or ""))


def test_who_was_first_has_it_unless_it_is_taken_over_from_just_them(rows: DictRows) -> None:
    decide(a_report("r"), rows, NOW, CONFIG)
    decide(ACK, rows, NOW, CONFIG)
    bob = msgspec.structs.replace(OTHER_ACK, by="bob")
    for command, outcome, says, taken in (
        (bob, "already_so", "already, by ann", []),
        (msgspec.structs.replace(bob, event_id="c3", choice="eve"), "already_so", "already, by ann", []),
        (msgspec.structs.replace(bob, event_id="c4", choice="ann"), "done", "taken over from ann", ["bob"]),
        (msgspec.structs.replace(bob, event_id="c5", choice="ann"), "already_so", "by bob", []),
        (msgspec.structs.replace(bob, event_id="c6", choice="bob"), "already_so", "by bob", []),
        (msgspec.structs.replace(ACK, event_id="c7", choice="bob"), "done", "taken over from bob", ["ann"]),
    ):
        decided = decide(command, rows, NOW, CONFIG)
        answer = answers(decided)[command.event_id]
        assert (answer.outcome, says in (answer.detail or "")) == (outcome, True), answer
        events = [one.event for one in decided if isinstance(one, Emit)]
        assert [event.by for event in events if isinstance(event, EscalationAcknowledged)] == taken


def test_what_is_known_but_was_told_to_nobody_yet_is_said_so(rows: DictRows) -> None:
    decide(a_report(), rows, NOW, CONFIG)
    (case,) = [key for key in rows.rows if key.startswith("case/")]
    rows.delete(case)
    answer = answers(decide(ACK, rows, NOW, CONFIG))["c"]
    assert (answer.outcome, answer.case) == (CommandOutcome.KEPT, None)
    assert (answer.detail or "").startswith("nobody was told of it yet")


def test_one_that_waited_is_answered_again_when_its_case_comes(rows: DictRows) -> None:
    assert answers(decide(ACK, rows, NOW, CONFIG))["c"].outcome is CommandOutcome.KEPT
    assert answers(decide(a_report(), rows, NOW + MINUTE, CONFIG))["c"].outcome is CommandOutcome.DONE


def test_and_when_it_never_comes(rows: DictRows) -> None:
    decide(ACK, rows, NOW, CONFIG)
    answer = answers(fire("kept/acme/r", rows, NOW + DAY, CONFIG))["c"]
    assert (answer.outcome, answer.detail) == (CommandOutcome.NOT_FOUND, "nothing known as r has come")


def test_both_learn_it_when_one_takes_the_place_of_another(rows: DictRows) -> None:
    decide(ACK, rows, NOW, CONFIG)
    answered = answers(decide(a_command("snooze", "c2", until=NOW + HOUR), rows, NOW, CONFIG))
    assert {name: one.outcome.value for name, one in answered.items()} == {"c": "refused", "c2": "kept"}


def test_no_two_answers_have_one_id(rows: DictRows) -> None:
    first = answers(decide(ACK, rows, NOW, CONFIG))["c"]
    second = answers(decide(ACK, rows, NOW + 1, CONFIG))["c"]
    assert first.event_id != second.event_id


# what was commanded before, the endpoint, the command, what is answered, and what the detail says
STEERED: dict[str, tuple[list[str], str, str, str, str]] = {
    "switched off": ([], "desk", "disable", "done", ""),
    "switched on again": (["disable"], "desk", "enable", "done", ""),
    "given up": ([], "desk", "remove", "done", ""),
    "given up, though the rules do not have it any more": ([], "desc", "remove", "done", ""),
    "on already": ([], "desk", "enable", "already_so", "it is enabled already"),
    "off already": (["disable"], "desk", "disable", "already_so", "it is disabled already"),
    "given up already": (["remove"], "desk", "remove", "already_so", "it is removed already"),
    "none that the rules have, switched off": ([], "desc", "disable", "refused", "no endpoint desc"),
    "none that the rules have, switched on": ([], "desc", "enable", "refused", "no endpoint desc"),
    "given up, then wanted again": (["remove"], "desc", "enable", "done", ""),
    "a kind of a later release": ([], "desk", "unknown", "refused", "newer kind"),
}


@pytest.mark.parametrize(("before", "name", "kind", "outcome", "says"), STEERED.values(), ids=list(STEERED))
def test_what_is_answered_about_an_endpoint(
    rows: DictRows, before: list[str], name: str, kind: str, outcome: str, says: str
) -> None:
    config, decided = DeliverConfig(endpoints=frozenset({"desk"})), list[Decision]()
    for each in (*before, kind):
        command = EndpointCommand(
            event_id=each, tenant="acme", occurred_at=NOW, recorded_at=NOW, endpoint=name,
            kind=EndpointCommandKind(each), by="ann",
        )  # fmt: skip
        decided = deliver(command, rows, NOW, config)
    answer = answers(decided)[kind]
    assert (answer.outcome, answer.target, answer.kind) == (outcome, name, kind)
    assert says in (answer.detail or "")


@pytest.mark.parametrize("kind", ["enable", "disable", "remove"])
def test_what_a_subscription_asks_for_steers_no_endpoint_of_the_rules_file(rows: DictRows, kind: str) -> None:
    """Its name was taken by the file, and the gateway may not know yet; an operator's command names no cause."""
    config = DeliverConfig(endpoints=frozenset({"desk", "hook"}), of_operators=frozenset({"desk"}))
    told: dict[str, CommandAnswered] = {}
    for name in ("desk", "hook"):
        command = EndpointCommand(
            event_id=name, tenant="acme", occurred_at=NOW, recorded_at=NOW, cause="subscription-set", endpoint=name,
            kind=EndpointCommandKind(kind), by="ann",
        )  # fmt: skip
        told |= answers(deliver(command, rows, NOW, config))
    assert (told["desk"].outcome, told["hook"].outcome == "refused") == ("refused", False)
    assert "operator" in (told["desk"].detail or "")
    assert not any("desk" in str(key) for key in rows.rows)
