"""The frame and the panels that all boards share; the only module that knows the Grafana Foundation SDK.

Core panels only, with the options that Grafana 9.4 to 13 have in common.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from dashboards.influxql import NOW_COLUMN, Query
from dashboards.palette import Colour, Scale

# mypy does not follow the SDK, whose panel builders have no base class in common anyway.
SdkObject = Any

TAG = "strapline"
_WORD = "word"
_AGE_MS, _AGE_S = "age_ms", "age_s"

# The same for all, so that one moment stands at the same place in panels that lie above each other.
_AXIS_WIDTH_PX = 72

# Grafana 9.4 takes an open end of a range for 0, so ranges end here instead.
_LOWEST, _HIGHEST = -1e9, 1e9


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel stands on the grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What every panel has to say."""

    title: str
    description: str
    unit: str
    # None: as many as the axis needs; Grafana 9.4 writes `no_data` beside ticks that look alike when rounded.
    decimals: int | None
    no_data: str
    min_interval: str
    place: Place


class _Target(Dataquery):  # type: ignore[misc]  # the SDK is not followed by mypy
    """One InfluxQL query as Grafana stores it; the SDK has none for InfluxDB."""

    def __init__(self, query: Query, ref_id: str) -> None:
        self.query = query
        self.ref_id = ref_id

    def to_json(self) -> dict[str, object]:
        return {
            "alias": self.query.alias,
            "datasource": _datasource(),
            "query": self.query.text,
            "rawQuery": True,
            "refId": self.ref_id,
            "resultFormat": self.query.form,
        }


class _TargetBuilder(Builder[_Target]):  # type: ignore[misc]  # the SDK is not followed by mypy
    def __init__(self, query: Query, ref_id: str) -> None:
        self.target = _Target(query, ref_id)

    def build(self) -> _Target:
        return self.target


def _datasource() -> SdkObject:
    return models.DataSourceRef(type_val="influxdb", uid="${ds}")


def _dress(panel: SdkObject, card: Card, queries: Sequence[Query]) -> SdkObject:
    panel.title(card.title).description(card.description).datasource(_datasource()).interval(card.min_interval)
    panel.unit(card.unit).no_value(card.no_data)
    if card.decimals is not None:
        panel.decimals(card.decimals)
    place = card.place
    panel.grid_pos(models.GridPos(x=place.x, y=place.y, w=place.width, h=place.height))
    return panel.targets([_TargetBuilder(query, chr(ord("A") + index)) for index, query in enumerate(queries)])


def _fixed(colour: Colour) -> dict[str, str]:
    return {"mode": "fixed", "fixedColor": colour}


def _thresholds(scale: Scale) -> SdkObject:
    steps = [models.Threshold(step.from_value, step.colour) for step in scale]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _words(scale: Scale) -> list[SdkObject]:
    """Range mappings, highest first: ranges include both ends and the first that fits wins."""
    lower_ends = [_LOWEST if step.from_value is None else step.from_value for step in scale]
    upper_ends = [*lower_ends[1:], _HIGHEST]
    results = [models.ValueMappingResult(text=step.word, color=step.colour) for step in scale]
    ranges = list(zip(lower_ends, upper_ends, results, strict=True))
    return [models.RangeMap(models.DashboardRangeMapOptions(*each)) for each in reversed(ranges)]


def _missing(text: str) -> SdkObject:
    """Grafana colours its own no-value text by the lowest step, so that missing data could look good."""
    result = models.ValueMappingResult(text=text, color=Colour.MISSING)
    return models.SpecialValueMap(models.DashboardSpecialValueMapOptions(models.SpecialValueMatch.NULL, result))


def _word_columns(panel: SdkObject, words: dict[str, Scale]) -> None:
    for column, scale in words.items():
        properties = {"mappings": _words(scale), "thresholds": _thresholds(scale).build()}
        panel.override_by_name(column, [models.DynamicConfigValue(key, value) for key, value in properties.items()])


def _stat(card: Card, query: Query, fields: str = "") -> SdkObject:
    panel = _dress(stat.Panel(), card, [query]).graph_mode(common.BigValueGraphMode.NONE)
    panel.color_mode(common.BigValueColorMode.VALUE).text_mode(common.BigValueTextMode.VALUE)
    panel.mappings([_missing(card.no_data)])
    return panel.reduce_options(
        common_builders.ReduceDataOptions().calcs(["lastNotNull"]).fields(fields).values(values=False)
    )


def plain_stat(card: Card, query: Query, colour: Colour) -> SdkObject:
    """A number that is not judged, in the colour of its meaning."""
    color = dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(colour)
    return _stat(card, query).color_scheme(color)


def judged_stat(card: Card, query: Query, scale: Scale, words: dict[str, Scale]) -> SdkObject:
    """Numbers coloured by a scale; the columns in `words` show the word of their own scale instead of the number."""
    color = dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
    panel = _stat(card, query).color_scheme(color).thresholds(_thresholds(scale))
    _word_columns(panel, words)
    return panel


def _calculated(name: str, left: str, operator: str, right: str) -> SdkObject:
    """A column that Grafana adds from two others, or from one and a number."""
    binary = {"left": left, "operator": operator, "right": right}
    options = {"mode": "binary", "alias": name, "binary": binary, "replaceFields": False}
    return models.DataTransformerConfig(id_val="calculateField", options=options)


