"""A real ACA-Py's webhooks through the rules: who is named, in whatever order they come, and what a forgery changes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.connectors.sources.acapy.recorded import NOW, RECORDED, SHOWN, events_of, heard
from tests.harness.fuzzing import examples
from tests.harness.routed_reports import a_problem
from tocsin.connectors.publish import InboxEvent
from tocsin.schemas.events import ProblemExplained, ProblemOpened, ProblemReported, ProblemSuppressed, ThreadContext
from tocsin.streams.rules.config import DecideConfig, default_rulebook
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.replay import Replay
from tocsin.streams.rules.state import WAITING, CaseRow, ThreadRow
from tocsin.streams.rules.trust import is_apart

AGENTS = tuple(RECORDED["webhooks"])
GOAL = 0.9
SECOND = 1_000_000


class World:
    """The rules over the events of one agent."""

    def __init__(self) -> None:
        self.replay = Replay(DecideConfig(book=default_rulebook()), now=NOW)
        self.contexts: dict[str, ThreadContext] = {}
        self.opened: set[str] = set()
        self.suppressed: list[str] = []

    def hear(self, *events: InboxEvent) -> None:
        """Take events, a second apart."""
        for event in events:
            for decided in self.replay.hear(event, self.replay.now + SECOND):
                for one in decided.decisions:
                    self._note(one.event if isinstance(one, Emit) else None)

    def _note(self, event: object) -> None:
        match event:
            case ProblemOpened() | ProblemExplained():
                self.contexts[event.report] = event.thread
                self.opened |= {event.case} if isinstance(event, ProblemOpened) else set()
            case ProblemSuppressed():
                self.suppressed.append(event.report)

    def known(self) -> dict[str, tuple[object, ...]]:
        """What is known of threads and cases in the end."""
        found = dict[str, tuple[object, ...]]()
        for key, row in self.replay.rows.rows.items():
            if isinstance(row, ThreadRow) and row.activity:
                found[key] = (
                    row.parent,
                    row.connection,
                    row.record_type,
                    row.record_id,
                    row.record_state,
                    row.codes and {*row.codes},
                )
            elif isinstance(row, CaseRow):
                found[key] = (row.code, row.severity, row.thread, row.status)
        return found


def all_of(agent: str, order: list[int] | None = None) -> World:
    """The rules after all of an agent's webhooks, in some order."""
    world = World()
    for number in order if order is not None else range(len(RECORDED["webhooks"][agent])):
        world.hear(*events_of(agent, number, now=NOW))
    return world


def test_problems_have_their_connection_and_thread(capsys: pytest.CaptureFixture[str]) -> None:
    worlds, right, wrong = {agent: all_of(agent) for agent in AGENTS}, 0, list[str]()
    for one in SHOWN:
        if one.connection is None:
            continue  # no webhook names it
        (*_, report) = events_of(one.agent, one.number)
        context = worlds[one.agent].contexts[report.event_id]
        threads = {context.thread_id, *context.parents}
        if context.connection == one.connection and (not one.threads or threads & {*one.threads}):
            right += 1
        else:
            wrong.append(f"{one.error} ({one.agent}): {context.connection}, {threads}")
    with capsys.disabled():
        print(f"\nACA-Py: {right} of {right + len(wrong)} problems have the true connection and thread")
    assert right >= GOAL * (right + len(wrong)), wrong


