"""A counter that is new counts from 0, in the panels that show a burst: what Prometheus makes of the generator's
expressions."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from deploy.grafana import panels
from tests.deploy.asked import dashboards
from tests.harness.prometheus import promtool

CODE = 'tocsin_problem_codes_total{bus="b", code="e.p.new", severity="error"}'
GRAFANA = {
    "$__interval_ms": "60000", "$__interval": "1m", "$__rate_interval": "1m", "$__range": "1h", "$bus": ".*",
    "$tenant": ".*",
}  # fmt: skip
"""What Grafana puts in; the longest names first."""
NOW = 30
"""Minutes; there is a sample every 15 seconds."""

BURSTS: dict[str, tuple[str, str, float | None]] = {
    "it appears at 30": ("_x119 30x10", "1m", 30),
    "it appeared at 30 and grew by one since": ("_x110 30x4 31x20", "5m", 31),
    "it was at 30 all the time": ("30x130", "5m", None),
    "it appeared before the window": ("_x20 30x120", "5m", None),
    "it appears at 0": ("_x119 0x10", "1m", None),
    "the scrape at the beginning of the window failed": ("7000x115 stale 7000x20", "1m", None),
}


def _in_grafana(expr: str) -> str:
    for name, value in GRAFANA.items():
        expr = expr.replace(name, value)
    return expr


def _asked(folder: Path, series: dict[str, str], expr: str, value: float | None, later: str = "") -> None:
    """What it is half an hour after the beginning, or `later`: one sample of this value, or none."""
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    asked = {"expr": _in_grafana(expr), "eval_time": f"{NOW}m{later}", "exp_samples": samples}
    test = {
        "interval": "15s",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [asked],
    }
    file = folder / "growth.yaml"
    file.write_text(json.dumps({"evaluation_interval": "15s", "tests": [test]}), "utf-8")
    ran = subprocess.run([promtool(), "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(("values", "window", "grown"), BURSTS.values(), ids=BURSTS)
def test_how_much_it_grew(values: str, window: str, grown: float | None, tmp_path: Path) -> None:
    _asked(tmp_path, {CODE: values}, f"sum({panels.grown('tocsin_problem_codes_total', window)})", grown)


A_MINUTE: dict[str, tuple[str, float | None]] = {
    "one between the last scrape of the minute before and the first one of this": ("3x116 4x10", 1),
    "one in the middle of the minute": ("3x118 4x10", 1),
    "two, far from each other": ("3x116 4 4 5x10", 2),
    "none": ("4x130", 0),
    "it is new": ("_x119 2x10", 2),
    "it began anew with its process": ("7x117 2x10", 2),
    "one just before the minute": ("3x115 4x10", 0),
    "the scrape a minute ago failed": ("7000x115 stale 7000x2 7001x20", 1),
}


@pytest.mark.parametrize(("values", "count"), A_MINUTE.values(), ids=A_MINUTE)
def test_a_minute_has_what_came_in_it(values: str, count: float | None, tmp_path: Path) -> None:
    # no graph is drawn at the very moments of the scrapes
    _asked(tmp_path, {CODE: values}, f"60 * sum({panels.rate('tocsin_problem_codes_total')})", count, "5s")


AGAINST: dict[str, tuple[str, float]] = {
    "three on a bus that is new": ("_x110 3x20", 3),
    "none on a bus that is new": ("0x130", 0),
    "four a minute on a bus of half an hour": ("0+1x130", 40),
}
"""Errors by the quarter of a minute, and what `Against the day before` says: ten minutes of it are counted as one error
at least."""


@pytest.mark.parametrize(("values", "shown"), AGAINST.values(), ids=AGAINST)
def test_against_the_day_before(values: str, shown: float, tmp_path: Path) -> None:
    (expr,) = (panel["targets"][0]["expr"] for panel in dashboards()["errors"]["panels"]
               if panel["title"] == "Against the day before")  # fmt: skip
    series = 'tocsin_tenant_problems_total{bus="b", tenant="t", outcome="opened", severity="error"}'
    _asked(tmp_path, {series: values}, expr, shown)


BURST_SHOWN = [
    pytest.param(target["expr"], id=panel["title"])
    for panel in dashboards()["errors"]["panels"]
    if panel["type"] in ("timeseries", "stat") and "a minute" in panel["title"]
    for target in panel["targets"]
]


@pytest.mark.parametrize("expr", BURST_SHOWN)
def test_a_burst_of_what_is_new_is_shown(expr: str, tmp_path: Path) -> None:
    metric = re.search(r"tocsin_\w+_total", expr)
    assert metric is not None
    series = f'{metric.group()}{{bus="b", outcome="opened", severity="error"}}'
    _asked(tmp_path, {series: "_x119 30x10"}, f"sum({expr})", 30)


def test_no_panel_of_errors_or_peers_asks_for_a_plain_rate() -> None:
    plain = [
        panel["title"]
        for name in ("errors", "cases", "peers")
        for panel in dashboards()[name]["panels"]
        for target in panel["targets"]
        if re.search(r"(?<! or )(rate|increase)\(tocsin", target["expr"])
    ]
    assert plain == []
