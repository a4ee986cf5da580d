"""Escalations: when each step is due, whom it tells, what it says, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tocsin.schemas.events import EscalationCancelled, EscalationExhausted, EscalationRaised, EscalationStepped
from tocsin.schemas.problem import RetryParty
from tocsin.streams.rules.config import Silence
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import EscalationPolicy, Repeat, Step
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.escalation.conftest import Bus

TRACE, STATE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1,other=a:b"
PHONE, BOSS = ("phone",), ("boss", "phone")


def kinds(events: list[Any]) -> list[str]:
    return [type(one).__name__ for one in events]


def test_raised_with_the_case(bus: Bus) -> None:
    opened, raised = bus.report("r1", tracking_uri="https://status.example/1")
    assert isinstance(raised, EscalationRaised)
    assert (raised.case, raised.policy, raised.report) == (opened.case, "pager", "r1")  # type: ignore[union-attr]
    assert (raised.first_step_at, raised.tracking_uri) == (bus.now + 5 * MINUTE, "https://status.example/1")
    assert raised.cause == opened.event_id


# the problem's members, the wait until the first step; None: no escalation
FIRST: dict[str, tuple[dict[str, Any], int | None]] = {
    "as the policy says": ({}, 5 * MINUTE),
    "impact connection: at once": ({"impact": "connection"}, 0),
    "impact in other letters": ({"impact": " Connection "}, 0),
    "scope instead of impact": ({"scope": "connection"}, 0),
    "impact message: none": ({"impact": "message"}, None),
    "impact comes before scope": ({"impact": "connection", "scope": "message"}, 0),
    "an impact that the policy does not know": ({"impact": "galaxy"}, 5 * MINUTE),
    "a report from them: its reporter retries": (
        {"dialect": "aries-1.0", "retry_party": RetryParty.REPORTER}, 15 * MINUTE,
    ),
    "a report from them: we, its recipient, should": (
        {"dialect": "hipe", "retry_party": RetryParty.RECIPIENT}, 5 * MINUTE,
    ),
    "a report from them: both retry": ({"dialect": "aries-1.0", "retry_party": RetryParty.BOTH}, 15 * MINUTE),
    "the recipient retries": ({"retry_party": RetryParty.RECIPIENT}, 15 * MINUTE),
    "both retry": ({"retry_party": RetryParty.BOTH}, 15 * MINUTE),
    "the reporter retries": ({"retry_party": RetryParty.REPORTER}, 5 * MINUTE),
    "nobody retries": ({"retry_party": RetryParty.NONE}, 5 * MINUTE),
    "at once, also when they retry": ({"impact": "connection", "retry_party": RetryParty.BOTH}, 0),
}  # fmt: skip


@pytest.mark.parametrize(("members", "wait"), FIRST.values(), ids=list(FIRST))
def test_the_first_step(bus: Bus, members: dict[str, Any], wait: int | None) -> None:
    raised = bus.report("r1", **members)[1:]
    if wait is None:
        assert (raised, bus.row) == ([], None)
        return
    if wait:
        assert bus.pass_time(wait - 1) == []
    assert kinds(bus.pass_time(1)) == ["EscalationStepped"]


def test_steps_repeats_and_rounds_in_order(bus: Bus) -> None:
    bus.report("r1")
    told: list[tuple[int, tuple[str, ...], tuple[int, int, int]]] = []
    start, events = bus.now, list[Any]()
    while not events or not isinstance(events[-1], EscalationExhausted):
        events = bus.pass_time(MINUTE)
        told += [
            ((bus.now - start) // MINUTE, tuple(one.endpoints), (one.cycle, one.step, one.repeat))
            for one in events
            if isinstance(one, EscalationStepped)
        ]
    assert told == [
        (5, PHONE, (0, 0, 0)),
        (7, PHONE, (0, 0, 1)),
        (17, BOSS, (0, 1, 0)),
        (22, PHONE, (1, 0, 0)),
        (24, PHONE, (1, 0, 1)),
        (34, BOSS, (1, 1, 0)),
    ]
    assert (bus.now - start) // MINUTE == 44, "exhausted once there was as much time to answer as before the last step"
    assert bus.pages(DAY) == []
    assert [one.endpoint for one in bus.requested] == [
        "phone",
        "phone",
        "boss",
        "phone",
        "phone",
        "phone",
        "boss",
        "phone",
    ]
    assert len({one.delivery_id for one in bus.requested}) == 8


def test_a_late_timer_fires_once_and_the_next_wait_counts_from_then(bus: Bus) -> None:
    bus.report("r1")
    assert kinds(bus.pass_time(3 * HOUR)) == ["EscalationStepped"]
    assert bus.pass_time(2 * MINUTE - 1) == []
    assert kinds(bus.pass_time(1)) == ["EscalationStepped"]


def test_a_policy_without_waits_ends_all_the_same(bus_of: Callable[..., Bus]) -> None:
    at_once = Step(wait=0, endpoints=("phone",), repeat=Repeat(every=0, times=2))
    bus = bus_of(EscalationPolicy(name="pager", steps=(at_once,), cycles=2))
    bus.report("r1")
    ends = [end for _ in range(10) for end in kinds(bus.pass_time(SECOND))]
    assert ends == ["EscalationStepped"] * 6 + ["EscalationExhausted"]


def test_an_exhausted_one_is_raised_again_only_after_it_was_resolved(bus: Bus) -> None:
    bus.report("r1")
    bus.pages(HOUR)
    assert kinds(bus.report("r2")) == ["ProblemRepeated"]
    assert kinds(bus.command("resolve", "r1")) == ["ProblemResolved"]
    assert kinds(bus.report("r3")) == ["ProblemOpened", "EscalationRaised"]
    assert kinds(bus.pass_time(5 * MINUTE)) == ["EscalationStepped"]


def test_a_step_says_how_the_case_is_now(bus: Bus) -> None:
    bus.report("r1", text="first")
    bus.now += MINUTE
    bus.report("r2", text="second", tracking_uri="https://status.example/2")
    (stepped,) = bus.pass_time(4 * MINUTE)
    assert isinstance(stepped, EscalationStepped)
    notification = bus.notification
    data = notification["data"]
    assert (notification["type"], stepped.count, data["count"]) == ("escalation.stepped", 2, 2)
    assert (data["event_id"], data["problem"]["text"], data["status"]) == ("r2", "second", "open")
    assert data["last_seen"] > data["first_seen"]
    assert (data["tenant"], data["case"], data["policy"], data["step"]) == ("acme", stepped.case, "pager", 0)
    assert data["tracking_uri"] == "https://status.example/2"
    assert data["links"]["self"].endswith("/v1/problems/r2")
    assert "escalation_uri" not in data
    assert (bus.requested[-1].lane, bus.requested[-1].about) == ("acme/t", stepped.event_id)


@pytest.mark.parametrize("said", [(TRACE, STATE), (TRACE, None), (None, None)], ids=["both", "parent only", "neither"])
def test_every_page_is_in_the_trace_of_the_report_that_raised_it(bus: Bus, said: tuple[str | None, str | None]) -> None:
    bus.trace = said
    bus.report("r1")
    bus.trace = ("00-" + "1" * 32 + "-" + "2" * 16 + "-01", "later=1")
    bus.report("r2")
    bus.pages(7 * MINUTE)
    assert len(bus.requested) == 2
    for page in bus.requested:
        told = json.loads(page.body)["data"]
        assert (page.traceparent, page.tracestate) == (told.get("traceparent"), told.get("tracestate")) == said


# the report's escalation_uri, what is used of it
URIS: dict[str, tuple[str, str | None]] = {
    "whole": ("mailto:ops@example.org", "mailto:ops@example.org"),
    "a bare address": ("ops@example.org", "mailto:ops@example.org"),
    "a beginning": ("https://ops.example.org/team/7", "https://ops.example.org/team/7"),
    "another address": ("mailto:eve@example.org", None),
    "another host that begins so": ("https://ops.example.org.evil.example/", None),
    "not encrypted": ("http://ops.example.org/", None),
    "a blank in it": ("https://ops.example.org/a b", None),
    "a line break in it": ("mailto:ops@example.org\nBcc: eve@example.org", None),
    "too long": ("https://ops.example.org/" + "x" * 2048, None),
}


@pytest.mark.parametrize(("uri", "used"), URIS.values(), ids=list(URIS))
def test_an_escalation_uri_is_used_only_when_it_is_allowed(bus: Bus, uri: str, used: str | None) -> None:
    bus.report("r1", escalation_uri=uri)
    (stepped,) = bus.pass_time(5 * MINUTE)
    assert isinstance(stepped, EscalationStepped)
    assert stepped.endpoints == (["phone", "outside"] if used else ["phone"])
    assert bus.notification["data"].get("escalation_uri") == used


def test_no_scheme_but_mail_and_https_whatever_the_rules_allow(bus_of: Callable[..., Bus], pager: Any) -> None:
    bus = bus_of(msgspec.structs.replace(pager, uris=("*",)))
    bus.report("r1", escalation_uri="file:///etc/passwd")
    bus.pass_time(5 * MINUTE)
    assert "escalation_uri" not in bus.notification["data"]


def test_without_a_policy_of_that_name_nothing_is_raised(bus: Bus) -> None:
    assert kinds(bus.report("r1", policies=("nobody",))) == ["ProblemOpened"]
    assert kinds(bus.report("r2", policies=("nobody", "pager"))) == ["ProblemRepeated", "EscalationRaised"]


# how the policy changes while the escalation waits for its second round, and what its timers then say
CHANGED: dict[str, tuple[tuple[EscalationPolicy, ...], list[str]]] = {
    "it is gone": ((), ["EscalationCancelled"]),
    "it has no steps": ((EscalationPolicy(name="pager", steps=()),), ["EscalationCancelled"]),
    "it is shorter": (
        (EscalationPolicy(name="pager", steps=(Step(wait=MINUTE, endpoints=("boss",)),), cycles=2),),
        ["EscalationStepped", "EscalationExhausted"],
    ),
}


@pytest.mark.parametrize(("policies", "ends"), CHANGED.values(), ids=list(CHANGED))
def test_the_rules_change_while_it_runs(bus: Bus, policies: tuple[EscalationPolicy, ...], ends: list[str]) -> None:
    bus.report("r1")
    bus.pages(10 * MINUTE)
    book = msgspec.structs.replace(bus.config.book, escalations={policy.name: policy for policy in policies})
    bus.config = msgspec.structs.replace(bus.config, book=book)
    assert [kind for _ in range(30) for kind in kinds(bus.pass_time(MINUTE))] == ends


def silenced(bus: Bus, *silences: Silence) -> None:
    bus.config = msgspec.structs.replace(bus.config, silences=silences)


def a_silence(bus: Bus, span: int, code: str = "e.p.x") -> Silence:
    return Silence(name="works", match=Match.of(code=(code,)), since=bus.now, until=bus.now + span)


def test_a_silence_made_while_it_runs_puts_the_steps_off_until_its_end(bus: Bus) -> None:
    bus.report("r1")
    silenced(bus, a_silence(bus, 42 * MINUTE))
    assert bus.pages(41 * MINUTE) == []
    assert bus.pages(2 * MINUTE) == [PHONE], "at the end of the silence"
    assert bus.pages(2 * MINUTE) == [PHONE], "and then on as the policy says"


def test_a_silence_that_is_ended_early_is_felt_within_minutes(bus: Bus) -> None:
    bus.report("r1")
    silenced(bus, a_silence(bus, DAY))
    assert bus.pages(20 * MINUTE) == []
    silenced(bus)
    assert bus.pages(5 * MINUTE)[:1] == [PHONE]


def test_a_silence_for_something_else_stops_no_step(bus: Bus) -> None:
    bus.report("r1")
    silenced(bus, a_silence(bus, DAY, "e.p.y"))
    assert bus.pages(5 * MINUTE) == [PHONE]


def test_who_takes_a_silenced_case_is_not_paged_afterwards(bus: Bus) -> None:
    bus.report("r1")
    silenced(bus, a_silence(bus, HOUR))
    bus.pages(10 * MINUTE)
    bus.command("acknowledge", "r1")
    assert bus.pages(3 * HOUR) == []


def test_when_its_case_is_forgotten_it_ends(bus: Bus) -> None:
    bus.report("r1")
    (key,) = [key for key in bus.rows.rows if key.startswith("case/")]
    bus.rows.delete(key)
    (cancelled,) = bus.pass_time(5 * MINUTE)
    assert isinstance(cancelled, EscalationCancelled)
    assert (cancelled.reason, bus.row) == ("case_forgotten", None)


def test_everything_is_forgotten_in_the_end(bus: Bus) -> None:
    bus.report("r1")
    bus.command("acknowledge", "r1")
    events = bus.pass_time(bus.config.case_ttl) + bus.pass_time(1)
    assert [getattr(one, "reason", None) for one in events] == ["case_forgotten"]
    bus.report("r2")
    bus.pages(HOUR)
    for _ in range(3):
        bus.pass_time(bus.config.case_ttl)
    assert not [key for key in bus.rows.rows if not key.startswith("seen/")]
