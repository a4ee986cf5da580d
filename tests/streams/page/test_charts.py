"""Charts are plain functions from numbers to SVG: no style, no number that is none, and the same said in words."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.page.charts import HEIGHT, WIDTH, bars, hour_by_hour, sparkline

COUNTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=200)


@given(COUNTS, st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=20))
def test_a_line_stays_within_its_frame(counts: list[int], label: str) -> None:
    drawn = ElementTree.fromstring(sparkline(counts, label))
    points = [tuple(map(float, point.split(","))) for point in drawn[0].attrib["points"].split()]
    assert len(points) == len(counts)
    assert all(0 <= x <= WIDTH * 1.001 and 0 <= y <= HEIGHT for x, y in points)
    assert drawn.attrib["aria-label"].split() == label.split()
    assert "style" not in drawn.attrib


@given(COUNTS)
def test_a_bar_for_each_value_but_zero(counts: list[int]) -> None:
    drawn = ElementTree.fromstring(bars(counts, "x"))
    path = drawn[0].attrib["d"]
    assert path.count("M") == sum(1 for count in counts if count)
    assert "e" not in path or all(count >= 0 for count in counts)


@pytest.mark.parametrize("chart", [sparkline, bars])
def test_nothing_is_drawn_of_nothing(chart: object) -> None:
    assert chart([], "x") == ""  # type: ignore[operator]


HOURS: dict[str, tuple[str, str, list[int]]] = {
    "three hours": ("2026-11-30T03:00:00.000Z", "2026-11-30T05:30:00.000Z", [0, 7, 0]),
    "eight days, by two hours": ("2026-11-30T00:00:00.000Z", "2026-12-08T00:00:00.000Z", [0, 0, 7] + 94 * [0]),
}  # fmt: skip


@pytest.mark.parametrize(("since", "until", "counts"), HOURS.values(), ids=HOURS)
def test_hours_without_any_are_drawn_too(since: str, until: str, counts: list[int]) -> None:
    hours = [{"hour": "2026-11-30T04:00:00.000Z", "count": 7}]
    assert hour_by_hour({"since": since, "until": until, "hours": hours}) == counts
