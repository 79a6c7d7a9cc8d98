"""What changes over time: lines, points, bars, bands and lanes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, statetimeline, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from dashboards.influxql import Query
from dashboards.palette import Colour, Scale
from dashboards.panels.card import (
    Card,
    SdkObject,
    dress,
    fixed,
    missing,
    range_words,
    thresholds,
    values_of,
)

# The same for all, so that one moment stands at the same place in panels that lie above each other.
_AXIS_WIDTH_PX = 72

_UNKNOWN = "not told"


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a time panel; `dashed`, `dots`, `bars` and `area` tell series of one colour apart."""

    query: Query
    # None: each series has the colour of its place among the names. By the name itself only Grafana 10 can colour, and
    # 9.4 shows an error instead of the panel.
    colour: Colour | None
    dashed: bool = False
    dots: int | None = None  # not a line but dots of this size
    marks: int | None = None  # dots of this size on the line, so that one without neighbours is seen too
    bars: int | None = None  # not a line but bars of this opacity, in %
    area: int | None = None  # not a line but the space below it, of this opacity, in %
    bridge_ms: int | None = None  # a hole of its own up to which it goes on; None: the panel's
    width: int | None = None  # of the line, in pixels
    fill_to: str = ""  # the series down to which the space below this one is filled
    unit: str = ""  # of an axis of its own, at the right

    def properties(self) -> dict[str, object]:
        """How Grafana is to draw it."""
        drawn: dict[str, object] = {} if self.colour is None else {"color": fixed(self.colour)}
        if self.dashed:
            drawn["custom.lineStyle"] = {"fill": "dash", "dash": [10, 10]}
        if self.dots is not None:
            drawn |= {"custom.drawStyle": "points", "custom.showPoints": "always", "custom.pointSize": self.dots}
        if self.marks is not None:
            drawn |= {"custom.showPoints": "always", "custom.pointSize": self.marks}
        if self.bars is not None:
            drawn |= {"custom.drawStyle": "bars", "custom.fillOpacity": self.bars, "custom.lineWidth": 0}
        if self.area is not None:
            drawn |= {"custom.fillOpacity": self.area, "custom.lineWidth": 0}
        if self.bridge_ms is not None:
            drawn["custom.spanNulls"] = self.bridge_ms
        if self.width is not None:
            drawn["custom.lineWidth"] = self.width
        if self.fill_to:
            drawn |= {"custom.fillBelowTo": self.fill_to, "custom.fillOpacity": 18}
        if self.unit:
            drawn |= {"unit": self.unit, "custom.axisPlacement": "right"}
        return drawn


def band(low: Query, high: Query, colour: Colour) -> list[Line]:
    """A person's own normal range, as the space between two thin lines."""
    return [Line(high, colour, width=0, fill_to=low.alias), Line(low, colour, width=0)]


def _matcher(alias: str) -> SdkObject:
    """Finds a series by its alias; where that begins with a tag's value, by what comes after it."""
    if not alias.startswith("$tag_"):
        return models.MatcherConfig(id_val="byName", options=alias)
    _, _, rest = alias.partition(": ")
    return models.MatcherConfig(id_val="byRegexp", options=f"/: {_escaped(rest)}$/" if rest else "/.*/")


def _escaped(text: str) -> str:
    return re.sub(r"[()%]", r"\\\g<0>", text)


def _time_panel(card: Card, lines: Sequence[Line]) -> SdkObject:
    panel = dress(timeseries.Panel(), card, [line.query for line in lines]).axis_width(_AXIS_WIDTH_PX)
    panel.legend(_legend())
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    panel.tooltip(tooltip.sort(common.SortOrder.NONE))
    if any(line.colour is None for line in lines):
        panel.color_scheme(_palette())
    for line in lines:
        if properties := line.properties():
            panel.with_override(_matcher(line.query.alias), values_of(properties))
    return panel


def _legend() -> SdkObject:
    legend = common_builders.VizLegendOptions().show_legend(show_legend=True)
    return legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM).calcs([])


def time_lines(card: Card, lines: Sequence[Line], *, bridge_ms: int, scale: Scale = ()) -> SdkObject:
    """Lines over time; a hole longer than `bridge_ms` stays a hole; the steps of a scale become lines."""
    panel = _time_panel(card, lines).draw_style(common.GraphDrawStyle.LINE).line_width(2)
    panel.show_points(common.VisibilityMode.NEVER).span_nulls(bridge_ms)
    if scale:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.LINE)
        panel.thresholds(thresholds(scale)).thresholds_style(style)
    return panel


def time_points(card: Card, lines: Sequence[Line]) -> SdkObject:
    """Single points over time, never joined."""
    panel = _time_panel(card, lines).draw_style(common.GraphDrawStyle.POINTS)
    return panel.show_points(common.VisibilityMode.ALWAYS).point_size(4)


def time_bars(card: Card, lines: Sequence[Line], *, stacked: bool) -> SdkObject:
    """A bar for each point: of a day, or of a week; several series stand on each other where they are stacked."""
    panel = _time_panel(card, lines).draw_style(common.GraphDrawStyle.BARS).fill_opacity(75).line_width(0)
    panel.show_points(common.VisibilityMode.NEVER).bar_alignment(common.BarAlignment.CENTER).min(0)
    mode = common.StackingMode.NORMAL if stacked else common.StackingMode.NONE
    return panel.stacking(common_builders.StackingConfig().mode(mode).group("A"))


def states(card: Card, query: Query, scale: Scale) -> SdkObject:
    """A lane for each series, in the words and colours of a scale; where it has no value, nothing is drawn.

    The colours come from the words: with thresholds, Grafana's legend would show numbers instead.
    """
    panel = dress(statetimeline.Panel(), card, [query]).color_scheme(_palette())
    panel.mappings([*range_words(scale), missing(_UNKNOWN)])
    panel.show_value(common.VisibilityMode.AUTO).merge_values(merge_values=True).row_height(0.8)
    return panel.line_width(0).fill_opacity(70).legend(_legend())


def _palette() -> SdkObject:
    """A colour for each series in turn; Grafana 9.4 has no palette by name yet."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC)
