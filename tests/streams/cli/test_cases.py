"""What `tocsin cases` and `tocsin endpoint list` make of rows; tests/e2e/test_every_command.py has them from a bus."""

from __future__ import annotations

from typing import Any

from tocsin.streams.cli.cases import cases_of, line_of
from tocsin.streams.processes.endpoint_standing import line_of_standing, standings_of
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import CaseRow, EndpointRow, EscalationRow, PeerEndpointRow
from tocsin.streams.rules.values import MINUTE, SECOND, RateLimit
from tocsin.streams.settings import Settings

NOW = 1_800_000_000 * SECOND


def a_case(**members: object) -> CaseRow:
    known: dict[str, object] = {"status": "open", "last_seen": NOW, "code": "e.p.xfer", "severity": "error"}
    given = {"count": 3, "first_report": "r1", "last_report": "r3", "first_seen": NOW - MINUTE}
    return CaseRow(**{**given, **known, **members})  # type: ignore[arg-type]


def test_cases_stand_as_their_rows_say() -> None:
    rows: list[tuple[tuple[str, ...], Any]] = [
        (("acme", "old"), a_case(last_seen=NOW - MINUTE, status="acknowledged", by="ann")),
        (("acme", "over"), a_case(status="snoozed", until=NOW - 1, by="bob", last_seen=NOW - SECOND)),
        (("globex", "later"), a_case(status="snoozed", until=NOW + MINUTE, by="eve\x1b[2J")),
        (("globex", "later"), EscalationRow("globex", "later", "night", "r1", NOW, step=2, cycle=1, status="snoozed")),
    ]
    later, over, old = cases_of(rows, NOW)
    assert (old.status, old.by, old.escalation) == ("acknowledged", "ann", None)
    assert (over.status, over.by, over.until) == ("open", None, None), "a snooze ends by itself"
    assert (later.escalation, later.step, later.cycle) == ("night snoozed", 2, 1)
    line = line_of(later, Settings(tenant="acme"))
    assert line == (
        "later snoozed by eve until 2027-01-15T08:01 e.p.xfer 3x 2027-01-15T07:59:00 to 2027-01-15T08:00:00 "
        "escalation night snoozed, next is step 3 of round 2 tenant globex"
    )


def test_nothing_is_next_of_an_escalation_that_was_taken() -> None:
    row = EscalationRow("acme", "t", "night", "r1", NOW, step=1, status="acknowledged")
    (taken,) = cases_of([(("acme", "t"), a_case(status="acknowledged", by="ann")), (("acme", "t"), row)], NOW)
    assert line_of(taken, Settings(tenant="acme")).endswith("escalation night acknowledged")


def test_a_case_of_a_text_says_that_it_has_no_code() -> None:
    (text,) = cases_of([(("acme", "t"), a_case(code=""))], NOW)
    assert line_of(text, Settings(tenant="acme")).startswith("t open (no code) 3x ")


def test_endpoints_stand_as_their_rows_say() -> None:
    rows = [
        EndpointRow("off", "disabled", NOW, "d1", 2, last_error="gone (410)"),
        EndpointRow("failing", "enabled", NOW, None, 0, 5, NOW - MINUTE, "server_error (503)"),
        EndpointRow("hiccup", "enabled", NOW, None, 0, 1, NOW, "timeout"),
        EndpointRow("dead", "enabled", NOW, waiting=9, failures=7, failing_since=NOW, breaker="half_open"),
        EndpointRow("busy", "enabled", NOW, waiting=1, throttled_until=NOW + MINUTE),
    ]
    rate = DeliveryPolicy(rate=RateLimit(10, SECOND))
    known = {name: Endpoint(name=name, sink="log", delivery=rate) for name in ("well", "failing")}
    found = {one.endpoint: one for one in standings_of(known, rows, NOW)}
    assert {name: one.state for name, one in found.items()} == {
        "failing": "failing", "hiccup": "enabled", "off": "disabled", "well": "enabled", "dead": "failing",
        "busy": "enabled",
    }  # fmt: skip
    assert (found["off"].parked, found["off"].last_error) == (2, "gone (410)")
    assert (found["failing"].since, found["failing"].failures) == ("2027-01-15T07:59:00.000000Z", 5)
    assert (found["dead"].breaker, found["dead"].held_by, found["dead"].parked) == ("half-open", "breaker", 9)
    assert (found["busy"].held_by, found["busy"].throttled_until) == ("throttle", "2027-01-15T08:01:00.000000Z")
    assert {name for name, one in found.items() if one.rate == "10/s"} == set(known)


def test_an_endpoint_says_how_many_of_its_peers_are_held_back() -> None:
    rows = [
        PeerEndpointRow("agents", "enabled", NOW, waiting=3, failures=7, breaker="open", peer="did:example:dead"),
        PeerEndpointRow("agents", "enabled", NOW, waiting=2, throttled_until=NOW + MINUTE, peer="did:example:busy"),
        PeerEndpointRow("agents", "enabled", NOW, failures=1, peer="did:example:hiccup"),
        PeerEndpointRow("gone", "enabled", NOW, waiting=1, breaker="open", peer="did:example:dead"),
    ]
    agents, gone = standings_of({"agents": Endpoint(name="agents", sink="didcomm")}, rows, NOW)
    assert (agents.state, agents.peers_held_back, agents.parked, agents.failures) == ("enabled", 2, 5, 0)
    assert line_of_standing(agents) == "agents enabled 5 parked 2 peers held back"
    assert (gone.endpoint, gone.origin, gone.peers_held_back, gone.parked) == ("gone", "gone", 1, 1)
