"""What the dashboards and the rules ask Prometheus: every expression, and the metrics and labels that it names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tocsin.connectors.metrics import CATALOGUE, Kind

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = sorted((DEPLOY / "prometheus").glob("*.rules.yaml"))
DASHBOARDS = {path.stem: path for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))}

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^{}]*)\}|(?<![\w:|])((?:tocsin|process)_\w+|up)\b(?![\w:{])")
_LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
_NAMES = re.compile(r'__name__=~"([^"]*)"')
SCRAPED = frozenset(("bus", "process", "instance", "job"))
"""Labels that every series has, from the scrape configuration."""
ELSEWHERE: Mapping[str, frozenset[str]] = {
    "up": frozenset(),
    "ALERTS": frozenset(("alertname", "alertstate", "severity")),
    "process_start_time_seconds": frozenset(),
    "process_cpu_seconds_total": frozenset(),
    "process_resident_memory_bytes": frozenset(),
}
"""Series that are not of the catalogue, with their labels."""


@cache
def rules() -> list[dict[str, Any]]:
    """Every recording and alert rule."""
    return [rule for file in RULES for group in YAML(typ="safe").load(file.read_text("utf-8"))["groups"]
            for rule in group["rules"]]  # fmt: skip


def dashboards() -> dict[str, dict[str, Any]]:
    """The committed dashboards, by name."""
    return {name: json.loads(path.read_text("utf-8")) for name, path in DASHBOARDS.items()}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel, with the name of its dashboard."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            yield name, panel


def labels_of(metric: str) -> frozenset[str] | None:
    """The labels of a series; None when nothing of ours exposes it."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    if metric in recorded:
        return frozenset(("bus", "code", "stage", "reason", "tenant", "peer"))
    if metric in ELSEWHERE:
        return ELSEWHERE[metric]
    if metric in CATALOGUE and CATALOGUE[metric].kind is not Kind.HISTOGRAM:
        return frozenset(CATALOGUE[metric].labels)
    for suffix in ("_bucket", "_count", "_sum"):
        found = CATALOGUE.get(metric.removesuffix(suffix))
        if metric.endswith(suffix) and found is not None and found.kind is Kind.HISTOGRAM:
            return frozenset((*found.labels, *(("le",) if suffix == "_bucket" else ())))
    return None


def unknown(expr: str) -> list[str]:
    """What an expression names and nothing exposes: metrics, and labels of metrics."""
    found = [name for names in _NAMES.findall(expr) for name in names.split("|") if labels_of(name) is None]
    for match in _SELECTOR.finditer(expr):
        metric, selector = match.group(1) or match.group(3), match.group(2) or ""
        labels = labels_of(metric)
        if labels is None:
            found.append(metric)
            continue
        found += [f"{metric}: {label}" for label in _LABEL.findall(selector) if label not in labels | SCRAPED]
    return found
