"""The Health board: what it must never hide."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dashboards.build import build
from dashboards.palette import DELAY_S, ONLINE, Colour, word
from pipeline.schema import HEALTH
from tests.boards.conftest import END_MS, RecordedDatabase
from tests.boards.panels import every_panel
from tests.boards.sent import as_sent

_BOARD = json.loads(build()["strapline-health.json"])


def _panel(title: str, kind: str = "timeseries") -> Any:
    (panel,) = [one for one in every_panel(_BOARD) if one["title"] == title and one["type"] == kind]
    return panel


def test_every_figure_that_a_process_tells_is_on_the_board() -> None:
    queries = " ".join(target["query"] for panel in every_panel(_BOARD) for target in panel["targets"])
    shown = set(re.findall(r'"(\w+)"', queries))
    assert {field.name for field in HEALTH.fields} <= shown


def test_offline_is_poor_and_a_delay_is_good_only_below_three_seconds() -> None:
    assert [(step.colour, step.word) for step in ONLINE] == [(Colour.POOR, "offline"), (Colour.GOOD, "online")]
    assert [word(delay_s, DELAY_S) for delay_s in (0.1, 3, 9.9, 10)] == ["good", "late", "late", "very late"]


def test_a_colour_finds_the_series_of_every_process_by_what_follows_its_name() -> None:
    panel = _panel("Waiting")
    patterns = [override["matcher"]["options"].strip("/") for override in panel["fieldConfig"]["overrides"]]
    names = ["home pi: batches", "pipeline: points (dashed)"]
    assert [[bool(re.search(pattern, name)) for name in names] for pattern in patterns] == [
        [True, False],
        [False, True],
    ]


@pytest.mark.influxd
def test_each_process_is_a_lane_of_its_own(recorded_database: RecordedDatabase) -> None:
    (target,) = _panel("Processes", "state-timeline")["targets"]
    lanes = recorded_database.database.query(as_sent(target["query"], ("anna",), end_ms=END_MS))
    assert [lane["tags"]["kind"] for lane in lanes] == ["pi", "pipeline"]
    assert target["alias"] == "$tag_kind"


@pytest.mark.influxd
def test_a_rate_is_in_beats_a_minute(recorded_database: RecordedDatabase) -> None:
    (query,) = [t["query"] for t in _panel("Beats a minute")["targets"] if "beats_in" in t["query"]]
    (first, _) = recorded_database.database.query(as_sent(query, ("anna",), end_ms=END_MS))
    assert {row[1] for row in first["values"]} == {6}  # the count grows by 1 each 10 s
