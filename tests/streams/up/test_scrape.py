"""`tocsin config scrape`: where Prometheus finds each process."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from tocsin.streams.settings import Settings
from tocsin.streams.up.scrape import Gateway, scrape_config, targets_of
from tocsin.streams.up.supervisor import metrics_port_of

TARGETS: dict[str, tuple[dict[str, object], dict[str, str] | None, dict[str, str | None]]] = {
    "the usual ports": (
        {}, None,
        {
            "gateway": "127.0.0.1:8700", "worker": "127.0.0.1:8701", "dispatch": "127.0.0.1:8702",
            "project": "127.0.0.1:8703",
        },
    ),
    "where the running bus says": (
        {}, {"gateway": "http://127.0.0.1:4/metrics", "worker": "http://127.0.0.1:5/metrics"},
        {"gateway": "127.0.0.1:4", "worker": "127.0.0.1:5"},
    ),
    "ports of its own": (
        {"host": "::1", "gateway_metrics_port": 9, "metrics_port": 7}, None,
        {"gateway": "[::1]:9", "worker": "[::1]:7", "dispatch": "[::1]:7", "project": "[::1]:7"},
    ),
    "any port": (
        {"port": 0, "metrics_port": 0}, None, {"gateway": None, "worker": None, "dispatch": None, "project": None}
    ),
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


def test_a_gateway_with_a_key_has_a_job_of_its_own() -> None:
    targets = {"gateway": "h:1", "worker": "h:2"}
    text = scrape_config(targets, "tocsin.", gateway=Gateway(keyed=True, secure=True), notes={"worker": "not there"})
    ours, gateway = YAML(typ="safe").load(text)["scrape_configs"]
    assert "authorization" not in ours, "the key goes to the gateway alone"
    assert [one["targets"] for one in ours["static_configs"]] == [["h:2"]]
    assert (gateway["scheme"], list(gateway["authorization"])) == ("https", ["credentials_file"])
    labels = {"job": "tocsin", "process": "gateway", "bus": "tocsin"}
    assert gateway["static_configs"] == [{"targets": ["h:1"], "labels": labels}]
    assert "# worker: not there" in text


def test_a_second_worker_is_spoken_of() -> None:
    assert "Another worker" in scrape_config({"worker": "h:2"}, "tocsin.")


UP = {
    "the usual ones": ({}, (None, None, None)),
    "given": ({"metrics_port": 9000}, (9000, 9001, 9002)),
    "any": ({"metrics_port": 0}, (0, 0, 0)),
    "any, as the gateway's": ({"port": 0}, (0, 0, 0)),
    "given, while the gateway's is any": ({"port": 0, "metrics_port": 9000}, (9000, 9001, 9002)),
}


@pytest.mark.parametrize(("given", "ports"), UP.values(), ids=UP)
def test_ports_of_tocsin_up(given: dict[str, object], ports: tuple[int | None, int | None]) -> None:
    settings = Settings(**given)  # type: ignore[arg-type]
    assert tuple(metrics_port_of(process, settings) for process in ("worker", "dispatch", "project")) == ports
