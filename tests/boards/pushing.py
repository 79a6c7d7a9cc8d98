"""`strapline boards push` as a user types it, and what a test puts into Grafana and finds there."""

from __future__ import annotations

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
from ingest.cli import State
from pipeline.influx import open_influx
from pipeline.schema import EVENT, SESSION, FieldValue, Point
from tests.fixtures.fake_grafana import FakeGrafana
from tests.fixtures.grafana import GrafanaUnderTest, seen_by_its_administrator
from tests.fixtures.influxd import InfluxDatabase

BOARDS = sorted(path.stem for path in JSON_FOLDER.glob("*.json"))
NOTHING = "nothing to change\n"
NOW_MS = time.time_ns() // 1_000_000
HOUR_MS = 3_600_000
START_MS = NOW_MS - 5 * HOUR_MS


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
    return Pusher(tmp_path, grafana, {"store_url": url_of(influx_database)})


@pytest.fixture
def fake_pusher(fake_grafana: FakeGrafana, influx_database: InfluxDatabase, tmp_path: Path) -> Pusher:
    return Pusher(tmp_path, seen_by_its_administrator(fake_grafana), {"store_url": url_of(influx_database)})


@pytest.fixture
def store(influx_database: InfluxDatabase) -> Callable[..., None]:
    """Writes points into the database."""

    def write(*points: Point) -> None:
        with closing(open_influx(url_of(influx_database), None)) as open_store:
            open_store.write(points)

    return write


def url_of(database: InfluxDatabase) -> str:
    return f"influxdb1://127.0.0.1:{database.port}/{database.name}"


def run(start_ms: int = START_MS, minutes: float = 30.0, person: str = "anna", valid: int = 1) -> Point:
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


def note(text: str, time_ms: int = START_MS, person: str = "anna") -> Point:
    return Point(EVENT, (person, "note"), {"action": "note", "text": text}, time_ms * 1_000_000)


def annotations_in(grafana: GrafanaUnderTest) -> set[tuple[int, int, str, tuple[str, ...]]]:
    items = grafana.ask("GET", "/annotations?limit=1000")
    return {(item["time"], item["timeEnd"], item["text"], tuple(item["tags"])) for item in items}


def board_in(grafana: GrafanaUnderTest, uid: str) -> Any:
    return grafana.ask("GET", f"/dashboards/uid/{uid}")


def save(grafana: GrafanaUnderTest, board: dict[str, Any], folder: str = "strapline") -> None:
    grafana.ask("POST", "/dashboards/db", {"dashboard": board, "folderUid": folder, "overwrite": True})


def uids_in(grafana: GrafanaUnderTest) -> list[str]:
    return sorted(hit["uid"] for hit in grafana.ask("GET", "/search?type=dash-db"))
