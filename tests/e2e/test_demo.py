"""`tocsin demo`: what a newcomer sees first."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_every_report_arrives(bootstrap: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tocsin.streams.cli", "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"TOCSIN_BOOTSTRAP": bootstrap},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    *steps, end = [json.loads(line) for line in ended.stdout.splitlines()]
    assert end["ok"] is True
    assert all(step["ok"] for step in steps)
    received = [step["step"] for step in steps if step["step"].startswith("receive ")]
    assert received == ["receive canonical", "receive rfc9457", "receive didcomm-2.0", "receive from Python"]
    assert "5 events = 3 routed + 1 unrouted + 1 suppressed; 4 deliveries = 4 delivered" in steps[-1]["detail"]
