"""What only the InfluxDB store does: logins, refusals in the server's words, URLs."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import pytest

from ingest.errors import ConfigError, StoreRejected, StoreUnavailable
from pipeline import influx
from pipeline.influx import open_influx
from pipeline.schema import HEART, Point
from pipeline.store import open_store
from tests.contract.targets import InfluxTarget
from tests.fixtures.influx_front import ORG, TOKEN, InfluxFront
from tests.fixtures.influxd import (
    ADMIN,
    ADMIN_PASSWORD,
    READER,
    READER_PASSWORD,
    InfluxDatabase,
    running_influxd,
)
from tests.support import free_port

pytestmark = pytest.mark.influxd

POINT = Point(HEART, ("ann", "h10"), {"heart_rate_bpm": 60.5}, 1_700_000_000_000_000_000)


def test_a_missing_database_is_found_by_check_write_and_count_and_the_advice_creates_it(
    influx_target: InfluxTarget,
) -> None:
    store = influx_target.open_as("nowhere", TOKEN)
    for use in (store.check, lambda: store.write([POINT]), lambda: store.count(HEART)):
        with pytest.raises(StoreRejected, match="nowhere") as failure:
            use()
        assert "Create" in failure.value.advice
        assert "nowhere" in failure.value.advice


def test_a_wrong_token_is_rejected_and_appears_nowhere(
    influx_database: InfluxDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    front = InfluxFront(influx_database.port)
    secret = "wrong-and-secret"
    with front.running():
        store = open_influx(f"influxdb://127.0.0.1:{front.port}/{influx_database.name}?org={ORG}", secret)
        for use in (store.check, lambda: store.write([POINT])):
            with pytest.raises(StoreRejected, match="unauthorized access") as failure:
                use()
            assert "token" in failure.value.advice
            assert secret not in "".join(traceback.format_exception(failure.value)) + failure.value.advice
    assert secret not in repr(store) + caplog.text
    assert all(secret not in path for path, _ in front.requests)
    store.close()


def login_url(database: InfluxDatabase, user: str, port: int = 0) -> str:
    return f"influxdb1://{user}@127.0.0.1:{port or database.port}/{database.name}"


def test_a_user_with_the_right_password_writes_and_counts_on_a_guarded_server(guarded_database: InfluxDatabase) -> None:
    store = open_influx(login_url(guarded_database, ADMIN), ADMIN_PASSWORD)
    store.check()
    store.write([POINT])
    assert store.count(HEART) == 1
    store.close()


def test_a_wrong_password_is_rejected_and_no_password_reaches_an_address_or_a_log(
    guarded_database: InfluxDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    front = InfluxFront(guarded_database.port, guarded=False)
    secret = "wrong-and-secret"
    with front.running():
        store = open_influx(login_url(guarded_database, ADMIN, front.port), secret)
        for use in (store.check, lambda: store.write([POINT]), lambda: store.count(HEART)):
            with pytest.raises(StoreRejected, match="authorization failed") as failure:
                use()
            assert "password" in failure.value.advice
            assert secret not in "".join(traceback.format_exception(failure.value)) + failure.value.advice
    assert secret not in repr(store) + caplog.text
    assert all(secret not in path for path, _ in front.requests)
    store.close()


def test_a_guarded_server_tells_a_url_without_a_user_what_is_missing(guarded_database: InfluxDatabase) -> None:
    store = open_influx(f"influxdb1://127.0.0.1:{guarded_database.port}/{guarded_database.name}", None)
    with pytest.raises(StoreRejected) as failure:
        store.check()
    assert "user" in failure.value.advice
    store.close()


def test_a_user_without_rights_is_rejected_with_the_grant_that_helps(guarded_database: InfluxDatabase) -> None:
    store = open_influx(login_url(guarded_database, READER), READER_PASSWORD)
    for use in (store.check, lambda: store.write([POINT])):
        with pytest.raises(StoreRejected, match="not authorized") as failure:
            use()
        assert f'GRANT ALL ON "{guarded_database.name}" TO "{READER}"' in failure.value.advice
    store.close()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_says_later_is_unavailable_at_the_first_try(influx_target: InfluxTarget, status: int) -> None:
    influx_target.front.failing = (status, b'{"error": "not now"}')
    store = influx_target.open()
    with pytest.raises(StoreUnavailable, match="not now"):
        store.write([POINT])
    assert len(influx_target.front.requests) == 1
    influx_target.front.failing = None
    store.write([POINT])
    assert store.count(HEART) == 1


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 413, 422])
def test_an_answer_that_says_no_is_rejected_in_the_servers_words(influx_target: InfluxTarget, status: int) -> None:
    influx_target.front.failing = (status, b'{"code": "x", "message": "these were the words"}')
    with pytest.raises(StoreRejected, match="these were the words") as failure:
        influx_target.open().write([POINT])
    assert failure.value.advice


def test_an_answer_in_no_known_form_is_quoted_in_one_line(influx_target: InfluxTarget) -> None:
    influx_target.front.failing = (503, b"<html>\n<h1>Bad</h1>" + b"x" * 5000)
    with pytest.raises(StoreUnavailable, match="<html> <h1>Bad</h1>") as failure:
        influx_target.open().write([POINT])
    assert len(str(failure.value)) < 500


def test_an_answer_that_is_no_text_is_unavailable(influx_target: InfluxTarget) -> None:
    influx_target.front.failing = (502, b"\xff\xfe\xe9")
    with pytest.raises(StoreUnavailable):
        influx_target.open().write([POINT])


def test_a_server_that_keeps_silent_is_unavailable_at_the_deadline(
    influx_target: InfluxTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influx, "_DEADLINE_MS", 200)
    store = influx_target.open()
    influx_target.front.delay_s = 1.0
    with pytest.raises(StoreUnavailable, match="timed out"):
        store.write([POINT])
    assert len(influx_target.front.requests) == 1


def test_a_server_that_finds_nothing_to_write_in_a_check_has_let_us_in(influx_target: InfluxTarget) -> None:
    influx_target.front.failing = (400, b'{"code": "invalid", "message": "writing requires points"}')
    influx_target.open().check()


def test_a_web_server_that_is_no_influxdb_is_found_by_check(influx_target: InfluxTarget) -> None:
    influx_target.front.ping = (404, b"no such page")
    with pytest.raises(StoreRejected, match="no such page"):
        influx_target.open().check()


def test_the_scheme_for_2_x_on_a_server_of_1_6_names_the_right_scheme(influx_database: InfluxDatabase) -> None:
    store = open_influx(f"influxdb://127.0.0.1:{influx_database.port}/{influx_database.name}?org={ORG}", TOKEN)
    with pytest.raises(StoreRejected) as failure:
        store.check()
    assert "influxdb1://" in failure.value.advice
    store.close()


def test_a_write_goes_out_compressed_and_5000_points_at_a_time(influx_target: InfluxTarget) -> None:
    points = [Point(HEART, ("ann", "h10"), {"heart_rate_bpm": 60.5}, time_ns) for time_ns in range(10_001)]
    store = influx_target.open()
    store.write(points)
    assert [headers["Content-Encoding"] for _, headers in influx_target.front.requests] == ["gzip"] * 3
    assert all("precision=ns" in path for path, _ in influx_target.front.requests)
    assert store.count(HEART) == 10_001


def test_points_outlive_a_server_that_is_killed_and_the_store_finds_its_successor(tmp_path: Path) -> None:
    port = free_port()
    store = open_influx(f"influxdb1://127.0.0.1:{port}/strapline", None)
    with running_influxd(tmp_path, port=port):
        InfluxDatabase(port, "strapline").query('CREATE DATABASE "strapline"')
        store.write([POINT])
    for use in (lambda: store.write([POINT]), lambda: store.count(HEART)):
        with pytest.raises(StoreUnavailable):
            use()
    with running_influxd(tmp_path, port=port):
        store.check()
        assert store.count(HEART) == 1
    store.close()


def test_a_tls_scheme_on_a_plain_server_is_unavailable_with_advice(influx_database: InfluxDatabase) -> None:
    store = open_influx(f"influxdb1s://127.0.0.1:{influx_database.port}/{influx_database.name}", None)
    with pytest.raises(StoreUnavailable) as failure:
        store.check()
    assert "certificate" in failure.value.advice
    store.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("influxdb://localhost:8086?org=home", "no bucket"),
        ("influxdb://localhost:8086/?org=home", "no bucket"),
        ("influxdb://localhost:8086/strapline", "no org"),
        ("influxdb:///strapline?org=home", "no host"),
        ("influxdb1://localhost:8086", "no database"),
        ("influxdb://localhost:port/strapline?org=home", "can't be read"),
        ("influxdb://localhost:8086/strapline?org=home&tokn=x", "tokn"),
        ("influxdb1://localhost:8086/strapline?org=home", "org"),
        ("influxdb://localhost:8086/strap#line?org=home", "no org|mean nothing"),
    ],
)
def test_an_incomplete_url_is_a_configuration_error_that_shows_a_whole_one(url: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as failure:
        open_influx(url, TOKEN)
    assert "influxdb://localhost:8086/bucket?org=name" in failure.value.advice


@pytest.mark.parametrize(
    "url",
    [
        "influxdb1://ann:hunter2@localhost:8086/strapline",
        "influxdb://ann:hunter2@localhost:8086/strapline?org=home",
        "influxdb://localhost:8086/strapline?org=home&token=hunter2",
    ],
)
def test_a_secret_in_the_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as failure:
        open_influx(url, None)
    assert "hunter2" not in str(failure.value) + failure.value.advice


def test_a_user_without_a_password_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no password"):
        open_influx("influxdb1://ann@localhost:8086/strapline", None)


@pytest.mark.parametrize("token", ["hunter2\n", "hunter2\u00e9"])
def test_a_token_that_no_header_carries_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(ConfigError) as failure:
        open_influx("influxdb://localhost:8086/strapline?org=home", token)
    assert "hunter2" not in str(failure.value) + failure.value.advice


def test_without_the_influxdb_client_the_advice_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "influxdb_client", None)
    monkeypatch.delitem(sys.modules, "pipeline.influx")
    with pytest.raises(ConfigError, match="influxdb_client") as failure:
        open_store("influxdb://localhost:8086/strapline?org=home")
    assert "pip install 'strapline[pipeline]'" in failure.value.advice


def test_a_bucket_with_a_retention_policy_is_queried_by_both() -> None:
    front = InfluxFront(backend_port=0, guarded=False, failing=(200, b'{"results": [{"statement_id": 0}]}'))
    with front.running():
        store = open_influx(f"influxdb://127.0.0.1:{front.port}/strapline/autogen?org=-", "user:password")
        assert store.count(HEART) == 0
        store.close()
    (path, headers) = front.requests[0]
    assert "db=strapline&" in path
    assert "rp=autogen" in path
    assert headers["Authorization"] == "Token user:password"


def test_a_server_without_the_request_that_deletes_is_asked_in_the_way_of_1_x(influx_target: InfluxTarget) -> None:
    influx_target.front.deletes = False
    store = influx_target.open()
    store.write([POINT])
    store.forget_person(POINT.tags[0])
    assert store.of_person(POINT.tags[0]) == 0


def test_a_server_that_can_not_delete_says_so_and_what_to_do(influx_target: InfluxTarget) -> None:
    store = influx_target.open()
    store.write([POINT])
    influx_target.front.failing = (405, b'{"message": "not supported"}')
    with pytest.raises(StoreRejected, match="not supported") as failure:
        store.forget_person(POINT.tags[0])
    assert failure.value.advice
    influx_target.front.failing = None
    assert store.of_person(POINT.tags[0]) == 1
