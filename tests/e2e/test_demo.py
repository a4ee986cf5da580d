"""`tocsin demo`: what a newcomer sees first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def environment_without_tocsin() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_every_report_arrives(bootstrap: str) -> None:
    the_story_is_told(environment_without_tocsin() | {"TOCSIN_BOOTSTRAP": bootstrap})


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_it_needs_neither_a_kafka_nor_a_java_of_this_machine(tmp_path: Path) -> None:
    environment = environment_without_tocsin() | {"PATH": str(tmp_path)}
    environment.pop("JAVA_HOME", None)
    the_story_is_told(environment)


def the_story_is_told(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tocsin.streams.cli.main", "demo", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    *steps, end = [json.loads(line) for line in ended.stdout.splitlines()]
    assert end["ok"] is True
    assert all(step["ok"] for step in steps)
    received = [step["step"] for step in steps if step["step"].startswith("receive ")]
    assert received == ["receive canonical", "receive rfc9457", "receive didcomm-2.0", "receive from Python"]
    assert "5 events = 3 routed + 1 unrouted + 1 suppressed; 4 deliveries = 4 delivered" in steps[-1]["detail"]
