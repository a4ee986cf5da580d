"""What failed is run once more where that was asked for, and is never passed over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ONCE = """
from pathlib import Path
import pytest

def first_time(name):
    there = Path(name).exists()
    Path(name).touch()
    return not there

def test_passes():
    pass

@pytest.mark.parametrize("name", ["a b", "c"])
def test_once(name):
    assert not first_time(name)
"""
ALWAYS = "\ndef test_always():\n    assert False\n"

UNREADABLE = "import nothing_of_this_name"
TWO = ("-p", "xdist", "-n", "2")
"""Processes of their own."""

# the tests, how many may be run again, how they run, another file of tests, the exit code, what is said, what is not
RUNS = {
    "nothing is run again by itself": (ONCE, 0, (), "", 1, "2 failed", "once more"),
    "two that pass then": (ONCE, 2, TWO, "", 0, "FLAKY test_it.py::test_once[a b]", "3 passed"),
    "more than may be": (ONCE, 1, (), "", 1, "2 failed", "once more"),
    "one fails again": (ONCE + ALWAYS, 3, (), "", 1, "1 failed, 2 passed", "FLAKY"),
    "all pass": ("def test_it():\n    pass", 3, (), "", 0, "1 passed", "once more"),
    "no test": ("", 3, (), "", 5, "no tests ran", "once more"),
    "it cannot be read": (UNREADABLE, 3, (), "", 2, "1 error", "once more"),
    "another file cannot be read": (ONCE, 3, TWO, UNREADABLE, 1, "2 failed, 1 passed, 1 error", "once more"),
}


@pytest.mark.parametrize(
    ("tests", "most", "processes", "other", "code", "said", "unsaid"), list(RUNS.values()), ids=list(RUNS)
)
def test_a_run(
    tests: str, most: int, processes: tuple[str, ...], other: str, code: int, said: str, unsaid: str, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(tests)
    (tmp_path / "test_other.py").write_text(other)
    (tmp_path / "pytest.ini").touch()
    done = subprocess.run(
        [sys.executable, "-m", "tests.again", "--most", str(most), "-m", "not kafka", *processes],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "yes"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout
    assert unsaid not in done.stdout
