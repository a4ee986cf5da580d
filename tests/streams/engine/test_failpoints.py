"""A failpoint kills for good, the nth time, and leaves its trace first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.streams.engine.failpoints import failpoint_from

PROGRAM = """
from tocsin.streams.engine.failpoints import failpoint_from
pass_by = failpoint_from("tick_written:2")
for place in ("batch_folded", "tick_written", "batch_folded", "tick_written"):
    print(place, flush=True)
    pass_by(place)
print("survived")
"""


def test_it_strikes_the_nth_time_and_leaves_a_trace(tmp_path: Path) -> None:
    environment = os.environ | {"TOCSIN_FAILPOINT_TRACE": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == ["batch_folded", "tick_written"] * 2
    assert [trace.name for trace in tmp_path.iterdir()] == ["tick_written"]


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no failpoint is called 'nowhere'"):
        failpoint_from("nowhere:1")
