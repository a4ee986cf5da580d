"""Which messages came before: the same rules for every store, and what only a file can do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tocsin.connectors.mediation import MemoryReplays, Replays, SqliteReplays

Store = Callable[..., Replays]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryReplays
    return lambda **options: SqliteReplays(tmp_path / "seen.db", **options)


def test_a_digest_is_new_once(store: Store) -> None:
    replays = store()
    assert [replays.is_new(digest) for digest in ("a", "b", "a", "b", "c")] == [True, True, False, False, True]


def test_it_is_forgotten_after_its_time(store: Store) -> None:
    now = [0.0]
    replays = store(within=10, clock=lambda: now[0])
    assert replays.is_new("a")
    now[0] = 9.9
    assert not replays.is_new("a")
    now[0] = 10.0
    assert replays.is_new("a")


def test_the_oldest_go_first(store: Store) -> None:
    now = [0.0]
    replays = store(most=3, clock=lambda: now[0])
    for digest in "abcd":
        now[0] += 1
        assert replays.is_new(digest)
    assert [replays.is_new(digest) for digest in "dcb"] == [False] * 3
    assert replays.is_new("a")


def test_what_could_not_be_dealt_with_may_come_again(store: Store) -> None:
    replays = store()
    assert replays.is_new("a")
    replays.forget("a")
    replays.forget("never seen")
    assert replays.is_new("a")


def test_a_file_outlives_the_process_and_is_shared(tmp_path: Path) -> None:
    one = SqliteReplays(tmp_path / "seen.db")
    assert one.is_new("a")
    other = SqliteReplays(tmp_path / "seen.db")
    assert not other.is_new("a")
    assert other.is_new("b")
    assert not one.is_new("b")
    one.close()
    other.close()
    assert not SqliteReplays(tmp_path / "seen.db").is_new("a")


def test_of_many_at_once_one_is_first(tmp_path: Path) -> None:
    stores = [SqliteReplays(tmp_path / "seen.db", wait=60.0) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: stores[number % 4].is_new(f"{number // 8}"), range(160)))
    assert found.count(True) == 20
