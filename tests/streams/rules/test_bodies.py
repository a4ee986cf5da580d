"""In which form each endpoint is told; a peer never in our own, whatever is told and however."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.harness.routed_reports import NOW, Bus, a_book, a_problem
from tocsin.schemas.events import ActivityKind, ActivityObserved, DeliveryRequested
from tocsin.schemas.problem import Problem, Severity
from tocsin.streams.rules.config import Endpoint, Route
from tocsin.streams.rules.policies import EscalationPolicy, LoopLimits, Step
from tocsin.streams.rules.values import MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

SECRET = a_problem(
    thread_id="t", text="no route", source={"service": "vault", "connection": "c1"}, request_id="vault-7",
    extensions={"host": '"vault"'},
)  # fmt: skip
ALL = ("owner", "peer")


def a_bus(rows: DictRows, peer: dict[str, Any], *routes: Route, **more: Any) -> Bus:
    """A bus whose peer has high trust if it says nothing else, with this endpoint."""
    book = a_book(*routes, **more)
    mine = msgspec.structs.replace(book.endpoints["peer"], **peer)
    bus = Bus(rows, msgspec.structs.replace(book, endpoints={**book.endpoints, "peer": mine}))
    opened = ActivityObserved(
        event_id="a", tenant="acme", occurred_at=NOW, recorded_at=NOW, kind=ActivityKind.CONNECTION_OPENED,
        connection="c1", trust="medium",
    )  # fmt: skip
    bus.hear(opened, NOW)
    return bus


def told(bus: Bus, name: str) -> list[bytes]:
    return [one.body for one in bus.events if isinstance(one, DeliveryRequested) and one.endpoint == name]


def test_a_peer_without_a_dialect_is_told_nothing(rows: DictRows) -> None:
    bus = a_bus(rows, {"body": "notification"}, Route(name="all", endpoints=ALL))
    bus.report(1, SECRET)
    assert (len(told(bus, "owner")), told(bus, "peer")) == (1, [])


# no thread for DIDComm v2, a warning for an answer of JSON-RPC
@pytest.mark.parametrize(
    ("dialect", "problem"),
    [
        pytest.param("didcomm-2.0", msgspec.structs.replace(SECRET, thread_id=None), id="no thread"),
        pytest.param("jsonrpc", a_problem("w.p.xfer", severity=Severity.WARNING, thread_id="t"), id="a warning"),
    ],
)
@pytest.mark.parametrize("limit", [1, 10], ids=["over its budget", "within it"])
def test_what_its_dialect_cannot_say_a_peer_is_not_told(
    rows: DictRows, dialect: str, problem: Problem, limit: int
) -> None:
    limits = LoopLimits.off(peer_thread=limit)
    bus = a_bus(rows, {"body": dialect}, Route(name="all", endpoints=ALL), limits=limits)
    for at in (1, 2, 3):
        bus.report(at, problem)
    assert all(json.loads(body).get("type") != "problem.opened" for body in told(bus, "peer"))
    assert len(told(bus, "owner")) == 3


def test_the_limit_notice_says_a_peer_no_more_than_a_problem(rows: DictRows) -> None:
    route = Route(name="all", endpoints=ALL)
    bus = a_bus(rows, {"body": "canonical"}, route, limits=LoopLimits.off(peer_thread=1))
    bus.report(1, SECRET)
    bus.report(2, SECRET)
    assert [json.loads(body)["code"] for body in told(bus, "peer")] == [SECRET.code, "e.p.req.max-errors-exceeded"]
    assert not any(b"vault" in body for body in told(bus, "peer"))


@pytest.mark.parametrize("body", ["notification", "didcomm-2.0", "canonical"])
def test_a_peer_is_told_of_no_step_and_no_end(rows: DictRows, body: str) -> None:
    policy = EscalationPolicy(name="pager", steps=(Step(wait=MINUTE, endpoints=ALL),))
    route = Route(name="all", endpoints=("owner",), escalate="pager")
    bus = a_bus(rows, {"body": body}, route, escalations={"pager": policy})
    bus.report(1, SECRET)
    bus.until(180)
    assert len(told(bus, "owner")) > 1, "steps"
    assert told(bus, "peer") == []


def test_an_owner_whose_dialect_cannot_say_a_step_is_told_as_a_notification(rows: DictRows) -> None:
    policy = EscalationPolicy(name="pager", steps=(Step(wait=MINUTE, endpoints=("desk",)),))
    book = a_book(Route(name="all", endpoints=("owner",), escalate="pager"), escalations={"pager": policy})
    desk = Endpoint(name="desk", sink="memory", body="didcomm-2.0")
    bus = Bus(rows, msgspec.structs.replace(book, endpoints={**book.endpoints, "desk": desk}))
    bus.report(1, a_problem())
    bus.until(180)
    assert json.loads(told(bus, "desk")[0])["type"] == "escalation.stepped"
