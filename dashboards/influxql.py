"""The InfluxQL that the boards speak: a closed set of query shapes built from the schema. Pure.

Only what InfluxDB 1.x, 2.x (through its DBRP mapping) and 3.x have in common is written here. A field that the
schema does not have can't be asked for: its name raises KeyError when the boards are built.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ingest.model import MarkerAction
from pipeline.schema import EVENT, SESSION, STRAP, Measurement

# Grafana writes the chosen person into the regular expression; its "regex" format escapes the name, so that a
# person called "a.b" is not also "axb", and lists several people as alternatives.
_PERSON = '"person" =~ /^${person:regex}$/'
_RANGE = "$timeFilter"

# The column that holds the end of the shown range, for panels that tell how long ago something was.
NOW_COLUMN = "now_ms"

DAY_S = 86_400
TODAY_S = 25 * 3600
"""A day's point stands at its midnight, and one day of the year is that long."""


class Form(StrEnum):
    """How Grafana lays out the answer."""

    TABLE = "table"
    SERIES = "time_series"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel: its text, its layout, and the name of its series."""

    text: str
    form: Form
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What a query reads: a measurement, of the chosen person if it has people, of one window if it has windows."""

    measurement: Measurement
    window: str | None = None  # such as 60s
    kind: str | None = None  # None: every kind
    condition: str | None = None  # of its points, by fields
    everyone: bool = False  # whose it is does not matter: alerts have no variables

    def __post_init__(self) -> None:
        if (self.window is not None) != ("window" in self.measurement.tags):
            message = f"{self.measurement.name}: a window is asked for where there is none, or the other way round"
            raise ValueError(message)

    def column(self, name: str) -> str:
        """A field of the measurement, quoted; KeyError if the schema has no such field."""
        return f'"{self.measurement.field(name).name}"'

    def column_or_tag(self, name: str) -> str:
        """A field or a tag of the measurement, quoted; KeyError if the schema has neither."""
        return f'"{name}"' if name in self.measurement.tags else self.column(name)

    def where(self, *conditions: str) -> str:
        """The FROM and WHERE clauses: this source, the chosen person, what is not void, and further conditions."""
        person = (_PERSON,) if "person" in self.measurement.tags and not self.everyone else ()
        window = () if self.window is None else (f"\"window\" = '{self.window}'",)
        kind = () if self.kind is None else (f"\"kind\" = '{self.kind}'",)
        valid = ('"valid" = 1',) if any(field.name == "valid" for field in self.measurement.fields) else ()
        own = () if self.condition is None else (self.condition,)
        return (
            f'FROM "{self.measurement.name}" WHERE {" AND ".join((*person, *window, *kind, *valid, *own, *conditions))}'
        )


def _not_older_than(seconds: int) -> str:
    return f"time >= ${{__to}}ms - {seconds}s AND time <= ${{__to}}ms"


def last(source: Source, columns: dict[str, str], *, max_age_s: int) -> Query:
    """The last value of one or more fields, as a table of one row.

    Args:
        source: what to read.
        columns: name in the answer -> field; the same field may stand there twice.
        max_age_s: nothing comes back when the value is older than this, counted from the end of the shown range;
            so a stopped source shows as missing and not as its last value.
    """
    selected = ", ".join(f'last({source.column(field)}) AS "{name}"' for name, field in columns.items())
    return Query(f"SELECT {selected} {source.where(_not_older_than(max_age_s))}", Form.TABLE)


def mean_series(source: Source, field: str, *, alias: str) -> Query:
    """The mean of a field for each interval of the panel; an interval without points has no value."""
    selected = f"SELECT mean({source.column(field)}) {source.where(_RANGE)}"
    return Query(f"{selected} GROUP BY time($__interval) fill(null)", Form.SERIES, alias)


def mean_series_by(source: Source, field: str, *, by: str) -> Query:
    """The mean of a field for each interval of the panel, one series for each value of a tag, named by it."""
    selected = f"SELECT mean({source.column(field)}) {source.where(_RANGE)}"
    return Query(f"{selected} GROUP BY time($__interval), {_tag(source, by)} fill(null)", Form.SERIES, _named(by, ""))


def last_series(source: Source, field: str, *, by: str, alias: str = "") -> Query:
    """The last value of a field in each interval of the panel, one series for each value of a tag.

    Args:
        source: what to read.
        field: of the measurement.
        by: a tag; its value names the series.
        alias: stands behind the tag's value in the name.
    """
    selected = f"SELECT last({source.column(field)}) {source.where(_RANGE)}"
    return Query(
        f"{selected} GROUP BY time($__interval), {_tag(source, by)} fill(null)", Form.SERIES, _named(by, alias)
    )


