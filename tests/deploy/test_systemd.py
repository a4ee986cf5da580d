"""The units for one machine: systemd takes them, and they run commands that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.harness.extras import needs
from tocsin.streams.cli.main import application
from tocsin.streams.settings import load_settings

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
TOCSIN = "/opt/tocsin/bin/tocsin"
WORST = 20
"""The greatest exposure, in tenths, as `systemd-analyze security` counts it; 0 is best, 100 worst."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The units, with a program that is there; of a template its first instance."""
    (tmp_path / "tocsin.target").write_bytes((SYSTEMD / "tocsin.target").read_bytes())
    for unit in UNITS:
        text = unit.read_text("utf-8").replace(TOCSIN, str(Path(sys.executable).with_name("tocsin")))
        (tmp_path / unit.name).write_text(text, "utf-8")
        (tmp_path / unit.name.replace("@", "@1")).write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize("unit", [unit.name.replace("@", "@1") for unit in UNITS])
def test_systemd_takes_the_unit(unit: str, folder: Path) -> None:
    program = needs("systemd-analyze", by="install systemd")
    done = subprocess.run([program, "verify", "--man=no", folder / unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    held = subprocess.run([program, "security", "--offline=true", f"--threshold={WORST}", folder / unit],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert held.returncode == 0, held.stdout[-300:] + held.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_command_is_one_of_ours(unit: Path) -> None:
    known: Any = get_command(application())
    [command] = re.findall(rf"^ExecStart={TOCSIN} (\S+)$", unit.read_text("utf-8"), re.MULTILINE)
    assert command in known.commands


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_settings_are_taken(unit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the unit over those of the example that its file of settings is made from."""
    text = unit.read_text("utf-8")
    [file] = re.findall(r"^EnvironmentFile=-/etc/tocsin/(\S+)$", text, re.MULTILINE)
    said = [line for line in (SYSTEMD / f"{file}.example").read_text("utf-8").splitlines() if not line.startswith("#")]
    [ours] = re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
    for variable in (*said, *ours.replace("%i", "9").split()):
        name, _, value = variable.partition("=")
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path))
    settings = load_settings()
    own = unit.name == "tocsin-up.service"
    assert (settings.bootstrap is None, settings.store is None) == (own, own), "it has a Kafka and a store of its own"