def age_stat(card: Card, query: Query, scale: Scale) -> SdkObject:
    """Seconds from a point to the end of the shown range, from a `last_time` query, and a word for them."""
    panel = _stat(card, query, f"/^({_AGE_S}|{_WORD})$/")
    color = dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
    panel.color_scheme(color).thresholds(_thresholds(scale))
    panel.with_transformation(_calculated(_AGE_MS, NOW_COLUMN, "-", "Time"))
    for name in (_AGE_S, _WORD):
        panel.with_transformation(_calculated(name, _AGE_MS, "/", "1000"))
    _word_columns(panel, {_WORD: scale})
    return panel


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a time panel; `dashed` and `dots` tell series of one colour apart."""

    query: Query
    colour: Colour
    dashed: bool = False
    dots: int | None = None  # not a line but dots of this size

    def properties(self) -> dict[str, object]:
        """How Grafana is to draw it."""
        drawn: dict[str, object] = {"color": _fixed(self.colour)}
        if self.dashed:
            drawn["custom.lineStyle"] = {"fill": "dash", "dash": [10, 10]}
        if self.dots is not None:
            drawn |= {"custom.drawStyle": "points", "custom.showPoints": "always", "custom.pointSize": self.dots}
        return drawn


def _matcher(alias: str) -> SdkObject:
    """Finds a series by its alias; where that begins with a tag's value, by what comes after it."""
    if not alias.startswith("$tag_"):
        return models.MatcherConfig(id_val="byName", options=alias)
    _, _, rest = alias.partition(": ")
    return models.MatcherConfig(id_val="byRegexp", options=f"/: {_escaped(rest)}$/" if rest else "/.*/")


def _escaped(text: str) -> str:
    return re.sub(r"[()%]", r"\\\g<0>", text)


def _time_panel(card: Card, lines: Sequence[Line]) -> SdkObject:
    panel = _dress(timeseries.Panel(), card, [line.query for line in lines]).axis_width(_AXIS_WIDTH_PX)
    legend = common_builders.VizLegendOptions().show_legend(show_legend=True)
    panel.legend(legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM).calcs([]))
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    panel.tooltip(tooltip.sort(common.SortOrder.NONE))
    for line in lines:
        values = [models.DynamicConfigValue(key, value) for key, value in line.properties().items()]
        panel.with_override(_matcher(line.query.alias), values)
    return panel


def time_lines(card: Card, lines: Sequence[Line], *, bridge_ms: int, scale: Scale = ()) -> SdkObject:
    """Lines over time; a hole longer than `bridge_ms` stays a hole; the steps of a scale become lines."""
    panel = _time_panel(card, lines).draw_style(common.GraphDrawStyle.LINE).line_width(2)
    panel.show_points(common.VisibilityMode.NEVER).span_nulls(bridge_ms)
    if scale:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.LINE)
        panel.thresholds(_thresholds(scale)).thresholds_style(style)
    return panel


def time_points(card: Card, lines: Sequence[Line]) -> SdkObject:
    """Single points over time, never joined."""
    panel = _time_panel(card, lines).draw_style(common.GraphDrawStyle.POINTS)
    return panel.show_points(common.VisibilityMode.ALWAYS).point_size(4)


def states(card: Card, query: Query, scale: Scale) -> SdkObject:
    """A lane for each series, coloured and worded by a scale; where it has no value, nothing is drawn."""
    panel = _dress(statetimeline.Panel(), card, [query])
    color = dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
    panel.color_scheme(color).thresholds(_thresholds(scale)).mappings([])
    panel.override_by_regexp("/.*/", [models.DynamicConfigValue("mappings", _words(scale))])
    panel.show_value(common.VisibilityMode.NEVER).merge_values(merge_values=True).row_height(0.8)
    panel.line_width(0).fill_opacity(70)
    legend = common_builders.VizLegendOptions().show_legend(show_legend=True)
    return panel.legend(
        legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM).calcs([])
    )


def scatter(card: Card, query: Query, x: str, y: str, colour: Colour) -> SdkObject:
    """One column against another as points.

    The options are those of Grafana 9.4 to 11.0. Later versions read them through the panel's own migration, which
    runs as long as no plugin version is given and `custom` is there; the SDK's builder writes only the later form.
    """
    series = {"x": x, "y": y, "pointColor": {"fixed": colour}, "pointSize": {"fixed": 3}}
    panel = _dress(dashboard.Panel(), card, [query]).type("xychart")
    panel.custom({"show": "points", "pointSize": {"fixed": 3}})
    return panel.options(
        {
            "seriesMapping": "manual",
            "dims": {"frame": 0},
            "series": [series],
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What a board is besides its panels."""

    uid: str
    title: str
    description: str
    time_from: str
    refresh: str
    people_query: str


def _variables(board: Board) -> list[SdkObject]:
    source = dashboard.DatasourceVariable("ds").label("Data source").type("influxdb")
    person = dashboard.QueryVariable("person").label("Person").query(board.people_query).datasource(_datasource())
    person.refresh(models.VariableRefresh.ON_DASHBOARD_LOAD).sort(models.VariableSort.ALPHABETICAL_ASC)
    return [source, person]


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


def render(board: Board, panels: Sequence[SdkObject], fold: Fold) -> str:
    """The board as Grafana's classic JSON, with a closed row below its panels; the same board gives the same text."""
    frame = dashboard.Dashboard(board.title).uid(board.uid).description(board.description).tags([TAG]).readonly()
    frame.time(board.time_from, "now").refresh(board.refresh).timezone("browser")
    frame.tooltip(models.DashboardCursorSync.CROSSHAIR).variables(_variables(board))
    link = dashboard.DashboardLink("Strapline").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    frame.link(link.as_dropdown(as_dropdown=True).keep_time(keep_time=True).include_vars(include_vars=True))
    for number, panel in enumerate(panels, start=1):
        frame.with_panel(panel.id(number))
    frame.with_row(fold.build(len(panels) + 1))
    tree = json.loads(JSONEncoder().encode(frame.build()))
    for variable in tree["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count"):  # the SDK writes them on every variable; they are an interval's
            variable.pop(key, None)
    return json.dumps(tree, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
