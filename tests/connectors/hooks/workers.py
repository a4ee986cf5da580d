"""Real workers as processes: the program of a page with more jobs below it, whose bus is a gateway of the test's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.connectors.hooks.told import LONG

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[3]


def page(framework: str) -> str:
    """The program that docs/frameworks.md prints for a framework."""
    text = (ROOT / "docs" / "frameworks.md").read_text("utf-8")
    chapter = text.partition(f"## {framework}")[2].partition("\n## ")[0]
    return chapter.partition("```python\n")[2].partition("```")[0]


def write(folder: Path, framework: str, name: str, bus: str, more: str = "", *, broker: str = "") -> None:
    """The program of the page as the file that it says, for a bus and a broker of the test's."""
    program = page(framework)
    assert program.startswith(f"# {name}\n")
    program = program.replace("localhost:9092", bus).replace("redis://localhost:6379/0", broker)
    (folder / name).write_text(program + more)


class Worker:
    """A process of the service in `folder`, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process, self._output = process, output

    @property
    def said(self) -> str:
        return self._output.read_text("utf-8", "replace")

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code, once it is told to end."""
        self.process.send_signal(how)
        return self.process.wait(LONG)


@contextmanager
def running(folder: Path, *command: str, **environment: str) -> Iterator[Worker]:
    """One that runs in this folder: a program of the environment of the tests."""
    output = folder / f"{command[0]}.out"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            cwd=folder,
            env=_environment(folder, environment),
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Worker(process, output)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # with those that it forked
            process.wait(LONG)


def call(folder: Path, code: str, **environment: str) -> str:
    """What a program of a few lines says, that calls jobs of the service in this folder."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=_environment(folder, environment),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    usual = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    return {**usual, "TOCSIN_SPOOL": str(folder / "spool"), "PYTHONPATH": str(folder), "TZ": "UTC", **more}
