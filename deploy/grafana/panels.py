"""The panels that the dashboards are made of: what Grafana 9.3 knows, each with a unit, a description and its links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prometheus_model

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
BUS = 'bus=~"$bus"'
"""In every query: the chosen buses. Whoever scrapes without the label `bus` sees all."""
SINCE = "since=${__from:date:iso}"
"""The time that is shown, as our pages take it."""

PER_SECOND, RECORDS, PER_MINUTE, SECONDS, COUNT, SHARE, BYTES, AGO = (
    "reqps", "suffix: records/s", "cpm", "s", "short", "percentunit", "bytes", "dateTimeFromNow",
)  # fmt: skip
"""Units. `PER_MINUTE` is of values that are multiplied by 60."""

LEAST_STEP = "1m"
"""Of graphs: several scrapes, so that a counter has an increase in each."""

REACH = "5m"
"""How long before it a value stands for a moment without one, as in Prometheus itself."""

Limits = Sequence[tuple[float, str]]
"""From this value on, this colour; below the first it is green."""
ANY: Limits = ((1, "red"),)
"""One is one too many."""


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and what its series are called."""

    expr: str
    legend: str = "__auto"


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click leads: `path` at the address of our pages, or a whole URL."""

    title: str
    path: str

    def built(self) -> dashboard.DashboardLink:
        """As the SDK has it."""
        url = self.path if "://" in self.path else "${page}" + self.path
        return dashboard.DashboardLink(self.title).url(url).target_blank(True)


def grown(metric: str, window: str, labels: str = "") -> str:
    """By how much a counter of the chosen buses grew, if it did. One that was not there when the window began counts
    from 0: a new code or a new process comes with its first figures, of which `increase` and `rate` know nothing."""
    return f"({_since_before(metric, window, labels)} > 0)"


def _since_before(metric: str, window: str, labels: str) -> str:
    series = f"{metric}{{{BUS}{', ' + labels if labels else ''}}}"
    return f"(({series} unless {_before(series, window)}) or increase({series}[{window}]))"


def _before(series: str, step: str) -> str:
    """The value a step ago, or the last before that: after a scrape that failed there is none for that very moment, and
    all that was ever counted would be new."""
    return f"last_over_time({series}[{REACH}] offset {step})"


def rate(metric: str, labels: str = "") -> str:
    """The rate a second of a counter, over one step of the graph, `LEAST_STEP` or longer; of one that is new, or began
    anew, from 0. The difference of its values: `increase` does not see what comes between the last scrape of a step and
    the first one of the next, and makes up for it by multiplying what it sees, so that one error was 1.33 or none."""
    series = f"{metric}{{{BUS}{', ' + labels if labels else ''}}}"
    return f"((({series} - {_before(series, '$__interval')}) >= 0 or {series}) / ($__interval_ms / 1000))"


def quantile(q: float, histogram: str, by: str, labels: str = "", window: str = "$__rate_interval") -> str:
    """The quantile of a histogram over a time, by a label (or "")."""
    groups = f"le, {by}" if by else "le"
    buckets = f"rate({histogram}_bucket{{{BUS}{', ' + labels if labels else ''}}}[{window}])"
    return f"histogram_quantile({q}, sum by ({groups}) ({buckets}))"


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    steps = [model.Threshold(value=None, color="green")]
    steps += [model.Threshold(value=value, color=colour) for value, colour in limits]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _target(query: Query, ref: str, *, instant: bool = False, as_table: bool = False) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE).legend_format(query.legend)
    target = target.editor_mode(prometheus_model.QueryEditorMode.CODE)
    target = target.instant() if instant else target.range().interval(LEAST_STEP)
    kind = prometheus_model.PromQueryFormat.TABLE if as_table else prometheus_model.PromQueryFormat.TIME_SERIES
    return target.format(kind)


def _refs(queries: Sequence[Query]) -> list[tuple[Query, str]]:
    return [(query, chr(ord("A") + number)) for number, query in enumerate(queries)]


def number(
    title: str, description: str, expr: str, unit: str = COUNT, limits: Limits = (), link: Link | None = None
) -> Any:
    """One figure, six beside each other; with its course behind it."""
    panel = stat.Panel().title(title).description(description).datasource(SOURCE).unit(unit).span(4).height(4)
    panel = panel.thresholds(_thresholds(limits)).graph_mode(common_model.BigValueGraphMode.AREA)
    panel = panel.color_mode(common_model.BigValueColorMode.VALUE).justify_mode(common_model.BigValueJustifyMode.AUTO)
    panel = panel.text_mode(common_model.BigValueTextMode.AUTO).orientation(common_model.VizOrientation.AUTO)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel = panel.with_target(_target(Query(expr, title), "A"))
    return panel.data_links([link.built()]) if link else panel


def graph(
    title: str, description: str, *queries: Query, unit: str = PER_SECOND, limits: Limits = (), stacked: bool = False,
    links: Sequence[Link] = (), width: int = 12, top: float | None = None,
) -> Any:  # fmt: skip
    """Courses over time; `limits` are drawn as lines."""
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE).unit(unit).min(0)
    panel = panel.span(width).height(8).line_width(1).fill_opacity(25 if stacked else 10)
    panel = panel.show_points(common_model.VisibilityMode.AUTO).span_nulls(False)
    mode = common_model.StackingMode.NORMAL if stacked else common_model.StackingMode.NONE
    panel = panel.stacking(common.StackingConfig().mode(mode).group("A"))
    panel = panel.legend(
        common.VizLegendOptions().show_legend(True).display_mode(common_model.LegendDisplayMode.TABLE)
        .placement(common_model.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"])
    )  # fmt: skip
    panel = panel.tooltip(
        common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI).sort(common_model.SortOrder.DESCENDING)
    )
    panel = panel.thresholds(_thresholds(limits))
    drawn = common_model.GraphTresholdsStyleMode.LINE if limits else common_model.GraphTresholdsStyleMode.OFF
    panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(drawn))
    if top is not None:
        panel = panel.max(top)
    for query, ref in _refs(queries):
        panel = panel.with_target(_target(query, ref))
    return panel.data_links([link.built() for link in links]) if links else panel


def bars(
    title: str, description: str, query: Query, unit: str = COUNT, limits: Limits = (), links: Sequence[Link] = ()
) -> Any:
    """One bar for each series, the newest value."""
    panel = bargauge.Panel().title(title).description(description).datasource(SOURCE).unit(unit).min(0)
    panel = panel.span(12).height(8).thresholds(_thresholds(limits)).orientation(common_model.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(common_model.BarGaugeDisplayMode.BASIC).show_unfilled(True)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel = panel.with_target(_target(query, "A", instant=True))
    return panel.data_links([link.built() for link in links]) if links else panel


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the values of an expression."""

    title: str
    expr: str
    unit: str = COUNT
    limits: Limits = ()


