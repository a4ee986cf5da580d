"""`tocsin demo`: what a newcomer sees first."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def environment_without_tocsin() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_every_report_arrives(bootstrap: str) -> None:
    the_story_is_told(environment_without_tocsin() | {"TOCSIN_BOOTSTRAP": bootstrap})


@pytest.mark.kafka
@pytest.mark.timeout(400)
def test_the_wheel_is_enough(tmp_path: Path) -> None:
    """What `pipx run --spec 'tocsin[all]' tocsin demo` does: the wheel in an empty environment, in another folder, with
    neither a Kafka nor a Java of this machine."""
    python = installed(tmp_path)
    environment = environment_without_tocsin() | {"PATH": str(tmp_path)}
    for name in ("JAVA_HOME", "PYTHONPATH", "VIRTUAL_ENV"):
        environment.pop(name, None)
    the_story_is_told(environment, python, tmp_path)


def installed(folder: Path) -> Path:
    """The Python of a new environment with nothing but the wheel and what it asks for, as it is locked."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
                   cwd=ROOT, check=True, capture_output=True)  # fmt: skip
    [wheel] = folder.glob("*.whl")
    pinned = re.findall(
        r"^\S+==[^\s;\\]+(?: ;[^\\\n]*)?", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE
    )
    (folder / "pinned.txt").write_text("\n".join(pinned))
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder / "empty"], check=True)
    python = folder / "empty" / "bin" / "python"
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, "-c", folder / "pinned.txt", f"{wheel}[all]"], check=True
    )
    return python


def the_story_is_told(
    environment: dict[str, str], python: Path = Path(sys.executable), folder: Path | None = None
) -> None:
    command = [str(python), "-m", "tocsin.streams.cli.main", "demo", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, cwd=folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    *steps, end = [json.loads(line) for line in ended.stdout.splitlines()]
    assert end["ok"] is True
    assert all(step["ok"] for step in steps)
    received = [step["step"] for step in steps if step["step"].startswith("receive ")]
    assert received == ["receive canonical", "receive rfc9457", "receive didcomm-2.0", "receive from Python"]
    assert "5 events = 3 routed + 1 unrouted + 1 suppressed; 4 deliveries = 4 delivered" in steps[-1]["detail"]
