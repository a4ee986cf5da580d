"""In which state of its protocol a problem happens, and where it sends the interaction: a path through each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.streams.protocols import PROTOCOLS, protocol_of

if TYPE_CHECKING:
    from tests.streams.rules.context.conftest import World

DC = "https://didcomm.org"

# what was sent (>) and received (<), the problem's code -> our role, state when it happened, effect, state afterwards
PATHS: dict[str, tuple[str, str, str, str | None, str | None, str, str | None]] = {
    "mediation is asked for": (
        "coordinate-mediation/2.0", "> mediate-request", "e.p.me", "recipient", "mediation-requested", "ended", None),
    "a keylist update fails alone": (
        "coordinate-mediation/2.0", "< keylist-update", "e.m.req", "mediator", "update-received", "back", "start"),
    "mediation was granted": (
        "coordinate-mediation/2.0", "> mediate-request < mediate-grant", "e.p.me", "recipient", "granted", "ended",
        "granted"),
    "live mode is not supported": (
        "messagepickup/3.0", "> live-delivery-change", "e.m.live-mode-not-supported", "recipient",
        "live-change-requested", "back", "start"),
    "a delivery is not acknowledged": (
        "messagepickup/3.0", "< delivery-request > delivery < messages-received", "e.m.odd", "mediator",
        "receipt-received", "back", "delivered"),
    "a forward message for a stranger": (
        "routing/2.0", "< forward", "e.p.req.not_enroll", "mediator", "forward-received", "ended", None),
    "a forwarded message": ("routing/2.0", "> forward", "e.p.xfer", "sender", "done", "ended", "done"),
    "a connection request to correct": (
        "connections/1.0", "> invitation < request", "request_not_accepted", "inviter", "requested", "back", "invited"),
    "a connection response to send again": (
        "connections/1.0", "> request < response", "response_processing_error", "invitee", "responded", "back",
        "requested"),
    "DID exchange is abandoned": (
        "didexchange/1.0", "> request", "request_not_accepted", "requester", "request-sent", "ended", "abandoned"),
    "a minor version that no file lists": (
        "didexchange/1.7", "< request > response", "e.p.odd", "responder", "response-sent", "ended", "abandoned"),
    "an invitation that nobody answers": (
        "out-of-band/1.1", "> invitation", "e.p.req.time", "sender", "await-response", "ended", None),
    "a connection is used again": (
        "out-of-band/1.0", "< invitation > handshake-reuse", "w.p.odd", "receiver", "reuse-sent", "continues",
        "reuse-sent"),
    "an invitation of version 2": (
        "out-of-band/2.0", "< invitation", "e.m.msg", "receiver", "prepare-response", "continues", "prepare-response"),
    "an issuance ends": (
        "issue-credential/2.0", "> offer-credential < request-credential", "issuance-abandoned", "issuer",
        "request-received", "ended", "null"),
    "an issuance in version 1 is warned of": (
        "issue-credential/1.0", "> propose-credential < offer-credential", "w.m.odd", "holder", "offer-received",
        "continues", "offer-received"),
    "a proof in version 3": (
        "present-proof/3.0", "> request-presentation < presentation", "e.p.trust.crypto", "verifier",
        "presentation-received", "ended", "abandoned"),
    "a proof that we present": (
        "present-proof/2.2", "< request-presentation > presentation", "e.p.trust.crypto", "prover",
        "presentation-sent", "ended", "abandoned"),
    "what is not expected changes nothing": (
        "present-proof/2.0", "< request-presentation < ack > request-presentation", "e.p.odd", "prover",
        "request-received", "ended", "abandoned"),
    "the same message again changes nothing": (
        "present-proof/2.0", "> propose-presentation > propose-presentation", "e.p.odd", "prover", "proposal-sent",
        "ended", "abandoned"),
    "a problem report is no step": (
        "present-proof/2.0", "> propose-presentation < problem-report", "e.p.odd", "prover", "proposal-sent", "ended",
        "abandoned"),
    "joined in the middle, nobody knows our role": (
        "present-proof/2.0", "> presentation", "e.p.odd", None, None, "ended", None),
    "an unknown protocol and a warning": ("tic-tac-toe/1.0", "> move", "w.odd", None, None, "continues", None),
    "an unknown protocol and one message": ("tic-tac-toe/1.0", "> move", "e.m.odd", None, None, "continues", None),
    "an unknown protocol and a state": ("tic-tac-toe/1.0", "> move", "e.my-move.odd", None, None, "back", "my-move"),
    "an unknown protocol and any other code": ("tic-tac-toe/1.0", "> move", "odd", None, None, "ended", None),
}  # fmt: skip


def converse(world: World, thread: str, protocol: str, steps: str, **members: str) -> None:
    """`> offer < request`: sent the one, received the other."""
    words = steps.split()
    for direction, message in zip(words[::2], words[1::2], strict=True):
        exchange = world.sent if direction == ">" else world.received
        exchange(thread, f"{DC}/{protocol}/{message}", **members)


@pytest.mark.parametrize(("protocol", "steps", "code", "role", "state", "effect", "after"), PATHS.values(), ids=PATHS)
def test_a_problem_in_a_protocol(
    world: World,
    protocol: str,
    steps: str,
    code: str,
    role: str | None,
    state: str | None,
    effect: str,
    after: str | None,
) -> None:
    converse(world, "t", protocol, steps)
    context = world.problem("t", code)
    assert (context.protocol, context.role, context.state) == (f"{DC}/{protocol}", role, state)
    assert (context.effect, context.state_after) == (effect, after)


def test_there_is_a_path_in_every_protocol() -> None:
    with_path = {found.name for row in PATHS.values() if (found := protocol_of(f"{DC}/{row[0]}"))}
    assert with_path == set(PROTOCOLS)


def test_the_next_problem_happens_where_the_first_one_led(world: World) -> None:
    converse(world, "t", "connections/1.0", "> invitation < request")
    assert world.problem("t", "request_not_accepted").state_after == "invited"
    converse(world, "t", "connections/1.0", "< request > response")
    assert world.problem("t", "response_not_accepted").state == "responded"
    assert world.problem("t", "e.p.odd").state == "requested"
    assert world.problem("t", "e.p.odd").state is None


def test_an_abandoned_issuance_may_begin_again(world: World) -> None:
    converse(world, "t", "issue-credential/2.0", "> offer-credential")
    world.problem("t")
    converse(world, "t", "issue-credential/2.0", "> offer-credential < request-credential")
    assert world.problem("t").state == "request-received"


@pytest.mark.parametrize("invitation", ["out-of-band/1.0", "out-of-band/2.0"])
def test_the_first_message_of_a_thread_answers_the_invitation_above(world: World, invitation: str) -> None:
    converse(world, "i", invitation, "> invitation")
    converse(world, "t", "didexchange/1.0", "< request", parent_thread_id="i")
    assert world.thread("i").state == "done"
    assert world.problem("t").state == "request-received"


def test_a_new_protocol_takes_over_a_thread_whose_own_is_done(world: World) -> None:
    converse(world, "t", "out-of-band/1.0", "> invitation")
    converse(world, "t", "didexchange/1.0", "< request > response")
    context = world.problem("t")
    assert (context.protocol, context.state) == (f"{DC}/didexchange/1.0", "response-sent")


def test_a_message_of_another_protocol_changes_nothing_while_one_runs(world: World) -> None:
    converse(world, "t", "issue-credential/2.0", "> offer-credential")
    converse(world, "t", "present-proof/2.0", "> request-presentation")
    assert world.problem("t").state == "offer-sent"


@pytest.mark.parametrize(
    "message_type",
    [
        "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/issue-credential/1.0/offer-credential",
        "https://DIDComm.org/Issue_Credential/1.0/offerCredential",
    ],
)
def test_message_types_are_compared_as_rfc_0003_says(world: World, message_type: str) -> None:
    world.sent("t", message_type)
    assert world.problem("t").state == "offer-sent"


@pytest.mark.parametrize("message_type", ["", "no type", "x" * 5000, f"{DC}/{'x' * 300}/1.0/y", f"{DC}/a/1.0"])
def test_what_is_no_message_type_has_no_state(world: World, message_type: str) -> None:
    world.sent("t", message_type)
    context = world.problem("t")
    assert (context.role, context.state, context.effect) == (None, None, "ended")
    assert len(context.last_message_type or "") <= 255


@pytest.mark.parametrize(
    ("members", "protocol"),
    [
        ({"protocol": f"{DC}/present-proof/2.0"}, f"{DC}/present-proof/2.0"),
        ({"message_type": f"{DC}/present-proof/2.0/problem-report"}, f"{DC}/present-proof/2.0"),
        ({"message_type": f"{DC}/report-problem/2.0/problem-report"}, None),
        ({}, None),
    ],
    ids=["the source says it", "the report is one of the protocol's own", "the report is of any", "nobody says it"],
)
def test_the_protocol_as_the_problem_says_it(world: World, members: dict[str, str], protocol: str | None) -> None:
    context = world.problem(None, **members)
    assert (context.protocol, context.effect) == (protocol, "ended" if protocol else None)
