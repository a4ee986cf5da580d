"""Which messages want a reply: the publisher's word, policies, the protocols' state machines, what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.streams.rules.config import DecideConfig, default_rulebook
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.state import ThreadRow, row_key
from tocsin.streams.rules.timeouts.replies import Reply, policy_for, reply_to
from tocsin.streams.rules.turn import Turn

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

DIDCOMM = "https://didcomm.org/"
OFFER = DIDCOMM + "issue-credential/2.0/offer-credential"
ANY = TimeoutPolicy()


def turn(rows: DictRows) -> Turn:
    return Turn(rows, 0, DecideConfig(book=default_rulebook()), "harbour")


def sent(message_type: str, **detail: str) -> ActivityObserved:
    return ActivityObserved(
        event_id="e",
        tenant="harbour",
        occurred_at=0,
        recorded_at=0,
        kind=ActivityKind.MESSAGE_SENT,
        message_type=message_type,
        thread_id="t",
        detail=detail,
    )


@pytest.mark.parametrize(
    ("message_type", "wanted"),
    [
        pytest.param("issue-credential/2.0/offer-credential", Reply.AWAITED, id="an offer waits for a request"),
        pytest.param("issue-credential/2.0/request-credential", Reply.AWAITED, id="a request waits for the credential"),
        pytest.param("issue-credential/2.0/issue-credential", Reply.AWAITED, id="a credential waits for an ack"),
        pytest.param("issue-credential/2.0/ack", Reply.NONE, id="an ack waits for nothing"),
        pytest.param("issue-credential/3.0/offer-credential", Reply.AWAITED, id="the same in version 3"),
        pytest.param("present-proof/2.0/request-presentation", Reply.AWAITED, id="a request waits for a presentation"),
        pytest.param("coordinate-mediation/2.0/mediate-request", Reply.AWAITED, id="a mediate request waits"),
        pytest.param("coordinate-mediation/2.0/mediate-grant", Reply.NONE, id="a grant does not"),
        pytest.param("messagepickup/3.0/status-request", Reply.AWAITED, id="a status request waits"),
        pytest.param("messagepickup/3.0/status", Reply.NONE, id="a status does not"),
        pytest.param("routing/2.0/forward", Reply.NONE, id="a forward does not"),
        pytest.param("connections/1.0/request", Reply.AWAITED, id="a connection request waits for a response"),
        pytest.param("report-problem/2.0/problem-report", Reply.NONE, id="nobody answers a problem report"),
        pytest.param("basicmessage/2.0/message", Reply.UNKNOWN, id="nobody knows of a chat message"),
        pytest.param("issue-credential/2.0/surprise", Reply.UNKNOWN, id="nor of a message that the protocol has not"),
    ],
)
def test_by_the_protocol(rows: DictRows, message_type: str, wanted: Reply) -> None:
    assert reply_to(turn(rows), sent(DIDCOMM + message_type), DIDCOMM + message_type, ANY) is wanted


def test_role_and_state_of_the_thread_decide_where_they_are_known(rows: DictRows) -> None:
    row = ThreadRow("t", None, 0, 0, role="issuer", state="request-received")
    rows.put(row_key("thread", "harbour", "t"), row)
    assert reply_to(turn(rows), sent(OFFER), OFFER, ANY) is Reply.AWAITED
    nonsense = ThreadRow("t", None, 0, 0, role="captain", state="at sea")
    rows.put(row_key("thread", "harbour", "t"), nonsense)
    assert reply_to(turn(rows), sent(OFFER), OFFER, ANY) is Reply.AWAITED


@pytest.mark.parametrize(
    ("message_type", "messages", "detail", "wanted"),
    [
        pytest.param("chat", (), {"expects_reply": "true"}, Reply.AWAITED, id="the publisher says so"),
        pytest.param(OFFER, (), {"expects_reply": "false"}, Reply.NONE, id="its word against the protocol"),
        pytest.param(OFFER, (), {"expects_reply": "perhaps"}, Reply.AWAITED, id="a word that is none"),
        pytest.param("chat", ("chat",), {}, Reply.AWAITED, id="a policy names the message"),
        pytest.param(DIDCOMM + "chat/1.0/hello", ("chat/1.0",), {}, Reply.AWAITED, id="a policy names the protocol"),
        pytest.param(
            DIDCOMM + "issue-credential/2.0/ack",
            ("issue-credential",),
            {},
            Reply.NONE,
            id="a policy that names a protocol does not speak against its state machine",
        ),
        pytest.param(
            DIDCOMM + "issue-credential/2.0/ack",
            ("issue-credential/2.0/ack",),
            {},
            Reply.AWAITED,
            id="one that names the message does",
        ),
    ],
)
def test_by_word_and_policy(
    rows: DictRows, message_type: str, messages: tuple[str, ...], detail: dict[str, str], wanted: Reply
) -> None:
    policy = TimeoutPolicy(messages=messages)
    assert reply_to(turn(rows), sent(message_type, **detail), message_type, policy) is wanted


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        pytest.param(OFFER, True, id="the whole type"),
        pytest.param("issue-credential/2.0/offer-credential", True, id="without its authority"),
        pytest.param("https://didcomm.org/issue-credential/2.0", True, id="the whole protocol"),
        pytest.param("https://didcomm.org/issue-credential", True, id="leading path segments"),
        pytest.param("issue-credential/2.0", True, id="protocol and version"),
        pytest.param("issue-credential", True, id="the protocol's name"),
        pytest.param("issue-credential/1.0", False, id="another version"),
        pytest.param("https://didcomm.org/issue", False, id="half a segment"),
        pytest.param("offer-credential", False, id="the message's name alone says nothing"),
        pytest.param("issue-credential/2.0/request-credential", False, id="another message"),
    ],
)
def test_the_policy_for_a_message(wanted: str, fits: bool) -> None:
    policy, rest = TimeoutPolicy(messages=(wanted,), waits=7), TimeoutPolicy()
    assert policy_for((policy, rest), OFFER) == (policy if fits else rest)


def test_the_first_policy_that_fits_even_when_it_is_switched_off() -> None:
    off = TimeoutPolicy(messages=("issue-credential",), enabled=False)
    assert policy_for((off, TimeoutPolicy()), OFFER) is None
    assert policy_for((off,), "chat") is None
