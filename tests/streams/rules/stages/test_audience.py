"""Owner, peer, operator: who may be told, how much, and in which form (docs/requirements.md#b1-34)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest

from tests.harness.routed_reports import NOW, Bus, a_book, a_problem, a_report, routed
from tocsin.schemas.events import DeliveryRequested
from tocsin.schemas.problem import Item, Problem
from tocsin.streams.rules.config import DecideConfig, Route
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.report import case_of
from tocsin.streams.rules.state import CaseRow, row_key
from tocsin.streams.rules.values import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

BOTH = ("owner", "peer")
CONFIG = DecideConfig(book=a_book(Route(name="all", endpoints=BOTH)))


def told(rows: DictRows, problem: Problem, **more: Any) -> tuple[str, ...]:
    report = a_report(problem, **more)
    routed(report, rows, CONFIG)
    return report.endpoints


@pytest.mark.parametrize(
    ("problem", "context", "expected"),
    [
        pytest.param(a_problem(thread_id="t"), {"trust": "high"}, BOTH, id="our own problem, and trust"),
        pytest.param(a_problem(thread_id="t"), {"trust": "medium"}, BOTH, id="trusted enough"),
        pytest.param(a_problem(thread_id="t"), {"trust": "low"}, ("owner",), id="low trust: silence"),
        pytest.param(a_problem(thread_id="t"), {}, ("owner",), id="unknown trust is low"),
        pytest.param(a_problem(thread_id="t"), {"trust": "oracular"}, ("owner",), id="an unknown word for trust"),
        pytest.param(a_problem(thread_id="t", dialect="didcomm-2.0"), {"trust": "high"}, ("owner",), id="DIDComm"),
        pytest.param(a_problem(thread_id="t", dialect="aries-1.0"), {"trust": "high"}, ("owner",), id="Aries"),
        pytest.param(a_problem(thread_id="t", dialect="hipe"), {"trust": "high"}, ("owner",), id="HIPE"),
        pytest.param(
            a_problem("w.p.xfer", thread_id="t", dialect="didcomm-2.0"), {"trust": "high", "codes": ["w.p.xfer"]},
            ("owner",), id="still a warning",
        ),
        pytest.param(a_problem(), {"trust": "high"}, ("owner",), id="without a thread DIDComm cannot say it"),
        pytest.param(a_problem(thread_id="t", dialect="rfc9457"), {"trust": "high"}, BOTH, id="HTTP is no report"),
    ],
)  # fmt: skip
def test_when_a_peer_is_told(
    rows: DictRows, problem: Problem, context: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert told(rows, problem, **context) == expected


# the warning that was told on the thread, how its case stands, the error that comes then, who is told of that
RAISED = {
    "it raises that warning": ("w.p.xfer", "open", "e.p.xfer", BOTH),
    "it is narrower than the warning": ("w.p.xfer", "open", "e.m.xfer", ("owner",)),
    "that warning is over": ("w.p.xfer", "resolved", "e.p.xfer", ("owner",)),
    "only another warning": ("w.p.xfer", "open", "w.p.xfer", ("owner",)),
}


@pytest.mark.parametrize(("warning", "status", "code", "expected"), RAISED.values(), ids=list(RAISED))
def test_a_report_is_answered_only_where_it_raises_a_warning(
    rows: DictRows, warning: str, status: Literal["open", "resolved"], code: str, expected: tuple[str, ...]
) -> None:
    warned = a_report(a_problem(warning, thread_id="t", dialect="didcomm-2.0"), report="w").event
    row = CaseRow(1, "w", "w", status, NOW, NOW, code=warning, severity="warning", thread="t")
    rows.put(row_key("case", "acme", case_of(warned)), row, NOW + HOUR)
    error = a_problem(code, thread_id="t", dialect="didcomm-2.0")
    assert told(rows, error, trust="high", codes=[warning]) == expected


def test_nobody_to_tell_but_a_peer_who_may_not_be_told_is_a_suppression(rows: DictRows) -> None:
    bus = Bus(rows, a_book(Route(name="peers", endpoints=("peer",))))
    assert bus.report(0, a_problem(thread_id="t")) == ["suppressed: peer_not_told"]
    assert bus.events[0].detail == "trust"


def budgets(thread: int, hour: int) -> DecideConfig:
    limits = LoopLimits(peer_thread=thread, peer_hour=hour)
    return DecideConfig(book=a_book(Route(name="all", endpoints=BOTH), limits=limits))


def spend(rows: DictRows, config: DecideConfig, times: int, thread: str = "t", at: int = NOW) -> list[str]:
    """What the peer hears of so many problems: `told`, `limit notice` or nothing."""
    found = []
    for number in range(times):
        problem = a_problem(thread_id=thread, source={"connection": "c1"})
        report = a_report(problem, now=at + number, trust="high")
        routed(report, rows, config, at + number)
        assert report.endpoints[:1] == ("owner",), "the owner always"
        found.append("limit notice" if report.over_limit else "told" if "peer" in report.endpoints else "nothing")
    return found


def test_a_thread_has_a_budget_one_limit_notice_and_then_silence_for_good(rows: DictRows) -> None:
    config = budgets(thread=2, hour=0)
    assert spend(rows, config, 5) == ["told", "told", "limit notice", "nothing", "nothing"]
    assert spend(rows, config, 1, at=NOW + 2 * HOUR) == ["nothing"]
    assert spend(rows, config, 1, thread="other") == ["told"]


def test_an_hour_has_a_budget_and_the_next_one_a_new_one(rows: DictRows) -> None:
    config = budgets(thread=0, hour=2)
    said = [spend(rows, config, 1, thread=f"t{number}", at=NOW + number * MINUTE)[0] for number in range(5)]
    assert said == ["told", "told", "limit notice", "nothing", "nothing"]
    assert spend(rows, config, 1, thread="t9", at=NOW + HOUR) == ["told"]
    assert spend(rows, config, 1, thread="t2", at=NOW + HOUR + 1) == ["nothing"], "it had its limit notice"


def test_without_limits_there_are_no_budgets(rows: DictRows) -> None:
    assert set(spend(rows, budgets(0, 0), 100)) == {"told"}


def test_our_own_limit_notice_is_the_last_one_for_the_peer_too(rows: DictRows) -> None:
    config = budgets(thread=10, hour=0)
    last = a_problem("e.p.req.max-errors-exceeded", thread_id="t", source={"connection": "c1"})
    report = a_report(last, trust="high")
    routed(report, rows, config)
    assert report.endpoints == BOTH
    assert spend(rows, config, 1) == ["nothing"]


@pytest.mark.parametrize(
    ("route", "category", "endpoints"),
    [
        pytest.param(Route(name="all", endpoints=("owner",)), "me.res", ("owner", "ops"), id="operators too"),
        pytest.param(Route(name="all", endpoints=("owner",)), "me.res.storage", ("owner", "ops"), id="below me.res"),
        pytest.param(Route(name="all", endpoints=("owner",)), "me", ("owner",), id="not all of me"),
        pytest.param(Route(name="all", endpoints=("ops",)), "me.res", ("ops",), id="once"),
        pytest.param(
            Route(name="all", match=Match.of(code=("w",)), endpoints=("owner",)), "me.res", ("fallback", "ops"),
            id="unrouted, and operators",
        ),
    ],
)  # fmt: skip
def test_operators_hear_of_every_shortage(
    rows: DictRows, route: Route, category: str, endpoints: tuple[str, ...]
) -> None:
    report = a_report(a_problem("e.p.me.res", category=category))
    assert routed(report, rows, DecideConfig(book=a_book(route))) is None
    assert report.endpoints == endpoints


SECRET = a_problem(
    thread_id="t",
    text_template="cannot reach {1}",
    args=["https://user:hunter2@inside.example"],
    text="cannot reach https://user:hunter2@inside.example",
    items=[Item(key="1", value="hunter2")],
    localized={"en": "hunter2"},
    extensions={"stack": '"hunter2"'},
    source={"service": "hunter2", "connection": "c1"},
)


def bodies(rows: DictRows, problem: Problem, trust: str, limit: int = 10) -> dict[str, Any]:
    """What each endpoint gets of a problem, by way of `decide` with the trust that activity told of."""
    from tocsin.schemas.events import ActivityKind, ActivityObserved
    from tocsin.streams.rules.decide import decide

    bus = Bus(rows, a_book(Route(name="all", endpoints=BOTH), limits=LoopLimits(peer_thread=limit, repeat_window=0)))
    opened = ActivityObserved(
        event_id="a", tenant="acme", occurred_at=NOW, recorded_at=NOW, kind=ActivityKind.CONNECTION_OPENED,
        connection="c1", trust=trust,
    )  # fmt: skip
    decide(opened, rows, NOW, bus.config)
    bus.report(1, problem)
    return {one.endpoint: one for one in bus.events if isinstance(one, DeliveryRequested)}


def test_a_peer_gets_the_strict_document_without_what_is_secret(rows: DictRows) -> None:
    found = bodies(rows, SECRET, "medium")
    assert found["owner"].content_type == "application/json"
    assert b"hunter2" in found["owner"].body
    assert found["peer"].content_type == "application/didcomm-plain+json"
    assert b"hunter2" not in found["peer"].body
    assert json.loads(found["peer"].body) == {
        "id": "r1",
        "type": "https://didcomm.org/report-problem/2.0/problem-report",
        "pthid": "t",
        "body": {"code": "e.p.xfer", "comment": "cannot reach {1}", "args": ["?"]},
    }


def test_a_peer_of_high_trust_gets_the_arguments(rows: DictRows) -> None:
    body = json.loads(bodies(rows, SECRET, "high")["peer"].body)["body"]
    assert body["args"] == SECRET.args


def test_the_limit_notice_to_a_peer_is_a_problem_of_its_own(rows: DictRows) -> None:
    bodies(rows, SECRET, "high", limit=1)
    bus = Bus(rows, a_book(Route(name="all", endpoints=BOTH), limits=LoopLimits(peer_thread=1, repeat_window=0)))
    bus.reports = 1
    assert bus.report(2, SECRET) == ["e.p.xfer: repeated", "-> owner", "-> peer"]
    document = json.loads(bus.events[-1].body)
    assert document["body"]["code"] == "e.p.req.max-errors-exceeded"
    assert document["pthid"] == "t"
    assert b"e.p.xfer" in bus.events[-2].body, "the owner hears what happened"
    assert bus.report(3, SECRET) == ["e.p.xfer: repeated", "-> owner"]


@pytest.mark.parametrize(
    ("dialect", "content_type", "says"),
    [
        pytest.param("rfc9457", "application/problem+json", "urn:uuid:", id="with the instance that we gave it"),
        pytest.param("aries-1.0", "application/json", "description", id="Aries"),
        pytest.param("canonical", "application/vnd.tocsin.problem+json", "code_key", id="our own form"),
        pytest.param(
            "didcomm-2.0", "application/json", '"type":"problem.opened"', id="what cannot be said is a letter"
        ),
    ],
)
def test_owners_may_take_any_dialect(rows: DictRows, dialect: str, content_type: str, says: str) -> None:
    book = a_book(Route(name="all", endpoints=("desk",)))
    desk = msgspec.structs.replace(book.endpoints["desk"], body=dialect)
    bus = Bus(rows, msgspec.structs.replace(book, endpoints={**book.endpoints, "desk": desk}))
    bus.report(0, a_problem(text="x"))
    assert bus.events[-1].content_type == content_type
    assert says in bus.events[-1].body.decode()


def test_a_document_is_bounded(rows: DictRows) -> None:
    book = a_book(Route(name="all", endpoints=("desk",)))
    desk = msgspec.structs.replace(book.endpoints["desk"], body="canonical")
    bus = Bus(rows, msgspec.structs.replace(book, endpoints={**book.endpoints, "desk": desk}))
    bus.report(0, a_problem(text="x" * 10**6))
    assert len(bus.events[-1].body) < 64 * 1024


def test_what_a_peer_was_told_is_forgotten_in_the_end(rows: DictRows) -> None:
    bus = Bus(rows, a_book(Route(name="all", endpoints=BOTH)))
    routed(a_report(a_problem(thread_id="t"), trust="high"), rows, bus.config)
    assert [key for key in rows.rows if key.startswith("peer/")]
    bus.until(15 * 24 * HOUR / SECOND)
    assert not rows.rows
