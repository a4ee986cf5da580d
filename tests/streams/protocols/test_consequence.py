"""What a problem does to an interaction: the protocols' own rules, the general ones, and always one of three."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.problem import Severity
from tocsin.streams.protocols import PROTOCOLS, Effect, ProtocolError, after_problem, load_protocol

E, W, U = Severity.ERROR, Severity.WARNING, Severity.UNKNOWN

# protocol, state, severity, scope, code -> effect, state afterwards
ROWS: dict[str, tuple[str, str, Severity, str | None, str, Effect, str | None]] = {
    "an unknown warning": ("present-proof", "request-sent", W, None, "w.p.odd", Effect.CONTINUES, "request-sent"),
    "an unknown code": ("present-proof", "request-sent", E, None, "odd", Effect.ENDED, "abandoned"),
    "a severity that is not known": ("routing-2", "forward-received", U, None, "odd", Effect.ENDED, None),
    "the whole protocol": ("out-of-band-2", "await-response", E, "protocol", "e.p.msg", Effect.ENDED, None),
    "one message": ("out-of-band-2", "await-response", E, "message", "e.m.msg", Effect.CONTINUES, "await-response"),
    "one message, where it is a request": (
        "coordinate-mediation-2", "update-sent", E, "message", "e.m.req", Effect.BACK, "start"),
    "back to a named state": (
        "coordinate-mediation-2", "update-sent", E, "state:start", "e.start.x", Effect.BACK, "start"),
    "back to a state that nobody knows": (
        "coordinate-mediation-2", "update-sent", E, "state:bed", "e.bed.x", Effect.BACK, None),
    "live mode not supported": (
        "messagepickup-3", "live-change-requested", E, "message", "e.m.live-mode-not-supported", Effect.BACK, "start"),
    "an acknowledgement refused": ("messagepickup-3", "receipt-sent", E, "message", "e.m.x", Effect.BACK, "delivered"),
    "a connection request to correct": (
        "connections-1", "requested", E, None, "request_not_accepted", Effect.BACK, "invited"),
    "the same, written with hyphens": (
        "connections-1", "requested", E, None, "request-not-accepted", Effect.BACK, "invited"),
    "a connection response to send again": (
        "connections-1", "responded", E, None, "response_processing_error", Effect.BACK, "requested"),
    "a report about a request that was answered": (
        "connections-1", "responded", E, None, "request_not_accepted", Effect.ENDED, None),
    "DID exchange abandons": (
        "didexchange-1", "request-sent", E, "message", "request_not_accepted", Effect.ENDED, "abandoned"),
    "DID exchange restarts": (
        "didexchange-1", "invitation-received", E, "state:start", "e.start.did", Effect.BACK, "start"),
    "issuance ends whatever the scope": (
        "issue-credential", "offer-sent", E, "message", "issuance-abandoned", Effect.ENDED, "null"),
    "a warning in issuance": ("issue-credential", "offer-sent", W, "message", "w.m.x", Effect.CONTINUES, "offer-sent"),
    "what is done stays done": ("issue-credential", "done", E, "protocol", "e.p.late", Effect.ENDED, "done"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "state", "severity", "scope", "code", "effect", "after"), ROWS.values(), ids=ROWS)
def test_after_a_problem(
    name: str, state: str, severity: Severity, scope: str | None, code: str, effect: Effect, after: str | None
) -> None:
    found = after_problem(load_protocol(name), state, severity, scope, code=code)
    assert (found.effect, found.state) == (effect, after)


@given(
    st.sampled_from(PROTOCOLS),
    st.sampled_from(Severity),
    st.none() | st.sampled_from(["message", "protocol", "thread", "connection", "state:start"]) | st.text(),
    st.text(),
    st.data(),
)
def test_any_problem_leaves_a_known_state_or_none(
    name: str, severity: Severity, scope: str | None, code: str, data: st.DataObject
) -> None:
    protocol = load_protocol(name)
    state = data.draw(st.sampled_from(sorted(protocol.states())))
    after = after_problem(protocol, state, severity, scope, code=code)
    assert after.state is None or after.state in protocol.states()
    assert after.effect is not Effect.CONTINUES or after.state == state


def test_a_state_that_there_is_not() -> None:
    with pytest.raises(ProtocolError, match="no state mate"):
        after_problem(load_protocol("routing-2"), "mate", E)
