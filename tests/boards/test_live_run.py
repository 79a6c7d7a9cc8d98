"""The Live run board: what it must never say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dashboards.boards.live_run import LIMITS_PCT
from dashboards.build import build
from dashboards.palette import ARTIFACT_PCT, BATTERY_PCT, BEAT_AGE_S, COVERAGE_PCT, DFA_ALPHA1, Colour, word
from pipeline.indices import MAX_ARTIFACT_PCT, MIN_COVERAGE_PCT
from tests.boards.panels import every_panel


@pytest.fixture
def live_run() -> Any:
    return json.loads(build()["strapline-live-run.json"])


def test_the_live_run_shows_the_last_quarter_of_an_hour_every_five_seconds(live_run: Any) -> None:
    assert (live_run["uid"], live_run["time"]) == ("strapline-live-run", {"from": "now-15m", "to": "now"})
    assert live_run["refresh"] == "5s"


def test_the_first_rows_are_numbers_wide_enough_for_a_phone(live_run: Any) -> None:
    stats = [panel for panel in live_run["panels"] if panel["type"] == "stat"]

    assert len(stats) == 6
    assert all(panel["gridPos"]["y"] < 7 and panel["gridPos"]["w"] >= 6 for panel in stats)


def test_variability_is_never_judged(live_run: Any) -> None:
    for panel in every_panel(live_run):
        for series in ("RMSSD", "SDNN", "square root of SI", "LF", "HF"):
            for override in panel["fieldConfig"]["overrides"]:
                if str(override["matcher"]["options"]).startswith(series):
                    assert "thresholds" not in json.dumps(override)
    (alone,) = [panel for panel in every_panel(live_run) if panel["title"] == "RMSSD and SDNN"]
    assert "thresholds" not in json.dumps(alone["fieldConfig"])


@pytest.mark.parametrize(
    ("scale", "ends", "colours"),
    [
        (ARTIFACT_PCT, [None, 2, 5], [Colour.GOOD, Colour.CAUTION, Colour.POOR]),
        (COVERAGE_PCT, [None, 80, 95], [Colour.POOR, Colour.CAUTION, Colour.GOOD]),
        (BATTERY_PCT, [None, 15, 30], [Colour.POOR, Colour.CAUTION, Colour.GOOD]),
        (DFA_ALPHA1, [None, 0.5, 0.75], [Colour.STRAIN, Colour.CAUTION, Colour.GOOD]),
        (BEAT_AGE_S, [None, 3, 10], [Colour.GOOD, Colour.CAUTION, Colour.POOR]),
    ],
)
def test_a_scale_is_green_only_on_its_good_side(scale: Any, ends: list[Any], colours: list[Colour]) -> None:
    assert [step.from_value for step in scale] == ends
    assert [step.colour for step in scale] == colours


def test_effort_is_told_by_the_mean_of_alpha_1_alone_and_never_called_good_or_poor(live_run: Any) -> None:
    stat, lines = [panel for panel in live_run["panels"] if "alpha 1" in panel["title"]]

    assert set(re.findall(r'last\("(\w+)"\)', stat["targets"][0]["query"])) == {"dfa_alpha1_smoothed"}
    assert stat["fieldConfig"]["defaults"]["thresholds"] == lines["fieldConfig"]["defaults"]["thresholds"]
    words = [word(value, DFA_ALPHA1) for value in (0.4999, 0.5, 0.7499, 0.75)]
    assert words == ["hard", "between", "between", "easy"]


def test_the_lines_of_the_quality_panel_are_the_limits_of_the_pipeline() -> None:
    assert [step.from_value for step in LIMITS_PCT] == [None, MAX_ARTIFACT_PCT, MIN_COVERAGE_PCT]


def test_at_the_border_of_two_steps_the_word_is_that_of_the_colour(live_run: Any) -> None:
    (panel,) = [panel for panel in live_run["panels"] if panel["title"] == "Signal, 60 s"]
    (override,) = [one for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == "beats are"]
    mappings = next(one["value"] for one in override["properties"] if one["id"] == "mappings")

    first = next(one["options"] for one in mappings if one["options"]["from"] is None or one["options"]["from"] <= 5)

    assert first["result"] == {"text": "poor", "color": Colour.POOR}
