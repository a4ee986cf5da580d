"""Runs `tocsin` as people do: a process of its own, with nothing set but what the test sets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    """`tocsin("publish", "-", stdin="...", BOOTSTRAP="...")`: keywords in capitals are TOCSIN_ variables."""

    def run(*arguments: str, stdin: str | bytes = "", **variables: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        chosen = {f"TOCSIN_{name}": value for name, value in ({"HOME": str(tmp_path / "home")} | variables).items()}
        ended = subprocess.run(
            [sys.executable, "-m", "tocsin.streams.cli.main", *arguments],
            input=stdin if isinstance(stdin, bytes) else stdin.encode(),
            capture_output=True,
            cwd=tmp_path,
            env=clean | chosen | {"COLUMNS": "200", "PYTHONWARNINGS": "error::DeprecationWarning:tocsin"},
            timeout=90,
        )
        out, err = ended.stdout.decode(), ended.stderr.decode()
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(ended.args, ended.returncode, out, err)

    return run
