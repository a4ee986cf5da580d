"""One child process that cannot outlive this one, even when this one is killed with SIGKILL (Linux)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from tocsin.streams.up import launch

POLL = 0.02


class Child:
    """A started command, in a session of its own: Ctrl-C at the terminal reaches only us, who drain, then stop it."""

    def __init__(
        self, command: Sequence[str], output: Path, keep_open: Sequence[int] = (), stdout: int | None = None
    ) -> None:
        """Starts `command`; stdout (unless it is given a descriptor of ours) and stderr go to the file `output`; it
        inherits the descriptors `keep_open`.

        The kernel's death signal is bound to the thread that forked, so that thread must live as long as the child: it
        is one of ours, and waits for the child's end. Raises OSError if the command cannot be started.
        """
        self._command = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *command]
        self._output = output
        self._keep_open = tuple(keep_open)
        self._stdout = stdout
        self._started: Future[subprocess.Popen[bytes]] = Future()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="tocsin-broker-parent", daemon=True).start()
        self._popen = self._started.result()

    def _run(self) -> None:
        try:
            with self._output.open("wb") as output:
                popen = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output if self._stdout is None else self._stdout,
                    stderr=output,
                    pass_fds=self._keep_open,
                    start_new_session=True,
                )
        except OSError as error:
            self._started.set_exception(error)
            return
        self._started.set_result(popen)
        popen.wait()
        self._ended.set()

    @property
    def pid(self) -> int:
        """The process id; it stays the same when the launcher becomes the command."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative = the signal that ended it."""
        return self._popen.returncode if self._ended.is_set() else None

    def send(self, signal: int) -> None:
        """Sends a signal, unless it has ended."""
        if not self._ended.is_set():
            self._popen.send_signal(signal)

    def wait(self, timeout: float) -> bool:
        """Blocks at most `timeout` seconds; whether it has ended."""
        return self._ended.wait(timeout)

    async def ended(self, timeout: float) -> bool:
        """Waits at most `timeout` seconds without blocking the loop; whether it has ended."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not self._ended.is_set() and loop.time() < deadline:  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(POLL)
        return self._ended.is_set()
