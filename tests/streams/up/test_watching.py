"""What `tocsin up --watch` gives Prometheus and Grafana, and how it deals with programs that do not work."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.harness.extras import needs
from tocsin.streams.settings import Settings
from tocsin.streams.up import watching
from tocsin.streams.up.beside import Beside, free_port
from tocsin.streams.up.scrape import deployed, rule_files
from tocsin.streams.up.watching import grafana_command, prometheus_config, provision_grafana

ROOT = Path(__file__).parents[3]


def test_all_that_grafana_is_given(tmp_path: Path) -> None:
    config = provision_grafana(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2", 3)
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(config.read_text("utf-8"))
    assert (settings["server"]["http_addr"], settings["server"]["http_port"]) == ("127.0.0.1", "3")
    password = Path(settings["security"]["admin_password"].removeprefix("$__file{").removesuffix("}"))
    assert len(password.read_text("utf-8")) > 20
    provisioning = Path(settings["paths"]["provisioning"])
    source = YAML(typ="safe").load((provisioning / "datasources" / "tocsin.yaml").read_text("utf-8"))
    assert source["datasources"][0]["url"] == "http://127.0.0.1:1"
    provider = YAML(typ="safe").load((provisioning / "dashboards" / "tocsin.yaml").read_text("utf-8"))
    folder = Path(provider["providers"][0]["options"]["path"])
    names = {"errors.json", "cases.json", "peers.json", "deliveries.json", "bus.json"}
    assert {path.name for path in folder.iterdir()} == names
    for path in folder.iterdir():
        variables = {one["name"]: one for one in json.loads(path.read_text("utf-8"))["templating"]["list"]}
        assert variables["page"]["query"] == variables["page"]["current"]["value"] == "http://127.0.0.1:2"
    assert Path(settings["dashboards"]["default_home_dashboard_path"]).is_file()
    kept = password.read_text("utf-8")
    provision_grafana(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2", 3)
    assert password.read_text("utf-8") == kept, "made once"
    assert password.stat().st_mode & 0o077 == 0


def test_what_is_provisioned_without_us() -> None:
    folder = deployed() / "grafana" / "provisioning"
    source = YAML(typ="safe").load((folder / "datasources" / "tocsin.yaml").read_text("utf-8"))
    assert source["apiVersion"] == 1
    assert set(source["datasources"][0]) == {
        "name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData",
    }  # fmt: skip
    provider = YAML(typ="safe").load((folder / "dashboards" / "tocsin.yaml").read_text("utf-8"))
    assert set(provider["providers"][0]) == {
        "name", "folder", "folderUid", "type", "disableDeletion", "allowUiUpdates", "updateIntervalSeconds", "options",
    }  # fmt: skip


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yaml"
    file.write_text(prometheus_config(Settings(), {"worker": "http://127.0.0.1:5/metrics"}), "utf-8")
    ran = subprocess.run([needs("promtool"), "check", "config", str(file)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(rule_files()) == 2


def _program(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\nexit 3\n")
    (folder / name).chmod(0o755)
    return str(folder / name)


def test_how_grafana_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SHARES", ())
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert grafana_command() is None
    monkeypatch.setenv("PATH", str(tmp_path / "new" / "bin"))
    newer = _program(tmp_path / "new" / "bin", "grafana")
    assert grafana_command() == [newer, "server"]
    defaults = tmp_path / "new" / "conf" / "defaults.ini"
    defaults.parent.mkdir()
    defaults.touch()
    server = _program(tmp_path / "new" / "bin", "grafana-server")
    assert grafana_command() == [server, f"--homepath={tmp_path / 'new'}"], "of an unpacked archive"


async def test_a_program_that_ends_at_once_is_told_and_does_not_run(tmp_path: Path) -> None:
    said: list[str] = []
    beside = Beside("grafana", [_program(tmp_path, "ends")], "http://127.0.0.1:1", "/", tmp_path, said.append)
    assert not await beside.start()
    assert said == [f"grafana ended before it was ready (log: {tmp_path / 'grafana.log'}); the bus goes on without it"]
    await beside.stop()


def test_a_port_that_is_taken_gives_way() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)


def test_the_wheel_has_dashboards_and_rules(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = [
        path.relative_to(ROOT / "deploy")
        for folder in ("grafana/dashboards", "grafana/provisioning", "prometheus")
        for path in (ROOT / "deploy" / folder).rglob("*")
        if path.is_file()
    ]
    assert len(expected) >= 9
    assert {f"tocsin/streams/deploy/{path}" for path in expected} <= names
    assert not [name for name in names if name.endswith("grafana/generate.py")]
