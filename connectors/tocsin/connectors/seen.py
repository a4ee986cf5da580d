"""Which ids came before: of webhooks (`webhook-id`), of encrypted messages (their digest; a replay is scenario G1).

What an id stands for is done first and noted then, as `once` does it: a process that is killed in between does it
again, while one that notes first would never do it (docs/receivers.md#each-delivery-once).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Protocol

FORTNIGHT = 14 * 86_400.0
"""Seconds for which an id is kept, unless you say otherwise: longer than the bus sends one delivery again by
itself, which is 78 hours of retries and five days while its endpoint is off."""
MOST = 1_000_000
"""Ids that are kept, unless you say otherwise; the oldest go first."""


class SeenIds(Protocol):
    """Remembers ids. A store of your own (a database that several services share) has these three methods."""

    def knows(self, one: str) -> bool:
        """Whether the id is known."""
        ...

    def is_new(self, one: str) -> bool:
        """Whether the id comes for the first time; then it is known. Of two callers at once, one is first."""
        ...

    def forget(self, one: str) -> None:
        """Let the id come again: it could not be dealt with, and its sender was asked to send it once more."""
        ...


@contextmanager
def once(seen: SeenIds, one: str) -> Iterator[bool]:
    """`with once(seen, webhook_id) as new:` whether the id is new. It is noted when the block ends well: what raises
    in it, or is killed, comes again. Two that run at once for one id may both be told so (at least once)."""
    new = not seen.knows(one)
    yield new
    if new:
        seen.is_new(one)


class MemorySeenIds:
    """In memory: at most `most` ids, each for `within` seconds of `clock`. A restart forgets them.
    Threads may share it."""

    def __init__(self, *, within: float = FORTNIGHT, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        self._within, self._most, self._clock = within, most, clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()

    def knows(self, one: str) -> bool:
        at = self._seen.get(one)
        return at is not None and at > self._clock() - self._within

    def is_new(self, one: str) -> bool:
        now, seen = self._clock(), self._seen
        with self._lock:
            while seen and next(iter(seen.values())) <= now - self._within:
                seen.popitem(last=False)
            if one in seen:
                return False
            seen[one] = now
            if len(seen) > self._most:
                seen.popitem(last=False)
            return True

    def forget(self, one: str) -> None:
        with self._lock:
            self._seen.pop(one, None)


class SqliteSeenIds:
    """In an SQLite file (about `most` digests), which processes of one machine may share; it outlives them. Calls take
    well under a millisecond and wait at most `wait` seconds for another process. Raises sqlite3.Error: the file
    cannot be used."""

    def __init__(
        self,
        file: str | PathLike[str],
        *,
        within: float = FORTNIGHT,
        most: int = MOST,
        clock: Callable[[], float] = time.time,
        wait: float = 5.0,
    ) -> None:
        self._within, self._most, self._clock = within, most, clock
        self._lock = threading.Lock()
        self._uncounted = 0
        self._database = sqlite3.connect(file, timeout=wait, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("CREATE TABLE IF NOT EXISTS seen (digest TEXT PRIMARY KEY, at REAL) WITHOUT ROWID")
        self._database.execute("CREATE INDEX IF NOT EXISTS seen_at ON seen (at)")

    def knows(self, one: str) -> bool:
        with self._lock:
            found = self._database.execute("SELECT at FROM seen WHERE digest = ?", (one,)).fetchone()
        return found is not None and found[0] > self._clock() - self._within

    def is_new(self, one: str) -> bool:
        now = self._clock()
        with self._lock:
            run = self._database.execute
            run("BEGIN IMMEDIATE")  # no other process may come between looking and noting
            try:
                run("DELETE FROM seen WHERE at <= ?", (now - self._within,))
                new = run("INSERT OR IGNORE INTO seen VALUES (?, ?)", (one, now)).rowcount == 1
                if new:
                    self._make_room()
            except BaseException:
                run("ROLLBACK")
                raise
            run("COMMIT")
        return new

    def forget(self, one: str) -> None:
        with self._lock:
            self._database.execute("DELETE FROM seen WHERE digest = ?", (one,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _make_room(self) -> None:
        # Counting a million rows at each message would be dear.
        self._uncounted += 1
        if self._uncounted <= self._most // 100:
            return
        self._uncounted = 0
        run = self._database.execute
        (held,) = run("SELECT count(*) FROM seen").fetchone()
        if held > self._most:
            oldest = "SELECT digest FROM seen ORDER BY at LIMIT ?"
            run(f"DELETE FROM seen WHERE digest IN ({oldest})", (held - self._most,))
