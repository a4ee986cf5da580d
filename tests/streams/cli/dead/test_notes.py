"""Sets of offsets, notes about letters, and what a purge may delete."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streams.cli.dead.letters import REPORT, died, record_of
from tocsin.streams.cli.dead.filters import wanted
from tocsin.streams.cli.dead.purging import Purge, purges
from tocsin.streams.processes.dead.index import Index, Stretch
from tocsin.streams.processes.dead.letter import Opened
from tocsin.streams.processes.dead.notes import PURGED_OF, REPLAYED_OF, is_note, noted, notes_of
from tocsin.streams.processes.dead.offsets import Offsets, ranges_of

SOME = st.sets(st.integers(90, 170))


def filled(some: set[int]) -> Offsets:
    offsets = Offsets(100, 157)
    for one in some:
        offsets.add(one)
    return offsets


@given(some=SOME, other=SOME)
def test_offsets_are_sets_of_a_stretch(some: set[int], other: set[int]) -> None:
    inside, there = ({one for one in found if 100 <= one < 157} for found in (some, other))
    offsets, others = filled(some), filled(other)
    assert (set(offsets), len(offsets), offsets.lowest()) == (inside, len(inside), min(inside, default=None))
    assert list(offsets) == sorted(inside)
    assert {one for one in range(80, 180) if one in offsets} == inside
    assert set(offsets.without(others)) == inside - there
    assert set(offsets.within(others)) == inside & there
    assert set(offsets.united([others])) == inside | there


@given(first=st.integers(80, 170), end=st.integers(80, 180) | st.integers(80, 10**17))
def test_ranges_are_cut_to_the_stretch(first: int, end: int) -> None:
    offsets = Offsets(100, 157)
    offsets.add(first, end)
    assert set(offsets) == set(range(max(first, 100), min(end, 157)))


@given(some=st.sets(st.integers(0, 5000), max_size=2500))
def test_notes_say_which_letters(some: set[int]) -> None:
    headers = list(notes_of(PURGED_OF, 3, sorted(some), "ann"))
    found: set[int] = set()
    for each in headers:
        record = record_of([*each], b"", place="3:9000")
        assert is_note(record)
        assert list(noted(record, REPLAYED_OF)) == []
        for first, behind in noted(record, PURGED_OF):
            found |= set(range(first, behind))
    assert found == some
    assert len(headers) <= 1 + len(list(ranges_of(sorted(some)))) // 1000


STRANGE = {
    "a note of before": (b"3:17", [(17, 18)]),
    "ranges": (b"3:17-25,3:30", [(17, 26), (30, 31)]),
    "nothing": (b"", []),
    "no text": (b"\xff\xfe", []),
    "another partition": (b"4:1-9", []),
    "backwards": (b"3:9-2", [(9, 3)]),
    "words": (b"all,3:x,-1,3:", []),
}


@pytest.mark.parametrize(("value", "ranges"), STRANGE.values(), ids=list(STRANGE))
def test_a_note_of_a_stranger(value: bytes, ranges: list[tuple[int, int]]) -> None:
    assert list(noted(record_of([(REPLAYED_OF, value)], b""), REPLAYED_OF)) == ranges


def index_of(log: str, *, first: int = 0, replayed: bool | None = None) -> Index:
    """The index of one partition: `a` and `b` are letters of that reason, `A` one that was replayed, `p` one that was
    purged, `.` a note; wanted are those of reason a. The log begins at offset 10."""
    index = Index({3: Stretch(10, 10 + first, 10 + len(log))})
    chosen = wanted(reason=["a"])
    for offset, what in enumerate(log, 10):
        if what == "." or offset < 10 + first:
            continue
        index.letters[3].add(offset)
        letter = Opened(record_of(died("a" if what in "Aap" else what), REPORT, place=f"3:{offset}"))
        if chosen.fits(letter):
            index.meant(letter, None)
        if what in "Ap":
            kind = REPLAYED_OF if what == "A" else PURGED_OF
            index.note(record_of([(kind, f"3:{offset}".encode())], b"", place="3:99"))
    index.settle(replayed)
    return index


# the log | deleted before, how many letters are deleted, which are noted (offsets count from 10)
PURGES: dict[str, tuple[str, dict[str, Any], Purge]] = {
    "all of it": ("aaa", {}, Purge(3, 13, 3, [])),
    "all, with notes between and behind": ("a.a..", {}, Purge(3, 15, 2, [])),
    "up to one that is kept": ("aab.a", {}, Purge(3, 12, 2, [14])),
    "none before one that is kept": ("baa", {}, Purge(3, None, 0, [11, 12])),
    "one that was purged before goes along": ("pab", {}, Purge(3, 12, 1, [])),
    "nothing is meant": ("bb", {}, Purge(3, None, 0, [])),
    "what was purged already is not purged again": ("pp", {}, Purge(3, None, 0, [])),
    "the log begins before what is looked at": ("baaa", {"first": 1}, Purge(3, None, 0, [11, 12, 13])),
    "only what was replayed": ("Aa", {"replayed": True}, Purge(3, 11, 1, [])),
    "only what was not replayed": ("Aa", {"replayed": False}, Purge(3, None, 0, [11])),
}


@pytest.mark.parametrize(("log", "how", "purge"), PURGES.values(), ids=list(PURGES))
def test_a_purge_deletes_up_to_the_first_letter_that_is_kept(log: str, how: dict[str, Any], purge: Purge) -> None:
    assert purges(index_of(log, **how)) == [purge]


@given(log=st.text("abAp.", max_size=40), replayed=st.sampled_from([None, True, False]))
def test_a_purge_takes_what_is_meant_and_nothing_else(log: str, replayed: bool | None) -> None:
    index = index_of(log, replayed=replayed)
    [purge] = purges(index)
    meant = {offset for offset, what in enumerate(log, 10) if what in {None: "aA", True: "A", False: "a"}[replayed]}
    deleted = set(range(10, purge.until or 10))
    kept = {offset for offset, what in enumerate(log, 10) if what in "abA"} - meant
    assert not deleted & kept
    assert (deleted & meant) | set(purge.noted) == meant
    assert purge.deleted == len(deleted & meant)
    assert not deleted & set(purge.noted)
