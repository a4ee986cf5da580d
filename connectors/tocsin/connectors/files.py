"""Files that a configuration names, read so that nothing can hang or flood the process."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_file(file: Path, limit: int) -> bytes:
    """At most the first `limit` bytes of a regular file. Raises OSError; a FIFO, a device or a socket is refused
    without waiting for anybody to write to it."""
    opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(opened, "rb") as stream:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(file))
        return stream.read(limit)


def stamp_of(file: Path) -> object:
    """Something that is another after each change of the file; None when it cannot be looked at."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