@pytest.mark.parametrize("agent", AGENTS)
@settings(max_examples=examples(12, 300), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_in_whatever_order_they_come_the_same_is_known(agent: str, seed: int) -> None:
    order = list(range(len(RECORDED["webhooks"][agent])))
    ordered = all_of(agent, order)
    random.Random(seed).shuffle(order)
    shuffled = all_of(agent, order)
    assert shuffled.known() == ordered.known()
    assert shuffled.opened == ordered.opened


EXCHANGE: dict[str, Any] = {"cred_ex_id": "x-1", "thread_id": "t-1", "connection_id": "c-1", "role": "issuer"}
AT = "2026-11-30T12:00:0{}Z"


def forged(number: int = 0, code: str = "issuance-abandoned") -> tuple[InboxEvent, ...]:
    """A report in plaintext that names a thread of ours."""
    report = {
        "@type": "https://didcomm.org/notification/1.0/problem-report", "@id": f"m-{number}",
        "~thread": {"thid": "t-1", "pthid": "evil"}, "description": {"code": code, "en": "no"},
    }  # fmt: skip
    return heard("problem_report", report).events


def exchange(state: str, number: int, **more: Any) -> tuple[InboxEvent, ...]:
    """A change of the exchange's record."""
    return heard("issue_credential_v2_0", EXCHANGE | {"state": state, "updated_at": AT.format(number), **more}).events


def genuine(world: World) -> dict[str, tuple[object, ...]]:
    """What is known but for what is claimed: the case of the forgery itself."""
    claimed = {key for key, row in world.replay.rows.rows.items() if isinstance(row, CaseRow) and is_apart(row.lane)}
    return {key: row for key, row in world.known().items() if key not in claimed}


def test_a_forgery_is_told_apart_and_changes_nothing() -> None:
    world = World()
    world.hear(*exchange("offer-sent", 1))
    before = world.known()
    world.hear(*forged())
    (opened,) = world.opened
    assert genuine(world) == before
    assert next(iter(world.contexts.values())).connection == "c-1", "it is shown where it says it belongs"
    world.hear(*exchange("abandoned", 2, error_msg="issuance-abandoned: no"))
    assert len(world.opened) == 2, "the true one is news"
    known = genuine(world)
    world.hear(*(event for number in range(1, 80) for event in forged(number, f"e.p.x-{number % 3}")))
    assert genuine(world) == known
    assert opened in world.opened


def test_forgeries_silence_nobody() -> None:
    world = World()
    world.hear(*exchange("offer-sent", 1))
    for number in range(120):
        world.hear(*forged(number, f"e.p.x-{number}" if number % 2 else "issuance-abandoned"))
    before = {*world.opened}
    world.hear(*exchange("abandoned", 2, error_msg="issuance-abandoned: no"))
    assert len(world.opened - before) == 1
    assert len(before) < 100, "they have a budget of their own"


def test_claims_of_a_thread_that_is_known_later_are_explained_and_end_no_interaction() -> None:
    world = World()
    world.hear(*forged())
    world.hear(*exchange("offer-sent", 1))
    ((report, context),) = world.contexts.items()
    assert (context.connection, context.record_id, context.effect) == ("c-1", "x-1", None)
    assert report == forged()[0].event_id


def test_claims_take_no_place_of_what_waits_for_its_thread() -> None:
    world = World()
    real = a_problem("e.p.real", thread_id="t-1")
    world.hear(ProblemReported(event_id="real", tenant="acme", occurred_at=NOW, recorded_at=NOW, problem=real))
    world.hear(*(event for number in range(3 * WAITING) for event in forged(number, f"e.p.x-{number}")))
    assert len(world.replay.rows.rows["thread/acme/t-1"].waiting) <= 2 * WAITING
    world.hear(*exchange("offer-sent", 1))
    assert world.contexts["real"].connection == "c-1"


def test_an_older_state_of_a_record_changes_nothing() -> None:
    world = World()
    world.hear(*exchange("offer-sent", 1), *exchange("done", 5), *exchange("request-received", 3))
    row = world.replay.rows.rows["thread/acme/t-1"]
    assert (row.record_state, row.connection) == ("done", "c-1")
    world.hear(*[replace(event, occurred_at=event.occurred_at) for event in exchange("deleted", 6)])
    assert world.replay.rows.rows["thread/acme/t-1"].record_state == "deleted"


def test_a_failure_that_is_told_before_its_record_is_the_same_case() -> None:
    failed = exchange("abandoned", 4, error_msg="created problem report: no")
    early, late = World(), World()
    early.hear(*failed, *exchange("offer-sent", 1))
    late.hear(*exchange("offer-sent", 1), *failed)
    assert early.known() == late.known()
    assert early.opened == late.opened
    assert isinstance(failed[-1], ProblemReported)
