"""Every query of every board, as Grafana would send it, on a real InfluxDB."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dashboards.influxql import Source, last, mean_series
from pipeline.engine import WINDOWS_S
from pipeline.schema import BEAT, HRV
from pipeline.scores.relief import MIN_DAYS
from tests.boards.conftest import END_MS, RecordedDatabase
from tests.boards.sent import HALF_YEAR_MS, as_sent, boards, queries
from tests.fixtures.influxd import InfluxDatabase

_WINDOWS = {f"{span_s}s" for span_s in WINDOWS_S} | {f"{days}d" for days in MIN_DAYS}


def _panel_queries() -> list[Any]:
    return [pytest.param(each.text, id=f"{each.board}-{each.ref}-{each.panel}") for each in queries()]


def _variable_queries() -> list[Any]:
    return [
        pytest.param(variable["query"], id=f"{board['uid']}-{variable['name']}")
        for board in boards()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]


@pytest.mark.influxd
@pytest.mark.parametrize("query", _panel_queries())
def test_a_query_returns_rows_over_26_weeks_for_each_person_and_for_all(
    recorded_database: RecordedDatabase, query: str
) -> None:
    for people in (*((person,) for person in recorded_database.people[:2]), recorded_database.people):
        series = recorded_database.database.query(as_sent(query, people, end_ms=END_MS, range_ms=HALF_YEAR_MS))

        values = [value for one in series for row in one["values"] for value in row[1:]]
        assert any(value is not None for value in values), people


@pytest.mark.influxd
@pytest.mark.parametrize("query", _panel_queries())
def test_a_query_over_a_quarter_of_an_hour_is_no_error(recorded_database: RecordedDatabase, query: str) -> None:
    everyone = recorded_database.people
    rows = recorded_database.database.query(as_sent(query, everyone, end_ms=END_MS))
    assert rows or recorded_database.database.query(as_sent(query, everyone, end_ms=END_MS, range_ms=HALF_YEAR_MS))


@pytest.mark.influxd
@pytest.mark.parametrize("query", _panel_queries())
def test_a_panel_s_query_on_a_person_returns_no_rows_for_someone_else(
    recorded_database: RecordedDatabase, query: str
) -> None:
    rows = recorded_database.database.query(as_sent(query, ("ann",), end_ms=END_MS))
    assert (rows == []) == ("${person" in query)  # processes are nobody's


@pytest.mark.influxd
@pytest.mark.parametrize("query", _panel_queries())
def test_a_panel_s_query_on_an_empty_database_is_no_error(influx_database: InfluxDatabase, query: str) -> None:
    assert influx_database.query(as_sent(query, ("anna",), end_ms=END_MS)) == []


@pytest.mark.influxd
@pytest.mark.parametrize("query", _variable_queries())
def test_a_variable_lists_everyone(recorded_database: RecordedDatabase, query: str) -> None:
    (series,) = recorded_database.database.query(query)

    assert {row[1] for row in series["values"]} == set(recorded_database.people)


@pytest.mark.influxd
@pytest.mark.parametrize("query", _variable_queries())
def test_a_variable_on_an_empty_database_is_empty(influx_database: InfluxDatabase, query: str) -> None:
    assert influx_database.query(query) == []


@pytest.mark.influxd
def test_the_last_beat_comes_with_its_own_time_beside_the_end_of_the_range(
    recorded_database: RecordedDatabase,
) -> None:
    (query,) = [param.values[0] for param in _panel_queries() if "Last beat" in str(param.id)]
    (newest,) = recorded_database.database.query('SELECT last("rr_ms") FROM "beat" WHERE "person" = \'anna\'')

    (series,) = recorded_database.database.query(as_sent(str(query), ("anna",), end_ms=END_MS))

    assert series["columns"] == ["time", "now_ms"]
    assert series["values"] == [[newest["values"][0][0], END_MS]]


@pytest.mark.influxd
def test_a_value_older_than_asked_for_is_not_shown(recorded_database: RecordedDatabase) -> None:
    database, query = recorded_database.database, last(Source(BEAT), {"RR": "rr_ms"}, max_age_s=15).text
    later = query.replace("${person:regex}", "anna").replace("${__to}", str(END_MS + 20_000))

    assert database.query(as_sent(query, ("anna",), end_ms=END_MS))
    assert database.query(later) == []


def test_a_misspelt_field_can_t_be_written() -> None:
    with pytest.raises(KeyError, match="rmsd_ms"):
        mean_series(Source(HRV, window="60s"), "rmsd_ms", alias="RMSSD")


@pytest.mark.parametrize(("measurement", "window"), [(HRV, None), (BEAT, "60s")])
def test_a_window_is_asked_for_exactly_where_there_are_windows(measurement: Any, window: str | None) -> None:
    with pytest.raises(ValueError, match="window"):
        Source(measurement, window=window)


@pytest.mark.parametrize("query", _panel_queries())
def test_a_window_that_is_asked_for_is_one_that_the_pipeline_writes(query: str) -> None:
    assert set(re.findall(r"\"window\" = '([^']*)'", query)) <= _WINDOWS


# Of those that InfluxDB 1.x, 2.x and 3.x all document for InfluxQL, the ones in use.
_FUNCTIONS = {"count", "last", "mean", "non_negative_derivative", "sum"}
_KEYWORDS = {"AND", "BY", "OR", "fill", "time"}


@pytest.mark.parametrize("query", _panel_queries())
def test_a_query_uses_nothing_that_a_version_of_influxdb_lacks(query: str) -> None:
    lacking = r"\b(SLIMIT|SOFFSET|SAMPLE|INTO|HOLT_WINTERS|tz|true|false)\b"

    assert re.search(lacking, query, re.IGNORECASE) is None
    assert set(re.findall(r"(\w+) ?\(", query)) <= _FUNCTIONS | _KEYWORDS
