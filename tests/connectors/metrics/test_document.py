"""docs/metrics.md is what the catalogue says, and the catalogue says it as Prometheus has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tocsin.connectors.metrics import CATALOGUE, LABELS, Kind, Metric
from tocsin.connectors.metrics.catalogue import GROUPS
from tocsin.connectors.metrics.document import FILE, document

ROOT = Path(__file__).parents[3]


def test_the_page_is_what_the_generator_writes() -> None:
    written = (ROOT / FILE).read_text("utf-8")
    assert written == document(), "run: python -m tocsin.connectors.metrics.document"


def test_no_metric_is_said_twice() -> None:
    assert sum(map(len, GROUPS.values())) == len(CATALOGUE)


def test_every_label_is_explained_and_used() -> None:
    assert {label for metric in CATALOGUE.values() for label in metric.labels} == LABELS.keys()


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE)
def test_a_name_says_kind_and_unit(metric: Metric) -> None:
    assert re.fullmatch(r"tocsin(_[a-z0-9]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
    assert metric.name.endswith("_seconds") == metric.unit.startswith("seconds")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.meaning.endswith(".")
