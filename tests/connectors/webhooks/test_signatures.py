"""Signing and verifying webhooks: against the reference library, and with every byte changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPMessage
from typing import Any

import pytest
import starlette.datastructures
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from standardwebhooks import Webhook

from tocsin.connectors.webhooks import RefusalReason, SignatureRefused, sign, verify

NOW = 1_800_000_000_000_000
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
BODY = b'{"a": 1}'


def refused(body: bytes, headers: Any, secrets: list[str] | None = None, now: int = NOW) -> RefusalReason:
    with pytest.raises(SignatureRefused) as refusal:
        verify(body, headers, [SECRET] if secrets is None else secrets, now=now)
    return refusal.value.reason


def test_the_reference_vector_of_standard_webhooks() -> None:
    headers = sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330_000_000,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_library_signs_the_same_and_takes_ours() -> None:
    now = datetime.now(UTC)
    headers = sign("id", int(now.timestamp() * 1e6), BODY, [SECRET])
    assert headers["webhook-signature"] == Webhook(SECRET).sign("id", now, BODY.decode())
    assert Webhook(SECRET).verify(BODY, headers) == json.loads(BODY)


def test_a_signed_body_is_verified() -> None:
    verified = verify(BODY, sign("d-1", NOW, BODY, [SECRET]), [SECRET], now=NOW)
    assert (verified.webhook_id, verified.sent_at) == ("d-1", NOW)


def test_a_body_may_be_any_bytes_and_header_names_any_case() -> None:
    headers = {name.title(): value for name, value in sign("d", NOW, b"\x00\xff", [SECRET]).items()}
    verify(b"\x00\xff", headers, [SECRET], now=NOW)


def test_rotation_on_either_side() -> None:
    both = sign("d", NOW, BODY, [SECRET, OLD_SECRET])
    assert len(both["webhook-signature"].split(" ")) == 2
    verify(BODY, both, [OLD_SECRET], now=NOW)
    verify(BODY, sign("d", NOW, BODY, [OLD_SECRET]), [SECRET, OLD_SECRET], now=NOW)


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(300, None), (-300, None), (301, RefusalReason.TOO_OLD), (-301, RefusalReason.TOO_NEW)],
)
def test_the_window(seconds: int, reason: RefusalReason | None) -> None:
    headers, now = sign("d", NOW, BODY, [SECRET]), NOW + seconds * 1_000_000
    if reason is None:
        verify(BODY, headers, [SECRET], now=now)
    else:
        assert refused(BODY, headers, now=now) is reason


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header(name: str) -> None:
    headers = sign("d", NOW, BODY, [SECRET])
    del headers[name]
    assert refused(BODY, headers) is RefusalReason.MISSING_HEADER


def test_other_versions_are_skipped_and_a_flood_of_signatures_is_not_searched() -> None:
    headers = sign("d", NOW, BODY, [SECRET])
    good = headers["webhook-signature"]
    verify(BODY, headers | {"webhook-signature": f"v1a,abc v2,{good[3:]} {good}"}, [SECRET], now=NOW)
    assert refused(BODY, headers | {"webhook-signature": "v1,x " * 1000 + good}) is RefusalReason.NO_MATCH


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "whsec_!!!", "whsec_" + "A" * 200, "whsec_é"])
def test_a_secret_that_is_none(secret: str) -> None:
    assert refused(BODY, sign("d", NOW, BODY, [SECRET]), [secret]) is RefusalReason.UNUSABLE_SECRET
    with pytest.raises(ValueError, match="a webhook secret"):
        sign("d", NOW, BODY, [secret])


def test_without_secrets_nothing_is_trusted() -> None:
    assert refused(BODY, sign("d", NOW, BODY, [SECRET]), []) is RefusalReason.NO_MATCH
    with pytest.raises(ValueError, match="at least one secret"):
        sign("d", NOW, BODY, [])


@pytest.mark.parametrize("webhook_id", ["", "a.b", "a b", "a\r\nx: y", "é", "x" * 256])
def test_an_id_that_may_not_be_signed(webhook_id: str) -> None:
    with pytest.raises(ValueError, match="a webhook id"):
        sign(webhook_id, NOW, BODY, [SECRET])


@given(data=st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    headers, body = sign("delivery-1", NOW, BODY, [SECRET]), BODY
    place = data.draw(st.sampled_from(["body", *headers]))
    original = body if place == "body" else headers[place].encode()
    position = data.draw(st.integers(0, len(original) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != original[position]))
    changed = original[:position] + bytes([byte]) + original[position + 1 :]
    if place == "body":
        body = changed
    else:
        headers[place] = changed.decode("latin-1")
    with pytest.raises(SignatureRefused):
        verify(body, headers, [SECRET], now=NOW)


@given(
    body=st.binary(max_size=50),
    headers=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "Webhook-Id", "x"]),
        st.text(max_size=40),
    ),
    secrets=st.lists(st.text(max_size=50) | st.just(SECRET), max_size=3),
)
def test_any_request_gives_a_verdict_or_a_refusal(body: bytes, headers: dict[str, str], secrets: list[str]) -> None:
    with pytest.raises(SignatureRefused):
        verify(body, headers, secrets)


class _AsWerkzeugHasThem:
    """Pairs, and `items`, but no mapping."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def items(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)


def _message(headers: dict[str, str]) -> HTTPMessage:
    message = HTTPMessage()
    for name, value in headers.items():
        message[name.title()] = value
    return message


# what makes them of the three headers
OF_FRAMEWORKS: dict[str, Callable[[dict[str, str]], Any]] = {
    "Starlette, FastAPI": lambda three: starlette.datastructures.Headers(three),
    "aiohttp": lambda three: CIMultiDictProxy(CIMultiDict(three)),
    "Flask": lambda three: _AsWerkzeugHasThem([(name.title(), value) for name, value in three.items()]),
    "the standard library": _message,
    "WSGI, Django's META": lambda three: {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in three.items()
    } | {"wsgi.input": object(), "REQUEST_METHOD": "POST"},
    "ASGI's scope": lambda three: [(name.encode(), value.encode()) for name, value in three.items()],
    "the same twice": lambda three: [*three.items(), *three.items()],
}  # fmt: skip


@pytest.mark.parametrize("headers", OF_FRAMEWORKS.values(), ids=list(OF_FRAMEWORKS))
def test_headers_of_any_framework(headers: Callable[[dict[str, str]], Any]) -> None:
    three = sign("d", NOW, BODY, [SECRET])
    assert verify(BODY, headers(three), [SECRET], now=NOW).webhook_id == "d"
    assert refused(BODY, headers(three | {"webhook-id": "e"})) is RefusalReason.NO_MATCH


def test_a_header_that_is_said_twice_in_two_ways_is_refused() -> None:
    three = sign("d", NOW, BODY, [SECRET])
    assert refused(BODY, [*three.items(), ("Webhook-Id", "e")]) is RefusalReason.MALFORMED_HEADER


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((BODY, {}, SECRET), "secrets: a list of secrets, not str"),
        ((BODY, [SECRET], {}), "secrets: a list of secrets, not dict"),
        ((BODY, SECRET, [SECRET]), "headers: those of the request"),
        (({}, BODY, [SECRET]), "body: the bytes as received, not dict"),
        ((BODY.decode(), {}, [SECRET]), "body: the bytes as received, not str"),
    ],
    ids=["one secret", "secrets before headers", "a text for headers", "headers before body", "a decoded body"],
)
def test_a_wrong_call_is_told_from_a_wrong_signature(arguments: tuple[Any, Any, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        verify(*arguments, now=NOW)
