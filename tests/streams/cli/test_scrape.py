"""`tocsin config scrape`: where Prometheus finds each process."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from tocsin.streams.cli.scrape import scrape_config, targets_of
from tocsin.streams.settings import Settings
from tocsin.streams.up.supervisor import metrics_port_of

TARGETS: dict[str, tuple[dict[str, object], dict[str, str] | None, dict[str, str | None]]] = {
    "the usual ports": (
        {}, None, {"gateway": "127.0.0.1:8700", "worker": "127.0.0.1:8701", "dispatch": "127.0.0.1:8702"}
    ),
    "where the running bus says": (
        {}, {"gateway": "http://127.0.0.1:4/metrics", "worker": "http://127.0.0.1:5/metrics"},
        {"gateway": "127.0.0.1:4", "worker": "127.0.0.1:5"},
    ),
    "ports of its own": (
        {"host": "::1", "gateway_metrics_port": 9, "metrics_port": 7}, None,
        {"gateway": "[::1]:9", "worker": "[::1]:7", "dispatch": "[::1]:7"},
    ),
    "any port": ({"port": 0, "metrics_port": 0}, None, {"gateway": None, "worker": None, "dispatch": None}),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "running", "targets"), TARGETS.values(), ids=TARGETS)
def test_targets(settings: dict[str, object], running: dict[str, str] | None, targets: dict[str, str | None]) -> None:
    assert targets_of(Settings(**settings), running) == targets  # type: ignore[arg-type]


def test_what_prometheus_reads() -> None:
    text = scrape_config({"gateway": "h:1", "worker": None, "dispatch": "[::1]:2"}, "tocsin.")
    [job] = YAML(typ="safe").load(text)["scrape_configs"]
    assert job["job_name"] == "tocsin"
    assert job["static_configs"] == [
        {"targets": ["h:1"], "labels": {"process": "gateway", "bus": "tocsin"}},
        {"targets": ["[::1]:2"], "labels": {"process": "dispatch", "bus": "tocsin"}},
    ]
    assert "# worker: on any free port" in text


UP = {
    "the usual ones": ({}, (None, None)),
    "given": ({"metrics_port": 9000}, (9000, 9001)),
    "any": ({"metrics_port": 0}, (0, 0)),
    "any, as the gateway's": ({"port": 0}, (0, 0)),
    "given, while the gateway's is any": ({"port": 0, "metrics_port": 9000}, (9000, 9001)),
}


@pytest.mark.parametrize(("given", "ports"), UP.values(), ids=UP)
def test_ports_of_tocsin_up(given: dict[str, object], ports: tuple[int | None, int | None]) -> None:
    settings = Settings(**given)  # type: ignore[arg-type]
    assert tuple(metrics_port_of(process, settings) for process in ("worker", "dispatch")) == ports
