"""What `make release` makes: a wheel and an sdist that are whole, the list of what is in them, and its licences."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from deploy.site.source import ROOT

WHEEL = (
    "tocsin/schemas/py.typed", "tocsin/schemas/avsc/problem_reported.v2.avsc", "tocsin/connectors/py.typed",
    "tocsin/streams/py.typed", "tocsin/streams/page/templates/home.html", "tocsin/streams/page/static/tocsin.css",
    "tocsin/streams/up/broker/kafka.lock.toml", "tocsin/streams/deploy/prometheus/alerts.rules.yaml",
    "tocsin/streams/deploy/grafana/dashboards/bus.json", "tocsin/streams/deploy/runbooks/README.md",
    "tocsin/connectors/stability/names/metrics.toml",
)  # fmt: skip
SDIST = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "Makefile",
    "docs/architecture.md",
    "deploy/image/Dockerfile",
    "tests/conftest.py",
)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "dist"
    done = subprocess.run(["make", "release", f"DIST={folder}"], cwd=ROOT, capture_output=True, text=True, check=False,
                          env={**os.environ, "MAKEFLAGS": ""})  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_has_all_that_runs_and_no_more(released: Path) -> None:
    [wheel] = released.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in WHEEL if name not in names] == []
    assert [name for name in names if not name.startswith(("tocsin/", "tocsin-"))] == []
    assert "tocsin/__init__.py" not in names, "the name space has none"


def test_the_sdist_makes_everything_again(released: Path) -> None:
    [sdist] = released.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert [name for name in SDIST if name not in names] == []
    assert [name for name in names if "secrets/" in name or name.endswith((".key", ".pyc"))] == []


def test_the_list_of_components_is_that_of_the_image(released: Path) -> None:
    components = json.loads((released / "tocsin.cdx.json").read_text("utf-8"))["components"]
    locked = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "deploy/image/runtime.lock").read_text("utf-8"), re.MULTILINE)
    assert {(one["name"], one["version"]) for one in components} == set(locked)


def test_each_component_has_its_licence(released: Path) -> None:
    rows = (released / "LICENCES.md").read_text("utf-8").splitlines()[2:]
    licences = {row.split("|")[1].strip(): row.split("|")[3].strip() for row in rows}
    assert len(licences) > 50
    assert [name for name, licence in licences.items() if licence in ("", "UNKNOWN")] == []
