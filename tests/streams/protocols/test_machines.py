"""The protocols that ship: whole exchanges played by both roles, and what is found in a file that does not hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.protocols import PROTOCOLS, Direction, ProtocolError, load_protocol, next_state, protocol_of
from tocsin.streams.protocols.loading import read_protocol

ORG = "https://didcomm.org/"
OLD = "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/"
PING = f"{ORG}trust_ping/1.0/ping"

# protocol, the role that begins, the other, (who sends: > the first, < the other; message), where each ends
EXCHANGES: dict[str, tuple[str, str, str, list[str], str, str]] = {
    "mediation granted": (
        "coordinate-mediation-2", "recipient", "mediator",
        [f">{ORG}coordinate-mediation/2.0/mediate-request", f"<{ORG}coordinate-mediation/2.0/mediate-grant"],
        "granted", "granted",
    ),
    "mediation denied": (
        "coordinate-mediation-2", "recipient", "mediator",
        [f">{ORG}coordinate-mediation/2.0/mediate-request", f"<{ORG}coordinate-mediation/2.0/mediate-deny"],
        "denied", "denied",
    ),
    "messages picked up and acknowledged": (
        "messagepickup-3", "recipient", "mediator",
        [f">{ORG}messagepickup/3.0/delivery-request", f"<{ORG}messagepickup/3.0/delivery",
         f">{ORG}messagepickup/3.0/messages-received", f"<{ORG}messagepickup/3.0/status"],
        "done", "done",
    ),
    "live mode asked for": (
        "messagepickup-3", "recipient", "mediator",
        [f">{ORG}messagepickup/3.0/live-delivery-change"], "live-change-requested", "live-change-requested",
    ),
    "a message forwarded": (
        "routing-2", "sender", "mediator", [f">{ORG}routing/2.0/forward"], "done", "forward-received",
    ),
    "connection completed by a ping": (
        "connections-1", "inviter", "invitee",
        [f">{ORG}connections/1.0/invitation", f"<{OLD}connections/1.0/request", f">{ORG}connections/1.0/response",
         f"<{PING}"],
        "complete", "complete",
    ),
    "DIDs exchanged after an out-of-band invitation": (
        "didexchange-1", "responder", "requester",
        [f">{ORG}out-of-band/1.1/invitation", f"<{ORG}didexchange/1.1/request", f">{ORG}didexchange/1.1/response",
         f"<{ORG}didexchange/1.1/complete"],
        "completed", "completed",
    ),
    "a connection reused": (
        "out-of-band-1", "sender", "receiver",
        [f">{ORG}out-of-band/1.1/invitation", f"<{ORG}out-of-band/1.1/handshake-reuse",
         f">{ORG}out-of-band/1.1/handshake-reuse-accepted"],
        "done", "done",
    ),
    "an invitation answered by another protocol": (
        "out-of-band-2", "sender", "receiver",
        [f">{ORG}out-of-band/2.0/invitation", f"<{ORG}present-proof/3.0/propose-presentation"], "done", "done",
    ),
    "a credential negotiated and issued": (
        "issue-credential", "holder", "issuer",
        [f">{ORG}issue-credential/2.0/propose-credential", f"<{ORG}issue-credential/2.0/offer-credential",
         f">{ORG}issue-credential/2.0/propose-credential", f"<{ORG}issue-credential/2.0/offer-credential",
         f">{ORG}issue-credential/2.0/request-credential", f"<{ORG}issue-credential/2.0/issue-credential",
         f">{ORG}issue-credential/2.0/ack"],
        "done", "done",
    ),
    "a proof requested and presented, version 3": (
        "present-proof", "verifier", "prover",
        [f">{ORG}present-proof/3.0/request-presentation", f"<{ORG}present-proof/3.0/presentation",
         f">{ORG}present-proof/3.0/ack"],
        "done", "done",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "first", "other", "messages", "first_ends", "other_ends"), EXCHANGES.values(), ids=EXCHANGES
)
def test_an_exchange(name: str, first: str, other: str, messages: list[str], first_ends: str, other_ends: str) -> None:
    protocol = load_protocol(name)
    states = {role: protocol.machine(role).start for role in (first, other)}
    for each in messages:
        sender = first if each[0] == ">" else other
        for role in (first, other):
            direction = Direction.SENT if role == sender else Direction.RECEIVED
            after = next_state(protocol, role, states[role], each[1:], direction)
            assert after is not None, f"{role} in {states[role]} does not expect {each}"
            states[role] = after
    assert states == {first: first_ends, other: other_ends}


NOT_EXPECTED = {
    "in the wrong state": (f"{ORG}issue-credential/2.0/ack", Direction.SENT),
    "in the wrong direction": (f"{ORG}issue-credential/2.0/request-credential", Direction.RECEIVED),
    "of another protocol": (f"{ORG}present-proof/2.0/request-credential", Direction.SENT),
    "of a major version that is not known": (f"{ORG}issue-credential/9.0/request-credential", Direction.SENT),
    "a problem report": (f"{ORG}issue-credential/2.0/problem-report", Direction.RECEIVED),
    "no message type": ("request-credential", Direction.SENT),
    "a protocol without a message": (f"{ORG}issue-credential/2.0", Direction.SENT),
}


@pytest.mark.parametrize(("message_type", "direction"), NOT_EXPECTED.values(), ids=NOT_EXPECTED)
def test_a_message_that_is_not_expected_changes_nothing(message_type: str, direction: Direction) -> None:
    assert next_state(load_protocol("issue-credential"), "holder", "offer-received", message_type, direction) is None


def test_any_message_is_not_a_problem_report() -> None:
    protocol = load_protocol("out-of-band-1")
    report = f"{ORG}report-problem/1.0/problem_report"
    assert next_state(protocol, "sender", "await-response", report, Direction.RECEIVED) is None
    assert next_state(protocol, "sender", "await-response", PING, Direction.RECEIVED) == "done"


def test_names_are_compared_without_case_and_punctuation_and_minor_versions_count_as_the_major_one() -> None:
    protocol = load_protocol("present-proof")
    message = f"{OLD}Present_Proof/1.7/request_presentation"
    assert protocol_of(message) is protocol
    assert next_state(protocol, "prover", "start", message, Direction.RECEIVED) == "request-received"


OWNERS = {
    f"{ORG}coordinate-mediation/2.0/keylist": "coordinate-mediation-2",
    f"{ORG}messagepickup/3.0": "messagepickup-3",
    f"{ORG}routing/2.0/forward": "routing-2",
    f"{OLD}connections/1.0/request": "connections-1",
    f"{ORG}didexchange/1.1/request": "didexchange-1",
    f"{ORG}out-of-band/1.1/invitation": "out-of-band-1",
    f"{ORG}out-of-band/2.0/invitation": "out-of-band-2",
    f"{ORG}issue-credential/3.0/ack": "issue-credential",
    f"{ORG}present-proof/2.2/ack": "present-proof",
    f"{ORG}basicmessage/2.0/message": None,
    "": None,
    "x" * 5000 + "/routing/2.0/forward": None,
}


@pytest.mark.parametrize(("message_type", "name"), OWNERS.items(), ids=lambda value: str(value)[:60])
def test_the_protocol_of_a_message_type(message_type: str, name: str | None) -> None:
    protocol = protocol_of(message_type)
    assert (protocol and protocol.name) == name


@given(st.text())
def test_the_protocol_of_any_text(text: str) -> None:
    protocol_of(text)


def test_what_there_is_not() -> None:
    with pytest.raises(ProtocolError, match="no protocol chess"):
        load_protocol("chess")
    with pytest.raises(ProtocolError, match="no role king"):
        next_state(load_protocol("routing-2"), "king", "start", PING, Direction.SENT)
    with pytest.raises(ProtocolError, match="no state mate"):
        next_state(load_protocol("routing-2"), "sender", "mate", PING, Direction.SENT)


def test_every_protocol_holds_together_under_its_own_name() -> None:
    assert [load_protocol(name).name for name in PROTOCOLS] == list(PROTOCOLS)


GOOD: dict[str, Any] = {
    "name": "chess", "title": "Chess", "piuris": [f"{ORG}chess/1.0"], "source": "none", "notes": [],
    "roles": {"white": {"start": "start", "states": ["start", "playing", "over"], "final": ["over"], "transitions": [
        {"from": "start", "message": "move", "direction": "sent", "to": "playing"},
        {"from": "playing", "message": "mate", "direction": "received", "to": "over"},
    ]}},
    "ended": "over", "problems": [{"effect": "back", "to": "start", "why": "so"}],
}  # fmt: skip


def _steps(data: dict[str, Any]) -> list[dict[str, str]]:
    steps: list[dict[str, str]] = data["roles"]["white"]["transitions"]
    return steps


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a transition to a state that there is not": (lambda d: _steps(d)[0].update(to="lost"), "no state lost"),
    "a transition from a state that there is not": (lambda d: _steps(d)[0].update({"from": "lost"}), "no state lost"),
    "a state that cannot be reached": (lambda d: d["roles"]["white"]["states"].append("island"), "island cannot be"),
    "a final state with an exit": (lambda d: _steps(d)[0].update({"from": "over"}), "final state over has an exit"),
    "one message that leads two ways": (
        lambda d: _steps(d).append({**_steps(d)[0], "to": "over"}),
        "leads to 2 states",
    ),
    "no final state": (lambda d: d["roles"]["white"].update(final=[]), "no final state"),
    "a state listed twice": (lambda d: d["roles"]["white"]["states"].append("start"), "listed 2 times"),
    "a problem that leads nowhere": (lambda d: d["problems"][0].update(to="lost"), "no state lost"),
    "a problem in a state that there is not": (lambda d: d["problems"][0].update(states=["lost"]), "no state lost"),
    "back to no state": (lambda d: d["problems"][0].pop("to"), "only for it"),
    "an end that is no state": (lambda d: d.update(ended="lost"), "no state lost"),
    "a PIURI that is none": (lambda d: d.update(piuris=["chess"]), "not a PIURI"),
    "no PIURI": (lambda d: d.update(piuris=[]), "there is none"),
    "a member that there is not": (lambda d: d.update(board=8), "unknown field"),
}


@pytest.mark.parametrize(("spoil", "said"), FAULTS.values(), ids=FAULTS)
def test_a_file_that_does_not_hold_together(spoil: Callable[[dict[str, Any]], object], said: str) -> None:
    data = json.loads(json.dumps(GOOD))
    read_protocol(json.dumps(data).encode())
    spoil(data)
    with pytest.raises(ProtocolError, match=said):
        read_protocol(json.dumps(data).encode())


@given(st.binary(max_size=60))
def test_bytes_that_are_no_protocol(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_protocol(data)
