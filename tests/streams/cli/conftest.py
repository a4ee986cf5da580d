"""Runs `tocsin` with nothing set but what the test sets: in this process, or as people do, in one of its own."""

from __future__ import annotations

import gc
import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tocsin.streams.cli.main import main

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
Run = Callable[[list[str], bytes, Mapping[str, str], Path], "tuple[int, bytes, bytes]"]


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    """`tocsin("publish", "-", stdin="...", BOOTSTRAP="...")`: keywords in capitals are TOCSIN_ variables."""
    return _runner(_in_this_process, tmp_path)


@pytest.fixture
def tocsin_process(tmp_path: Path) -> Tocsin:
    """The same as a process of its own, which takes a second or more."""
    return _runner(_as_a_process, tmp_path)


def _runner(run: Run, folder: Path) -> Tocsin:
    def tocsin(*arguments: str, stdin: str | bytes = "", **variables: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        chosen = {f"TOCSIN_{name}": value for name, value in ({"HOME": str(folder / "home")} | variables).items()}
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        code, out, err = run(list(arguments), given, clean | chosen | {"COLUMNS": "200"}, folder)
        assert b"Traceback" not in err, err.decode()
        return subprocess.CompletedProcess(arguments, code, out.decode(), err.decode())

    return tocsin


def _as_a_process(
    arguments: list[str], stdin: bytes, environment: Mapping[str, str], folder: Path
) -> tuple[int, bytes, bytes]:
    ended = subprocess.run(
        [sys.executable, "-m", "tocsin.streams.cli.main", *arguments],
        input=stdin,
        capture_output=True,
        cwd=folder,
        env={**environment, "PYTHONWARNINGS": "error::DeprecationWarning:tocsin"},
        timeout=90,
    )
    return ended.returncode, ended.stdout, ended.stderr


def _in_this_process(
    arguments: list[str], stdin: bytes, environment: Mapping[str, str], folder: Path
) -> tuple[int, bytes, bytes]:
    standard = {"stdin": stdin, "stdout": b"", "stderr": b""}
    streams = {name: io.TextIOWrapper(io.BytesIO(content), "utf-8") for name, content in standard.items()}
    replaced: dict[str, Any] = {"argv": ["tocsin", *arguments], **streams}
    with (
        patch.multiple(sys, **replaced),
        patch.dict(os.environ, environment, clear=True),
        _within(folder),
        _logging_and_signals_kept(),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    code = ended.value.code
    out, err = (_written(streams[name]) for name in ("stdout", "stderr"))
    return code if isinstance(code, int) else 0, out, err


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    written = stream.buffer
    assert isinstance(written, io.BytesIO)
    return written.getvalue()


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _logging_and_signals_kept() -> Iterator[None]:
    gc.freeze()  # so that the collection below is of what the command made, and quick
    root = logging.getLogger()
    handlers, level, hangup = root.handlers[:], root.level, signal.getsignal(signal.SIGHUP)
    try:
        yield
    finally:
        gc.collect()  # what was not closed complains now, on the stderr of this command
        gc.unfreeze()
        root.handlers[:] = handlers
        root.setLevel(level)
        signal.signal(signal.SIGHUP, hangup)
