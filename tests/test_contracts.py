"""The checks do bite: each is seen to fail once, on a copy of the tree with one planted fault."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PORTIONS = ("schemas", "connectors", "streams")
TOOLS = Path(sys.executable).parent

# what is planted: file -> (text, the words of the contract that must be reported broken)
FAULTS = {
    "a rule that can wait": (
        "streams/tocsin/streams/rules/planted.py",
        "import asyncio\n",
        "rules are pure BROKEN",
    ),
    "a rule that can look at the clock": (
        "streams/tocsin/streams/rules/planted.py",
        "import time\n",
        "rules are pure BROKEN",
    ),
    "an engine that knows the rules": (
        "streams/tocsin/streams/engine/planted.py",
        "import tocsin.streams.rules.state\n",
        "the engine knows nothing of problems BROKEN",
    ),
    "an engine that knows the events": (
        "streams/tocsin/streams/engine/planted.py",
        "import tocsin.schemas.events\n",
        "the engine knows nothing of problems BROKEN",
    ),
    "an engine that knows the publisher": (
        "streams/tocsin/streams/engine/planted.py",
        "import tocsin.connectors.publish\n",
        "the engine knows nothing of problems BROKEN",
    ),
    "a Kafka client that knows the publisher": (
        "connectors/tocsin/connectors/kafka/planted.py",
        "import tocsin.connectors.publish\n",
        "the Kafka clients know nothing of problems BROKEN",
    ),
    "a sink that knows another sink": (
        "connectors/tocsin/connectors/sinks/planted.py",
        "import tocsin.connectors.sinks.memory\n",
        "sinks do not know each other BROKEN",
    ),
    "a way out that knows a sink": (
        "connectors/tocsin/connectors/egress/planted.py",
        "import tocsin.connectors.sinks.base\n",
        "the way out knows no sinks BROKEN",
    ),
    "schemas that know the streams": (
        "schemas/tocsin/schemas/planted.py",
        "import tocsin.streams.topology\n",
        "data flows one way: streams -> connectors -> schemas BROKEN",
    ),
    "processes that know the command line": (
        "streams/tocsin/streams/processes/planted.py",
        "import tocsin.streams.cli.output\n",
        "streams: every package has its layer BROKEN",
    ),
    "a package that knows another of its layer": (
        "streams/tocsin/streams/telemetry/planted.py",
        "import tocsin.streams.silences.silences\n",
        "streams: every package has its layer BROKEN",
    ),
    "a module without a layer": (
        "streams/tocsin/streams/planted.py",
        "import tocsin.streams.topology\n",
        "streams: every package has its layer BROKEN",
    ),
    "a stage that knows what comes after it": (
        "streams/tocsin/streams/rules/stages/planted.py",
        "import tocsin.streams.rules.decide\n",
        "rules: what is decided later stands above BROKEN",
    ),
    "a library for services that knows a sink": (
        "connectors/tocsin/connectors/mediation/planted.py",
        "import tocsin.connectors.sinks.memory\n",
        "libraries for services know neither gateway nor sinks BROKEN",
    ),
    "a library for services that needs an extra": (
        "connectors/tocsin/connectors/web5/planted.py",
        "import aiohttp\n",
        "libraries for services know neither gateway nor sinks BROKEN",
    ),
    "connectors that know the streams": (
        "connectors/tocsin/connectors/planted.py",
        "import tocsin.streams.topology\n",
        "data flows one way: streams -> connectors -> schemas BROKEN",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source trees and their configuration, free to be spoilt."""
    for portion in PORTIONS:
        shutil.copytree(
            ROOT / portion / "tocsin", tmp_path / portion / "tocsin", ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _run(tool: str, *arguments: str, within: Path) -> tuple[int, str]:
    path = os.pathsep.join(str(within / portion) for portion in PORTIONS)
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1"}
    command = [str(TOOLS / tool), *arguments]
    done = subprocess.run(
        command, cwd=within, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    return done.returncode, done.stdout + done.stderr


def test_the_contracts_hold_as_it_is(copy: Path) -> None:
    code, output = _run("lint-imports", "--no-cache", within=copy)
    assert code == 0, output


@pytest.mark.parametrize(("file", "text", "broken"), FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_import_breaks_its_contract(copy: Path, file: str, text: str, broken: str) -> None:
    (copy / file).write_text(text)
    code, output = _run("lint-imports", "--no-cache", within=copy)
    assert code == 1, output
    assert broken in output
    assert "planted" in output


def test_mypy_refuses_a_planted_error(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "planted.py").write_text("def twice(text):\n    return text * 2\n\n\nnumber: int = 'one'\n")
    code, output = _run("mypy", "planted.py", within=tmp_path)
    assert code == 1, output
    assert "no-untyped-def" in output
    assert "[assignment]" in output


def test_ruff_refuses_planted_faults(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "planted.py").write_text("import os\nx = {  'a':1}\n")
    assert _run("ruff", "check", "--no-cache", "planted.py", within=tmp_path)[0] == 1
    assert _run("ruff", "format", "--no-cache", "--check", "planted.py", within=tmp_path)[0] == 1
