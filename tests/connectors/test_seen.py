"""Which messages came before: the same rules for every store, and what only a file can do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tocsin.connectors.seen import FORTNIGHT, MemorySeenIds, SeenIds, SqliteSeenIds, once
from tocsin.streams.rules.delivery.schedule import DeliverConfig, schedule_length
from tocsin.streams.rules.values import SECOND

Store = Callable[..., SeenIds]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemorySeenIds
    return lambda **options: SqliteSeenIds(tmp_path / "seen.db", **options)


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
    one = SqliteSeenIds(tmp_path / "seen.db")
    assert one.is_new("a")
    other = SqliteSeenIds(tmp_path / "seen.db")
    assert not other.is_new("a")
    assert other.is_new("b")
    assert not one.is_new("b")
    one.close()
    other.close()
    assert not SqliteSeenIds(tmp_path / "seen.db").is_new("a")


def test_of_many_at_once_one_is_first(tmp_path: Path) -> None:
    stores = [SqliteSeenIds(tmp_path / "seen.db", wait=60.0) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: stores[number % 4].is_new(f"{number // 8}"), range(160)))
    assert found.count(True) == 20


def test_threads_share_what_is_in_memory() -> None:
    ticks = iter(range(1_000_000))
    seen = MemorySeenIds(within=50, clock=lambda: float(next(ticks)))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: seen.is_new(f"{number // 8}"), range(40_000), chunksize=500))
    assert found.count(True) >= 5000  # and nothing was raised


def test_what_is_done_is_noted_and_what_fails_comes_again(store: Store) -> None:
    seen, done = store(), []
    for fails in (True, False, False):
        with suppress(RuntimeError), once(seen, "a") as new:
            if fails:
                raise RuntimeError("the database is away")
            done.append(new)
    assert done == [True, False]


def test_whether_an_id_is_known_changes_nothing(store: Store) -> None:
    now = [0.0]
    seen = store(within=10, clock=lambda: now[0])
    assert [seen.knows("a"), seen.is_new("a"), seen.knows("a")] == [False, True, True]
    now[0] = 10.0
    assert [seen.knows("a"), seen.is_new("a")] == [False, True]


def test_ids_are_kept_for_longer_than_one_delivery_is_sent_again() -> None:
    config = DeliverConfig()
    policy = config.policy
    tried = max(schedule_length(policy.schedule), policy.disabled_after)  # the latter, behind an open breaker
    assert tried + config.disabled_limit < FORTNIGHT * SECOND
