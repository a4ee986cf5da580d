"""Starts commands of `tocsin` as processes that are forked from one that has imported them (`fork_server`): where
the system can do that well, which is Linux."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO


class _Pipe:
    """The end of a pipe that is read into `reader` as it comes, until it is closed."""

    def __init__(self, end: int) -> None:
        self.reader = asyncio.StreamReader()
        self._end, self._open = end, True
        self._loop = asyncio.get_running_loop()
        os.set_blocking(end, False)
        self._loop.add_reader(end, self._read)

    def _read(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            if content := os.read(self._end, 1 << 16):
                self.reader.feed_data(content)
                return True
            self._close()
        return False

    def _close(self) -> None:
        self._open = False
        self._loop.remove_reader(self._end)
        os.close(self._end)
        self.reader.feed_eof()

    def close(self) -> None:
        """What is in it is read; nothing that comes later is."""
        while self._open and self._read():
            pass
        if self._open:
            self._close()


class Forked:
    """A process of the command line. What there is of `asyncio.subprocess.Process`, it has."""

    def __init__(self, pid: int, out: _Pipe, told: _Pipe) -> None:
        self.pid = pid
        self.stdout: asyncio.StreamReader | None = out.reader
        self.returncode: int | None = None
        self._end = asyncio.ensure_future(self._ended(out, told))

    async def _ended(self, out: _Pipe, told: _Pipe) -> int:
        self.returncode = int(await told.reader.readline())
        told.close()
        out.close()
        return self.returncode

    async def wait(self) -> int:
        """Its exit code, once it has ended: the number of the signal that ended it, negative."""
        return await asyncio.shield(self._end)

    async def communicate(self) -> tuple[bytes, None]:
        """All that it writes, once it has ended."""
        assert self.stdout is not None
        written = await self.stdout.read()
        await self.wait()
        return written, None

    def send_signal(self, number: int) -> None:
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Process = Forked | asyncio.subprocess.Process


async def start(
    code: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, stderr: BinaryIO | None = None
) -> Process:
    """Run `code` with these arguments; without `stderr`, what it says there is in its standard output."""
    if sys.platform == "linux":
        return await _forked(code, arguments, environment, folder, stderr)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, env=environment, cwd=folder, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT if stderr is None else stderr,
    )  # fmt: skip


async def _forked(
    code: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, stderr: BinaryIO | None
) -> Forked:
    request = {"code": code, "arguments": arguments, "environment": dict(environment), "folder": str(folder)}
    (out, out_end), (told, told_end) = os.pipe(), os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    error = out_end if stderr is None else stderr.fileno()
    try:
        socket.send_fds(_server(), [json.dumps(request).encode()], [nothing, out_end, error, told_end])
    finally:
        for end in (nothing, out_end, told_end):
            os.close(end)
    telling = _Pipe(told)
    return Forked(int(await telling.reader.readline()), _Pipe(out), telling)


@functools.cache
def _server() -> socket.socket:
    """The one of this process of tests, which ends with it."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    root = Path(__file__).parents[2]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.fork_server"], stdin=its.fileno(), cwd=root, env=clean
    )
    its.close()

    def end() -> None:
        ours.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)

    atexit.register(end)
    return ours
