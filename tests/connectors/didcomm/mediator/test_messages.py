"""What is said to a mediator, and what is made of its answers, whatever they are."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.didcomm.mediator import messages
from tocsin.connectors.didcomm.mediator.messages import MediatorRefused, Waiting

PICKUP = "https://didcomm.org/messagepickup/3.0"
MEDIATE = "https://didcomm.org/coordinate-mediation/3.0"
OURS = "did:example:us"
ENVELOPE = b'{"protected": "\xc3\xbc"}'


def delivery(*data: Any) -> dict[str, Any]:
    attachments = [{"id": f"a-{number}", "data": each} for number, each in enumerate(data)]
    return {"type": f"{PICKUP}/delivery", "thid": "t", "body": {}, "attachments": attachments}


@pytest.mark.parametrize(
    ("data", "content"),
    [
        pytest.param({"base64": base64.b64encode(ENVELOPE).decode()}, ENVELOPE, id="base64"),
        pytest.param({"base64": base64.urlsafe_b64encode(ENVELOPE).decode().rstrip("=")}, ENVELOPE, id="URL-safe"),
        pytest.param({"json": {"protected": "x"}}, b'{"protected":"x"}', id="as JSON"),
        pytest.param({"base64": "*"}, None, id="no base64"),
        pytest.param({"links": ["https://example.org"]}, None, id="a link is not followed"),
        pytest.param("x", None, id="a text"),
    ],
)
def test_the_content_of_a_delivered_message(data: Any, content: bytes | None) -> None:
    assert messages.delivered(delivery(data)) == [Waiting("a-0", content)]


def test_a_status_for_a_delivery_means_that_there_is_none() -> None:
    assert messages.delivered({"type": f"{PICKUP}/status", "body": {"message_count": 0}}) == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param({}, "does not answer with", id="nothing"),
        pytest.param({"type": f"{PICKUP}/delivery"}, "no attachments", id="a delivery of nothing"),
        pytest.param(
            {"type": "https://didcomm.org/report-problem/2.0/problem-report", "body": {"code": "e.p.req.not_enroll"}},
            "e.p.req.not_enroll",
            id="we are not enrolled",
        ),
    ],
)
def test_an_answer_that_is_no_delivery(answer: dict[str, Any], why: str) -> None:
    with pytest.raises(MediatorRefused, match=why):
        messages.delivered(answer)


@pytest.mark.parametrize(
    ("said", "routing"),
    [
        pytest.param(["did:example:m"], ["did:example:m"], id="a list, as 3.0 has it"),
        pytest.param("did:example:m", ["did:example:m"], id="one, as 2.0 has it"),
    ],
)
def test_a_grant(said: object, routing: list[str]) -> None:
    assert messages.granted({"type": f"{MEDIATE}/mediate-grant", "body": {"routing_did": said}}, "3.0") == routing


@pytest.mark.parametrize("answer", [{"type": f"{MEDIATE}/mediate-deny"}, {"type": f"{MEDIATE}/mediate-grant"}])
def test_no_grant(answer: dict[str, Any]) -> None:
    with pytest.raises(MediatorRefused):
        messages.granted(answer, "3.0")


def test_our_did_is_in_the_list_only_if_the_mediator_says_so() -> None:
    def answer(did: str, result: str) -> dict[str, Any]:
        body = {"updated": [{"recipient_did": did, "action": "add", "result": result}]}
        return {"type": f"{MEDIATE}/recipient-update-response", "body": body}

    messages.check_updated(answer(OURS, "success"), "3.0", OURS)
    messages.check_updated(answer(OURS, "no_change"), "3.0", OURS)
    for wrong in (answer(OURS, "server_error"), answer("did:example:other", "success")):
        with pytest.raises(MediatorRefused):
            messages.check_updated(wrong, "3.0", OURS)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "data", "base64", "json", "code"]), inner)
    ),
    max_leaves=8,
)
TYPES = st.sampled_from([f"{PICKUP}/status", f"{PICKUP}/delivery", f"{MEDIATE}/mediate-grant"]) | ANY


@given(TYPES, ANY, ANY)
def test_whatever_a_mediator_answers_is_read_or_refused(kind: Any, body: Any, attachments: Any) -> None:
    answer = {"type": kind, "body": body, "attachments": attachments}
    for read in (messages.count_of, messages.delivered):
        with suppress(MediatorRefused):
            read(answer)
    with suppress(MediatorRefused):
        messages.granted(answer, "3.0")
    with suppress(MediatorRefused):
        messages.check_updated(answer, "3.0", OURS)
