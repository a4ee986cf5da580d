"""Whatever bytes an agent sends: Unreadable, or events that can be stored, in bounded time."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.sources.identus.events import DATA, FAILURE, event, message
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.sources.identus.reading import IDENTUS, read
from tocsin.connectors.sources.port import OTHER
from tocsin.schemas.codec import decode, encode

PATIENCE = int(os.environ.get("TOCSIN_FUZZ", "1"))
"""How many times as many examples."""
SECONDS = 5.0
"""CPU time that one message may take."""


def survives(raw: bytes) -> None:
    started = time.thread_time()
    try:
        heard = read(message(raw))
    except Unreadable:
        return
    finally:
        assert time.thread_time() - started < SECONDS
    assert not isinstance(heard, list)
    assert heard.what in IDENTUS.kinds | {OTHER}
    assert heard.events or heard.ignored
    assert all(decode(encode(one)) == one for one in heard.events)
    assert read(message(raw)) == heard


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
    | st.sampled_from(["x" * 300, "\u0000", "\ud800", "9" * 30, "2026-13-41T00:00:00Z", "-1", "\u202e", 10**99, 1e308])
)  # fmt: skip
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
names = st.sampled_from(
    sorted({name for data in DATA.values() for name in data} | {"metaLastFailure", "metaNextRetry"})
)
changes = st.dictionaries(names, values | st.dictionaries(st.sampled_from(sorted(FAILURE)), values), max_size=5)
envelopes = st.dictionaries(st.sampled_from(["id", "ts", "type", "data", "walletId", "more"]), values, max_size=2)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Good events, some of whose members are something else."""
    made = event(draw(st.sampled_from(sorted(DATA))), left=draw(st.none() | st.integers(-1, 6)))
    made["data"] |= draw(changes)
    return made | draw(envelopes)


@settings(max_examples=400 * PATIENCE)
@given(document=events() | values)
def test_any_json(document: object) -> None:
    survives(json.dumps(document).encode())


@settings(max_examples=400 * PATIENCE)
@given(document=events(), cut=st.integers(0, 2000), filling=st.binary(max_size=6), skip=st.integers(0, 6))
def test_json_with_a_wound(document: object, cut: int, filling: bytes, skip: int) -> None:
    raw = json.dumps(document).encode()
    place = cut % (len(raw) + 1)
    survives(raw[:place] + filling + raw[place + skip :])


@settings(max_examples=200 * PATIENCE)
@given(raw=st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    survives(raw)
