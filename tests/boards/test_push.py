"""`strapline boards push` into a Grafana, fake or real, whose data source reads a real InfluxDB."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dashboards.board_verbs import register
from dashboards.build import JSON_FOLDER
from dashboards.grafana import GrafanaServer
from ingest.cli import State
from ingest.errors import (
    ConfigError,
    GrafanaDenied,
    GrafanaError,
    GrafanaNotOurs,
    GrafanaRefused,
    GrafanaTooOld,
    GrafanaUnavailable,
)
from pipeline.influx import open_influx
from pipeline.schema import EVENT, SESSION, STRAP, FieldValue, Point
from tests.fixtures.fake_grafana import ADMIN, ADMIN_PASSWORD, FakeGrafana
from tests.fixtures.grafana import GrafanaUnderTest, seen_by_its_administrator
from tests.fixtures.influxd import ADMIN as DATABASE_ADMIN
from tests.fixtures.influxd import ADMIN_PASSWORD as DATABASE_PASSWORD
from tests.fixtures.influxd import InfluxDatabase

pytestmark = pytest.mark.influxd

BOARDS = sorted(path.stem for path in JSON_FOLDER.glob("*.json"))
NOTHING = "nothing to change\n"
_NOW_MS = time.time_ns() // 1_000_000
_HOUR_MS = 3_600_000
_START_MS = _NOW_MS - 5 * _HOUR_MS


@dataclass(frozen=True)
class Pusher:
    """The command as a user with a settings file types it."""

    home: Path
    grafana: GrafanaUnderTest
    settings: dict[str, str]

    def push(self, *options: str, **settings: str) -> str:
        """What it says; the errors it ends with pass."""
        app = typer.Typer()
        register(app)
        login = {"grafana_username": self.grafana.user, "grafana_password": self.grafana.password}
        known = {"grafana_url": self.grafana.url, **login, **self.settings, **settings}
        environment: dict[str, str | None] = {f"STRAPLINE_{key.upper()}": value for key, value in known.items()}
        done = CliRunner().invoke(app, ["boards", "push", *options], obj=State(self.home), env=environment)
        if done.exception:
            raise done.exception
        return done.output


@pytest.fixture
def pusher(grafana: GrafanaUnderTest, influx_database: InfluxDatabase, tmp_path: Path) -> Pusher:
    return Pusher(tmp_path, grafana, {"store_url": _url(influx_database)})


@pytest.fixture
def fake_pusher(fake_grafana: FakeGrafana, influx_database: InfluxDatabase, tmp_path: Path) -> Pusher:
    return Pusher(tmp_path, seen_by_its_administrator(fake_grafana), {"store_url": _url(influx_database)})


@pytest.fixture
def store(influx_database: InfluxDatabase) -> Callable[..., None]:
    """Writes points into the database."""

    def write(*points: Point) -> None:
        with closing(open_influx(_url(influx_database), None)) as open_store:
            open_store.write(points)

    return write


def _url(database: InfluxDatabase) -> str:
    return f"influxdb1://127.0.0.1:{database.port}/{database.name}"


def _run(start_ms: int = _START_MS, minutes: float = 30.0, person: str = "anna", valid: int = 1) -> Point:
    end_ms = start_ms + round(minutes * 60_000)
    fields: dict[str, FieldValue] = {
        "valid": valid,
        "is_open": 0,
        "end_ms": end_ms,
        "minutes": minutes,
        "place": "track",
        "text": "easy",
    }
    return Point(SESSION, (person, "run"), fields, start_ms * 1_000_000)


def _note(text: str, time_ms: int = _START_MS, person: str = "anna") -> Point:
    return Point(EVENT, (person, "note"), {"action": "note", "text": text}, time_ms * 1_000_000)


def _annotations(grafana: GrafanaUnderTest) -> set[tuple[int, int, str, tuple[str, ...]]]:
    items = grafana.ask("GET", "/annotations?limit=1000")
    return {(item["time"], item["timeEnd"], item["text"], tuple(item["tags"])) for item in items}


def _board(grafana: GrafanaUnderTest, uid: str) -> Any:
    return grafana.ask("GET", f"/dashboards/uid/{uid}")


def _save(grafana: GrafanaUnderTest, board: dict[str, Any], folder: str = "strapline") -> None:
    grafana.ask("POST", "/dashboards/db", {"dashboard": board, "folderUid": folder, "overwrite": True})


def _uids(grafana: GrafanaUnderTest) -> list[str]:
    return sorted(hit["uid"] for hit in grafana.ask("GET", "/search?type=dash-db"))


def test_a_first_push_brings_everything_and_a_second_one_finds_nothing_to_change(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    loss = Point(STRAP, ("Ben O: (guest)", "H10"), {"connected": 0, "reason": "out of range"}, (_NOW_MS - 1000) * 10**6)
    store(_run(), _note("a stitch"), loss)

    said = pusher.push()

    source = grafana.ask("GET", "/datasources/uid/strapline-influxdb")
    assert (source["type"], source["jsonData"]["version"]) == ("influxdb", "InfluxQL")
    assert source["database"] == source["jsonData"]["dbName"]  # the panels of 9.4 read the first, newer ones the other
    assert grafana.ask("GET", "/folders/strapline")["title"] == "Strapline"
    assert _uids(grafana) == BOARDS
    for uid in BOARDS:
        there = _board(grafana, uid)
        assert there["meta"]["folderUid"] == "strapline"
        assert there["dashboard"]["panels"] == json.loads((JSON_FOLDER / f"{uid}.json").read_text())["panels"]
        assert there["dashboard"]["templating"]["list"][0]["current"]["value"] == "strapline-influxdb"
    end_ms = _START_MS + 30 * 60_000
    assert _annotations(grafana) == {
        (_START_MS, end_ms, "run, 30 min, track, easy", ("strapline:run", "anna")),
        (_START_MS, _START_MS, "a stitch", ("strapline:note", "anna")),
        (_NOW_MS - 1000, _NOW_MS - 1000, "H10: out of range", ("strapline:strap-loss", "Ben O:(guest)")),
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
    assert (_uids(grafana), grafana.ask("GET", "/datasources"), grafana.ask("GET", "/folders")) == ([], [], [])

    pusher.push()
    store(_run())
    assert "+ run, 30 min" in pusher.push("--dry-run")
    assert _annotations(grafana) == set()


def test_a_change_made_in_grafana_is_shown_by_its_panel_and_taken_back(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    pusher.push()
    board = _board(grafana, "strapline-live-run")["dashboard"]
    board["panels"][0]["description"] = "mine"
    board["panels"].append({"type": "text", "title": "My words", "gridPos": {"h": 1, "w": 1, "x": 0, "y": 99}})
    board["refresh"] = "1m"
    _save(grafana, board)

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
    _save(grafana, {"uid": "strapline-old", "title": "Old", "tags": ["strapline"], "panels": []})
    _save(grafana, {"uid": "strapline-mine", "title": "Mine", "panels": []})
    _save(grafana, {"uid": "mine", "title": "Mine too", "tags": ["strapline"], "panels": []})
    _save(grafana, {"uid": "strapline-away", "title": "Away", "tags": ["strapline"], "panels": []}, folder="")

    assert "delete board strapline-old" in pusher.push()

    assert _uids(grafana) == sorted([*BOARDS, "strapline-mine", "mine", "strapline-away"])
    assert pusher.push() == NOTHING


def test_a_board_that_was_moved_is_brought_up_to_date_where_it_is(pusher: Pusher, grafana: GrafanaUnderTest) -> None:
    pusher.push()
    board = _board(grafana, "strapline-health")["dashboard"]
    _save(grafana, {**board, "refresh": "1m"}, folder="")

    pusher.push()

    there = _board(grafana, "strapline-health")
    assert (there["meta"].get("folderUid", ""), there["dashboard"]["refresh"]) == ("", board["refresh"])


def test_a_board_with_our_uid_that_is_someone_else_s_is_refused_before_anything_is_written(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    _save(grafana, {"uid": "strapline-health", "title": "Servers", "panels": []}, folder="")

    with pytest.raises(GrafanaNotOurs, match="strapline-health has no tag"):
        pusher.push()

    assert grafana.ask("GET", "/datasources") == []
    assert _board(grafana, "strapline-health")["dashboard"]["title"] == "Servers"


def test_a_board_of_someone_else_s_with_the_title_of_ours_is_not_replaced(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    grafana.ask("POST", "/folders", {"uid": "strapline", "title": "Heart"})
    _save(grafana, {"uid": "theirs", "title": "Live run", "panels": [], "refresh": "1h"})

    with pytest.raises(GrafanaNotOurs, match="same name"):
        pusher.push()

    assert _board(grafana, "theirs")["dashboard"]["refresh"] == "1h"
    assert grafana.ask("GET", "/folders/strapline")["title"] == "Heart"


def test_a_board_that_changed_between_the_look_and_the_save_is_not_overwritten(
    pusher: Pusher, grafana: GrafanaUnderTest
) -> None:
    pusher.push()
    board = _board(grafana, "strapline-health")["dashboard"]
    _save(grafana, {**board, "refresh": "1m"})

    server = GrafanaServer(grafana.url, (grafana.user, grafana.password), message="")
    with pytest.raises(GrafanaNotOurs, match="changed by someone else"):
        server.save_board(board, "strapline")

    assert _board(grafana, "strapline-health")["dashboard"]["refresh"] == "1m"


def test_a_data_source_of_another_type_under_our_uid_is_refused(pusher: Pusher, grafana: GrafanaUnderTest) -> None:
    other = {"uid": "strapline-influxdb", "name": "Metrics", "type": "prometheus", "access": "proxy", "url": "http://x"}
    grafana.ask("POST", "/datasources", other)

    with pytest.raises(GrafanaNotOurs, match="type prometheus"):
        pusher.push()

    assert _uids(grafana) == []


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
        open_store.write([_run()])
    pusher = Pusher(tmp_path, grafana, {"store_url": url, "store_token": DATABASE_PASSWORD})

    said = pusher.push()

    assert DATABASE_PASSWORD not in said
    assert len(_annotations(grafana)) == 1
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
    store(_run())
    pusher.push()

    with pytest.raises(GrafanaRefused, match=r"database at http://127\.0\.0\.1:1.*502"):
        pusher.push(grafana_store_url="influxdb1://127.0.0.1:1/away")

    assert len(_annotations(grafana)) == 1


def test_annotations_are_kept_in_step_and_those_of_others_are_left_alone(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    early_ms = _START_MS - 40 * 24 * _HOUR_MS
    store(_run(), _run(_START_MS - _HOUR_MS, 5.0), _run(early_ms, 20.0), _note("one"), _note("two", person="ben"))
    theirs = {"time": _START_MS, "timeEnd": _START_MS, "text": "deployed", "tags": ["anna", "servers"]}
    grafana.ask("POST", "/annotations", theirs)
    pusher.push()
    before = _annotations(grafana)

    longer = _run(minutes=45.0)
    store(longer, _run(_START_MS - _HOUR_MS, 5.0, valid=0), _note("one and a half"))
    said = pusher.push("--days", "30")

    kept = {one for one in before if one[2] in {"deployed", "two"} or one[0] == early_ms}
    run_end_ms = _START_MS + 45 * 60_000
    assert len(kept) == 3
    assert _annotations(grafana) == kept | {
        (_START_MS, run_end_ms, "run, 45 min, track, easy", ("strapline:run", "anna")),
        (_START_MS, _START_MS, "one and a half", ("strapline:note", "anna")),
    }
    assert "~ text: one -> one and a half" in said
    assert said.endswith("3 changed\n")
    assert pusher.push() == NOTHING


def test_a_board_finds_annotations_by_the_tag_strapline_alone_by_kind_and_by_person(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    store(_run(), _note("ben's", person="ben"))
    pusher.push()

    found = {
        tags: len(grafana.ask("GET", f"/annotations?{'&'.join(f'tags={tag}' for tag in tags)}"))
        for tags in (("strapline",), ("strapline:run",), ("anna",), ("strapline", "ben"), ("strapline:run", "ben"))
    }

    assert list(found.values()) == [2, 1, 1, 1, 0]


def test_more_annotations_than_grafana_tells_at_once_are_found_all_the_same(
    pusher: Pusher, store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store(*(_note(f"note {number}", _START_MS + number * 60_000) for number in range(12)), _run(_START_MS, 240.0))
    pusher.push()
    monkeypatch.setattr("dashboards.grafana._ANNOTATIONS_PER_REQUEST", 4)

    assert pusher.push() == NOTHING


def test_an_editor_may_push_where_the_data_source_is_as_wanted_and_nowhere_else(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    store(_run())
    with pytest.raises(GrafanaDenied, match="data source") as caught:
        pusher.push(grafana_token=grafana.token("Editor"))
    assert "role Admin" in caught.value.advice

    pusher.push()
    token = grafana.token("Editor")  # a new one, since Grafana keeps for a minute what a login could see before
    board = _board(grafana, "strapline-health")["dashboard"]
    _save(grafana, {**board, "refresh": "1m"})
    store(_note("later"))

    assert pusher.push(grafana_token=token).endswith("2 changed\n")
    assert pusher.push(grafana_token=token) == NOTHING
    with pytest.raises(GrafanaDenied, match="change a data source"):
        pusher.push(grafana_token=token, grafana_store_url="influxdb1://127.0.0.1:1/other")


def test_an_editor_may_make_folder_and_boards(pusher: Pusher, grafana: GrafanaUnderTest) -> None:
    pusher.push()
    for uid in BOARDS:
        grafana.ask("DELETE", f"/dashboards/uid/{uid}")
    grafana.ask("DELETE", "/folders/strapline")

    assert pusher.push(grafana_token=grafana.token("Editor")).endswith(f"{len(BOARDS) + 1} changed\n")
    assert _uids(grafana) == BOARDS


def test_a_viewer_is_told_which_role_is_missing(pusher: Pusher, grafana: GrafanaUnderTest) -> None:
    pusher.push()
    board = _board(grafana, "strapline-health")["dashboard"]
    _save(grafana, {**board, "refresh": "1m"})

    with pytest.raises(GrafanaDenied, match="save board strapline-health") as caught:
        pusher.push(grafana_token=grafana.token("Viewer"))

    assert "role Editor" in caught.value.advice


@pytest.mark.parametrize("login", [{"grafana_token": "glsa_wrong"}, {"grafana_password": "wr\u014dng"}])
def test_a_wrong_login_is_told_with_how_to_make_one_and_without_the_secret(
    pusher: Pusher, login: dict[str, str]
) -> None:
    with pytest.raises(GrafanaDenied, match="does not accept the login") as caught:
        pusher.push(**login)

    assert "service account" in caught.value.advice
    assert not any(secret in str(caught.value) + caught.value.advice for secret in login.values())


def test_a_token_with_a_line_break_in_it_is_refused_without_quoting_it(fake_pusher: Pusher) -> None:
    with pytest.raises(ConfigError, match="no token has") as caught:
        fake_pusher.push(grafana_token="glsa_first\nsecond")

    assert "glsa_first" not in str(caught.value)


def test_without_an_influxdb_in_the_settings_a_data_source_that_is_there_is_used_as_it_is(
    pusher: Pusher, store: Callable[..., None]
) -> None:
    with pytest.raises(ConfigError, match="name one") as caught:
        pusher.push(store_url="sqlite:///points.db")
    assert "store_url" in caught.value.advice

    pusher.push()
    store(_run())

    assert pusher.push(store_url="sqlite:///points.db").endswith("1 changed\n")


@pytest.mark.parametrize(("version", "fits"), [("9.3.16", False), ("8.5.27", False), ("9.4.0-pre", True), (None, True)])
def test_a_grafana_that_is_too_old_is_refused_by_its_version(
    fake_pusher: Pusher, fake_grafana: FakeGrafana, version: str | None, fits: bool
) -> None:
    fake_grafana.version = version
    if fits:
        fake_pusher.push()
        return
    with pytest.raises(GrafanaTooOld, match=rf"is {version}, and the boards need 9\.4"):
        fake_pusher.push()


def test_a_newer_grafana_is_asked_for_data_by_uid_since_it_may_have_no_numbers(
    fake_pusher: Pusher, fake_grafana: FakeGrafana, store: Callable[..., None]
) -> None:
    fake_grafana.version = "12.1.0"
    store(_run())
    fake_pusher.push()

    assert len(fake_grafana.annotations) == 1


def test_a_board_from_a_provisioning_file_is_refused_by_name_unless_it_is_as_wanted(
    fake_pusher: Pusher, fake_grafana: FakeGrafana
) -> None:
    fake_pusher.push()
    fake_grafana.provisioned.add("strapline-health")
    health = fake_grafana.boards["strapline-health"]["data"]
    del health["templating"]["list"][0]["current"]  # a file leaves the choice of the data source to Grafana
    assert fake_pusher.push() == NOTHING

    health["refresh"] = "1m"

    with pytest.raises(GrafanaNotOurs, match="strapline-health comes from a provisioning file"):
        fake_pusher.push()


@pytest.mark.parametrize(
    "answer", [(200, "<html>the message</html>"), (404, "<html>the message</html>"), (200, {"status": "ok"})]
)
def test_a_web_server_that_is_no_grafana_is_told_as_such(
    fake_pusher: Pusher, fake_grafana: FakeGrafana, answer: tuple[int, Any]
) -> None:
    fake_grafana.overriding = answer

    with pytest.raises(GrafanaUnavailable) as caught:
        fake_pusher.push()

    assert "grafana_url" in caught.value.advice


def test_where_nothing_listens_the_url_is_named(tmp_path: Path) -> None:
    away = GrafanaUnderTest("http://127.0.0.1:1", ADMIN, ADMIN_PASSWORD)

    with pytest.raises(GrafanaError, match=r"http://127\.0\.0\.1:1"):
        Pusher(tmp_path, away, {}).push()