def rate_series(source: Source, field: str, *, by: str, alias: str = "") -> Query:
    """How much a count has grown in a minute, one series for each value of a tag; a new start is no fall."""
    selected = f"SELECT non_negative_derivative(last({source.column(field)}), 1m) {source.where(_RANGE)}"
    return Query(
        f"{selected} GROUP BY time($__interval), {_tag(source, by)} fill(none)", Form.SERIES, _named(by, alias)
    )


def _tag(source: Source, name: str) -> str:
    if name not in source.measurement.tags:
        raise KeyError(name)
    return f'"{name}"'


def _named(by: str, alias: str) -> str:
    return f"$tag_{by}: {alias}" if alias else f"$tag_{by}"


def points(source: Source, field: str, *, flag: str, is_set: bool, alias: str) -> Query:
    """Every stored value of a field whose 0/1 flag is set, or is not set, as it is."""
    condition = f"{source.column(flag)} = {int(is_set)}"
    return Query(f"SELECT {source.column(field)} {source.where(condition, _RANGE)}", Form.SERIES, alias)


def pairs(source: Source, x: tuple[str, str], y: tuple[str, str], *, unless: tuple[str, ...]) -> Query:
    """Every pair of two fields of one point, as a table.

    Args:
        source: what to read.
        x: column name in the answer, and field.
        y: likewise.
        unless: points with one of these 0/1 flags are left out.
    """
    selected = ", ".join(f'{source.column(field)} AS "{name}"' for name, field in (x, y))
    conditions = (f"{source.column(flag)} = 0" for flag in unless)
    return Query(f"SELECT {selected} {source.where(*conditions, _RANGE)}", Form.TABLE)


def last_time(source: Source, field: str, *, max_age_s: int) -> Query:
    """The time of the last point that has the field, beside the end of the shown range, as a table of one row.

    InfluxQL can't select a time as a value, so Grafana has to take the difference. A plain row with LIMIT keeps its
    own time in every version; whether `last()` inside an expression does differs between them.
    """
    selected = f'SELECT {source.column(field)} * 0 + ${{__to}} AS "{NOW_COLUMN}"'
    text = f"{selected} {source.where(_not_older_than(max_age_s))} ORDER BY time DESC LIMIT 1"
    return Query(text, Form.TABLE)


def last_time_by(source: Source, field: str, *, by: str) -> Query:
    """The time of the last point of the shown range for each value of a tag, with the range's end: a row for each."""
    selected = f'SELECT {source.column(field)} * 0 + ${{__to}} AS "{NOW_COLUMN}"'
    group = f"GROUP BY {_tag(source, by)} ORDER BY time DESC LIMIT 1"
    return Query(f"{selected} {source.where(_RANGE)} {group}", Form.TABLE)


def people(measurement: Measurement) -> str:
    """The variable query that lists everyone with points of a measurement."""
    # With a condition the server looks at the series; without, 2.x and tsi1 also name those whose points are deleted.
    return f'SHOW TAG VALUES FROM "{measurement.name}" WITH KEY = "person" WHERE "person" =~ /./'


def last_by(source: Source, columns: dict[str, str], *, by: str, max_age_s: int) -> Query:
    """The last values of fields for each value of a tag, as a table with a row for each.

    Args:
        source: what to read.
        columns: name in the answer -> field.
        by: a tag.
        max_age_s: a row is missing when its values are older than this, counted from the end of the shown range.
    """
    selected = ", ".join(f'last({source.column(field)}) AS "{name}"' for name, field in columns.items())
    where = source.where(_not_older_than(max_age_s))
    return Query(f"SELECT {selected} {where} GROUP BY {_tag(source, by)}", Form.TABLE)


def values(source: Source, field: str, *, alias: str, by: str = "") -> Query:
    """Every stored value of a field as it is: for what the pipeline tells once a day, a week or a run.

    Args:
        source: what to read.
        field: of the measurement.
        alias: the name of the series; stands behind the tag's value where there is a tag.
        by: a tag, for a series of each of its values; empty: one series.
    """
    group = f" GROUP BY {_tag(source, by)}" if by else ""
    name = _named(by, alias) if by else alias
    return Query(f"SELECT {source.column(field)} {source.where(_RANGE)}{group}", Form.SERIES, name)


