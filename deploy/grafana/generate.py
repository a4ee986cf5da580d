"""Writes the dashboards: `python -m deploy.grafana.generate` (in `make documents`). The classic model, as Grafana 9.3
to 12 load it unchanged; nothing in it is of one machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana import bus, cases, deliveries, errors, peers
from deploy.grafana.board import Board
from deploy.grafana.panels import BUS, SINCE, SOURCE

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = (errors.BOARD, cases.BOARD, peers.BOARD, deliveries.BOARD, bus.BOARD)
PLUGIN_VERSION = "9.3.0"
"""Of the panels' options: newer releases migrate them from there."""
PAGE = "http://127.0.0.1:8700"
LINK_MEMBERS = ("title", "url", "targetBlank")
VARIABLE_NOISE = ("auto", "auto_min", "auto_count", "id")
YOUNGER = ("cellHeight", "showTypeIcons", "valueMode")
"""Options that the SDK always says, and Grafana 9.3 does not know."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is marked in every panel: where the expression is more than nothing."""

    name: str
    colour: str
    expr: str
    title: str
    text: str = ""

    def document(self) -> dict[str, Any]:
        """As Grafana reads it."""
        return {
            "name": self.name, "datasource": {"type": "prometheus", "uid": "${datasource}"}, "enable": True,
            "hide": False, "iconColor": self.colour, "expr": self.expr, "step": "60s", "titleFormat": self.title,
            "textFormat": self.text, "tagKeys": "", "useValueForTime": False,
        }  # fmt: skip


MARKS = (
    Mark("Restarts", "orange", f'changes(process_start_time_seconds{{{BUS}, process!=""}}[2m]) > 0',
         "{{process}} was started", "{{bus}} {{instance}}"),
    Mark("Silences", "blue", f"max by (bus) (delta(tocsin_silences{{{BUS}}}[2m])) != 0",
         "silences were made or ended", "{{bus}}"),
    Mark("Alerts", "red", f'ALERTS{{{BUS}, alertstate="firing", severity!="heartbeat"}}',
         "{{alertname}}", "{{severity}} {{endpoint}} {{code}} {{agent}} {{partition}}"),
)  # fmt: skip


def _variable(name: str, label: str, what: str, query: str) -> dashboard.QueryVariable:
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    made = dashboard.QueryVariable(name).label(label).description(what).datasource(SOURCE).query(query)
    made = made.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
    return made.multi(True).include_all(True).all_value(".*").current(everything)


def variables(board: Board) -> Sequence[Any]:
    """Those that every dashboard has, and those of this one."""
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    page = dashboard.TextBoxVariable("page").label("Our pages").default_value(PAGE)
    page = page.description("The address of the gateway, for the links").current(
        model.VariableOption(selected=False, text=PAGE, value=PAGE)
    )
    made = [_variable(one.name, one.label, one.what, one.query) for one in board.variables]
    bus = _variable("bus", "Bus", "TOCSIN_PREFIX of the bus", "label_values(tocsin_build_info, bus)")
    return [source, bus, *made, page]


def document(board: Board) -> dict[str, Any]:
    """The JSON of one dashboard."""
    made = dashboard.Dashboard(f"Tocsin / {board.title}").uid(f"tocsin-{board.name}").description(board.description)
    made = made.tags(["tocsin"]).timezone("browser").time("now-3h", "now").refresh("30s").editable()
    made = made.tooltip(model.DashboardCursorSync.CROSSHAIR)
    made = made.link(
        dashboard.DashboardLink("Tocsin").type(model.DashboardLinkType.DASHBOARDS).tags(["tocsin"])
        .as_dropdown(False).include_vars(True).keep_time(True)
    )  # fmt: skip
    made = made.link(dashboard.DashboardLink("Problems").type(model.DashboardLinkType.LINK)
                     .url(f"${{page}}/v1/problems?{SINCE}").icon("external link").target_blank(True))  # fmt: skip
    for variable in variables(board):
        made = made.with_variable(variable)
    for panel in board.panels:
        made = made.with_panel(panel)
    return _tidied(json.loads(JSONEncoder().encode(made.build())))


def _tidied(made: dict[str, Any]) -> dict[str, Any]:
    """With what the SDK does not say, and without what it says of things that are not there."""
    made["id"], made["version"] = None, 1
    made["annotations"] = {"list": [mark.document() for mark in MARKS]}
    for number, panel in enumerate(made["panels"], 1):
        panel["id"], panel["pluginVersion"] = number, PLUGIN_VERSION
        del panel["repeatDirection"]
        panel["options"] = {name: value for name, value in panel["options"].items() if name not in YOUNGER}
        defaults = panel["fieldConfig"]["defaults"]
        if "links" in defaults:
            defaults["links"] = [{name: link[name] for name in LINK_MEMBERS} for link in defaults["links"]]
    for variable in made["templating"]["list"]:
        for name in VARIABLE_NOISE:
            variable.pop(name, None)
    return made


def text(board: Board) -> str:
    """The file of one dashboard."""
    return json.dumps(document(board), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for one in BOARDS:
        (FOLDER / f"{one.name}.json").write_text(text(one), "utf-8")
