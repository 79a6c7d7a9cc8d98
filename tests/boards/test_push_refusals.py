"""Who may push, and what is said where nobody can: roles, logins, versions, and servers that are no Grafana."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import (
    ConfigError,
    GrafanaDenied,
    GrafanaError,
    GrafanaNotOurs,
    GrafanaTooOld,
    GrafanaUnavailable,
)
from tests.boards.pushing import (
    BOARDS,
    NOTHING,
    Pusher,
    board_in,
    note,
    run,
    save,
    uids_in,
)
from tests.fixtures.fake_grafana import ADMIN, ADMIN_PASSWORD, FakeGrafana
from tests.fixtures.grafana import GrafanaUnderTest

pytestmark = pytest.mark.influxd


def test_an_editor_may_push_where_the_data_source_is_as_wanted_and_nowhere_else(
    pusher: Pusher, grafana: GrafanaUnderTest, store: Callable[..., None]
) -> None:
    store(run())
    with pytest.raises(GrafanaDenied, match="data source") as caught:
        pusher.push(grafana_token=grafana.token("Editor"))
    assert "role Admin" in caught.value.advice

    pusher.push()
    token = grafana.token("Editor")  # a new one, since Grafana keeps for a minute what a login could see before
    board = board_in(grafana, "strapline-health")["dashboard"]
    save(grafana, {**board, "refresh": "1m"})
    store(note("later"))

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
    assert uids_in(grafana) == BOARDS


def test_a_viewer_is_told_which_role_is_missing(pusher: Pusher, grafana: GrafanaUnderTest) -> None:
    pusher.push()
    board = board_in(grafana, "strapline-health")["dashboard"]
    save(grafana, {**board, "refresh": "1m"})

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
    store(run())

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
    store(run())
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
