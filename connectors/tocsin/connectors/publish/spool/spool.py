"""The spool: what could not be sent yet, on disk, in order, until it is done with.

Each process writes files of its own, in a folder of its own below the spool's; that of a process which has ended is
taken over, and emptied before what is newer. After a fork the child begins its own; what was there stays its parent's.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import threading
import uuid
import weakref
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Literal

from tocsin.connectors.publish.spool.frames import MAX_RECORD, OVERHEAD
from tocsin.connectors.publish.spool.log import NAME, Log, LogTaken

log = logging.getLogger("tocsin.publish")

Sync = Literal["always", "second", "never"]
"""When the disk itself has a record: before its publication returns, about a second later, or when the system likes. A
process that is killed loses nothing in either case; a machine that loses power may, but for `always`."""

SEGMENT = 4 * 1024 * 1024
SMALLEST = 64 * 1024
LOOKED_AGAIN = 1.0
"""Seconds after which a full spool looks whether others have made room."""


class SpoolUnusable(OSError):
    """The folder cannot be one of a spool; the message says why, and what to do."""


class SpoolFull(OSError):
    """There is no room for the record: the spool's bytes, or the disk's. Nothing was written."""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """`waiting`: bytes of this process that are not sent, taken over ones included; `since`: when the oldest of them
    was written, about (seconds since the epoch; None when there is nothing). `taken_over`: folders of ended
    processes. `damaged`: bytes that were no record: writes that were cut short, faults of the disk."""

    waiting: int
    since: float | None
    taken_over: int
    damaged: int


class Spool:
    """Records below `folder`, at most `max_bytes` by all processes together (each may be a file's size over). `kind`
    keeps records apart that only their own kind of publisher can send. May be used from several threads."""

    def __init__(
        self,
        folder: Path | str,
        *,
        kind: str = "kafka",
        max_bytes: int = 256 * 1024 * 1024,
        sync: Sync = "second",
    ) -> None:
        if sync not in ("always", "second", "never"):
            raise ValueError(f"sync={sync!r}: always, second or never is expected")
        if max_bytes < SMALLEST:
            raise ValueError(f"max_bytes={max_bytes}: at least {SMALLEST} is expected")
        self.folder, self.sync_when = Path(folder).expanduser(), sync
        self.kind, self._max_bytes = kind, max_bytes
        self._segment_bytes = min(SEGMENT, max_bytes // 4)
        self._begin()
        _SPOOLS.add(self)

    def _begin(self) -> None:
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._own: Log | None = None
        self._abandoned: deque[Log] = deque()
        self._from: Log | None = None
        self._dirty = False
        self._others = self._next_look = 0
        self._looked_at = 0.0
        self._damaged_before = 0
        self._written = self._unsure_upto = 0

    def prepare(self) -> None:
        """Make the folder, and take over what ended processes left there. Raises SpoolUnusable."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.folder.stat().st_mode
        except OSError as error:
            raise SpoolUnusable(f"the spool {self.folder} cannot be made: {error.strerror or error}") from error
        if mode & 0o022:
            raise SpoolUnusable(f"anybody may write to the spool {self.folder}: run: chmod go-w {self.folder}")
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise SpoolUnusable(f"the spool {self.folder} cannot be written: it must belong to this user")
        self.take_over()

    def append(self, record: bytes) -> None:
        """Keep a record. Raises SpoolFull; what was there is as it was."""
        if len(record) > MAX_RECORD:
            raise SpoolFull(f"a record of {len(record)} bytes is too large for a spool")
        with self._lock:
            size = len(record) + OVERHEAD
            if self._used(size) + size > self._max_bytes:
                raise SpoolFull(f"{self.folder} holds its {self._max_bytes} bytes already")
            try:
                own = self._own = self._own or self._make()
                own.append(record, self._segment_bytes)
                if self.sync_when == "never":
                    own.leave_unsynced()
            except OSError as error:
                raise SpoolFull(f"{self.folder}: {error.strerror or error}") from error
            self._written += size
            self._dirty = True

    def sync(self) -> None:
        """Have the disk hold what was appended so far, unless nobody wants that. Raises OSError to all whose records
        were in an attempt that failed."""
        if self.sync_when == "never":
            return
        wanted = self._written
        with self._syncing:  # whoever comes meanwhile waits, and most often finds it done
            self._sync()
            if 0 < wanted <= self._unsure_upto:  # a system says once that it lost something, and then no more
                raise OSError(errno.EIO, "the disk did not take all that was written")

    def _sync(self) -> None:
        with self._lock:
            own, upto = self._own, self._written
            if own is None or not self._dirty:
                return
            written, fresh, unsure = own.written(), own.fresh, False
            self._dirty = own.fresh = False
        try:
            for file in written:
                os.fdatasync(file.fileno())
            if fresh and self.sync_when == "always":  # a file that no folder names is lost with the power, too
                for folder in (own.folder, self.folder):
                    _sync_folder(folder)
        except OSError:
            unsure = True
        finally:
            for file in written:
                file.close()
        if unsure:
            self._unsure_upto = upto

    def take(self, size: int) -> list[bytes]:
        """About the next `size` bytes of records, the oldest first; [] when there is none. To be followed by `ack` of
        all of them, or by `rewind`. Raises OSError."""
        with self._lock:
            for source in [*self._abandoned, *([self._own] if self._own else [])]:
                found = self._take_from(source, size)
                if found:
                    self._from = source
                    return found
            return []

    def ack(self, count: int) -> None:
        """The first `count` of what was taken are done with."""
        with self._lock:
            if self._from is not None:
                self._from.ack(count)

    def rewind(self) -> None:
        """What was taken and not acknowledged is to be taken again."""
        with self._lock:
            if self._from is not None:
                self._from.rewind()

    def take_over(self) -> None:
        """Look for folders of processes that have ended."""
        with self._lock:
            mine = {one.folder for one in self._abandoned} | ({self._own.folder} if self._own else set())
            for folder in sorted(self.folder.glob(f"{self.kind}-*")):
                if folder not in mine:
                    with contextlib.suppress(LogTaken, OSError):
                        self._abandoned.append(Log.take_over(folder))

    @property
    def unread(self) -> bool:
        """Whether something was not taken yet."""
        return bool(self._abandoned) or (self._own is not None and self._own.unread)

    @property
    def state(self) -> SpoolState:
        """What is in it."""
        with self._lock:
            logs = [*self._abandoned, *([self._own] if self._own else [])]
            return SpoolState(
                waiting=sum(one.waiting for one in logs),
                since=min(
                    (each.since for one in logs for each in one.segments if each.acked < each.size), default=None
                ),
                taken_over=len(self._abandoned),
                damaged=self._damaged_before + sum(one.damaged for one in logs),
            )

    def close(self) -> None:
        """Let go of everything; what is left is for the next process, or the next Spool."""
        with self._lock:
            for one in [*self._abandoned, *([self._own] if self._own else [])]:
                self._damaged_before += one.damaged
                one.close()
            self._abandoned.clear()
            self._own = self._from = None

    def after_fork(self) -> None:
        """In the child: begin anew. Locks that another thread of the parent held are held for ever here."""
        for one in [*self._abandoned, *([self._own] if self._own else [])]:
            one.abandon()
        self._begin()

    def _make(self) -> Log:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            folder = self.folder / f"{self.kind}-{uuid.uuid4().hex}"
            try:
                return Log.make(folder)
            except LogTaken:
                continue
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    def _used(self, more: int) -> int:
        """Bytes in the spool: ours exactly, those of other processes looked at whenever a file's worth was written, and
        now and then when there is no room for so many more."""
        logs = [*self._abandoned, *([self._own] if self._own else [])]
        ours = sum(segment.size for one in logs for segment in one.segments)
        full = ours + self._others + more > self._max_bytes
        if self._written >= self._next_look or (full and monotonic() - self._looked_at >= LOOKED_AGAIN):
            self._next_look, self._looked_at = self._written + self._segment_bytes, monotonic()
            mine = {one.folder for one in logs}
            self._others = sum(map(_size, (path for path in self.folder.glob("*/*") if path.parent not in mine)))
        return self._others + ours

    def _take_from(self, source: Log, size: int) -> list[bytes]:
        before = source.damaged
        try:
            found = source.take(size)
        except OSError as error:
            if source is self._own:
                raise
            log.error("%s cannot be read (%s): left as it is", source.folder, error.strerror or error)
            found = []
        if source.damaged > before:
            log.warning("%s: %d bytes were no record: left out", source.folder, source.damaged - before)
        if not found and source is not self._own:
            self._let_go(source)
        return found

    def _let_go(self, source: Log) -> None:
        self._abandoned.remove(source)
        self._damaged_before += source.damaged
        source.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if NAME.fullmatch(path.name) else 0
    except OSError:
        return 0


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_SPOOLS: weakref.WeakSet[Spool] = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_SPOOLS):
        spool.after_fork()


os.register_at_fork(after_in_child=_after_fork)
