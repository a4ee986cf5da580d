"""What waits for one partition: taken up to a hole, bounded by count and bytes."""

from __future__ import annotations

from tocsin.streams.engine.record import Record
from tocsin.streams.engine.waiting import QUEUED_BYTES, QUEUED_RECORDS, Waiting


def batch(*offsets: int, size: int = 1) -> list[Record]:
    return [Record("in", 0, offset, 0, None, b"x" * size) for offset in offsets]


def test_what_follows_without_a_hole_is_taken_together() -> None:
    waiting = Waiting()
    for offsets in ((1, 2), (3,), (5, 6), (7,)):
        waiting.put(batch(*offsets))
    assert [[record.offset for record in waiting.take()] for _ in range(2)] == [[1, 2, 3], [5, 6, 7]]
    assert not waiting


def test_it_is_full_by_count_or_by_bytes_until_it_is_taken_or_forgotten() -> None:
    for full in (batch(*range(QUEUED_RECORDS)), batch(1, 2, size=QUEUED_BYTES // 2)):
        waiting = Waiting()
        waiting.put(full[1:])
        assert not waiting.is_full()
        waiting.clear()
        waiting.put(full)
        assert waiting.is_full()
        assert len(waiting.take()) == len(full)
        assert not waiting.is_full()
