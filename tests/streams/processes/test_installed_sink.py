"""A sink of another package, found by its entry point: checked from the rules file, shown in its schema, opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.connectors.sinks.counterparts.pigeon import install

DELIVER = """
import asyncio, sys
from tocsin.schemas.events import DeliveryAttempt
from tocsin.streams.processes.open_sinks import OpenSinks
from tocsin.streams.rulesfile import load_rulebook

async def deliver():
    book = load_rulebook(sys.argv[1])
    assert "tell-no-one" not in repr(book)
    async with OpenSinks(book) as sinks:
        print(await sinks["roof"].deliver(DeliveryAttempt(
            event_id="e", tenant="t", occurred_at=1, recorded_at=1, delivery_id="d", endpoint="roof", attempt=1,
            about="e", content_type="application/json", body=b"{}",
        )))

asyncio.run(deliver())
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of an installed package with one sink, and one that cannot be loaded."""
    folder = install(tmp_path / "site")
    with (folder / "pigeon-1.0.dist-info" / "entry_points.txt").open("a") as entries:
        entries.write("broken = nowhere_to_be_found:Sink\n")
    return folder


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "RING": "tell-no-one", "COLUMNS": "200"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)


def tocsin(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(installed, "-c", "from tocsin.streams.cli.main import main; main()", *arguments)


def rules(folder: Path, settings: str) -> str:
    file = folder / "rules.yaml"
    file.write_text(f"endpoints:\n  roof: {{{settings}}}\ndefault_route: roof\n")
    return str(file)


def test_it_is_checked_opened_and_delivers(tmp_path: Path, installed: Path) -> None:
    loft = tmp_path / "loft"
    file = rules(tmp_path, f"sink: pigeon, loft: {loft}, ring: {{env: RING}}, audience: operator")
    checked = tocsin(installed, "rules", "check", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    delivered = run(installed, "-c", DELIVER, file)
    assert delivered.stdout.startswith("Delivered("), delivered.stderr
    assert json.loads(loft.read_text()) == ["tell-no-one", "d", "{}"]


FINDINGS = {
    "sink: pigeon, ring: a": "2: endpoints.roof.loft is missing (add it)",
    "sink: pigeon, loft: a, ring: a, height: 0": "2: endpoints.roof.height: input should be greater than or equal to 1",
    "sink: pigeon, loft: a, ring: a, hight: 3": (
        "2: endpoints.roof.hight is not a key that there is "
        "(expected one of sink, loft, ring, height, audience, body, language, delivery; did you mean height?)"
    ),
    "sink: pigeon, loft: a, ring: {env: NOT_THERE}": (
        "2: the environment variable NOT_THERE is not set (expected a secret in it; set NOT_THERE)"
    ),
    "sink: dove": (
        "2: endpoints.roof has no sink that there is "
        "(expected sink: webhook or sink: didcomm or sink: notify or sink: log or sink: memory or sink: broken or "
        "sink: pigeon; set its sink)"
    ),
    "sink: broken": (
        "2: broken endpoint, sink: nowhere_to_be_found:Sink cannot be loaded: "
        "ModuleNotFoundError(\"No module named 'nowhere_to_be_found'\") (correct or remove the package)"
    ),
}
"""Settings of an endpoint, and the finding about them."""


def test_findings(tmp_path: Path, installed: Path) -> None:
    files = []
    for number, settings in enumerate(FINDINGS):
        (tmp_path / str(number)).mkdir()
        files.append(rules(tmp_path / str(number), settings))
    check = "import sys\nfrom tocsin.streams.rulesfile import check_rulebook\n"
    shown = run(
        installed, "-c", check + "for file in sys.argv[1:]:\n    print(*check_rulebook(file), sep='\\n')", *files
    )
    wanted = [f"{file}:{found}" for file, found in zip(files, FINDINGS.values(), strict=True)]
    assert shown.stdout.splitlines() == wanted, shown.stderr


def test_it_stands_in_the_schema(installed: Path) -> None:
    shown = tocsin(installed, "rules", "schema")
    assert shown.returncode == 0, shown.stderr
    models = json.loads(shown.stdout)["$defs"]
    assert models["PigeonModel"]["required"] == ["sink", "loft", "ring"]
    assert models["PigeonModel"]["properties"]["height"] == {
        "default": 10, "description": "Metres.", "maximum": 100, "minimum": 1, "title": "Height", "type": "integer",
    }  # fmt: skip
    assert {"WebhookModel", "MemoryModel"} < models.keys()
