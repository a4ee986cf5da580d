"""Parts of files that pages show are taken by what reads such files: settings, rules, connections, targets."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from deploy.site.source import ROOT
from tests.harness.extras import needs_language
from tests.snippets.blocks import block, blocks
from tocsin.connectors.gateway.scopes import ROUTES
from tocsin.streams.cli.main import application
from tocsin.streams.rulesfile import check_rulebook, load_wallets
from tocsin.streams.settings import load_settings

SEEN = "endpoints:\n  seen: {sink: log}\ndefault_route: seen\n"


@pytest.mark.parametrize(
    ("page", "begins"),
    [("README.md", "TOCSIN_KAFKA_SECURITY_PROTOCOL"), ("docs/access.md", "TOCSIN_JWT_ISSUER")],
    ids=["a Kafka with TLS and a login", "tokens"],
)
def test_settings_are_taken(page: str, begins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: tmp_path / name for name in ("kafka", "ca.pem", "client.pem")}
    for file in files.values():
        file.write_text("s")
    for line in block(page, begins).splitlines():
        name, _, value = line.partition("#")[0].strip().partition("=")
        for ours in files.values():
            value = re.sub(rf"/\S*/{re.escape(ours.name)}$", str(ours), value)
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.kafka_security_protocol == "SASL_SSL") == (page == "README.md")
    assert settings.jwt_audience == (None if page == "README.md" else "tocsin")


def test_rules_of_agents_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    text = block("docs/agents.md", "endpoints:\n  harbour:").replace("\nroutes:", "\n  seen: {sink: log}\nroutes:")
    file.write_text(text + "default_route: seen\n")
    assert check_rulebook(file, {}) == []
    wallets = [one.text for one in blocks("docs/agents.md") if one.text.startswith("tenants:")]
    for text in wallets:
        file.write_text(SEEN + text)
        assert list(load_wallets(file).values()) == ["acme"]
    assert len(wallets) == 2


@pytest.mark.parametrize("page", ["docs/agents.md", "docs/didcomm.md"])
def test_our_keys_for_didcomm_are_made(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path))
    for line in block(page, "tocsin didcomm keys create").splitlines():
        words = shlex.split(line, comments=True)[1:]
        ended = CliRunner().invoke(application("didcomm"), words, prog_name="tocsin")
        assert (ended.exit_code, "did:" in ended.stdout) == (0, True), ended.output


def test_a_handler_of_credo_is_javascript(tmp_path: Path) -> None:
    node = needs_language("node")
    (tmp_path / "part.mjs").write_text(block("docs/agents.md", "agent.dependencyManager"))
    subprocess.run([node, "--check", tmp_path / "part.mjs"], check=True)


def test_connections_and_activity_are_taken() -> None:
    [known] = json.loads(block("docs/agents.md", "[{"))
    assert known.keys() == {"peer", "connection", "trust"}
    told = json.loads(block("docs/didcomm.md", '{"kind": "connection_opened"'))
    assert told["detail"].keys() == {"my_did", "their_did"}


def test_addresses_are_routes() -> None:
    dsn = urlsplit(block("docs/error-sdks.md", "http://KEY").strip())
    assert (dsn.username, "/api/{project}/envelope/" in ROUTES, dsn.path) == ("KEY", True, "/1")
    location = re.search(
        r"location (\S+) \{\n\s+proxy_pass http://127\.0\.0\.1:8700;", block("docs/people.md", "location")
    )
    assert location
    assert f"{location[1]}{{token}}" in ROUTES
    for begins in ("aca-py", "GLOBAL_WEBHOOK_URL", "curl https://agent"):
        for path in re.findall(r"(?:bus:8700|bus\.example\.org)(/v1/[\w/]+)", block("docs/agents.md", begins)):
            shown = re.sub(r"/acme$", "/{tenant}", path)
            assert shown in ROUTES or f"{shown}/topic/{{topic}}/" in ROUTES, path


def test_what_agents_are_told_by_curl_is_json() -> None:
    for begins in ("curl http://localhost:8031", "curl https://agent"):
        [body] = re.findall(r"-d '(.*)'", block("docs/agents.md", begins), re.DOTALL)
        assert isinstance(json.loads(body), dict)


def test_the_collectors_file_names_what_it_has() -> None:
    said: dict[str, Any] = YAML(typ="safe").load(block("docs/error-sdks.md", "exporters:"))
    assert [name for name in said["service"]["extensions"] if name not in said["extensions"]] == []
    for pipeline in said["service"]["pipelines"].values():
        assert [name for name in pipeline["exporters"] if name not in said["exporters"]] == []
        assert [name for name in pipeline["processors"] if name not in said["processors"]] == []


def test_targets_for_prometheus_are_taken(tmp_path: Path) -> None:
    targets, job = (YAML(typ="safe").load(block("docs/watch.md", begins)) for begins in ("- targets", "- job_name"))
    [pods] = job
    assert pods.pop("kubernetes_sd_configs") == [{"role": "pod"}]  # Debian's Prometheus knows no Kubernetes
    document = {"scrape_configs": [{"job_name": "a", "static_configs": targets}, *job]}
    with (tmp_path / "prometheus.yml").open("w") as file:
        YAML().dump(document, file)
    manifest = (ROOT / "deploy/kubernetes/base/worker.yaml").read_text("utf-8")
    assert re.search(r"tocsin-process: worker", manifest)
    if promtool := shutil.which("promtool"):
        subprocess.run([promtool, "check", "config", tmp_path / "prometheus.yml"], check=True, capture_output=True)


def test_alerts_lead_to_a_wiki(tmp_path: Path) -> None:
    shutil.copy(ROOT / "deploy/prometheus/alerts.rules.yaml", tmp_path)
    subprocess.run(["sh", "-c", block("docs/watch.md", "sed")], cwd=tmp_path, check=True)
    text = (tmp_path / "alerts.rules.yaml").read_text("utf-8")
    assert "https://wiki.mine/tocsin/TocsinDown.md" in text
    assert "runbooks.example" not in text


def test_what_pip_is_asked_for_is_an_extra() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    [extra] = re.findall(r"pip install 'tocsin\[(\w+)\]'", block("docs/watch.md", "pip"))
    assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE)


def test_the_program_about_events_runs() -> None:
    exec(block("schemas/README.md", "from tocsin"), {"__name__": "page"})


def test_the_picture_names_topics_once() -> None:
    lines = block("docs/architecture.md", "flowchart").splitlines()
    assert lines[0].startswith("flowchart ")
    plain = re.sub(r'"[^"]*"', "", "\n".join(lines))
    assert all(plain.count(left) == plain.count(right) for left, right in ("[]", "()", "{}"))


def test_a_mail_has_what_the_page_shows() -> None:
    said = block("docs/people.md", "Subject:")
    wording = "".join(
        path.read_text("utf-8")
        for path in (ROOT / "connectors/tocsin/connectors/people").rglob("*.*")
        if path.suffix in (".py", ".json")
    )
    for word in re.findall(r"^([A-Z][a-z ]+)(?: 1 h)?:", said, re.MULTILINE):
        assert word in wording or word == "Subject", word
