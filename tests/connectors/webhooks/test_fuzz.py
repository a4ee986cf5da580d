"""Whoever has no secret signs nothing, whatever they send: every byte of a webhook changed, whole ones taken apart and
put together anew, headers and bodies of any shape. `make fuzz` does more of it; the examples are the same each time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.webhooks.vectors import NOW, SECRET, SIGNING
from tocsin.connectors.webhooks import SignatureRefused, for_receivers, sign, verify

PATIENCE = int(os.environ.get("TOCSIN_FUZZ", "1"))
"""How many times as many examples: `make fuzz` sets it."""

AT = NOW * 1_000_000
PUBLIC = for_receivers(SIGNING)
KINDS = {"v1": (SECRET, SECRET), "v1a": (SIGNING, PUBLIC)}
BODY = b'{"a":1}'


def is_accepted(body: bytes, headers: Any, *secrets: str) -> bool:
    try:
        verify(body, headers, secrets, now=AT)
    except SignatureRefused:
        return False
    return True


def wounds(original: bytes) -> Iterator[bytes]:
    """What differs in one byte: each exchanged for each other, left out, doubled, put before and behind it."""
    for place, byte in enumerate(original):
        before, behind = original[:place], original[place + 1 :]
        yield before + behind
        yield before + bytes([byte, byte]) + behind
        yield from (before + bytes([other]) + behind for other in range(256) if other != byte)
    for byte in range(256):
        yield bytes([byte]) + original
        yield original + bytes([byte])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_byte_counts(kind: str, place: str) -> None:
    signs, receives = KINDS[kind]
    headers = sign("w-1", AT, BODY, [signs])
    assert is_accepted(BODY, headers, receives)
    if place == "body":
        survived = [wound for wound in wounds(BODY) if is_accepted(wound, headers, receives)]
    else:
        changed = {wound: wound.decode("latin-1") for wound in wounds(headers[place].encode())}
        survived = [wound for wound, text in changed.items() if is_accepted(BODY, headers | {place: text}, receives)]
    # an entry more is an empty one, which is skipped
    blank = {b" " + headers[place].encode(), headers[place].encode() + b" "} if place == "webhook-signature" else set()
    assert set(survived) == blank


bodies = st.binary(max_size=60) | st.just(BODY)
ids = st.text("abz_-019", min_size=1, max_size=4)
times = st.integers(NOW - 300, NOW + 300)
whole = st.tuples(ids, times, bodies)


@settings(max_examples=100 * PATIENCE**2, derandomize=True, deadline=None)
@given(message=whole, kind=st.sampled_from(list(KINDS)), place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_every_bit_of_any_body_counts(message: tuple[str, int, bytes], kind: str, place: int, bit: int) -> None:
    webhook_id, at, body = message
    signs, receives = KINDS[kind]
    headers = sign(webhook_id, at * 1_000_000, body, [signs])
    assert is_accepted(body, headers, receives)
    if body:
        flipped = bytearray(body)
        flipped[place % len(body)] ^= 1 << bit
        assert not is_accepted(bytes(flipped), headers, receives)


@settings(max_examples=100 * PATIENCE**2, derandomize=True, deadline=None)
@given(
    heard=st.lists(whole, min_size=2, max_size=4),
    picks=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    data=st.data(),
)
def test_what_was_heard_cannot_be_put_together_anew(
    heard: list[tuple[str, int, bytes]], picks: list[int], data: st.DataObject
) -> None:
    # one who listens has whole webhooks and makes a new one of their parts, split at other places, too
    signed = [sign(webhook_id, at * 1_000_000, body, [SECRET, SIGNING]) for webhook_id, at, body in heard]
    one, two, three, four = (pick % len(heard) for pick in picks)
    webhook_id, at, body = heard[one][0], str(heard[two][1]), heard[three][2]
    signatures = signed[four]["webhook-signature"].split(" ")
    if data.draw(st.booleans()):
        content = f"{webhook_id}.{at}.".encode() + body
        cut = data.draw(st.integers(0, len(content)))
        webhook_id, _, rest = content[:cut].decode("latin-1").partition(".")
        at, body = rest.rstrip("."), content[cut:]
    entries = data.draw(
        st.lists(st.sampled_from([*signatures, *(each[3:] for each in signatures)]), min_size=1, max_size=4)
    )
    forged = {"webhook-id": webhook_id, "webhook-timestamp": at, "webhook-signature": " ".join(entries)}
    if is_accepted(body, forged, SECRET, PUBLIC):
        assert (webhook_id, at, body) == (heard[four][0], str(heard[four][1]), heard[four][2])


entry = st.sampled_from(["v1,", "v1a,", "v2,", "v1", ",", "", "v1,,", "v1a,=", "V1,", "v1,\ud800"]).flatmap(
    lambda version: st.text("ABab01+/= ,", max_size=90).map(lambda rest: version + rest)
)
header_values: st.SearchStrategy[Any] = (
    st.lists(entry, max_size=20).map(" ".join) | st.text(max_size=40) | st.binary(max_size=40)
) | st.sampled_from([None, 0, NOW, str(NOW), "w-1", "\ud800", "\x00", "9" * 15, [], object()])
header_names: st.SearchStrategy[Any] = st.sampled_from(
    ["webhook-id", "webhook-timestamp", "webhook-signature", "Webhook-Id", b"webhook-id", "HTTP_WEBHOOK_TIMESTAMP", "x"]
) | st.none() | st.text(max_size=5) | st.binary(max_size=5) | st.integers()  # fmt: skip
header_shapes: st.SearchStrategy[Any] = (
    st.dictionaries(header_names, header_values, max_size=6)
    | st.lists(st.tuples(header_names, header_values), max_size=6)
    | st.lists(header_values, max_size=3)
    | header_values
)
any_body: st.SearchStrategy[Any] = (
    st.binary(max_size=50)
    | st.binary(max_size=50).map(bytearray)
    | st.binary(max_size=50).map(lambda raw: memoryview(raw)[::2])
    | st.none()
    | st.text(max_size=5)
)
any_secrets: st.SearchStrategy[Any] = (
    st.lists(
        st.sampled_from([SECRET, PUBLIC, SIGNING, "whsec_", "whpk_", "whpk_" + "A" * 44, "é", None, b"whsec_"])
        | st.text(max_size=50),
        max_size=3,
    )
    | st.none()
    | st.just(SECRET)
)


@settings(max_examples=100 * PATIENCE**2, derandomize=True, deadline=None)
@given(body=any_body, headers=header_shapes, secrets=any_secrets)
def test_whatever_comes_is_refused_or_a_wrong_call(body: Any, headers: Any, secrets: Any) -> None:
    with suppress(SignatureRefused, TypeError):
        verify(body, headers, secrets, now=AT)
        pytest.fail("it was accepted")


@settings(max_examples=100 * PATIENCE**2, derandomize=True, deadline=None)
@given(
    body=st.binary(max_size=50) | st.binary(max_size=50).map(lambda raw: memoryview(raw)[::2]),
    entries=st.lists(entry, max_size=20).map(" ".join),
    secrets=st.permutations([SECRET, PUBLIC]),
)
def test_no_header_is_a_signature_by_chance(body: Any, entries: str, secrets: list[str]) -> None:
    headers = {"webhook-id": "w-1", "webhook-timestamp": str(NOW), "webhook-signature": entries}
    assert not is_accepted(body, headers, *secrets)
