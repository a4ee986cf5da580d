"""The composed bus: its files are what compose takes, and say what the processes understand."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from compose_spec import models
from typer.main import get_command

from tests.deploy.composed import COMPOSE, composed, our_services, without_variables
from tests.harness.prometheus import promtool
from tocsin.streams.cli.main import application
from tocsin.streams.settings import load_settings
from tocsin.streams.topology import CARRIER_LIMIT

FILES = [("compose.yaml",), ("compose.yaml", "compose.three-brokers.yaml")]


@pytest.fixture(params=FILES, ids=["one broker", "three brokers"])
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    return composed(*request.param)


def test_it_is_a_compose_file(document: dict[str, Any]) -> None:
    models.ComposeSpecification.model_validate(document)


def test_each_service_runs_a_command_that_there_is(document: dict[str, Any]) -> None:
    for service in our_services(document).values():
        command: Any = get_command(application(service["command"][0]))
        for word in service["command"]:
            command = command.commands[word]


def test_each_process_takes_its_settings(document: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    """Every variable is one that the processes know, with a value that they take."""
    for name, service in our_services(document).items():
        for variable, value in service["environment"].items():
            monkeypatch.setenv(variable, without_variables(str(value)))
        monkeypatch.setenv("TOCSIN_HOME", str(tmp_path))
        settings = load_settings()
        assert settings.bootstrap is not None, name
        assert settings.anonymous == "off", name


def test_all_that_is_mounted_is_there(document: dict[str, Any]) -> None:
    """But for secrets, which a script makes."""
    for name, service in document["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (COMPOSE / source).exists(), f"{name}: {source}"
            assert source.startswith(".") or source in document["volumes"], f"{name}: {source}"
        for secret in service.get("secrets", ()):
            assert secret in document["secrets"], f"{name}: {secret}"


def test_kafka_takes_the_largest_batch(document: dict[str, Any]) -> None:
    assert int(document["services"]["kafka-1"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"]) >= CARRIER_LIMIT


def test_three_brokers_are_three() -> None:
    """Each with a number, a name and a disk of its own, and all with the same voters."""
    services = composed(*FILES[1])["services"]
    brokers = {name: one for name, one in services.items() if name.startswith("kafka-")}
    assert {one["environment"]["KAFKA_NODE_ID"] for one in brokers.values()} == {"1", "2", "3"}
    assert len({one["volumes"][0] for one in brokers.values()}) == 3
    assert len({one["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"] for one in brokers.values()}) == 1
    for name, one in brokers.items():
        assert one["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """As the script says; what is there stays."""
    script = tmp_path / "secrets.sh"
    script.write_bytes((COMPOSE / "secrets.sh").read_bytes())
    runs = []
    for _ in range(2):
        subprocess.run(["sh", script], check=True)
        runs.append({path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()})
    made, again = runs
    assert again == made
    assert set(made) == {Path(one["file"]).name for one in composed("compose.yaml")["secrets"].values()}
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    text = (COMPOSE / "prometheus.yaml").read_text("utf-8")
    file = tmp_path / "prometheus.yaml"
    file.write_text(text.replace("/etc/prometheus/tocsin", str(COMPOSE.parent / "prometheus")), "utf-8")
    done = subprocess.run([promtool(), "check", "config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "names: [worker, dispatch, project, gateway]" in text
    assert set(our_services(composed("compose.yaml"))) == {"topics", "worker", "dispatch", "project", "gateway"}
