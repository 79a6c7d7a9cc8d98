"""What every panel has: its card, its queries, its colours and its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models

from dashboards.influxql import Query
from dashboards.palette import Colour, Scale, Words

# mypy does not follow the SDK, whose panel builders have no base class in common anyway.
SdkObject = Any

# Grafana 9.4 takes an open end of a range for 0, so ranges end here instead.
_LOWEST, _HIGHEST = -1e9, 1e9

_DASH = "\u2013"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel stands on the grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Card:
    """What every panel has to say."""

    title: str
    description: str
    place: Place
    _: KW_ONLY
    no_data: str
    min_interval: str
    unit: str = "none"
    # None: as many as the axis needs; Grafana 9.4 writes `no_data` beside ticks that look alike when rounded.
    decimals: int | None = 0
    time_from: str = ""  # a horizon of the panel's own, such as 24h; empty: the board's


class _Target(Dataquery):  # type: ignore[misc]  # the SDK is not followed by mypy
    """One InfluxQL query as Grafana stores it; the SDK has none for InfluxDB."""

    def __init__(self, query: Query, ref_id: str) -> None:
        self.query = query
        self.ref_id = ref_id

    def to_json(self) -> dict[str, object]:
        return {
            "alias": self.query.alias,
            "datasource": datasource(),
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


def datasource() -> SdkObject:
    """The data source that the board's variable names."""
    return models.DataSourceRef(type_val="influxdb", uid="${ds}")


def placed(panel: SdkObject, title: str, description: str, place: Place) -> SdkObject:
    """A panel with a title, what it tells, and its place on the grid."""
    grid = models.GridPos(x=place.x, y=place.y, w=place.width, h=place.height)
    return panel.title(title).description(description).grid_pos(grid)


def dress(panel: SdkObject, card: Card, queries: Sequence[Query]) -> SdkObject:
    """A panel with all that its card says, and its queries as A, B, C."""
    placed(panel, card.title, card.description, card.place).datasource(datasource()).interval(card.min_interval)
    panel.unit(card.unit).no_value(card.no_data)
    if card.decimals is not None:
        panel.decimals(card.decimals)
    if card.time_from:
        panel.time_from(card.time_from)
    return panel.targets([_TargetBuilder(query, chr(ord("A") + index)) for index, query in enumerate(queries)])


def fixed(colour: Colour) -> dict[str, str]:
    """One colour, whatever the value."""
    return {"mode": "fixed", "fixedColor": colour}


def by_thresholds() -> SdkObject:
    """The colour of the step that a value reaches."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def thresholds(scale: Scale) -> SdkObject:
    """The steps of a scale."""
    steps = [models.Threshold(step.from_value, step.colour) for step in scale]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def range_words(scale: Scale) -> list[SdkObject]:
    """Range mappings, highest first: ranges include both ends and the first that fits wins."""
    lower_ends = [_LOWEST if step.from_value is None else step.from_value for step in scale]
    upper_ends = [*lower_ends[1:], _HIGHEST]
    results = [models.ValueMappingResult(text=step.word, color=step.colour) for step in scale]
    ranges = list(zip(lower_ends, upper_ends, results, strict=True))
    return [models.RangeMap(models.DashboardRangeMapOptions(*each)) for each in reversed(ranges)]


def word_colours(words: Words) -> SdkObject:
    """The colour of each word that a text can be; the word itself stays."""
    return models.ValueMap({word: models.ValueMappingResult(text=word, color=words[word]) for word in words})


def missing(text: str) -> SdkObject:
    """Grafana colours its own no-value text by the lowest step, so that missing data could look good."""
    return _instead_of(models.SpecialValueMatch.NULL, text)


def _instead_of(match: SdkObject, text: str) -> SdkObject:
    result = models.ValueMappingResult(text=text, color=Colour.MISSING)
    return models.SpecialValueMap(models.DashboardSpecialValueMapOptions(match, result))


def override(panel: SdkObject, name: str, properties: Mapping[str, object]) -> None:
    """Show the column or series of that name in its own way."""
    panel.override_by_name(name, values_of(properties))


def values_of(properties: Mapping[str, object]) -> list[SdkObject]:
    """Properties as an override holds them."""
    return [models.DynamicConfigValue(key, value) for key, value in properties.items()]


def transformation(name: str, options: Mapping[str, object]) -> SdkObject:
    """A step that Grafana's browser side does with the answers before it shows them."""
    return models.DataTransformerConfig(id_val=name, options=dict(options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column of an answer is shown, where it differs from the panel's card."""

    name: str  # in the answer
    title: str = ""  # as shown; empty: the name
    unit: str = ""
    decimals: int | None = None
    colour: Colour | None = None
    scale: Scale = ()  # colours a number
    worded: bool = False  # shows the scale's word instead of the number
    words: Words | None = None  # colours a text
    none: str = _DASH  # what an empty cell says
    link: str = ""  # where a click leads
    link_title: str = ""
    width: int | None = None
    hidden: bool = False

    def properties(self) -> dict[str, Any]:
        """As an override holds them; one of several values that is missing is a dash, and not the panel's sentence."""
        shown: dict[str, Any] = {"noValue": self.none}
        nothing = [missing(self.none), _instead_of(models.SpecialValueMatch.EMPTY, self.none)]
        if self.title:
            shown["displayName"] = self.title
        if self.unit:
            shown["unit"] = self.unit
        if self.decimals is not None:
            shown["decimals"] = self.decimals
        if self.colour is not None:
            shown["color"] = fixed(self.colour)
        if self.scale:
            shown["thresholds"] = thresholds(self.scale).build()
            shown["color"] = {"mode": "thresholds"}
        worded = range_words(self.scale) if self.worded else []
        coloured = [] if self.words is None else [word_colours(self.words)]
        shown["mappings"] = [*worded, *coloured, *nothing]
        return shown


def override_columns(panel: SdkObject, columns: Iterable[Column]) -> None:
    """Show each column in its own way."""
    for column in columns:
        override(panel, column.name, column.properties())
