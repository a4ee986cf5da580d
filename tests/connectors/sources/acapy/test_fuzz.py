"""Whatever bytes come under whatever topic: Unreadable, or events that can be stored, in bounded time."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.sources.acapy.recorded import RECORDED, message_of
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.sources.acapy import ACAPY, read
from tocsin.connectors.sources.acapy.topics import FAILED, TOPICS
from tocsin.connectors.sources.port import OTHER
from tocsin.schemas.codec import decode, encode

PATIENCE = int(os.environ.get("TOCSIN_FUZZ", "1"))
"""How many times as many examples."""
SECONDS = 5.0
"""CPU time that one webhook may take."""
BODIES = [one["body"] for webhooks in RECORDED["webhooks"].values() for one in webhooks]


def survives(topic: str, raw: bytes, headers: dict[str, str] | None = None) -> None:
    """It says why it became nothing, and the same bytes are the same events."""
    message, started = message_of(topic, raw, headers=headers or {}), time.thread_time()
    try:
        heard = read(message)
    except Unreadable:
        return
    finally:
        assert time.thread_time() - started < SECONDS
    assert heard.what in ACAPY.kinds | {OTHER}
    assert heard.events or heard.ignored
    assert all(decode(encode(one)) == one for one in heard.events)
    assert read(message) == heard


topics = st.sampled_from(sorted(TOPICS)) | st.text(max_size=5)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
    | st.sampled_from([
        "x" * 300, "\u0000", "\u202e", "9" * 30, "2026-13-41T00:00:00Z", "-1", "?", 10**99, "e.p.x: \u0000",
        ": ", "a: ",
        f"{'c' * 200}: x", "created problem report: ", "2026-11-30T24:00:00.000000Z", *sorted(FAILED),
    ])
)  # fmt: skip
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
names = st.sampled_from(
    sorted(
        {name for body in BODIES for name in body} | {"error_msg", "@type", "@id", "~thread", "description", "status"}
    )
)
bodies = st.builds(lambda body, more: body | more, st.sampled_from(BODIES), st.dictionaries(names, values, max_size=5))


@settings(max_examples=150 * PATIENCE, deadline=None)
@given(topic=topics, body=bodies | values, wallet=st.text(max_size=300))
def test_bodies_of_all_kinds(topic: str, body: Any, wallet: str) -> None:
    survives(topic, json.dumps(body).encode(), {"x-wallet-id": wallet})


@settings(max_examples=100 * PATIENCE, deadline=None)
@given(topic=topics, raw=st.binary(max_size=60))
def test_bytes_of_all_kinds(topic: str, raw: bytes) -> None:
    survives(topic, raw)


@settings(max_examples=100 * PATIENCE, deadline=None)
@given(body=st.sampled_from(BODIES), cut=st.integers(0, 400), topic=topics)
def test_bodies_that_end_too_soon(body: dict[str, Any], cut: int, topic: str) -> None:
    survives(topic, json.dumps(body).encode()[:cut])


def test_what_is_deep_or_large_or_long() -> None:
    for topic in ("connections", "ping", "problem_report"):
        survives(topic, b'{"a":' * 5000 + b"1" + b"}" * 5000)
        survives(topic, json.dumps({"error_msg": "a" * 900_000, "connection_id": "c", "state": "abandoned"}).encode())
        survives(topic, json.dumps({str(number): number for number in range(6_000)}).encode())
