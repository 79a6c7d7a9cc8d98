"""The Group run board: who is live, who is silent, and what it keeps to itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dashboards.build import build
from dashboards.palette import BEAT_AGE_S, word
from pipeline.influx import open_influx
from pipeline.schema import BEAT, EFFORT, HEART, HRV, STRAP, Point
from tests.boards.conftest import END_MS
from tests.boards.lives import PEOPLE
from tests.boards.panels import every_panel
from tests.boards.sent import as_sent
from tests.fixtures.influxd import InfluxDatabase, fresh_database

_BOARD = json.loads(build()["strapline-group.json"])
_ANNA, _BEN = PEOPLE[:2]
_AT_HOME = "Zoe"
_EVERYONE = (_ANNA, _BEN, _AT_HOME)
_SECOND_NS = 1_000_000_000
_END_NS = END_MS * 1_000_000
_SILENT_S = 300
_EFFORT_EVERY_S = 10


def _runner(person: str, silent_s: int, hard_s: int) -> Iterator[Point]:
    """Ten minutes of a run that ended some seconds ago; the last of them in zone 4."""
    strap = f"strap of {person}"
    for age_s in range(silent_s, silent_s + 600):
        time_ns = _END_NS - age_s * _SECOND_NS
        yield Point(BEAT, (person, strap), {"rr_ms": 400.0, "artifact": 0}, time_ns)
        yield Point(HEART, (person, strap), {"heart_rate_bpm": 150.0}, time_ns)
        if age_s % _EFFORT_EVERY_S == 0:
            zone = 4 if age_s < silent_s + hard_s else 2
            yield Point(EFFORT, (person,), {"valid": 1, "of_max_pct": 80.0, "zone": zone}, time_ns)
            alpha1 = {"coverage_pct": 99.0, "artifact_pct": 0.5, "dfa_alpha1_smoothed": 0.6}
            yield Point(HRV, (person, strap, "120s"), alpha1, time_ns)
            yield Point(HRV, (person, strap, "60s"), {"coverage_pct": 99.0, "artifact_pct": 0.5}, time_ns)


def _points() -> Iterator[Point]:
    yield from _runner(_ANNA, 0, hard_s=120)
    yield from _runner(_BEN, _SILENT_S, hard_s=60)
    yield Point(EFFORT, (_ANNA,), {"valid": 0, "of_max_pct": 99.0, "zone": 5}, _END_NS - 5 * _SECOND_NS)
    for person in _EVERYONE:
        told = {"connected": 1, "battery_pct": 90}
        yield Point(STRAP, (person, f"strap of {person}"), told, _END_NS - 7200 * _SECOND_NS)


@pytest.fixture(scope="module")
def group(influxd_port: int) -> Iterator[InfluxDatabase]:
    """Two runners, of whom one stopped five minutes ago, and somebody at home."""
    with fresh_database(influxd_port) as database:
        with closing(open_influx(f"influxdb1://127.0.0.1:{database.port}/{database.name}", None)) as store:
            store.write(list(_points()))
        yield database


def _panel(title: str) -> Any:
    (panel,) = [one for one in every_panel(_BOARD) if one["title"] == title]
    return panel


def _rows(database: InfluxDatabase, query: str) -> dict[str, dict[str, Any]]:
    """By person, the row that Grafana makes of each group: the columns of its first line."""
    series = database.query(as_sent(query, _EVERYONE, end_ms=END_MS))
    return {one["tags"]["person"]: dict(zip(one["columns"], one["values"][0], strict=True)) for one in series}


def _joined(database: InfluxDatabase) -> dict[str, dict[str, Any]]:
    """The table as Grafana joins it."""
    joined: dict[str, dict[str, Any]] = {}
    for target in _panel("Everyone")["targets"]:
        for person, row in _rows(database, target["query"]).items():
            joined.setdefault(person, {}).update({name: value for name, value in row.items() if name != "time"})
    return joined


@pytest.mark.influxd
def test_a_runner_who_stopped_five_minutes_ago_is_silent_and_has_no_bar(group: InfluxDatabase) -> None:
    (beats,) = _panel("Runners")["targets"]
    (effort,) = _panel("Effort now")["targets"]
    ages_s = {who: (row["now_ms"] - row["time"] / 1e6) / 1000 for who, row in _rows(group, beats["query"]).items()}

    assert ages_s == {_ANNA: 0, _BEN: _SILENT_S}
    assert {who: word(age_s, BEAT_AGE_S) for who, age_s in ages_s.items()} == {_ANNA: "live", _BEN: "silent"}
    assert _rows(group, effort["query"]) == {_ANNA: {"time": _END_NS, "effort": 80}}


@pytest.mark.influxd
def test_the_table_has_a_row_for_everyone_and_no_live_value_of_who_is_silent(group: InfluxDatabase) -> None:
    rows = _joined(group)

    assert rows.keys() == set(_EVERYONE)
    assert rows[_ANNA] | {"now_ms": 0} == {
        "now_ms": 0,
        "heart rate": 150,
        "effort": 80,
        "zone": 4,
        "alpha 1": 0.6,
        "intensity": 0.6,
        "zones 4 and 5": 120,
        "battery": 90,
        "charge": 90,
    }
    assert rows[_BEN].keys() == {"now_ms", "zones 4 and 5", "battery", "charge"}
    assert rows[_BEN]["zones 4 and 5"] == 60
    assert rows[_AT_HOME].keys() == {"battery", "charge"}


@pytest.mark.influxd
def test_every_column_of_the_table_is_in_an_answer_or_made_of_one(group: InfluxDatabase) -> None:
    steps = {one["id"]: one["options"] for one in _panel("Everyone")["transformations"]}
    made = [o["options"]["alias"] for o in _panel("Everyone")["transformations"] if o["id"] == "calculateField"]

    assert made == ["age_ms", "last beat", "signal"]
    assert steps["joinByField"] == {"byField": "person", "mode": "outer"}
    assert steps["organize"]["indexByName"].keys() == {"person", *made[1:], *_joined(group)[_ANNA]} - {"now_ms"}


def test_ages_are_reckoned_before_the_rows_are_joined_since_each_query_has_a_time_of_its_own() -> None:
    steps = _panel("Everyone")["transformations"]

    assert [one["id"] for one in steps[:4]] == ["calculateField", "calculateField", "calculateField", "joinByField"]
    assert all(one["options"]["timeSeries"] is False for one in steps[:3])


def test_a_name_leads_to_that_person_s_live_run() -> None:
    (name,) = [o for o in _panel("Everyone")["fieldConfig"]["overrides"] if o["matcher"]["options"] == "person"]
    properties = {one["id"]: one["value"] for one in name["properties"]}

    url = properties["links"][0]["url"]
    assert url == "/d/strapline-live-run?${ds:queryparam}&var-person=${__data.fields.person:percentencode}"
    assert properties["unit"] == "string"  # else a runner called 12.50 is told as 13


@pytest.mark.influxd
@pytest.mark.parametrize("title", ["Effort over time", "Zones", "DFA alpha 1 of all, 120 s", "RR tachogram of all"])
def test_each_runner_is_a_line_or_a_lane_in_the_same_order(group: InfluxDatabase, title: str) -> None:
    (target,) = _panel(title)["targets"]

    series = group.query(as_sent(target["query"], _EVERYONE, end_ms=END_MS))

    assert [one["tags"]["person"] for one in series] == sorted((_ANNA, _BEN))
    assert target["alias"] == "$tag_person"


def test_runners_are_coloured_in_a_way_that_grafana_9_knows() -> None:
    modes = {panel["fieldConfig"]["defaults"].get("color", {}).get("mode") for panel in every_panel(_BOARD)}

    assert modes <= {"palette-classic", "thresholds", None}


def test_nobody_s_readiness_or_stress_is_shown_to_the_others() -> None:
    queries = [target["query"] for panel in every_panel(_BOARD) for target in panel["targets"]]

    assert not [query for query in queries if any(word in query for word in ("readiness", "stress", "rmssd", '"day"'))]


@pytest.mark.influxd
def test_the_board_begins_with_all_and_all_has_in_it_whoever_comes_later(group: InfluxDatabase) -> None:
    person = _BOARD["templating"]["list"][1]
    (beats,) = _panel("Runners")["targets"]

    assert (person["multi"], person["includeAll"], person["current"]["value"]) == (True, True, ["$__all"])
    everybody = beats["query"].replace("${person:regex}", person["allValue"])
    assert len(group.query(as_sent(everybody, (), end_ms=END_MS))) == len((_ANNA, _BEN))


def test_a_board_of_one_person_is_not_opened_with_all_as_the_person() -> None:
    (link,) = _BOARD["links"]

    assert (link["keepTime"], link["includeVars"]) == (True, False)


def test_the_board_shows_the_last_half_hour_every_five_seconds() -> None:
    assert (_BOARD["time"], _BOARD["refresh"]) == ({"from": "now-30m", "to": "now"}, "5s")


def test_the_first_row_can_be_read_on_a_phone() -> None:
    first = [panel for panel in _BOARD["panels"] if panel["gridPos"]["y"] == 0]

    assert [panel["title"] for panel in first] == ["Effort now", "Runners"]
    assert all(panel["gridPos"]["w"] >= 6 for panel in first)