def rows(title: str, description: str, columns: Sequence[Column], links: Sequence[Link] = (), width: int = 24) -> Any:
    """A table: a row for each set of labels, a column for each label and each expression; sorted by the first."""
    panel = table.Panel().title(title).description(description).datasource(SOURCE).span(width).height(8)
    panel = panel.show_header(True).thresholds(_thresholds(()))
    panel = panel.sort_by([common.TableSortByFieldState().display_name(columns[0].title).desc(True)])
    panel = panel.footer(common.TableFooterOptions().show(False).reducer(["sum"]))
    for (column, ref), one in zip(_refs([Query(column.expr) for column in columns]), columns, strict=True):
        panel = panel.with_target(_target(column, ref, instant=True, as_table=True))
        name = f"Value #{ref}" if len(columns) > 1 else "Value"
        properties = [
            model.DynamicConfigValue(id_val="displayName", value=one.title),
            model.DynamicConfigValue(id_val="unit", value=one.unit),
        ]
        if one.limits:
            built = _thresholds(one.limits).build()
            properties += [
                model.DynamicConfigValue(id_val="thresholds", value=built.to_json()),
                model.DynamicConfigValue(id_val="custom.displayMode", value="color-text"),
            ]
        panel = panel.override_by_name(name, properties)
    for transformation, options in (("merge", {}), ("organize", {"excludeByName": {"Time": True}})):
        panel = panel.with_transformation(model.DataTransformerConfig(id_val=transformation, options=options))
    return panel.data_links([link.built() for link in links]) if links else panel
