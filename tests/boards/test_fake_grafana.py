"""That the fake Grafana answers as a real one: with a real one named, both go through the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.grafana import GrafanaUnderTest
from tests.fixtures.influxd import InfluxDatabase

_NEEDED = "You'll need additional permissions to perform this action. Permissions needed: "
_SOURCE = {"uid": "a-b", "name": "A", "type": "influxdb", "access": "proxy", "url": "http://127.0.0.1:1"}
_BOARD = {"uid": "board", "title": "T"}
_IN_FOLDER: dict[str, Any] = {"dashboard": _BOARD, "folderUid": "folder"}
_ANNOTATION = {"time": 1000, "timeEnd": 500, "text": "t", "tags": ["a:b:c", " x ", "x"]}

# Who asks for what, with which body, and the status and message that a Grafana 9.4 answers, one after the other.
_CONVERSATION: tuple[tuple[str, str, str, Any, int, str | None], ...] = (
    ("wrong", "GET", "/folders/folder", None, 401, "invalid API key"),
    ("Admin", "GET", "/folders/folder", None, 404, "folder not found"),
    ("Editor", "GET", "/folders/folder", None, 403, f"{_NEEDED}folders:read"),
    ("Editor", "GET", "/dashboards/uid/board", None, 403, f"{_NEEDED}dashboards:read"),
    ("Admin", "GET", "/dashboards/uid/board", None, 404, "Dashboard not found"),
    ("Viewer", "GET", "/datasources/uid/a-b", None, 404, "Data source not found"),
    ("Editor", "POST", "/datasources", _SOURCE, 403, f"{_NEEDED}datasources:create"),
    ("Admin", "POST", "/datasources", _SOURCE, 200, "Datasource added"),
    ("Admin", "POST", "/datasources", {**_SOURCE, "name": "B"}, 409, "data source with the same uid already exists"),
    ("Admin", "POST", "/datasources", {**_SOURCE, "uid": "c"}, 409, "data source with the same name already exists"),
    ("Editor", "PUT", "/datasources/uid/a-b", _SOURCE, 403, f"{_NEEDED}datasources:write"),
    ("Admin", "PUT", "/datasources/uid/a-b", {**_SOURCE, "version": 1}, 200, "Datasource updated"),
    (
        "Admin",
        "PUT",
        "/datasources/uid/a-b",
        {**_SOURCE, "version": 1},
        409,
        "Datasource has already been updated by someone else. Please reload and try again",
    ),
    ("Admin", "GET", "/datasources/proxy/99999/query", None, 404, "Unable to find datasource"),
    ("Viewer", "GET", "/datasources/proxy/uid/a-b/query", None, 502, None),
    ("Admin", "POST", "/dashboards/db", _IN_FOLDER, 400, "Folder not found"),
    ("Viewer", "POST", "/folders", {"uid": "folder", "title": "F"}, 403, f"{_NEEDED}folders:create"),
    ("Admin", "POST", "/folders", {"uid": "folder", "title": "F"}, 200, None),
    ("Admin", "POST", "/folders", {"uid": "folder", "title": "G"}, 412, "the folder has been changed by someone else"),
    (
        "Admin",
        "POST",
        "/folders",
        {"uid": "other", "title": "F"},
        409,
        "a folder or dashboard in the general folder with the same name already exists",
    ),
    ("Admin", "POST", "/dashboards/db", _IN_FOLDER, 200, None),
    ("Admin", "POST", "/dashboards/db", _IN_FOLDER, 412, "The dashboard has been changed by someone else"),
    ("Admin", "POST", "/dashboards/db", {**_IN_FOLDER, "dashboard": {**_BOARD, "version": 1}}, 200, None),
    (
        "Admin",
        "POST",
        "/dashboards/db",
        {**_IN_FOLDER, "dashboard": {**_BOARD, "uid": "other"}},
        412,
        "A dashboard with the same name in the folder already exists",
    ),
    (
        "Admin",
        "POST",
        "/dashboards/db",
        {**_IN_FOLDER, "dashboard": {"uid": "folder", "title": "X"}},
        400,
        "Dashboard cannot be changed to a folder",
    ),
    ("Viewer", "DELETE", "/dashboards/uid/board", None, 403, f"{_NEEDED}dashboards:delete"),
    ("Admin", "DELETE", "/dashboards/uid/board", None, 200, "Dashboard T deleted"),
    ("Admin", "DELETE", "/dashboards/uid/board", None, 404, "Dashboard not found"),
    ("Viewer", "POST", "/annotations", _ANNOTATION, 403, "Access denied to this dashboard"),
    ("Editor", "POST", "/annotations", _ANNOTATION, 200, "Annotation added"),
    ("Admin", "POST", "/annotations", {**_ANNOTATION, "text": ""}, 400, "Failed to save annotation"),
    ("Admin", "PUT", "/annotations/999999", _ANNOTATION, 404, "Annotation not found"),
    ("Admin", "DELETE", "/annotations/999999", None, 404, "Annotation not found"),
    ("Admin", "DELETE", "/folders/folder", None, 200, None),
)


def test_each_role_is_answered_as_by_grafana_9_4(grafana: GrafanaUnderTest) -> None:
    tokens = {role: grafana.token(role) for role in ("Viewer", "Editor")} | {"wrong": "wrong"}
    logins = {role: f"Bearer {token}" for role, token in tokens.items()} | {"Admin": grafana.login}

    for who, method, path, body, status, message in _CONVERSATION:
        answer = grafana.answer(method, path, body, authorization=logins[who])
        said = answer[1].get("message") if isinstance(answer[1], dict) else None
        assert (answer[0], said) == (status, message), (who, method, path)

    (item,) = grafana.ask("GET", "/annotations")
    assert (item["time"], item["timeEnd"], item["tags"]) == (500, 1000, ["a:b", "x"])


@pytest.mark.influxd
def test_the_proxy_finds_a_database_by_number_and_loses_a_uid_with_a_hyphen(
    grafana: GrafanaUnderTest, influx_database: InfluxDatabase
) -> None:
    made = grafana.ask("POST", "/datasources", {**_SOURCE, "url": influx_database.url})
    asked = "query?q=SHOW+DATABASES"

    answers = [
        grafana.answer("GET", f"/datasources/proxy/{which}/{asked}", authorization=grafana.login)
        for which in (made["id"], "uid/a-b")
    ]

    assert (answers[0][0], "results" in answers[0][1]) == (200, True)
    assert answers[1][0] == 404
