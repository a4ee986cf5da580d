"""The files of one process: records are appended to the newest, read from the oldest, and a file goes when all of it
is done with.

    FOLDER/lock                   held for as long as the process lives (flock)
    FOLDER/done                   up to where everything is done with
    FOLDER/00000001-SALT.spool    records, see frames.py

A write that was cut short, by a kill or by a full disk, leaves a tail that is no record, and no more than that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Self

from tocsin.connectors.publish.spool.frames import MAX_RECORD, OVERHEAD, Read, frame, read_frames

LOCK, DONE = "lock", "done"
NAME = re.compile(r"(\d{8,})-([0-9a-f]{16})\.spool")
PRIVATE = 0o600
"""Nobody but the user of the service reads what it has to tell."""

_DONE = struct.Struct("<QQI")


class LogTaken(Exception):
    """Another process has the folder, or it is gone."""


@dataclass(slots=True)
class Segment:
    """A file: `since` when it was begun (seconds since the epoch; of one taken over: last written); `size` is the end
    of its last whole write, `read` and `acked` are the positions behind what was read and is done with."""

    path: Path
    number: int
    salt: bytes
    since: float
    size: int = 0
    read: int = 0
    acked: int = 0
    looked_at: int = 0


@dataclass(slots=True, eq=False)
class Log:
    """The files in a folder that this process alone may touch. `fresh`: a file was begun; `ended`: files to which
    nothing is written any more, and which the disk may not hold yet."""

    folder: Path
    lock: FileIO
    segments: deque[Segment] = field(default_factory=deque)
    taken: deque[tuple[int, bytes]] = field(default_factory=deque)
    damaged: int = 0
    file: FileIO | None = None
    next_number: int = 1
    fresh: bool = False
    ended: list[FileIO] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> Self:
        """A new folder of this process's own. Raises LogTaken when it was taken for an abandoned one, OSError."""
        folder.mkdir(mode=0o700)
        log = cls(folder, _locked(folder, os.O_RDWR | os.O_CREAT))
        log._write_done(0, 0)  # now, so that writing it takes no room when the disk is full
        return log

    @classmethod
    def take_over(cls, folder: Path) -> Self:
        """The folder of a process that has ended. Raises LogTaken, OSError."""
        log = cls(folder, _locked(folder, os.O_RDWR))
        number, offset = log._read_done()
        for path in sorted(folder.iterdir()):
            named = NAME.fullmatch(path.name)
            if named is None:
                continue
            found = path.stat()
            segment = Segment(path, int(named[1]), bytes.fromhex(named[2]), found.st_mtime, found.st_size)
            if segment.number < number:
                path.unlink()
                continue
            if segment.number == number:
                segment.read = segment.acked = min(offset, segment.size)
            log.segments.append(segment)
        return log

    @property
    def waiting(self) -> int:
        """Bytes that are not done with."""
        return sum(segment.size - segment.acked for segment in self.segments)

    @property
    def unread(self) -> bool:
        """Whether something was not read yet."""
        return any(segment.read < segment.size for segment in self.segments)

    def append(self, record: bytes, segment_bytes: int) -> None:
        """Write a record behind all others. Raises OSError, and then nothing has changed."""
        if self.file is None or self.segments[-1].size + len(record) > segment_bytes:
            self._begin()
        segment, file = self.segments[-1], self.file
        assert file is not None
        data = frame(record, segment.size, segment.salt)
        try:
            _write_all(file, data, segment.size)
        except OSError:
            try:
                file.truncate(segment.size)
            except OSError:  # what was written stays, and is damage for its reader; the next record goes elsewhere
                self._end()
            raise
        segment.size += len(data)

    def written(self) -> list[FileIO]:
        """What the disk may not hold yet, to be synced and closed beside whatever is done here. Raises OSError."""
        newest = [] if self.file is None else [FileIO(os.dup(self.file.fileno()))]
        ended, self.ended = self.ended, []
        return [*ended, *newest]

    def leave_unsynced(self) -> None:
        """Close what has ended: nobody wants to know that the disk holds it."""
        while self.ended:
            self.ended.pop().close()

    def take(self, size: int) -> list[bytes]:
        """About the next `size` bytes of records, at least one; [] when all were read. Not again before all of them are
        acknowledged, or it is rewound. Raises OSError."""
        assert not self.taken
        while self.segments:
            segment = self.segments[0]
            if segment.read >= segment.size:
                if len(self.segments) == 1:
                    return []
                self._settle()
                continue
            for record, end in self._read(segment, size):
                self.taken.append((end, record))
            if self.taken:
                return [record for _, record in self.taken]
            self._settle()
        return []

    def ack(self, count: int) -> None:
        """The first `count` of what was taken are done with; a file of which all is goes."""
        for _ in range(count):
            self.segments[0].acked, _ = self.taken.popleft()
        self._settle()

    def rewind(self) -> None:
        """What was taken and not acknowledged will be taken again."""
        self.taken.clear()
        for segment in self.segments:
            segment.read = segment.acked

    def close(self) -> None:
        """Let go; a folder that holds nothing goes too."""
        self._end()
        for file in self.ended:
            with contextlib.suppress(OSError):
                os.fdatasync(file.fileno())
        self.leave_unsynced()
        if not self.waiting:
            with contextlib.suppress(OSError):
                for segment in self.segments:
                    segment.path.unlink(missing_ok=True)
                for name in (DONE, LOCK):
                    (self.folder / name).unlink(missing_ok=True)
                self.folder.rmdir()
        self.lock.close()

    def abandon(self) -> None:
        """In the child of a fork: the files stay its parent's, who holds the lock on."""
        self.lock.close()
        self.leave_unsynced()
        if self.file is not None:
            self.file.close()

    def _begin(self) -> None:
        """Begin a file. Raises OSError."""
        self._end()
        salt = os.urandom(8)
        path = self.folder / f"{self.next_number:08}-{salt.hex()}.spool"
        self.file = _open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self.segments.append(Segment(path, self.next_number, salt, time.time()))
        self.next_number += 1
        self.fresh = True

    def _end(self) -> None:
        """The disk is not waited for: that takes long for a whole file, and the service's loop would stand still."""
        if self.file is not None:
            self.ended.append(self.file)
            self.file = None

    def _settle(self) -> None:
        """Note how far everything is done with."""
        segment = self.segments[0]
        if not self.taken:
            segment.acked = segment.read
        if segment.acked < segment.size:
            self._write_done(segment.number, segment.acked)
            return
        self.segments.popleft()
        if not self.segments and self.file is not None:  # done with, and held open it would take room on the disk
            self.file.close()
            self.file = None
        self._write_done(segment.number + 1, 0)
        with contextlib.suppress(OSError):
            segment.path.unlink()

    def _read(self, segment: Segment, size: int) -> list[tuple[bytes, int]]:
        left = segment.size - segment.read
        try:
            with segment.path.open("rb", buffering=0) as file:
                for wanted in (min(size, left), min(MAX_RECORD + OVERHEAD, left)):
                    data = os.pread(file.fileno(), wanted, segment.read)
                    ended = len(data) == left or len(data) < wanted  # or the file is shorter than it was
                    found = read_frames(data, segment.read, segment.salt, ended=ended)
                    if found.upto > segment.read:
                        break
        except FileNotFoundError:
            found, ended = Read([], left, segment.size), True
        segment.read = segment.size if ended else found.upto
        if segment.read > segment.looked_at:  # what is read again is not counted again
            segment.looked_at = segment.read
            self.damaged += found.damaged
        return found.records

    def _write_done(self, number: int, offset: int) -> None:
        """A lost note costs no record: what it would say is sent again, under the same ids."""
        place = struct.pack("<QQ", number, offset)
        with contextlib.suppress(OSError), _open(self.folder / DONE, os.O_RDWR | os.O_CREAT) as file:
            _write_all(file, place + struct.pack("<I", zlib.crc32(place)), 0)

    def _read_done(self) -> tuple[int, int]:
        try:
            data = (self.folder / DONE).read_bytes()
            number, offset, checksum = _DONE.unpack(data[: _DONE.size])
        except (OSError, struct.error):
            return 0, 0
        return (number, offset) if zlib.crc32(data[:16]) == checksum else (0, 0)


def _locked(folder: Path, flags: int) -> FileIO:
    """The lock of a folder, held. Raises LogTaken, OSError."""
    path = folder / LOCK
    try:
        lock = _open(path, flags)
    except FileNotFoundError:
        raise LogTaken from None
    try:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        there = path.stat()  # another may have taken it, found it empty and removed it meanwhile
    except (BlockingIOError, FileNotFoundError):
        lock.close()
        raise LogTaken from None
    if there.st_ino != os.fstat(lock.fileno()).st_ino:
        lock.close()
        raise LogTaken
    return lock


def _open(path: Path, flags: int) -> FileIO:
    return FileIO(os.open(path, flags | os.O_CLOEXEC, PRIVATE), "r+")


def _write_all(file: FileIO, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file.fileno(), view, at)
        view, at = view[written:], at + written
