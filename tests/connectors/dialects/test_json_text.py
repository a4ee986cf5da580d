"""JSON from strangers: at the limits, beyond them, and any bytes at all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.connectors.dialects.json_text import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_MEMBERS,
    is_plain,
    json_text,
    parse_carefully,
    parse_json,
)
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


TRICKY = {
    "a member twice, its name escaped": (b'{"a": 1, "\\u0061": 2}', False),
    "a member twice, beside quotes that make up for it": (b'{"a": "\\u0022", "a": "\\u0022"}', False),
    "a member twice, beside an escaped backslash": (b'{"a": "\\\\", "b": "\\\\", "a": ""}', False),
    "a member twice, with space before its colon": (b'{"a" : 1, "a"\t: 2}', False),
    "a member twice, beside texts with colons": (b'{"a": ":", "a": "\\":"}', False),
    "escaped quotes": (b'{"a": "\\"\\" said", "\\"": 1}', True),
    "a backslash at the end": (b'["\\\\", "\\\\\\""]', False),
    "numbers of every form": (b"[-0, 0.1, 1e-7, 1E22, 1e23, -0.0, 5e-324, 2.2250738585072014e-308, 1e16]", True),
    "18 digits": (b"[123456789012345678, -123456789012345678]", True),
    "19 digits": (b"[1234567890123456789]", False),
    "101 digits": (b"[" + b"1" * 101 + b"]", False),
    "a text beyond ASCII": ('["Grüße \N{GRINNING FACE}"]'.encode(), True),
}
"""Documents, and whether msgspec's reading of them is enough."""


def outcome(read: Callable[[], object]) -> str:
    """What comes of reading, in words that tell 1 from 1.0 and True, and one order of members from another."""
    try:
        return repr(read())
    except Unreadable as refusal:
        return f"{refusal} {refusal.offset}"


@pytest.mark.parametrize("case", TRICKY)
def test_the_quick_way_is_left_where_it_could_be_wrong(case: str) -> None:
    raw, plain = TRICKY[case]
    assert is_plain(msgspec.json.decode(raw), raw) is plain
    assert outcome(lambda: parse_json(raw)) == outcome(lambda: parse_carefully(raw, MAX_DEPTH))


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@given(value=_values, ascii_only=st.booleans(), gaps=st.sampled_from([(",", ":"), (", ", ": "), ("\n,", "\t:")]))
def test_both_ways_read_the_same(value: object, ascii_only: bool, gaps: tuple[str, str]) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, separators=gaps).encode(errors="surrogatepass")
    assert outcome(lambda: parse_json(raw)) == outcome(lambda: parse_carefully(raw, MAX_DEPTH))


@given(raw=st.text(alphabet='{}[]",:\\0123456789eE+-.tfn ud8a', max_size=60).map(str.encode) | st.binary(max_size=60))
@example(raw=b'{"":"","":""}')
def test_both_ways_refuse_the_same(raw: bytes) -> None:
    assert outcome(lambda: parse_json(raw)) == outcome(lambda: parse_carefully(raw, MAX_DEPTH)) or not raw.strip()


@given(value=_values)
def test_kept_text_is_what_the_standard_library_writes(value: object) -> None:
    assert json_text(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
