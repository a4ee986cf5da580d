"""Where records and rows belong among another number of partitions. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tocsin.schemas.errors import TocsinError
from tocsin.streams.engine.outputs import key_hash
from tocsin.streams.engine.rows import StoredRow
from tocsin.streams.rules.context.gaps import MAX_SPANS, merged
from tocsin.streams.rules.state import ROW_VERSION, DispatchRow, GapsRow, decode_row, encode_row
from tocsin.streams.rules.state.keys import scope_of

_DIGEST = re.compile(r"%[0-9a-f]{64}")
"""A part of a row key that was too long: its SHA-256 (`rules/state/keys.py`)."""


class RowNotPlaced(TocsinError):
    """It cannot be said to which partition a row belongs, so nothing is moved. Exit code 65."""

    exit_code = 65


def place_of(key: bytes | None, old: int, count: int) -> int:
    """The partition, of `count`, of a record that stood on the partition `old`; without a key it may be any."""
    return old % count if key is None else key_hash(key) % count


def row_scope(row: str) -> bytes | None:
    """The key (tenant or endpoint) whose partition holds a row; None for a row of the whole partition. Raises
    RowNotPlaced."""
    scope = scope_of(row)
    if not scope:
        return None
    if _DIGEST.fullmatch(scope):
        raise RowNotPlaced(f"row {row!r}: the name of its tenant or endpoint is too long to be known from the row")
    return scope.replace("%2F", "/").replace("%25", "%").encode()


def row_place(row: str, old: int, old_count: int, count: int) -> int | None:
    """The new partition of a row that stood on the partition `old` of `old_count`; None for a row of the whole
    partition. Raises RowNotPlaced for a row that was not where its key belongs: nobody can say what it is then."""
    scope = row_scope(row)
    if scope is None:
        return None
    home = key_hash(scope) % old_count
    if home != old:
        raise RowNotPlaced(
            f"row {row!r} stands on partition {old} and belongs to {home} of {old_count}: were partitions added to the "
            "topic by hand? Make them again as they were (docs/repartitioning.md)"
        )
    return key_hash(scope) % count


def together(rows: Sequence[StoredRow]) -> StoredRow:
    """The rows of several whole partitions, all of one key, as the row of the partition that takes their place. Raises
    RowNotPlaced.

    Time in which one of them heard nothing counts as not heard for all: a time-out may be told later by that, never too
    early. The dispatcher is taken to have come as far as it came in the one where it is furthest behind: an attempt
    waits for its turn longer, and is not made twice.
    """
    if len(rows) == 1:
        return rows[0]
    found = [decode_row(row.payload, row.version) for row in rows]
    due = max((row.due for row in rows if row.due is not None), default=None)
    gaps = [one for one in found if isinstance(one, GapsRow)]
    ways = [one for one in found if isinstance(one, DispatchRow)]
    if len(gaps) == len(found):
        spans = merged([span for one in gaps for span in one.spans])
        return StoredRow(encode_row(GapsRow(tuple(spans[-MAX_SPANS:]))), ROW_VERSION, due)
    if len(ways) == len(found):
        way = DispatchRow(max(one.answered_at for one in ways), min(one.asked_at for one in ways))
        return StoredRow(encode_row(way), ROW_VERSION, due)
    raise RowNotPlaced(f"rows of whole partitions of {type(found[0]).__name__} cannot be put together")


def begins(firsts: Mapping[int, int], wanted: Mapping[int, int], read: Sequence[Mapping[int, int]]) -> dict[int, int]:
    """From which offset on each partition is copied: from where its history is `wanted`, but everything that a group
    has not `read`; never before what there is."""
    return {
        partition: max(first, min([wanted.get(partition, first), *(each.get(partition, first) for each in read)]))
        for partition, first in firsts.items()
    }


class GoingOn:
    """Where a consumer group goes on in the new partitions: at the first record that it has not read in the old ones,
    so that nothing is passed over. `read` is what it committed."""

    def __init__(self, read: Mapping[int, int]) -> None:
        self._read = read
        self._at: dict[int, int] = {}

    def note(self, old: int, offset: int, new: int, new_offset: int) -> None:
        """A record was copied."""
        if new not in self._at and offset >= self._read.get(old, 0):
            self._at[new] = new_offset

    def offsets(self, ends: Sequence[int]) -> dict[int, int]:
        """What the group is to have committed; `ends` are those of the new partitions."""
        return {new: self._at.get(new, end) for new, end in enumerate(ends)}