def stored(source: Source, columns: dict[str, str], *, limit: int) -> Query:
    """The newest points of the shown range as a table, a row for each, the newest first.

    Args:
        source: what to read.
        columns: name in the answer -> field or tag.
        limit: at most so many.
    """
    selected = ", ".join(f'{source.column_or_tag(name)} AS "{title}"' for title, name in columns.items())
    return Query(f"SELECT {selected} {source.where(_RANGE)} ORDER BY time DESC LIMIT {limit}", Form.TABLE)


def total(source: Source, columns: dict[str, str], *, days: int, each: float = 1) -> Query:
    """Sums of fields over the days before the end of the shown range, as a table of one row.

    Args:
        source: what to read.
        columns: name in the answer -> field.
        days: how many.
        each: what the sum is divided by, such as the weeks in these days.
    """
    over = "" if each == 1 else f" / {each:g}"
    selected = ", ".join(f'sum({source.column(field)}){over} AS "{name}"' for name, field in columns.items())
    return Query(f"SELECT {selected} {source.where(_not_older_than(days * DAY_S))}", Form.TABLE)


def share(source: Source, part: str, whole: str, name: str, *, days: int) -> Query:
    """The sum of one field in % of that of another, over the days before the end of the shown range, as one row."""
    selected = f'100 * sum({source.column(part)}) / sum({source.column(whole)}) AS "{name}"'
    return Query(f"SELECT {selected} {source.where(_not_older_than(days * DAY_S))}", Form.TABLE)


def count(source: Source, field: str, name: str, *, days: int) -> Query:
    """How many points have a field, in the days before the end of the shown range, as a table of one row."""
    selected = f'count({source.column(field)}) AS "{name}"'
    return Query(f"SELECT {selected} {source.where(_not_older_than(days * DAY_S))}", Form.TABLE)


def time_at(source: Source, field: str, name: str, *, each_s: float, by: str = "") -> Query:
    """How long something was so in the shown range, in seconds, as a table of one row, or of one for each tag's value.

    Args:
        source: what to read; its condition says what counts.
        field: that every point has.
        name: of the column.
        each_s: what one point stands for.
        by: a tag; empty: all points together.
    """
    group = f" GROUP BY {_tag(source, by)}" if by else ""
    selected = f'SELECT count({source.column(field)}) * {each_s:g} AS "{name}"'
    return Query(f"{selected} {source.where(_RANGE)}{group}", Form.TABLE)


def sessions() -> Query:
    """Every session that counts and began in the shown range, as a table: its end, length, place and words, whose."""
    return _told(Source(SESSION), ("end_ms", "minutes", "place", "text"))


def notes() -> Query:
    """Every note of the shown range, as a table: its words, and whose it is."""
    return _told(Source(EVENT, condition=equals(EVENT, "action", MarkerAction.NOTE)), ("text",))


def strap_losses() -> Query:
    """Every time of the shown range at which a strap went away, as a table: why, which strap, and whose it is."""
    return _told(Source(STRAP, condition=equals(STRAP, "connected", 0)), ("reason",))


def _told(source: Source, fields: tuple[str, ...]) -> Query:
    selected = [source.column(field) for field in fields] + [f'"{tag}"' for tag in source.measurement.tags]
    return Query(f"SELECT {', '.join(selected)} {source.where(_RANGE)}", Form.TABLE)


def for_everyone(query: Query, from_ms: int, to_ms: int) -> str:
    """The text of a query of everyone's in a range of Unix times, for whoever is not Grafana and knows no macros."""
    text = query.text.replace(_PERSON, '"person" =~ /.*/')
    return text.replace(_RANGE, f"time >= {from_ms}ms AND time <= {to_ms}ms")


class Function(StrEnum):
    """What makes one value of many."""

    COUNT = "count"
    LAST = "last"
    MAX = "max"
    MIN = "min"


def figure(source: Source, function: Function, field: str, *, by: str = "") -> str:
    """One value for an alert, of the rule's own range of time.

    Args:
        source: what to read, of everyone.
        function: what to make of the field's values.
        field: of the measurement.
        by: a tag, for a value of each of its values, labelled with it; empty: one value.
    """
    group = f" GROUP BY {_tag(source, by)}" if by else ""
    return f"SELECT {function}({source.column(field)}) {source.where(_RANGE)}{group}"


def equals(measurement: Measurement, field: str, value: int | str) -> str:
    """A condition on a field; KeyError if the schema has no such field."""
    literal = f"'{value}'" if isinstance(value, str) else value
    return f'"{measurement.field(field).name}" = {literal}'


def at_least(measurement: Measurement, field: str, value: int) -> str:
    """A condition on a field of numbers; KeyError if the schema has no such field."""
    return f'"{measurement.field(field).name}" >= {value}'
