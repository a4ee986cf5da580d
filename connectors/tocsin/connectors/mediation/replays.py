"""Which messages came before, by the digest of the encrypted message: a replay is scenario G1."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from os import PathLike
from typing import Protocol

WEEK = 7 * 86_400.0
"""Seconds for which a digest is kept, unless you say otherwise."""
MOST = 1_000_000
"""Digests that are kept, unless you say otherwise; the oldest go first."""


class Replays(Protocol):
    """Remembers digests. A store of your own (a database that several mediators share) has these two methods."""

    def is_new(self, digest: str) -> bool:
        """Whether the digest comes for the first time; then it is known. Of two callers at once, one is first."""
        ...

    def forget(self, digest: str) -> None:
        """Let the message come again: it could not be dealt with, and its sender was asked to send it once more."""
        ...


class MemoryReplays:
    """In memory: at most `most` digests, each for `within` seconds of `clock`. A restart forgets them."""

    def __init__(self, *, within: float = WEEK, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        self._within, self._most, self._clock = within, most, clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_new(self, digest: str) -> bool:
        now, seen = self._clock(), self._seen
        while seen and (len(seen) > self._most or next(iter(seen.values())) <= now - self._within):
            seen.popitem(last=False)
        if digest in seen:
            return False
        seen[digest] = now
        if len(seen) > self._most:
            seen.popitem(last=False)
        return True

    def forget(self, digest: str) -> None:
        self._seen.pop(digest, None)


class SqliteReplays:
    """In an SQLite file (about `most` digests), which processes of one machine may share; it outlives them. Calls take
    well under a millisecond and wait at most `wait` seconds for another process. Raises sqlite3.Error: the file
    cannot be used."""

    def __init__(
        self,
        file: str | PathLike[str],
        *,
        within: float = WEEK,
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

    def is_new(self, digest: str) -> bool:
        now = self._clock()
        with self._lock:
            run = self._database.execute
            run("BEGIN IMMEDIATE")  # no other process may come between looking and noting
            try:
                run("DELETE FROM seen WHERE at <= ?", (now - self._within,))
                new = run("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, now)).rowcount == 1
                if new:
                    self._make_room()
            except BaseException:
                run("ROLLBACK")
                raise
            run("COMMIT")
        return new

    def forget(self, digest: str) -> None:
        with self._lock:
            self._database.execute("DELETE FROM seen WHERE digest = ?", (digest,))

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
