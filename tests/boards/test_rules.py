"""What every board has to keep to."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from jsonschema import Draft7Validator

from dashboards.build import JSON_FOLDER, build, differences, write
from dashboards.palette import Colour
from tests.boards.panels import every_panel
from tests.support import DATA

_ASKING = {"bargauge", "histogram", "stat", "state-timeline", "table", "timeseries", "xychart"}
_TELLING = {"dashlist", "text"}  # they ask the data source nothing
_BOARDS = {name: json.loads(text) for name, text in build().items()}
_ALL_PANELS = [(board["uid"], panel) for board in _BOARDS.values() for panel in every_panel(board)]
_PANELS = [pytest.param(panel, id=f"{uid}-{panel['title']}") for uid, panel in _ALL_PANELS if panel["type"] in _ASKING]


@pytest.fixture(params=_BOARDS)
def board(request: pytest.FixtureRequest) -> Any:
    return deepcopy(_BOARDS[request.param])


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


def _mappings(panel: dict[str, Any]) -> list[Any]:
    """Every value mapping of a panel and of its columns."""
    own: list[Any] = panel["fieldConfig"]["defaults"].get("mappings", [])
    return own + [mapping for value in _overridden(panel, "mappings") for mapping in value]


def _scales(panel: dict[str, Any]) -> list[Any]:
    """The steps by which a panel and its columns are coloured."""
    own = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    return [own, *(value["steps"] for value in _overridden(panel, "thresholds"))]


def _overridden(panel: dict[str, Any], name: str) -> list[Any]:
    overrides = panel["fieldConfig"]["overrides"]
    return [one["value"] for override in overrides for one in override["properties"] if one["id"] == name]


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
    assert panel["type"] in {"timeseries", "histogram"} or isinstance(defaults["decimals"], int)
    assert defaults["noValue"]
    assert panel["interval"] in {"1s", "5s", "10s", "30s", "1m", "1d"}


def test_a_panel_is_one_that_grafana_has_without_plugins() -> None:
    assert {panel["type"] for _, panel in _ALL_PANELS} <= _ASKING | _TELLING
    told = [panel for _, panel in _ALL_PANELS if panel["type"] in _TELLING]
    assert all(panel["title"] and len(panel["description"]) > 30 for panel in told)


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_reads_the_chosen_data_source(panel: dict[str, Any]) -> None:
    for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
        assert source == {"type": "influxdb", "uid": "${ds}"}


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_s_colours_come_from_the_palette(panel: dict[str, Any]) -> None:
    assert _colours(panel) <= set(Colour)


@pytest.mark.parametrize("panel", _PANELS)
def test_a_judging_colour_is_doubled_by_words_in_the_same_panel(panel: dict[str, Any]) -> None:
    """Bars tell by their length, and lines of thresholds by their place; all else that is judged needs a word."""
    judged = [step["value"] for scale in _scales(panel) for step in scale if step["value"] is not None]
    said = json.dumps(_mappings(panel))

    if panel["type"] in {"stat", "table", "state-timeline"}:
        assert not judged or '"range"' in said or '"value"' in said


@pytest.mark.parametrize("panel", _PANELS)
def test_no_range_of_words_has_an_open_end_which_an_old_grafana_takes_for_zero(panel: dict[str, Any]) -> None:
    ranges = [mapping["options"] for mapping in _mappings(panel) if mapping["type"] == "range"]

    assert all(None not in (options["from"], options["to"]) for options in ranges)


@pytest.mark.parametrize("panel", _PANELS)
def test_a_stat_without_a_value_is_grey_whatever_its_scale(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] == "stat":
        (mapping,) = defaults["mappings"]
        result = {"text": defaults["noValue"], "color": Colour.MISSING}
        assert mapping == {"type": "special", "options": {"match": "null", "result": result}}


def test_a_board_opens_with_at_most_twelve_panels_and_has_five_more_at_most_behind_a_closed_row(board: Any) -> None:
    rows = _folded(board)

    assert 1 <= len(board["panels"]) - len(rows) <= 12
    assert all(row["collapsed"] is True and len(row["panels"]) <= 5 for row in rows)
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
    assert link["keepTime"] is True
    assert link["includeVars"] is not board["templating"]["list"][1]["multi"]  # "All" is nobody on a board of one


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


def test_a_link_leads_to_a_board_that_there_is_and_takes_person_and_data_source_along() -> None:
    uids = {board["uid"] for board in _BOARDS.values()}
    panels = [panel for _, panel in _ALL_PANELS if panel["type"] in _ASKING]
    urls = [link["url"] for panel in panels for links in _overridden(panel, "links") for link in links]

    assert urls
    for url in urls:
        path, _, query = url.partition("?")
        assert path.removeprefix("/d/") in uids
        assert "${ds:queryparam}" in query
        assert "var-person=${__data.fields.person:percentencode}" in query


@pytest.mark.parametrize("panel", _PANELS)
def test_a_link_and_an_override_speak_of_columns_that_the_queries_give(panel: dict[str, Any]) -> None:
    text = " ".join(target["query"] + target["alias"] for target in panel["targets"])
    named = [one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"] if one["matcher"]["id"] == "byName"]
    linked = re.findall(r"__data\.fields\.(\w+)", json.dumps(panel["fieldConfig"]))
    made = {"Time", *(one["options"].get("alias") for one in panel.get("transformations", []))}

    for name in {*named, *linked} - made:
        assert f'"{name}"' in text or name in {target["alias"] for target in panel["targets"]}, name


def test_what_happened_stands_on_every_board_and_can_be_switched_off(board: Any) -> None:
    names = [annotation["name"] for annotation in board["annotations"]["list"]]

    assert names == ["Sessions", "Notes", "Strap lost"]
    for annotation in board["annotations"]["list"]:
        assert annotation["datasource"] == {"type": "influxdb", "uid": "${ds}"}
        target = annotation["target"]
        columns = [target["textColumn"], target["timeEndColumn"], *target["tagsColumn"].split(",")]
        assert all(f'"{column}"' in target["query"] for column in columns if column)


def test_a_board_is_of_the_type_that_grafana_publishes(board: Any) -> None:
    schema = json.loads((DATA / "grafana" / "dashboard.schema.json").read_text(encoding="utf-8"))
    for annotation in board["annotations"]["list"]:
        del annotation["target"]  # the type knows only the queries of Grafana's own data source

    assert [f"{list(e.absolute_path)}: {e.message}" for e in Draft7Validator(schema).iter_errors(board)] == []


def test_all_boards_are_there() -> None:
    assert {board["title"] for board in _BOARDS.values()} == {
        "Home",
        "Live run",
        "Morning readiness",
        "Stress and recovery",
        "Training log",
        "Group run",
        "Overview and health",
    }
