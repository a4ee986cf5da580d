"""The dashboards: what the script makes, and nothing that Grafana 9.3 does not know or no process exposes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.generate import BOARDS, text
from tests.deploy.asked import DASHBOARDS, dashboards, panels, rules, unknown
from tocsin.connectors.gateway.scopes import ROUTES

REDUCED = {"calcs", "fields", "values"}
OPTIONS: dict[str, dict[str, set[str] | None]] = {
    "timeseries": {"legend": {"calcs", "displayMode", "placement", "showLegend"}, "tooltip": {"mode", "sort"}},
    "stat": {
        "colorMode": None, "graphMode": None, "justifyMode": None, "orientation": None, "reduceOptions": REDUCED,
        "textMode": None,
    },
    "bargauge": {
        "displayMode": None, "minVizHeight": None, "minVizWidth": None, "orientation": None, "reduceOptions": REDUCED,
        "showUnfilled": None,
    },
    "table": {"footer": {"fields", "reducer", "show"}, "frameIndex": None, "showHeader": None, "sortBy": None},
}  # fmt: skip
"""Panel type of Grafana 9.3 -> its options, and the members of those."""
CUSTOM = {"fillOpacity", "lineWidth", "showPoints", "spanNulls", "stacking", "thresholdsStyle"}
DEFAULTS = {"custom", "links", "max", "min", "thresholds", "unit"}
PANEL = {
    "datasource", "description", "fieldConfig", "gridPos", "id", "options", "pluginVersion", "targets", "title",
    "transformations", "transparent", "type",
}  # fmt: skip
TARGET = {"datasource", "editorMode", "expr", "format", "instant", "interval", "legendFormat", "range", "refId"}
MARK_ONLY = {"step", "tagKeys", "textFormat", "titleFormat", "useValueForTime"}
"""Members of a mark that are Prometheus' own: the SDK does not have them."""
UNITS = {"reqps", "suffix: records/s", "cpm", "s", "short", "percentunit", "bytes", "dateTimeFromNow"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ALL = [pytest.param(name, panel, id=f"{name}: {panel['title']}") for name, panel in panels()]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_committed_file_is_what_the_script_makes(board: Any) -> None:
    assert DASHBOARDS[board.name].read_text("utf-8") == text(board), "make documents"


def test_there_is_no_file_besides() -> None:
    assert set(DASHBOARDS) == {board.name for board in BOARDS}
    assert len({one["uid"] for one in dashboards().values()}) == len(BOARDS)


def _kept(document: Any, again: Any, path: str = "") -> list[str]:
    """What is not in `again` as it is in the document."""
    if isinstance(document, dict) and isinstance(again, dict):
        return [
            lost
            for name, value in document.items()
            if name not in MARK_ONLY
            for lost in (_kept(value, again[name], f"{path}.{name}") if name in again else [f"{path}.{name}"])
        ]
    if isinstance(document, list) and isinstance(again, list) and len(document) == len(again):
        return [lost for one, other in zip(document, again, strict=True) for lost in _kept(one, other, path)]
    return [] if document == again else [path]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_sdk_reads_all_of_it(name: str) -> None:
    register_default_plugins()
    document = dashboards()[name]
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(document)))
    lost = [path for path in _kept(document, again) if path not in (".id",)]
    assert lost == []


@pytest.mark.parametrize(("name", "panel"), ALL)
def test_a_panel_has_what_grafana_9_3_knows(name: str, panel: dict[str, Any]) -> None:
    assert set(panel) <= PANEL
    known = OPTIONS[panel["type"]]
    assert set(panel["options"]) <= set(known)
    for option, members in known.items():
        if members is not None and option in panel["options"]:
            assert set(panel["options"][option]) <= members
    defaults = panel["fieldConfig"]["defaults"]
    assert set(defaults) <= DEFAULTS
    assert set(defaults.get("custom", {})) <= CUSTOM
    assert all(set(target) <= TARGET for target in panel["targets"])
    assert {one["id"] for one in panel["transformations"]} <= {"merge", "organize"}


@pytest.mark.parametrize(("name", "panel"), ALL)
def test_a_panel_is_complete(name: str, panel: dict[str, Any]) -> None:
    assert panel["datasource"] == SOURCE
    assert len(panel["description"]) > 10
    assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"] in UNITS
    refs = [target["refId"] for target in panel["targets"]]
    assert refs
    assert len(set(refs)) == len(refs)
    for target in panel["targets"]:
        assert target["datasource"] == SOURCE
        assert unknown(target["expr"]) == []
        assert "$bus" in target["expr"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboards()[name]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_has_its_variables_and_marks(name: str) -> None:
    document = dashboards()[name]
    variables = {one["name"]: one for one in document["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)", json.dumps([document["panels"], document["annotations"]])))
    assert used - {"datasource"} <= set(variables) | {"__rate", "__range"} | {"__"}
    assert set(variables) >= {"datasource", "bus", "page"}
    assert [mark["name"] for mark in document["annotations"]["list"]] == ["Restarts", "Silences", "Alerts"]
    assert all(unknown(mark["expr"]) == [] for mark in document["annotations"]["list"])
    assert document["schemaVersion"] == 36
    assert "__inputs" not in document


def _path_is_a_route(path: str) -> bool:
    asked = path.partition("?")[0]
    return any(re.fullmatch(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(route)), asked) for route in ROUTES)


@pytest.mark.parametrize(("name", "panel"), ALL)
def test_links_lead_to_our_routes(name: str, panel: dict[str, Any]) -> None:
    for link in panel["fieldConfig"]["defaults"].get("links", []):
        assert set(link) == {"title", "url", "targetBlank"}
        assert link["url"].startswith("${page}/")
        assert _path_is_a_route(re.sub(r"\$\{[^}]*\}", "x", link["url"].removeprefix("${page}")))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule.get("record"))
def test_a_rule_names_what_there_is(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"]) == []
