"""What doctor finds in a Grafana, fake or real, that boards were pushed into, or were not."""

from __future__ import annotations

import pytest

from dashboards.configured import built_boards, configured_data_source, configured_grafana
from dashboards.grafana_check import examine_grafana
from dashboards.push import board_changes, data_source_changes
from ingest.settings import Settings
from pipeline.doctor.finding import Finding
from tests.fixtures.fake_grafana import FakeGrafana
from tests.fixtures.grafana import GrafanaUnderTest, seen_by_its_administrator
from tests.fixtures.influxd import InfluxDatabase

pytestmark = pytest.mark.influxd


def settings_for(grafana: GrafanaUnderTest, database: InfluxDatabase, password: str | None = None) -> Settings:
    return Settings.model_validate(
        {
            "grafana_url": grafana.url,
            "grafana_username": grafana.user,
            "grafana_password": password or grafana.password,
            "store_url": [f"influxdb1://127.0.0.1:{database.port}/{database.name}"],
        }
    )


def push(settings: Settings) -> None:
    grafana = configured_grafana(settings)
    for change in data_source_changes(grafana, configured_data_source(settings)):
        change.apply(grafana)
    for change in board_changes(grafana, built_boards()):
        change.apply(grafana)


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine_grafana(settings)}


def test_nothing_is_looked_for_where_no_grafana_is_named() -> None:
    assert examine_grafana(Settings.model_validate({})) == []


def test_what_was_never_pushed_is_missing_and_what_was_pushed_is_as_wanted(
    grafana: GrafanaUnderTest, influx_database: InfluxDatabase
) -> None:
    settings = settings_for(grafana, influx_database)
    before = found(settings)
    assert before["grafana"].exit_code == 0
    for what in ("grafana data source", "grafana boards"):
        assert before[what].exit_code == 3
        assert "strapline boards push" in before[what].advice
    push(settings)
    after = found(settings)
    assert {finding.exit_code for finding in after.values()} == {0}, after
    assert "which answers" in after["grafana data source"].detail


def test_a_board_that_was_changed_there_is_named(grafana: GrafanaUnderTest, influx_database: InfluxDatabase) -> None:
    settings = settings_for(grafana, influx_database)
    push(settings)
    uid = built_boards()[0]["uid"]
    board = grafana.ask("GET", f"/dashboards/uid/{uid}")
    changed = {"dashboard": {**board["dashboard"], "title": "Mine"}, "folderUid": board["meta"]["folderUid"]}
    grafana.ask("POST", "/dashboards/db", changed)
    boards = found(settings)["grafana boards"]
    assert (boards.exit_code, f"update board {uid}" in boards.detail) == (3, True)


def test_a_database_that_does_not_answer_behind_the_data_source_is_told(
    grafana: GrafanaUnderTest, influx_database: InfluxDatabase
) -> None:
    settings = settings_for(grafana, influx_database)
    push(settings)
    influx_database.query(f'DROP DATABASE "{influx_database.name}"')
    source = found(settings)["grafana data source"]
    influx_database.query(f'CREATE DATABASE "{influx_database.name}"')
    assert (source.exit_code, "refused a query" in source.detail) == (3, True)


def test_a_wrong_login_a_missing_login_and_no_grafana_each_say_what_to_do(
    fake_grafana: FakeGrafana, influx_database: InfluxDatabase
) -> None:
    grafana = seen_by_its_administrator(fake_grafana)
    right = settings_for(grafana, influx_database)
    wrong = found(settings_for(grafana, influx_database, password="wrong"))["grafana data source"]
    assert "does not accept the login" in wrong.detail
    assert "service account" in wrong.advice
    assert "no login" in found(right.model_copy(update={"grafana_password": None}))["grafana"].detail
    nobody = right.model_copy(update={"grafana_url": "http://127.0.0.1:9"})
    assert "no Grafana answers" in found(nobody)["grafana"].detail
    fake_grafana.version = "8.5.0"
    assert "9.4 or newer" in found(right)["grafana"].detail
