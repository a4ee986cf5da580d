"""Has imported what the processes of the bus import, and forks one whenever a test asks: the imports, two or more CPU
seconds a process, are done once.

What is forked is a process as any other: its own pid, environment, folder and output, and nothing of the bus has run
in it. Its parent is a copy of the server that waits for its end and says how it ended. Started by `forking`.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from importlib import import_module
from typing import Any

from tocsin.streams.cli.main import COMMANDS
from tocsin.streams.processes.lifecycle import PROCESSES

LARGEST = 1 << 20
"""Bytes of a request."""


def main() -> None:
    """Serve requests from the socket on standard input until it is closed; what was asked for is run here, in the
    process that was forked for it."""
    control = socket.socket(fileno=os.dup(0))
    _import_everything()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the tests; they close the socket
    request = _serve(control)
    if request is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        exec(request["code"], {"__name__": "__main__"})


def _import_everything() -> None:
    for module, _ in COMMANDS.values():
        import_module(f"tocsin.streams.cli.{module}")
    for path in PROCESSES.values():
        import_module(path.partition(":")[0])
    assert threading.active_count() == 1, "a thread would be missing in what is forked"
    gc.collect()
    gc.freeze()  # what is shared stays shared


def _serve(control: socket.socket) -> dict[str, Any] | None:
    while True:
        asked, descriptors, _, _ = socket.recv_fds(control, LARGEST, 4)
        if not asked:
            return None
        if os.fork() == 0:
            control.close()
            return _forked(json.loads(asked), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        while _ended_keeper():
            pass


def _ended_keeper() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _forked(request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    """Returns in the process that was asked for; the one between says on the last descriptor its pid, then its end."""
    *standard, told = descriptors
    pid = os.fork()
    if pid:
        for descriptor in (0, 1, 2, *standard):
            os.close(descriptor)
        os.write(told, b"%d\n" % pid)
        os.write(told, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os._exit(0)
    os.close(told)
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = ["-c", *request["arguments"]]
    return request


if __name__ == "__main__":
    main()
