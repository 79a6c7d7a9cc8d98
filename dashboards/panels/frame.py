"""The frame of a board: its variables, links, annotations and closed row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.influxql import Query, notes, sessions, strap_losses
from dashboards.links import TAG
from dashboards.palette import Colour
from dashboards.panels.card import SdkObject, datasource


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What a board is besides its panels."""

    uid: str
    title: str
    description: str
    time_from: str
    refresh: str  # empty: only when somebody asks
    people_query: str
    several_people: bool = False  # whether more than one person may be chosen, and all of them are at first
    annotated: bool = True  # whether what happened is drawn before somebody asks: over weeks it would hide the rest


@dataclass(frozen=True, slots=True)
class Fold:
    """A row that stands closed until someone opens it; its panels ask the database nothing before."""

    title: str
    y: int
    panels: Sequence[SdkObject]

    def build(self, number: int) -> SdkObject:
        """The row, numbered like a panel, and its panels with the numbers after it."""
        row = dashboard.Row(self.title).id(number).grid_pos(models.GridPos(x=0, y=self.y, w=24, h=1))
        for panel_number, panel in enumerate(self.panels, start=number + 1):
            row.with_panel(panel.id(panel_number))
        return row


def render(board: Board, panels: Sequence[SdkObject], fold: Fold | None = None) -> tuple[str, str]:
    """The board's uid, and the board as Grafana's classic JSON; the same board gives the same text.

    Args:
        board: what it is.
        panels: in the order in which they are read.
        fold: a closed row below them.
    """
    frame = dashboard.Dashboard(board.title).uid(board.uid).description(board.description).tags([TAG]).readonly()
    frame.time(board.time_from, "now").refresh(board.refresh).timezone("browser")
    frame.tooltip(models.DashboardCursorSync.CROSSHAIR).variables(_variables(board))
    link = dashboard.DashboardLink("Strapline").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    link.as_dropdown(as_dropdown=True).keep_time(keep_time=True)
    # A board of one person takes "All" for a name, and finds nobody.
    frame.link(link.include_vars(include_vars=not board.several_people))
    for number, panel in enumerate(panels, start=1):
        frame.with_panel(panel.id(number))
    if fold is not None:
        frame.with_row(fold.build(len(panels) + 1))
    tree = json.loads(JSONEncoder().encode(frame.build()))
    _mend_variables(tree)
    tree["annotations"] = {"list": _annotations(enable=board.annotated)}
    return board.uid, json.dumps(tree, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _variables(board: Board) -> list[SdkObject]:
    source = dashboard.DatasourceVariable("ds").label("Data source").type("influxdb")
    person = dashboard.QueryVariable("person").label("Person").query(board.people_query).datasource(datasource())
    person.refresh(models.VariableRefresh.ON_DASHBOARD_LOAD).sort(models.VariableSort.ALPHABETICAL_ASC)
    if board.several_people:
        everyone = models.VariableOption(text=["All"], value=["$__all"], selected=True)
        # As a pattern, "All" has in it whoever comes while the board is open.
        person.multi(multi=True).include_all(include_all=True).all_value(".*").current(everyone)
    return [source, person]


def _annotations(*, enable: bool) -> list[dict[str, Any]]:
    """What happened, on every time panel; each kind can be switched on and off above the board."""
    told = [
        _annotation("Sessions", Colour.RECOVERY, sessions(), text="kind", tags="person,place,text", end="end_ms"),
        _annotation("Notes", Colour.MISSING, notes(), text="text", tags="person,kind"),
        _annotation("Strap lost", Colour.POOR, strap_losses(), text="reason", tags="person,strap"),
    ]
    return [annotation | {"enable": enable} for annotation in told]


def _annotation(name: str, colour: Colour, query: Query, *, text: str, tags: str, end: str = "") -> dict[str, Any]:
    """As Grafana's InfluxDB data source reads it; the SDK's model knows only the queries of others."""
    target = {
        "refId": name,
        "name": name,
        "query": query.text,
        "queryType": "tags",
        "rawQuery": True,
        "fromAnnotations": True,
        "textColumn": text,
        "tagsColumn": tags,
        "timeEndColumn": end,
        "titleColumn": "",
    }
    source = {"type": "influxdb", "uid": "${ds}"}
    return {"name": name, "datasource": source, "hide": False, "iconColor": colour, "target": target}


def _mend_variables(tree: dict[str, Any]) -> None:
    """Take out what the SDK writes on every variable, and what is an interval's alone."""
    for variable in tree["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count"):
            variable.pop(key, None)
