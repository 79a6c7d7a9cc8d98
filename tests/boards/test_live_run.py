"""The Live run board, and what every board has to keep to."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.boards.live_run import LIMITS_PCT
from dashboards.build import JSON_FOLDER, build, differences, write
from dashboards.palette import ARTIFACT_PCT, BATTERY_PCT, BEAT_AGE_S, COVERAGE_PCT, DFA_ALPHA1, Colour, word
from pipeline.indices import MAX_ARTIFACT_PCT, MIN_COVERAGE_PCT
from tests.boards.panels import every_panel

_CORE_PANELS = {"stat", "state-timeline", "timeseries", "xychart"}
_BOARDS = {name: json.loads(text) for name, text in build().items()}
_PANELS = [
    pytest.param(panel, id=f"{board['uid']}-{panel['title']}")
    for board in _BOARDS.values()
    for panel in every_panel(board)
]


@pytest.fixture(params=_BOARDS)
def board(request: pytest.FixtureRequest) -> Any:
    return _BOARDS[request.param]


@pytest.fixture
def live_run() -> Any:
    return _BOARDS["strapline-live-run.json"]


def _colours(tree: Any) -> set[str]:
    """Every colour anywhere in a piece of JSON."""
    if isinstance(tree, list):
        return {colour for item in tree for colour in _colours(item)}
    if not isinstance(tree, dict):
        return set()
    own = {tree[key] for key in ("color", "fixedColor", "fixed") if isinstance(tree.get(key), str)}
    return own | {colour for item in tree.values() for colour in _colours(item)}


def _folded(board: Any) -> list[Any]:
    """The closed rows."""
    return [panel for panel in board["panels"] if panel["type"] == "row"]


def _covers(panel: dict[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return {(column, row) for column in columns for row in rows}


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_says_what_it_shows_in_which_unit_and_what_missing_means(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]

    assert len(panel["description"]) > 60
    assert panel["title"]
    assert defaults["unit"]
    assert panel["type"] == "timeseries" or isinstance(defaults["decimals"], int)
    assert defaults["noValue"]
    assert panel["interval"] in {"1s", "5s", "30s"}


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_is_a_core_panel_that_reads_the_chosen_data_source(panel: dict[str, Any]) -> None:
    assert panel["type"] in _CORE_PANELS
    for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
        assert source == {"type": "influxdb", "uid": "${ds}"}


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_s_colours_come_from_the_palette(panel: dict[str, Any]) -> None:
    colours = _colours(panel)

    assert colours
    assert colours <= set(Colour)


@pytest.mark.parametrize("panel", _PANELS)
def test_a_judging_stat_says_its_colour_in_words_too(panel: dict[str, Any]) -> None:
    judges = panel["fieldConfig"]["defaults"].get("color", {}).get("mode") == "thresholds"
    words = [one for one in panel["fieldConfig"]["overrides"] for two in one["properties"] if two["id"] == "mappings"]

    assert judges == bool(words)


@pytest.mark.parametrize("panel", _PANELS)
def test_no_range_of_words_has_an_open_end_which_an_old_grafana_takes_for_zero(panel: dict[str, Any]) -> None:
    mappings = [
        m
        for one in panel["fieldConfig"]["overrides"]
        for p in one["properties"]
        if p["id"] == "mappings"
        for m in p["value"]
    ]

    assert all(None not in (m["options"]["from"], m["options"]["to"]) for m in mappings if m["type"] == "range")


@pytest.mark.parametrize("panel", _PANELS)
def test_a_stat_without_a_value_is_grey_whatever_its_scale(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] == "stat":
        (mapping,) = defaults["mappings"]
        result = {"text": defaults["noValue"], "color": Colour.MISSING}
        assert mapping == {"type": "special", "options": {"match": "null", "result": result}}


def test_a_board_opens_with_at_most_twelve_panels_and_has_four_more_behind_a_closed_row(board: Any) -> None:
    rows = _folded(board)

    assert 1 <= len(board["panels"]) - len(rows) <= 12
    assert all(row["collapsed"] is True and len(row["panels"]) <= 4 for row in rows)
    assert len(rows) <= 1


def test_panels_have_ids_and_titles_of_their_own(board: Any) -> None:
    panels = [*every_panel(board), *_folded(board)]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["title"], panel["type"]) for panel in panels}) == len(panels)


def test_no_panel_overlaps_another_or_leaves_the_grid(board: Any) -> None:
    panels = [*every_panel(board), *_folded(board)]

    for one, other in combinations(panels, 2):
        assert not _covers(one) & _covers(other), (one["title"], other["title"])
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_a_board_s_frame_is_that_of_all_boards(board: Any) -> None:
    (link,) = board["links"]

    assert board["uid"].startswith("strapline-")
    assert (board["tags"], board["timezone"], board["graphTooltip"]) == (["strapline"], "browser", 1)
    assert board["editable"] is False
    assert (link["type"], link["tags"], link["asDropdown"]) == ("dashboards", ["strapline"], True)
    assert link["keepTime"] is link["includeVars"] is True


def test_a_board_s_variables_choose_the_data_source_and_the_person(board: Any) -> None:
    source, person = board["templating"]["list"]

    assert (source["name"], source["type"], source["query"]) == ("ds", "datasource", "influxdb")
    assert (person["name"], person["type"]) == ("person", "query")
    assert person["datasource"] == {"type": "influxdb", "uid": "${ds}"}
    assert not {"auto", "auto_min", "auto_count"} & person.keys()


def test_a_board_loads_again_through_the_sdk_unchanged_but_for_the_scatter_plot(board: Any) -> None:
    register_default_plugins()

    loaded = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))

    assert [panel["id"] for panel in every_panel(loaded)] == [panel["id"] for panel in every_panel(board)]
    for again, panel in zip(every_panel(loaded), every_panel(board), strict=True):
        if panel["type"] != "xychart":  # written in the older form, which the SDK's model does not know
            assert again == panel


def test_the_committed_json_is_what_is_built() -> None:
    assert differences(JSON_FOLDER) == []
    assert {path.name for path in JSON_FOLDER.iterdir()} == build().keys()


def test_writing_brings_a_folder_to_what_is_built_and_reports_what_changed(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "strapline-live-run.json").write_text("{}")
    (tmp_path / "dropped-board.json").write_text("{}")

    assert write(tmp_path) == ["dropped-board.json", "strapline-live-run.json"]
    assert differences(tmp_path) == []
    assert write(tmp_path) == []


def test_the_live_run_shows_the_last_quarter_of_an_hour_every_five_seconds(live_run: Any) -> None:
    assert (live_run["uid"], live_run["time"]) == ("strapline-live-run", {"from": "now-15m", "to": "now"})
    assert live_run["refresh"] == "5s"


def test_the_first_rows_are_numbers_wide_enough_for_a_phone(live_run: Any) -> None:
    stats = [panel for panel in live_run["panels"] if panel["type"] == "stat"]

    assert len(stats) == 7
    assert all(panel["gridPos"]["y"] < 8 and panel["gridPos"]["w"] >= 6 for panel in stats)


def test_variability_is_never_judged(live_run: Any) -> None:
    titles = ("RMSSD", "SDNN", "Stress", "power")
    panels = [panel for panel in every_panel(live_run) if any(title in panel["title"] for title in titles)]

    assert len(panels) == 4
    assert not any("thresholds" in json.dumps(panel["fieldConfig"]) for panel in panels)


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
    (panel,) = [panel for panel in live_run["panels"] if panel["title"] == "Artifacts, 60 s"]
    (override,) = panel["fieldConfig"]["overrides"]
    mappings = next(one["value"] for one in override["properties"] if one["id"] == "mappings")

    first = next(one["options"] for one in mappings if one["options"]["from"] is None or one["options"]["from"] <= 5)

    assert first["result"] == {"text": "poor", "color": Colour.POOR}
