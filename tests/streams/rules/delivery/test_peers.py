"""An endpoint that tells whoever is the other side: each peer has a breaker, a throttle, a rate and a queue of its own,
and only the endpoint as a whole is ever switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.harness.dict_rows import DictRows as Rows
from tests.harness.unanswered import without_answers
from tests.streams.rules.delivery.test_deliver import NOW, a_request, an_outcome
from tocsin.schemas.events import DeliveryAttempt, EndpointCommand, EndpointCommandKind, Outcome
from tocsin.streams.rules.decision import DeadLetter, Emit
from tocsin.streams.rules.delivery.deliver import deliver, fire
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import PeerEndpointRow
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND, RateLimit

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

POLICY = DeliveryPolicy(breaker_failures=2, breaker_probe=30 * SECOND, throttle=MINUTE, disabled_after=0)
CONFIG = DeliverConfig(policy=POLICY, by_peer=frozenset({"agents"}))
A, B = "did:peer:2.a", "did:peer:2.b"


class World:
    """One partition of `deliver`; what it asks for comes out as (delivery, attempt) or (delivery, why it is dead)."""

    def __init__(self, rows: Any, config: DeliverConfig = CONFIG) -> None:
        self.rows, self.config, self.now = rows, config, NOW

    def request(self, name: str, peer: str | None, lane: str | None = None, endpoint: str = "agents") -> list[Any]:
        request = replace(a_request(name, lane, endpoint), peer=peer)
        return self.hear(request)

    def answer(self, name: str, attempt: int, outcome: Outcome, endpoint: str = "agents", **more: Any) -> list[Any]:
        return self.hear(replace(an_outcome(name, attempt, outcome), endpoint=endpoint, **more))

    def steer(self, kind: EndpointCommandKind) -> list[Any]:
        fields: dict[str, Any] = {"event_id": "c", "tenant": "acme", "occurred_at": self.now, "recorded_at": self.now}
        return self.hear(EndpointCommand(**fields, endpoint="agents", kind=kind, by="ann"))

    def hear(self, event: Any) -> list[Any]:
        return self._said(deliver(event, self.rows, self.now, self.config))

    def wait(self, span: int) -> list[Any]:
        self.now += span
        said = []
        while (key := self.rows.next_due(self.now)) is not None:
            said += self._said(fire(key, self.rows, self.now, self.config))
            assert (self.rows.due(key) or self.now + 1) > self.now
        return said

    def _said(self, decisions: list[Any]) -> list[Any]:
        said: list[Any] = []
        for one in without_answers(decisions):
            if isinstance(one, DeadLetter):
                said.append((getattr(one.event, "delivery_id", ""), one.reason))
            elif isinstance(one, Emit) and isinstance(one.event, DeliveryAttempt):
                said.append((one.event.delivery_id, one.event.attempt))
        return said


def failing(world: World, *names: str) -> None:
    for name in names:
        assert world.request(name, A) == [(name, 1)]
        world.answer(name, 1, Outcome.RETRY_LATER, status=500)


def test_a_peer_that_is_down_holds_no_other_back(rows: DictRows) -> None:
    world = World(rows)
    failing(world, "a1", "a2")
    assert world.request("a3", A) == [], "its breaker is open"
    assert world.request("b1", B) == [("b1", 1)]
    world.answer("b1", 1, Outcome.DELIVERED)
    assert world.request("b2", B) == [("b2", 1)]
    assert world.wait(30 * SECOND) == [("a3", 1)], "one probe"


OF_ITS_OWN: dict[str, tuple[Outcome, str]] = {
    "we have no such key": (Outcome.RETRY_LATER, "no_key"),
    "no service takes this version": (Outcome.RETRY_LATER, "no_service"),
    "it would be said as another tenant": (Outcome.REJECTED, "other_tenant"),
    "it is no message": (Outcome.REJECTED, "unacceptable"),
}


@pytest.mark.parametrize(("outcome", "reason"), OF_ITS_OWN.values(), ids=OF_ITS_OWN)
def test_what_was_never_sent_opens_no_breaker_and_uses_up_no_probe(
    rows: DictRows, outcome: Outcome, reason: str
) -> None:
    world = World(rows)
    for name in ("x1", "x2", "x3"):
        assert world.request(name, A) == [(name, 1)], "whatever became of those before"
        world.answer(name, 1, outcome, reason=reason, status=None)
    failing(world, "a1", "a2")
    assert world.request("x4", A) == world.request("a3", A) == []
    assert ("x4", 1) in world.wait(30 * SECOND)
    assert ("a3", 1) in world.answer("x4", 1, outcome, reason=reason, status=None), (
        "the probe is the next one's, at once"
    )


def test_one_that_asks_for_a_pause_pauses_alone(rows: DictRows) -> None:
    world = World(rows)
    world.request("a1", A)
    world.answer("a1", 1, Outcome.RETRY_LATER, status=429)
    assert world.request("a2", A) == []
    assert world.request("b1", B) == [("b1", 1)]


def test_one_that_is_gone_switches_nothing_off(rows: DictRows) -> None:
    world = World(rows)
    world.request("a1", A)
    assert world.answer("a1", 1, Outcome.REJECTED, reason="gone", status=410) == [("a1", "gone")]
    assert world.request("b1", B) == [("b1", 1)]
    assert world.request("a2", A) == [("a2", 1)]


def test_the_endpoint_is_switched_off_and_on_as_a_whole(rows: DictRows) -> None:
    world = World(rows)
    failing(world, "a1", "a2")
    assert world.request("a3", A) == []
    world.steer(EndpointCommandKind.DISABLE)
    assert world.request("b1", B) == world.request("a4", A) == []
    assert world.wait(HOUR) == [], "neither probes nor retries"
    said = world.steer(EndpointCommandKind.ENABLE)
    assert ("b1", 1) in said
    assert len(said) == 2, "and one probe of the peer whose breaker is open"
    world.answer("b1", 1, Outcome.DELIVERED)
    for _ in range(10):
        for name, attempt in said:
            said = world.answer(name, attempt, Outcome.DELIVERED) + world.wait(HOUR)
    assert world.wait(DAY) == []
    assert world.rows.rows == {}


@pytest.mark.parametrize("how", ["by command", "in the rules file"])
def test_nothing_is_left_of_an_endpoint_that_is_removed(rows: DictRows, how: str) -> None:
    world = World(rows, replace(CONFIG, endpoints=frozenset({"other"})))
    failing(world, "a1", "a2")
    world.request("a3", A)
    if how == "in the rules file":
        world.config = replace(world.config, by_peer=frozenset())
    said = world.steer(EndpointCommandKind.REMOVE) + world.wait(5 * DAY) + world.wait(60 * DAY)
    assert {name for name, reason in said if reason == "endpoint_removed"} == {"a1", "a2", "a3"}
    assert world.rows.rows == {}


def test_a_peer_that_fails_for_ever_is_forgotten_when_nothing_waits_for_it(rows: DictRows) -> None:
    world = World(rows, replace(CONFIG, operators="tocsin"))
    world.request("a1", A)
    attempt, died = 1, False
    while not died:
        answered = world.answer("a1", attempt, Outcome.RETRY_LATER, status=500)
        said = answered + world.wait(2 * DAY)
        died = any(reason == "exhausted" for _, reason in said)
        attempt += 1
    assert not any(isinstance(row, PeerEndpointRow) and row.told for row in world.rows.rows.values())
    world.wait(30 * DAY)
    assert not any(isinstance(row, PeerEndpointRow) for row in world.rows.rows.values())


def test_two_peers_in_one_lane_wait_for_each_other(rows: DictRows) -> None:
    world = World(rows)
    assert world.request("a1", A, "lane") == [("a1", 1)]
    assert world.request("b1", B, "lane") == []
    assert world.answer("a1", 1, Outcome.DELIVERED) == [("b1", 1)]


def test_an_endpoint_of_one_agent_is_one(rows: DictRows) -> None:
    world = World(rows, replace(CONFIG, by_peer=frozenset()))
    failing(world, "a1", "a2")
    assert world.request("a3", A) == []
    assert "endpoint/agents" in world.rows.rows
    assert not any(isinstance(row, PeerEndpointRow) for row in world.rows.rows.values())


MOVES = st.one_of(
    st.tuples(st.just("request"), st.sampled_from((A, B)), st.sampled_from((None, "x", "y"))),
    st.tuples(st.just("outcome"), st.integers(0, 30), st.sampled_from(["delivered", "refused", "failed", "throttled"])),
    st.tuples(st.just("wait"), st.sampled_from([SECOND, 30 * SECOND, MINUTE, HOUR, DAY]), st.none()),
)
ANSWERS: dict[str, tuple[Outcome, dict[str, Any]]] = {
    "delivered": (Outcome.DELIVERED, {}),
    "refused": (Outcome.REJECTED, {"status": 422, "reason": "client_error"}),
    "failed": (Outcome.RETRY_LATER, {"status": 500}),
    "throttled": (Outcome.RETRY_LATER, {"status": 429}),
}


@given(moves=st.lists(MOVES, max_size=40), rate=st.sampled_from([None, RateLimit(2, MINUTE)]))
@settings(max_examples=150, deadline=None)
def test_each_peer_is_told_as_if_it_had_an_endpoint_of_its_own(moves: list[Any], rate: RateLimit | None) -> None:
    policy = replace(POLICY, rate=rate)
    shared = World(Rows(), replace(CONFIG, policy=policy))
    apart = World(Rows(), replace(CONFIG, policy=policy, by_peer=frozenset()))
    known: list[tuple[str, str]] = []
    attempts: dict[str, int] = {}
    for what, which, more in moves:
        if what == "wait":
            said = [shared.wait(which), apart.wait(which)]
        elif what == "request":
            name = f"d{len(known)}"
            known.append((name, which))
            lane = None if more is None else f"{which} {more}"
            said = [shared.request(name, which, lane), apart.request(name, which, lane, endpoint=f"of {which}")]
        elif known:
            name, peer = known[which % len(known)]
            outcome, fields = ANSWERS[more]
            number = attempts.get(name, 1)
            said = [
                shared.answer(name, number, outcome, **fields),
                apart.answer(name, number, outcome, endpoint=f"of {peer}", **fields),
            ]
        else:
            continue
        assert sorted(said[0], key=str) == sorted(said[1], key=str)
        attempts |= {name: number for name, number in said[0] if isinstance(number, int)}
    for world in (shared, apart):
        world.wait(DAY)
        for _ in range(80):
            for name, peer in known:
                endpoint = "agents" if world is shared else f"of {peer}"
                world.answer(name, attempts.get(name, 1), Outcome.DELIVERED, endpoint=endpoint)
                world.answer(name, attempts.get(name, 1) + 1, Outcome.DELIVERED, endpoint=endpoint)
            world.wait(DAY)
