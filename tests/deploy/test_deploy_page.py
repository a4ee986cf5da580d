"""docs/deploy.md and docs/upgrading.md: commands for one machine run as printed, in a folder; those for Docker and
Kubernetes name what there is."""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.site.source import ROOT
from tests.snippets.blocks import block
from tests.snippets.commands import fault

PAGE = "docs/deploy.md"
USERS, UP, PROCESSES, COMPOSE, KUBERNETES = (
    block(PAGE, begins)
    for begins in (
        "useradd", "install -m 640 -g tocsin deploy/systemd/tocsin-up",
        "install -m 640 -g tocsin deploy/systemd/tocsin.env", "sh deploy/compose", "docker build",
    )
)  # fmt: skip
STOOD_IN = """#!/bin/sh
# what needs root, or an index of packages, is written down
echo "$(basename "$0") $*" >> "$CALLS"
"""
INSTALL = """#!/bin/sh
# the group `tocsin` is not on this machine
for word; do shift; case "$word" in -g) skip=1 ;; *) [ -z "$skip" ] && set -- "$@" "$word"; skip= ;; esac; done
exec {install} "$@"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that stands for the root of a machine, and programs that write down how they are called."""
    for folder in ("programs", "etc/systemd/system", "opt"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("useradd", "systemctl", "python3", "pip", "ln", "curl"):
        (tmp_path / "programs" / name).write_text(STOOD_IN)
    (tmp_path / "programs" / "install").write_text(INSTALL.format(install=shutil.which("install")))
    (tmp_path / "opt/tocsin/bin").mkdir(parents=True)
    (tmp_path / "opt/tocsin/bin/pip").write_text(STOOD_IN)
    for program in (*(tmp_path / "programs").iterdir(), tmp_path / "opt/tocsin/bin/pip"):
        program.chmod(0o755)
    return tmp_path


def run(script: str, machine: Path) -> list[str]:
    """Run it as printed, with /etc and /opt below the folder; what was called."""
    script = re.sub(r"(?<![\w/])/(etc|opt)/", rf"{machine}/\1/", script)
    path, calls = f"{machine / 'programs'}:{os.environ['PATH']}", machine / "calls"
    words = ["bash", "-euo", "pipefail", "-c", script]
    environment = {**os.environ, "PATH": path, "CALLS": str(calls)}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return [line for line in calls.read_text().splitlines() if calls.exists()]


def test_one_machine(machine: Path) -> None:
    called = run(USERS, machine)
    assert [line.split()[0] for line in called] == ["useradd", "python3", "pip", "systemctl"]
    assert called[2] == "pip install tocsin[all]"
    assert "\n[project.optional-dependencies]" in (ROOT / "pyproject.toml").read_text()
    units = {path.name for path in (machine / "etc/systemd/system").iterdir()}
    assert units == {path.name for path in (ROOT / "deploy/systemd").iterdir() if path.suffix != ".example"}
    assert (machine / "etc/tocsin/rules.yaml").stat().st_mode & 0o777 == 0o640
    assert (machine / "etc/tocsin").stat().st_mode & 0o777 == 0o750

    assert run(UP, machine)[-1] == "systemctl enable --now tocsin-up"
    started = run(PROCESSES, machine)[-1].removeprefix("systemctl enable --now ").split()
    assert {re.sub(r"@\d", "@.service", name) if "@" in name else name for name in started} <= {
        name.removesuffix(".service") if "@" not in name else name for name in units
    }
    for file in ("tocsin-up.env", "tocsin.env"):
        example = (ROOT / f"deploy/systemd/{file}.example").read_text()
        assert (machine / "etc/tocsin" / file).read_text() == example
        assert all(
            (machine / path.lstrip("/")).exists() for path in re.findall(r"/etc/tocsin/\S+", example) if path[-1] != ":"
        )
    keys = [base64.b64decode((machine / f"etc/tocsin/{key}.key").read_text()) for key in ("link", "seal")]
    assert [len(key) for key in keys] == [32, 32]
    assert keys[0] != keys[1]


def test_processes_are_replaced_one_by_one(machine: Path) -> None:
    link, *called = run(block("docs/upgrading.md", "ln -sfn"), machine)
    assert link.startswith("ln -sfn ")
    assert [line.split()[0] for line in called] == ["systemctl", "curl"] * 6
    for restarted, asked in zip(called[::2], called[1::2], strict=True):
        unit, at, number = restarted.removeprefix("systemctl restart ").partition("@")
        text = (ROOT / f"deploy/systemd/{unit}{at}.service").read_text()
        [port] = re.findall(r"METRICS_PORT=(\S+)", text)
        assert asked.endswith(f"localhost:{port.replace('%i', number)}/readyz")


def test_compose_names_what_there_is() -> None:
    secrets, variable, up, keys = COMPOSE.splitlines()
    assert (ROOT / secrets.removeprefix("sh ")).is_file()  # tests/deploy/test_compose.py runs it
    file = ROOT / shlex.split(up)[3]
    assert shlex.split(keys)[2:4] == ["-f", shlex.split(up)[3]]
    assert f"${{{variable.removeprefix('export ').partition('=')[0]}" in file.read_text()
    _, _, _, _, action, service, *command = shlex.split(keys)
    assert (action, service in YAML(typ="safe").load(file.read_text())["services"]) == ("exec", True)
    assert fault(shlex.join(command[1:])) is None


def test_kubernetes_names_what_there_is() -> None:
    build, space, secret, apply = KUBERNETES.replace("\\\n", " ").splitlines()
    assert (ROOT / shlex.split(build)[3]).is_file()
    image = shlex.split(build)[5]
    base = ROOT / shlex.split(apply, comments=True)[3]
    kustomization = YAML(typ="safe").load((base / "kustomization.yaml").read_text())
    [shown] = kustomization["images"]
    assert image == f"{shown.get('newName', shown['name'])}:{shown['newTag']}"
    manifests = "".join(path.read_text() for path in base.glob("*.yaml"))
    assert f"name: {shlex.split(space)[-1]}" in (base / "namespace.yaml").read_text()
    given = re.findall(r"--from-(?:literal|file)=([\w.]+)", secret)
    used = {*re.findall(r"secretKeyRef: \{name: tocsin, key: ([\w.]+)\}", manifests)}
    used |= {*re.findall(r"file:/run/secrets/tocsin/([\w.]+)", manifests)}
    assert set(given) == used
    for overlay in re.findall(r"overlays/\w+", apply):
        assert (base.parent / overlay / "kustomization.yaml").is_file()
