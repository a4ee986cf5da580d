"""The status line on a real terminal: it gives the cursor back, however the command ends."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"

# what the command does with it
ENDS = {
    "to its end": "pass",
    "with a step after its end": "after = True",
    "by an exception": "raise SystemExit(3)",
    "by Ctrl-C": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
}
SCRIPT = """
from tocsin.streams.cli.progress import StatusLine
after = False
with StatusLine() as progress:
    progress.step("starting")
    {end}
progress.step("stopped")
"""


@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
def test_the_cursor_is_back(end: str) -> None:
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(end=end)],
        stderr=its, stdout=its, stdin=its, env=os.environ | {"TERM": "xterm"},
    )  # fmt: skip
    os.close(its)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait(60)
    assert HIDDEN in seen
    assert seen.rfind(SHOWN) > seen.rfind(HIDDEN)
