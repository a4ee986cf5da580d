"""JSON from strangers: at the limits, beyond them, and any bytes at all."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.connectors.dialects.json_text import MAX_BYTES, MAX_DEPTH, MAX_MEMBERS, parse_json
from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason

REFUSED = {
    "nothing": (b"", UnreadableReason.EMPTY),
    "only space": (b" \n", UnreadableReason.EMPTY),
    "not UTF-8": (b'"\xff"', UnreadableReason.NOT_UTF8),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), UnreadableReason.NOT_UTF8),
    "cut short": (b'{"a": 1', UnreadableReason.NOT_JSON),
    "trailing comma": (b'{"a": 1,}', UnreadableReason.NOT_JSON),
    "two documents": (b"{} {}", UnreadableReason.NOT_JSON),
    "NaN": (b"[NaN]", UnreadableReason.NOT_JSON),
    "infinity": (b"[-Infinity]", UnreadableReason.NOT_JSON),
    "float too big": (b"[1e999]", UnreadableReason.NUMBER_OUT_OF_RANGE),
    "integer of 101 digits": (b"1" * 101, UnreadableReason.NUMBER_OUT_OF_RANGE),
    "integer of a million digits": (b"1" * 1_000_000, UnreadableReason.NUMBER_OUT_OF_RANGE),
    "lone surrogate": (b'{"a": "\\ud800"}', UnreadableReason.LONE_SURROGATE),
    "lone surrogate in a name": (b'{"\\uDFFF": 1}', UnreadableReason.LONE_SURROGATE),
    "a member twice": (b'{"a": 1, "\\u0061": 2}', UnreadableReason.DUPLICATE_MEMBER),
    "a member twice, deep down": (b'[{"a": {"b": 1, "b": 1}}]', UnreadableReason.DUPLICATE_MEMBER),
    "one level too deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), UnreadableReason.TOO_DEEP),
    "100 kB of brackets": (b"[" * 100_000, UnreadableReason.TOO_DEEP),
    "objects too deep": (b'{"a":' * 40 + b"1" + b"}" * 40, UnreadableReason.TOO_DEEP),
    "one byte too many": (b'"' + b"a" * (MAX_BYTES - 1) + b'"', UnreadableReason.TOO_LARGE),
    "one member too many": (
        b"{" + b",".join(b'"%d":1' % n for n in range(MAX_MEMBERS + 1)) + b"}",
        UnreadableReason.TOO_MANY_MEMBERS,
    ),
}
TAKEN = {
    "exactly the largest": b'"' + b"a" * (MAX_BYTES - 2) + b'"',
    "exactly the deepest": b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
    "many brackets side by side": b"[" + b"[]," * 1000 + b"[]]",
    "brackets inside strings": b'["' + b"[" * 500 + b'", "\\"' + b"{" * 500 + b'"]',
    "an integer of 100 digits": b"1" * 100,
    "a surrogate pair": b'"\\ud83d\\ude00"',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "exactly the most members": b"{" + b",".join(b'"%d":1' % n for n in range(MAX_MEMBERS)) + b"}",
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    raw, reason = REFUSED[case]
    with pytest.raises(Unreadable) as refusal:
        parse_json(raw)
    assert refusal.value.reason is reason


@pytest.mark.parametrize("case", TAKEN)
def test_taken(case: str) -> None:
    parse_json(TAKEN[case])


@given(raw=st.binary(max_size=300) | st.text(alphabet='{}[]",:\\0123456789eE+-.tfn ud8', max_size=200).map(str.encode))
@example(raw=b"\xef\xbb\xbf")
@example(raw=b"-")
def test_any_bytes_give_a_value_or_unreadable(raw: bytes) -> None:
    try:
        parse_json(raw)
    except Unreadable:
        return


@pytest.mark.parametrize(
    "raw",
    [b'{"' + b'\\"' * 500_000 + b"\\", b"[" * 33 + b'"' * 1_000_000, b"{" * 33 + b'"\\' * 400_000],
    ids=["escaped quotes, never closed", "a million quotes", "escapes and quotes"],
)
def test_no_input_makes_the_scan_slow(raw: bytes) -> None:
    started = time.thread_time()
    with pytest.raises(Unreadable):
        parse_json(raw)
    assert time.thread_time() - started < 60, "a scan that goes back costs minutes"
