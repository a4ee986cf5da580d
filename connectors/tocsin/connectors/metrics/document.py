"""Writes docs/metrics.md from the catalogue: `python -m tocsin.connectors.metrics.document`, in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tocsin.connectors.metrics.catalogue import GROUPS, LABELS
from tocsin.connectors.metrics.metric import Metric
from tocsin.connectors.stability import mark_of

FILE = Path("docs/metrics.md")
"""Where the page lies in the repository."""

_HEAD = """# Metrics

Written by `make documents` from `connectors/tocsin/connectors/metrics/`: change that. A process makes no metric that is
not here, and each process makes all of its own. They are on fixed ports: gateway 8700, worker 8701, dispatcher 8702,
projector 8703 (`TOCSIN_METRICS_PORT`; a usual port that is taken gives way to a free one, with a line in the log);
`TOCSIN_GATEWAY_METRICS_PORT` takes those of the gateway off the port of its API. `tocsin config scrape` prints the
`scrape_configs` for them. A program of yours shows those of `subscriber` and `publisher`, if it says so
([subscribe.md](subscribe.md), [publish.md](publish.md)).

A label of which records or strangers choose the value shows so many values in one process as its setting says, those
that came first; the rest is counted under `other`. A metric has at most `TOCSIN_METRICS_SERIES` sets of those. A long
value is cut, and ends in a digest of the whole. Histograms have classic buckets; those with *exemplars* show a trace id
in each bucket to a Prometheus that asks for OpenMetrics (`--enable-feature=exemplar-storage`).
[stability.md](stability.md) says what the promise is worth; `# HELP` begins with it (`[STABLE]`, `[UNSTABLE]`).
"""


def document() -> str:
    """The whole page in Markdown: the metrics of each group, then the labels."""
    return "\n".join([_HEAD, *(line for name, group in GROUPS.items() for line in _chapter(name, group)), *_labels()])


def _chapter(name: str, group: tuple[Metric, ...]) -> Iterator[str]:
    yield f"## {name}\n"
    yield _row("metric", "what it is", "kind, unit", "labels", "process", "promise")
    yield _row(*["---"] * 6)
    for metric in group:
        meaning = f"{metric.meaning} With exemplars." if metric.exemplars else metric.meaning
        kind = f"{metric.kind}, {metric.unit}"
        mark = str(mark_of("metrics", metric.signature))
        yield _row(f"`{metric.name}`", meaning, kind, ", ".join(metric.labels), ", ".join(metric.processes), mark)
    yield ""


def _labels() -> Iterator[str]:
    yield "## Labels\n"
    yield _row("label", "values", "bounded by")
    yield _row(*["---"] * 3)
    for name, label in sorted(LABELS.items()):
        yield _row(f"`{name}`", label.meaning, "" if label.cap is None else f"`TOCSIN_{label.cap.upper()}`")
    yield ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
