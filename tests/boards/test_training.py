"""The Training log board: what it sums, what it lists, and where a run leads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dashboards.build import build
from pipeline.influx import open_influx
from pipeline.schema import DAY, SESSION, WEEK, FieldValue, Point
from tests.boards.conftest import END_MS
from tests.boards.lives import PEOPLE
from tests.boards.panels import every_panel
from tests.boards.sent import as_sent
from tests.fixtures.influxd import InfluxDatabase, fresh_database

_BOARD = json.loads(build()["strapline-training.json"])
_ANNA, _BEN = PEOPLE[:2]
_HOUR_NS = 3_600_000_000_000
_DAY_NS, _WEEK_NS = 24 * _HOUR_NS, 7 * 24 * _HOUR_NS
_MIDNIGHT_NS = END_MS * 1_000_000 - 9 * _HOUR_NS  # as if the board were looked at at nine in the morning
_RUN_MS = 45 * 60_000


def _day(person: str, days_ago: int, **fields: FieldValue) -> Point:
    return Point(DAY, (person,), {"valid": 1, **fields}, _MIDNIGHT_NS - days_ago * _DAY_NS)


def _run(person: str, days_ago: int, **fields: FieldValue) -> Point:
    """A run of three quarters of an hour at 18 o'clock."""
    start_ns = _MIDNIGHT_NS - days_ago * _DAY_NS + 18 * _HOUR_NS
    told = {"valid": 1, "end_ms": start_ns // 1_000_000 + _RUN_MS, "minutes": 45.0, "artifact_pct": 0.4, **fields}
    return Point(SESSION, (person, "run"), told, start_ns)


def _points() -> Iterator[Point]:
    for days_ago in range(60):
        load = 10.0 if days_ago < 7 else 20.0
        runs = int(days_ago != 10)
        yield _day(_ANNA, days_ago, runs=runs, run_minutes=30.0, easy_minutes=24.0, load=load, streak_weeks=8)
        yield _day(_BEN, days_ago, runs=3, run_minutes=300.0, easy_minutes=30.0, load=1000.0)
    yield Point(DAY, (_ANNA,), {"valid": 0, "runs": 1, "run_minutes": 30.0, "load": 500.0}, _MIDNIGHT_NS - _HOUR_NS)
    for days_ago, text in ((30, "oldest"), (1, "newest"), (9, "between")):
        yield _run(_ANNA, days_ago, text=text)
    yield _run(_ANNA, 4, valid=0)
    yield _run(_BEN, 2)
    yield Point(SESSION, (_ANNA, "morning"), {"valid": 1, "end_ms": END_MS, "minutes": 3.0}, _MIDNIGHT_NS)
    for weeks_ago, load in enumerate((70.0, 140.0)):
        fields = {"valid": 1, "load": load, "zone2_minutes": 90.0, "heart_rate_bpm": 52.0, "ln_rmssd": 4.1}
        yield Point(WEEK, (_ANNA,), fields, _MIDNIGHT_NS - weeks_ago * _WEEK_NS)


@pytest.fixture(scope="module")
def months(influxd_port: int) -> Iterator[InfluxDatabase]:
    """Sixty days of two people."""
    with fresh_database(influxd_port) as database:
        with closing(open_influx(f"influxdb1://127.0.0.1:{database.port}/{database.name}", None)) as store:
            store.write(list(_points()))
        yield database


def _panel(title: str) -> Any:
    (panel,) = [one for one in every_panel(_BOARD) if one["title"] == title]
    return panel


def _answers(database: InfluxDatabase, title: str, person: str = _ANNA) -> list[dict[str, Any]]:
    """What Grafana gets for a panel of the last 26 weeks, the answers to its queries after each other."""
    since_ms = END_MS - 26 * _WEEK_NS // 1_000_000
    queries = [target["query"] for target in _panel(title)["targets"]]
    sent = [query.replace("$timeFilter", f"time >= {since_ms}ms and time <= {END_MS}ms") for query in queries]
    return [series for query in sent for series in database.query(as_sent(query, (person,), end_ms=END_MS))]


@pytest.mark.influxd
@pytest.mark.parametrize(
    ("title", "last_week", "usual_week"), [("Runs", 7, 6.75), ("Hours", 3.5, 3.5), ("Load", 70, (7 * 10 + 21 * 20) / 4)]
)
def test_the_last_seven_days_stand_beside_a_week_of_the_last_28_without_what_is_void(
    months: InfluxDatabase, title: str, last_week: float, usual_week: float
) -> None:
    columns = {series["columns"][1]: series["values"][0][1] for series in _answers(months, title)}

    assert columns == pytest.approx({"last 7 days": last_week, "28 days, a week": usual_week})


@pytest.mark.influxd
def test_the_easy_share_is_of_all_the_time_running_and_not_a_mean_of_days(months: InfluxDatabase) -> None:
    easy, habit = _answers(months, "Easy share and habit")

    assert (easy["columns"][1], easy["values"][0][1]) == ("easy, 28 days", pytest.approx(80))
    assert (habit["columns"][1], habit["values"][0][1]) == ("weeks in a row", 8)


@pytest.mark.influxd
def test_the_table_lists_the_runs_of_one_person_that_count_newest_first(months: InfluxDatabase) -> None:
    (runs,) = _answers(months, "Every run")

    days_ago = [(_MIDNIGHT_NS - row[0]) // _DAY_NS + 1 for row in runs["values"]]
    assert days_ago == [1, 9, 30]
    assert {row[runs["columns"].index("person")] for row in runs["values"]} == {_ANNA}


@pytest.mark.influxd
def test_every_column_of_the_table_that_is_shown_in_its_own_way_is_in_the_answer(months: InfluxDatabase) -> None:
    (runs,) = _answers(months, "Every run")
    overridden = {one["matcher"]["options"] for one in _panel("Every run")["fieldConfig"]["overrides"]}
    steps = {one["id"]: one["options"] for one in _panel("Every run")["transformations"]}

    columns = {"Time", *runs["columns"]} - {"time"}  # as Grafana calls it
    assert overridden <= columns
    assert steps["organize"]["indexByName"].keys() == set(steps["filterFieldsByName"]["include"]["names"]) == columns


@pytest.mark.influxd
def test_the_start_of_a_run_leads_to_its_beats_on_the_live_run_board(months: InfluxDatabase) -> None:
    (runs,) = _answers(months, "Every run", _BEN)
    properties = {
        p["id"]: p["value"]
        for one in _panel("Every run")["fieldConfig"]["overrides"]
        if one["matcher"]["options"] == "Time"
        for p in one["properties"]
    }
    ((link,),) = [properties["links"]]
    row = dict(zip(runs["columns"], runs["values"][0], strict=True)) | {"Time": runs["values"][0][0] // 1_000_000}

    named = re.findall(r"\$\{__data\.fields\.(\w+)", link["url"])
    assert named == ["Time", "end_ms", "person"]
    assert row["end_ms"] - row["Time"] == _RUN_MS
    assert (row["person"], link["url"].split("?")[0]) == (_BEN, "/d/strapline-live-run")


@pytest.mark.influxd
def test_a_week_is_one_bar_at_its_monday_as_the_pipeline_wrote_it(months: InfluxDatabase) -> None:
    (load,) = _answers(months, "Load of each week")

    assert load["values"] == [[_MIDNIGHT_NS - _WEEK_NS, 140.0], [_MIDNIGHT_NS, 70.0]]


def test_no_query_groups_by_days_or_weeks_of_the_database_s_own_time_zone() -> None:
    queries = [target["query"] for panel in every_panel(_BOARD) for target in panel["targets"]]

    assert len(queries) > 20
    assert not [query for query in queries if "GROUP BY" in query]


def test_a_ratio_or_strain_of_load_says_that_it_tells_no_risk() -> None:
    told = [p for p in every_panel(_BOARD) if re.search(r"load_ratio|monotony|strain", json.dumps(p["targets"]))]

    assert [panel["title"] for panel in told] == ["Acute to chronic load", "Monotony and strain"]
    assert all("risk" in panel["description"] and "scale" not in json.dumps(panel["fieldConfig"]) for panel in told)
    assert all("thresholds" not in panel["fieldConfig"]["defaults"] for panel in told)


def test_a_good_or_poor_signal_of_a_run_is_told_in_words_and_an_empty_cell_is_a_dash() -> None:
    (signal,) = [o for o in _panel("Every run")["fieldConfig"]["overrides"] if o["matcher"]["options"] == "signal"]
    (mappings,) = [one["value"] for one in signal["properties"] if one["id"] == "mappings"]

    words = [one["options"]["result"]["text"] for one in mappings]
    assert words == ["poor", "fair", "good", "\u2013", "\u2013"]
    assert [one["options"]["match"] for one in mappings[3:]] == ["null", "empty"]


def test_the_board_shows_half_a_year_of_one_person_asks_by_itself_for_nothing_and_hides_the_year_s_annotations() -> (
    None
):
    person = _BOARD["templating"]["list"][1]

    assert (_BOARD["time"], _BOARD["refresh"]) == ({"from": "now-26w", "to": "now"}, "")
    assert not person.get("multi")
    assert [annotation["enable"] for annotation in _BOARD["annotations"]["list"]] == [False, False, False]
