"""Numbers and words: stat panels and bar gauges."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge, dashboard, stat
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from dashboards.influxql import NOW_COLUMN, Query
from dashboards.palette import Colour, Scale
from dashboards.panels.card import (
    Card,
    Column,
    SdkObject,
    by_thresholds,
    dress,
    missing,
    override,
    override_columns,
    range_words,
    thresholds,
    transformation,
)

# Grafana would fit each panel's text to its longest word, so that no two panels look alike.
_NAME_PX, _VALUE_PX = 13, 21

AGE_MS = "age_ms"
"""The column from which `with_ages` makes those in seconds."""

_WORD, _AGE_S = "word", "age_s"


def _stat(card: Card, queries: Sequence[Query], fields: str = "") -> SdkObject:
    panel = dress(stat.Panel(), card, queries).graph_mode(common.BigValueGraphMode.NONE)
    panel.color_mode(common.BigValueColorMode.VALUE).text_mode(common.BigValueTextMode.VALUE)
    panel.mappings([missing(card.no_data)])
    return panel.reduce_options(_last_value(fields))


def _last_value(fields: str) -> SdkObject:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).fields(fields).values(values=False)


def _each_row(column: str) -> SdkObject:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).fields(f"/^{column}$/").values(values=True)


def _fixed_colour(colour: Colour) -> SdkObject:
    return dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(colour)


def plain_stat(card: Card, query: Query, colour: Colour) -> SdkObject:
    """A number that is not judged, in the colour of its meaning."""
    return _stat(card, [query]).color_scheme(_fixed_colour(colour))


def judged_stat(card: Card, query: Query, scale: Scale, words: dict[str, Scale]) -> SdkObject:
    """Numbers coloured by a scale; the columns in `words` show the word of their own scale instead of the number."""
    panel = _stat(card, [query]).color_scheme(by_thresholds()).thresholds(thresholds(scale))
    _word_columns(panel, words)
    return panel


def _word_columns(panel: SdkObject, words: dict[str, Scale]) -> None:
    for column, scale in words.items():
        override(panel, column, {"mappings": range_words(scale), "thresholds": thresholds(scale).build()})


def figures(card: Card, queries: Sequence[Query], columns: Sequence[Column], colour: Colour) -> SdkObject:
    """Several numbers and words side by side, each under its name and shown in its own way.

    Args:
        card: of the panel; its unit and decimals hold for columns that say nothing else.
        queries: tables of one row; the names of their columns are what is read under the numbers.
        columns: those that are shown in a way of their own.
        colour: of all others.
    """
    shown = "/^(" + "|".join(column.title or column.name for column in columns) + ")$/"
    panel = _stat(card, queries, shown).color_scheme(_fixed_colour(colour))
    panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME).orientation(common.VizOrientation.AUTO)
    panel.text(common_builders.VizTextDisplayOptions().title_size(_NAME_PX).value_size(_VALUE_PX))
    override_columns(panel, columns)
    return panel


def age_stat(card: Card, query: Query, scale: Scale) -> SdkObject:
    """Seconds from a point to the end of the shown range, from a `last_time` query, and a word for them."""
    panel = _stat(card, [query], f"/^({_AGE_S}|{_WORD})$/")
    panel.color_scheme(by_thresholds()).thresholds(thresholds(scale))
    with_ages(panel, (_AGE_S, _WORD))
    _word_columns(panel, {_WORD: scale})
    return panel


def age_tiles(card: Card, query: Query, scale: Scale, *, by: str) -> SdkObject:
    """A tile for each row of a `last_time_by` query, under the value of the tag that it is by: the word for its age."""
    panel = _stat(card, [query]).color_scheme(by_thresholds()).thresholds(thresholds(scale))
    panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME).orientation(common.VizOrientation.AUTO)
    with_ages(panel, (_WORD,))
    # A row's tile is named after all its texts, and after the column too where there is another number beside it.
    left_out = dict.fromkeys(("Time", NOW_COLUMN, AGE_MS), True)
    panel.with_transformation(
        transformation("organize", {"excludeByName": left_out, "indexByName": {}, "renameByName": {}})
    )
    panel.with_transformation(as_text(by)).with_transformation(sorted_by(by))
    _word_columns(panel, {_WORD: scale})
    return panel.reduce_options(_each_row(_WORD))


def with_ages(panel: SdkObject, names: Sequence[str]) -> None:
    """Add columns with the seconds from a row's time to the end of the shown range."""
    panel.with_transformation(calculated(AGE_MS, NOW_COLUMN, "-", "Time"))
    for name in names:
        panel.with_transformation(calculated(name, AGE_MS, "/", "1000"))


def as_text(column: str) -> SdkObject:
    """Take a column for texts: Grafana 9 takes names for numbers when the first of them looks like one."""
    conversions = [{"targetField": column, "destinationType": "string"}]
    return transformation("convertFieldType", {"fields": {}, "conversions": conversions})


def sorted_by(column: str, *, largest_first: bool = False) -> SdkObject:
    """Rows in the order of a column; that of groups differs between queries."""
    return transformation("sortBy", {"fields": {}, "sort": [{"field": column, "desc": largest_first}]})


def calculated(name: str, left: str, operator: str, right: str) -> SdkObject:
    """A column that Grafana adds from two others, or from one and a number."""
    binary = {"left": left, "operator": operator, "right": right}
    options: dict[str, object] = {"mode": "binary", "alias": name, "binary": binary, "replaceFields": False}
    # Else the answers of several queries are joined by their times first.
    options["timeSeries"] = False
    return transformation("calculateField", options)


def bars(card: Card, queries: Sequence[Query], columns: Sequence[Column], *, max_value: float | None) -> SdkObject:
    """One horizontal bar for each column of tables of one row.

    Args:
        card: of the panel.
        queries: what the bars show.
        columns: the colour of each bar.
        max_value: where a bar is full; None: at the longest one.
    """
    panel = dress(bargauge.Panel(), card, queries).orientation(common.VizOrientation.HORIZONTAL)
    panel.display_mode(common.BarGaugeDisplayMode.BASIC).value_mode(common.BarGaugeValueMode.TEXT).min(0)
    panel.mappings([missing(card.no_data)]).show_unfilled(show_unfilled=max_value is not None)
    if max_value is not None:
        panel.max(max_value)
    override_columns(panel, columns)
    return panel.reduce_options(_last_value(""))


def ranked_bars(card: Card, query: Query, column: str, colour: Colour, *, by: str, max_value: float) -> SdkObject:
    """One horizontal bar for each row of a `last_by` query, named by its tag's value, the longest first.

    Args:
        card: of the panel.
        query: has a row for each bar.
        column: what the bars show, the only number in the answer.
        colour: of all bars.
        by: the tag that the query is by.
        max_value: where a bar is full.
    """
    panel = bars(card, [query], [Column(name=column, colour=colour)], max_value=max_value)
    panel.with_transformation(as_text(by)).with_transformation(sorted_by(column, largest_first=True))
    return panel.reduce_options(_each_row(column))
