"""Where to read on: every way in which an input may have changed since the mark."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tocsin.streams.engine.mark import Mark, Standing, Verdict, judge
from tocsin.streams.engine.record import Halt, Record

AT_MARK = Record("in", 0, 9, 1_000, b"key", b"value")
MARK = Mark.of(AT_MARK)

CASES = {
    "nothing was ever read": (None, 0, 5, None, Verdict(Standing.FRESH, 0)),
    "nothing was ever read, and retention was there first": (None, 3, 5, None, Verdict(Standing.FRESH, 3, lost=3)),
    "the record is the same": (MARK, 0, 20, AT_MARK, Verdict(Standing.SAME, 10)),
    "everything is read": (MARK, 0, 10, AT_MARK, Verdict(Standing.SAME, 10)),
    "retention took the mark and nothing behind it": (MARK, 10, 20, None, Verdict(Standing.SAME, 10)),
    "retention took everything, all of it read": (MARK, 10, 10, None, Verdict(Standing.SAME, 10)),
    "retention took one unread record": (MARK, 11, 20, None, Verdict(Standing.RETENTION_GAP, 11, lost=1)),
    "retention took all that was unread": (MARK, 20, 20, None, Verdict(Standing.RETENTION_GAP, 20, lost=10)),
    "the topic ends before the mark": (MARK, 0, 9, None, Verdict(Standing.TRUNCATED, 0)),
    "the topic is empty": (MARK, 0, 0, None, Verdict(Standing.TRUNCATED, 0)),
    "another value": (MARK, 0, 20, replace(AT_MARK, value=b"other"), Verdict(Standing.RECREATED, 0)),
    "another key": (MARK, 0, 20, replace(AT_MARK, key=None), Verdict(Standing.RECREATED, 0)),
    "another time": (MARK, 2, 20, replace(AT_MARK, timestamp=1_001), Verdict(Standing.RECREATED, 2)),
}


@pytest.mark.parametrize(("mark", "start", "end", "at_mark", "verdict"), CASES.values(), ids=CASES.keys())
def test_judge(mark: Mark | None, start: int, end: int, at_mark: Record | None, verdict: Verdict) -> None:
    assert judge(mark, start, end, at_mark) == verdict


@given(st.integers(-1, 2**62), st.integers(0, 2**62), st.integers(0, 2**32 - 1))
def test_a_mark_survives_its_bytes(offset: int, timestamp: int, crc: int) -> None:
    assert Mark.decode(Mark(offset, timestamp, crc).encode()) == Mark(offset, timestamp, crc)


def test_a_mark_of_a_later_format_halts() -> None:
    with pytest.raises(Halt):
        Mark.decode(b"\x02" + MARK.encode()[1:])
    with pytest.raises(Halt):
        Mark.decode(b"\x02 and of another length")


def test_an_absent_key_is_not_an_empty_one() -> None:
    assert Mark.of(replace(AT_MARK, key=None)) != Mark.of(replace(AT_MARK, key=b""))
    assert Mark.of(replace(AT_MARK, value=None)) != Mark.of(replace(AT_MARK, value=b""))
