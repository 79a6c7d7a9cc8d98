"""Tables, whose rows lead on to what they speak of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import table

from dashboards.influxql import Query
from dashboards.panels.card import Card, Column, SdkObject, dress, override, transformation
from dashboards.panels.numbers import as_text, sorted_by, with_ages


def rows(
    card: Card, queries: Sequence[Query], columns: Sequence[Column], *, joined_by: str = "", ages: Sequence[str] = ()
) -> SdkObject:
    """A table of exactly these columns, in this order.

    Args:
        card: of the panel; its unit and decimals hold for columns that say nothing else.
        queries: their answers as tables.
        columns: all that are shown, and those that are hidden but that links need.
        joined_by: the column by which the rows of several queries belong together.
        ages: columns to add, each with the seconds from a row of a `last_time_by` query to the end of the range.
    """
    panel = dress(table.Panel(), card, queries).filterable(filterable=False)
    panel.footer(common_builders.TableFooterOptions().show(show=False).reducer([]))
    if ages:
        with_ages(panel, ages)
    if joined_by:
        panel.with_transformation(transformation("joinByField", {"byField": joined_by, "mode": "outer"}))
        panel.with_transformation(as_text(joined_by)).with_transformation(sorted_by(joined_by))
    names = [column.name for column in columns]
    panel.with_transformation(transformation("filterFieldsByName", {"include": {"names": names}}))
    order = {name: index for index, name in enumerate(names)}
    options = {"excludeByName": {}, "indexByName": order, "renameByName": {}}
    panel.with_transformation(transformation("organize", options))
    for column in columns:
        override(panel, column.name, _properties(column))
    return panel


def _properties(column: Column) -> dict[str, Any]:
    shown = column.properties()
    if column.scale or column.words is not None or column.colour is not None:
        shown["custom.cellOptions"] = {"type": "color-text"}
        shown["custom.displayMode"] = "color-text"  # what Grafana 9.4 calls it
    if column.width is not None:
        shown["custom.width"] = column.width
    if column.hidden:
        shown["custom.hidden"] = True
    if column.link:
        shown["links"] = [{"title": column.link_title, "url": column.link, "targetBlank": False}]
    return shown
