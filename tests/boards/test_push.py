"""`strapline boards push` into a Grafana, fake or real, whose data source reads a real InfluxDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dashboards.build import JSON_FOLDER
from dashboards.grafana import GrafanaServer
from ingest.errors import (
    GrafanaNotOurs,
    GrafanaRefused,
)
from pipeline.influx import open_influx
from pipeline.schema import STRAP, Point
from tests.boards.pushing import (
    BOARDS,
    HOUR_MS,
    NOTHING,
    NOW_MS,
    START_MS,
    Pusher,
    annotations_in,
    board_in,
    note,
    run,
    save,
    uids_in,
)
from tests.fixtures.grafana import GrafanaUnderTest
from tests.fixtures.influxd import ADMIN as DATABASE_ADMIN
from tests.fixtures.influxd import ADMIN_PASSWORD as DATABASE_PASSWORD
from tests.fixtures.influxd import InfluxDatabase

pytestmark = pytest.mark.influxd


def test_a_first_push_brings_everything_and_a_second_one_finds_nothing_to_change(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    loss = Point(STRAP, ("Ben O: (guest)", "H10"), {"connected": 0, "reason": "out of range"}, (NOW_MS - 1000) * 10**6)
    store(run(), note("a stitch"), loss)

    said = pusher.push()

    source = grafana.ask("GET", "/datasources/uid/strapline-influxdb")
    assert (source["type"], source["jsonData"]["version"]) == ("influxdb", "InfluxQL")
    assert source["database"] == source["jsonData"]["dbName"]  # the panels of 9.4 read the first, newer ones the other
    assert grafana.ask("GET", "/folders/strapline")["title"] == "Strapline"
    assert uids_in(grafana) == BOARDS
    for uid in BOARDS:
        there = board_in(grafana, uid)
        assert there["meta"]["folderUid"] == "strapline"
        assert there["dashboard"]["panels"] == json.loads((JSON_FOLDER / f"{uid}.json").read_text())["panels"]
        assert there["dashboard"]["templating"]["list"][0]["current"]["value"] == "strapline-influxdb"
    end_ms = START_MS + 30 * 60_000
    assert annotations_in(grafana) == {
        (START_MS, end_ms, "run, 30 min, track, easy", ("strapline:run", "anna")),
        (START_MS, START_MS, "a stitch", ("strapline:note", "anna")),
        (NOW_MS - 1000, NOW_MS - 1000, "H10: out of range", ("strapline:strap-loss", "Ben O:(guest)")),
    }
    assert f"create board {BOARDS[0]}" in said
    assert said.endswith(f"{len(BOARDS) + 5} changed\n")
    assert pusher.push() == NOTHING


def test_a_dry_run_shows_the_same_and_writes_nothing(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    shown = pusher.push("--dry-run")

    assert "create data source strapline-influxdb" in shown
    assert "+ panel 'Last beat'" in shown
    assert (uids_in(grafana), grafana.ask("GET", "/datasources"), grafana.ask("GET", "/folders")) == ([], [], [])

    pusher.push()
    store(run())
    assert "+ run, 30 min" in pusher.push("--dry-run")
    assert annotations_in(grafana) == set()


def test_a_change_made_in_grafana_is_shown_by_its_panel_and_taken_back(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    pusher.push()
    board = board_in(grafana, "strapline-live-run")["dashboard"]
    board["panels"][0]["description"] = "mine"
    board["panels"].append({"type": "text", "title": "My words", "gridPos": {"h": 1, "w": 1, "x": 0, "y": 99}})
    board["refresh"] = "1m"
    save(grafana, board)

    said = pusher.push()

    title = board["panels"][0]["title"]
    assert said == (
        "update board strapline-live-run\n"
        "    - panel 'My words'\n"
        f"    ~ panel '{title}': description\n"
        "    ~ refresh '1m' -> '5s'\n"
        "1 changed\n"
    )
    assert pusher.push() == NOTHING


def test_boards_of_others_in_our_folder_stay_and_one_of_ours_that_is_no_more_is_deleted(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    pusher.push()
    save(grafana, {"uid": "strapline-old", "title": "Old", "tags": ["strapline"], "panels": []})
    save(grafana, {"uid": "strapline-mine", "title": "Mine", "panels": []})
    save(grafana, {"uid": "mine", "title": "Mine too", "tags": ["strapline"], "panels": []})
    save(grafana, {"uid": "strapline-away", "title": "Away", "tags": ["strapline"], "panels": []}, folder="")

    assert "delete board strapline-old" in pusher.push()

    assert uids_in(grafana) == sorted([*BOARDS, "strapline-mine", "mine", "strapline-away"])
    assert pusher.push() == NOTHING


def test_a_board_that_was_moved_is_brought_up_to_date_where_it_is(pusher: Pusher, grafana: GrafanaUnderTest) -> None:
    pusher.push()
    board = board_in(grafana, "strapline-health")["dashboard"]
    save(grafana, {**board, "refresh": "1m"}, folder="")

    pusher.push()

    there = board_in(grafana, "strapline-health")
    assert (there["meta"].get("folderUid", ""), there["dashboard"]["refresh"]) == ("", board["refresh"])


def test_a_board_with_our_uid_that_is_someone_else_s_is_refused_before_anything_is_written(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    save(grafana, {"uid": "strapline-health", "title": "Servers", "panels": []}, folder="")

    with pytest.raises(GrafanaNotOurs, match="strapline-health has no tag"):
        pusher.push()

    assert grafana.ask("GET", "/datasources") == []
    assert board_in(grafana, "strapline-health")["dashboard"]["title"] == "Servers"


def test_a_board_of_someone_else_s_with_the_title_of_ours_is_not_replaced(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    grafana.ask("POST", "/folders", {"uid": "strapline", "title": "Heart"})
    save(grafana, {"uid": "theirs", "title": "Live run", "panels": [], "refresh": "1h"})

    with pytest.raises(GrafanaNotOurs, match="same name"):
        pusher.push()

    assert board_in(grafana, "theirs")["dashboard"]["refresh"] == "1h"
    assert grafana.ask("GET", "/folders/strapline")["title"] == "Heart"


def test_a_board_that_changed_between_the_look_and_the_save_is_not_overwritten(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    pusher.push()
    board = board_in(grafana, "strapline-health")["dashboard"]
    save(grafana, {**board, "refresh": "1m"})

    server = GrafanaServer(grafana.url, (grafana.user, grafana.password), message="")
    with pytest.raises(GrafanaNotOurs, match="changed by someone else"):
        server.save_board(board, "strapline")

    assert board_in(grafana, "strapline-health")["dashboard"]["refresh"] == "1m"


def test_a_data_source_of_another_type_under_our_uid_is_refused(pusher: Pusher, grafana: GrafanaUnderTest) -> None:
    other = {"uid": "strapline-influxdb", "name": "Metrics", "type": "prometheus", "access": "proxy", "url": "http://x"}
    grafana.ask("POST", "/datasources", other)

    with pytest.raises(GrafanaNotOurs, match="type prometheus"):
        pusher.push()

    assert uids_in(grafana) == []


def test_of_a_data_source_only_what_is_ours_is_brought_back(pusher: Pusher, grafana: GrafanaUnderTest) -> None:
    pusher.push()
    source = grafana.ask("GET", "/datasources/uid/strapline-influxdb")
    url, settings = source["url"], {**source["jsonData"], "dbName": "elsewhere", "tlsSkipVerify": True}
    grafana.ask("PUT", f"/datasources/{source['id']}", {**source, "url": "http://old", "jsonData": settings})

    said = pusher.push()

    assert f"    ~ url: http://old -> {url}\n" in said
    after = grafana.ask("GET", "/datasources/uid/strapline-influxdb")
    assert (after["url"], after["jsonData"]) == (url, {**source["jsonData"], "tlsSkipVerify": True})


def test_a_push_reads_a_database_with_a_password_and_tells_it_to_nobody(
    grafana: GrafanaUnderTest, guarded_database: InfluxDatabase, tmp_path: Path
) -> None:
    url = f"influxdb1://{DATABASE_ADMIN}@127.0.0.1:{guarded_database.port}/{guarded_database.name}"
    with closing(open_influx(url, DATABASE_PASSWORD)) as open_store:
        open_store.write([run()])
    pusher = Pusher(tmp_path, grafana, {"store_url": url, "store_token": DATABASE_PASSWORD})

    said = pusher.push()

    assert DATABASE_PASSWORD not in said
    assert len(annotations_in(grafana)) == 1
    assert pusher.push() == NOTHING


def test_a_database_that_refuses_grafana_is_told_with_its_url_and_what_to_check(
    grafana: GrafanaUnderTest, guarded_database: InfluxDatabase, tmp_path: Path
) -> None:
    url = f"influxdb1://{DATABASE_ADMIN}@127.0.0.1:{guarded_database.port}/{guarded_database.name}"
    pusher = Pusher(tmp_path, grafana, {"store_url": url, "store_token": "wrong"})

    with pytest.raises(GrafanaRefused, match=f":{guarded_database.port}.*Authentication") as caught:
        pusher.push()

    assert "store_token" in caught.value.advice


def test_a_database_that_grafana_can_t_reach_is_an_error_and_no_annotation_is_deleted(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    store(run())
    pusher.push()

    with pytest.raises(GrafanaRefused, match=r"database at http://127\.0\.0\.1:1.*502"):
        pusher.push(grafana_store_url="influxdb1://127.0.0.1:1/away")

    assert len(annotations_in(grafana)) == 1


def test_annotations_are_kept_in_step_and_those_of_others_are_left_alone(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    early_ms = START_MS - 40 * 24 * HOUR_MS
    store(run(), run(START_MS - HOUR_MS, 5.0), run(early_ms, 20.0), note("one"), note("two", person="ben"))
    theirs = {"time": START_MS, "timeEnd": START_MS, "text": "deployed", "tags": ["anna", "servers"]}
    grafana.ask("POST", "/annotations", theirs)
    pusher.push()
    before = annotations_in(grafana)

    longer = run(minutes=45.0)
    store(longer, run(START_MS - HOUR_MS, 5.0, valid=0), note("one and a half"))
    said = pusher.push("--days", "30")

    kept = {one for one in before if one[2] in {"deployed", "two"} or one[0] == early_ms}
    run_end_ms = START_MS + 45 * 60_000
    assert len(kept) == 3
    assert annotations_in(grafana) == kept | {
        (START_MS, run_end_ms, "run, 45 min, track, easy", ("strapline:run", "anna")),
        (START_MS, START_MS, "one and a half", ("strapline:note", "anna")),
    }
    assert "~ text: one -> one and a half" in said
    assert said.endswith("3 changed\n")
    assert pusher.push() == NOTHING


def test_a_board_finds_annotations_by_the_tag_strapline_alone_by_kind_and_by_person(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    store(run(), note("ben's", person="ben"))
    pusher.push()

    found = {
        tags: len(grafana.ask("GET", f"/annotations?{'&'.join(f'tags={tag}' for tag in tags)}"))
        for tags in (("strapline",), ("strapline:run",), ("anna",), ("strapline", "ben"), ("strapline:run", "ben"))
    }

    assert list(found.values()) == [2, 1, 1, 1, 0]


def test_more_annotations_than_grafana_tells_at_once_are_found_all_the_same(
    pusher: Pusher, store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store(*(note(f"note {number}", START_MS + number * 60_000) for number in range(12)), run(START_MS, 240.0))
    pusher.push()
    monkeypatch.setattr("dashboards.grafana._ANNOTATIONS_PER_REQUEST", 4)

    assert pusher.push() == NOTHING
