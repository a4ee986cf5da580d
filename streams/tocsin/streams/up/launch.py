"""Runs as a program of its own: ties itself to its parent's life, then becomes the command that it was given.

`launch.py PARENT_PID COMMAND...`. On Linux the kernel kills it, whatever it has become by then, when the *thread* that
started it ends (prctl PR_SET_PDEATHSIG); elsewhere it does nothing. A program and not a `preexec_fn`, because
Python code between fork and exec may deadlock in a process with threads.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Never returns: the process becomes `command`, or ends with 1 when the parent is gone already."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
