"""Small charts as SVG: pure functions from numbers to markup, with no style of their own (pages allow none)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

MOST_BARS = 168
WIDTH, HEIGHT = 120, 20
"""The size of a small chart in pixels of its own; the style sheet may draw it in another."""


def sparkline(values: Sequence[int], label: str, width: int = WIDTH, height: int = HEIGHT) -> Markup:
    """A line through the values, the oldest first, from zero up to the greatest; `label` says the same in words."""
    if not values:
        return Markup("")
    most, step = max(max(values), 1), width / max(len(values) - 1, 1)
    points = " ".join(f"{place * step:.4g},{height - 1 - value / most * (height - 2):.4g}"
                      for place, value in enumerate(values))  # fmt: skip
    line = Markup('<polyline points="{}"/>').format(points)
    return _svg("sparkline", line, label, width, height)


def bars(values: Sequence[int], label: str, width: int = WIDTH, height: int = HEIGHT) -> Markup:
    """A bar for each value, the oldest first; nothing is drawn of zero, and the least bar can be seen."""
    if not values:
        return Markup("")
    most, step = max(max(values), 1), width / len(values)
    path = "".join(
        f"M{place * step:.4g} {height}v-{max(value / most * height, 1):.4g}h{step * 0.8:.4g}V{height}z"
        for place, value in enumerate(values)
        if value > 0
    )
    return _svg("bars", Markup('<path d="{}"/>').format(path), label, width, height)


def hour_by_hour(statistics: Mapping[str, Any]) -> list[int]:
    """The counts of all hours of an answer to /v1/statistics, also of those without any; of more than MOST_BARS hours
    several together."""
    begin = datetime.fromisoformat(statistics["since"])
    hours = int((datetime.fromisoformat(statistics["until"]) - begin).total_seconds() // 3600) + 1
    together = -(-hours // MOST_BARS)
    counts = [0] * -(-hours // together)
    for one in statistics["hours"]:
        place = int((datetime.fromisoformat(one["hour"]) - begin).total_seconds() // 3600) // together
        if 0 <= place < len(counts):
            counts[place] += one["count"]
    return counts


def _svg(kind: str, inner: Markup, label: str, width: int, height: int) -> Markup:
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" width="{}" height="{}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}</svg>'
    ).format(kind, width, height, width, height, escape(label), inner)
