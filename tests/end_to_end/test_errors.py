"""Bad input: one clear error with advice, the documented exit code, and nothing written."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.end_to_end.command import strapline
from tests.fixtures.influxd import InfluxDatabase
from tests.fixtures.mosquitto import Mosquitto
from tests.support import free_port

REPLAY = ("replay", "--speed", "max", "--start", "2026-11-25T08:00:00Z")


def complaint(done: object) -> str:
    """The one error that a command gave, its advice included."""
    stderr = str(getattr(done, "stderr", ""))
    assert stderr.count("error:") == 1, stderr
    assert "Traceback" not in stderr
    return stderr[stderr.index("error:") :]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("replay", "--person", "a/b"), 3, "person 'a/b' holds '/'"),
        (("demo", "--headless", "--strap", "+"), 3, "strap '+' holds '+'"),
        (("init", "--person", "a#b"), 3, "holds '#'"),
        (("replay", "none.txt"), 2, "can't read the recording none.txt"),
        (("collect",), 3, "add a [straps.NAME] table"),
        (("serve",), 3, "needs a broker to meet the others"),
        (("process",), 3, "use `strapline run`"),
        (("run",), 3, "add a [straps.NAME] table"),
    ],
)
def test_a_mistake_on_the_command_line_is_explained(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = strapline(tmp_path, *arguments)
    assert done.returncode == code
    assert message in complaint(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("replay", "--speed", "0"), ("replay", "--start", "soon"), ("nonsense",), ("demo", "--jsn")]
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert strapline(tmp_path, *arguments).returncode == 2


def test_a_misspelt_settings_key_is_named_with_its_nearest(tmp_path: Path) -> None:
    (tmp_path / "strapline.toml").write_text('store_ulr = "sqlite:///x.db"')
    done = strapline(tmp_path, *REPLAY)
    assert done.returncode == 3
    assert "'store_ulr'" in complaint(done)
    assert "Did you mean 'store_url'?" in complaint(done)
    assert [path.name for path in tmp_path.iterdir()] == ["strapline.toml"]


def test_a_missing_broker_ends_a_replay_with_5(tmp_path: Path) -> None:
    done = strapline(tmp_path, *REPLAY, BUS_URL=f"mqtt://127.0.0.1:{free_port()}")
    assert done.returncode == 5
    assert "no MQTT broker answers" in complaint(done)
    assert "Start the broker" in complaint(done)


@pytest.mark.mosquitto
def test_a_wrong_password_ends_with_5_and_is_not_repeated(tmp_path: Path, mosquitto: Mosquitto) -> None:
    login = {"BUS_URL": mosquitto.address().url, "BUS_USERNAME": "runner", "BUS_PASSWORD": "hush-hush"}
    done = strapline(tmp_path, *REPLAY, **login)
    assert done.returncode == 5
    assert "refuses user 'runner': Not authorized" in complaint(done)
    assert "bus_password" in complaint(done)
    assert "hush-hush" not in done.stderr + done.stdout


def test_a_store_that_is_away_ends_with_6(tmp_path: Path) -> None:
    done = strapline(tmp_path, *REPLAY, BUS_URL="memory:x", STORE_URL=f"influxdb1://127.0.0.1:{free_port()}/runs")
    assert done.returncode == 6
    complaint(done)


@pytest.mark.influxd
def test_a_store_that_answers_400_to_everything_ends_with_6_and_nothing_is_set_aside(
    tmp_path: Path, influx_database: InfluxDatabase
) -> None:
    name = influx_database.name
    influx_database.query(f'ALTER RETENTION POLICY "autogen" ON "{name}" DURATION 1h SHARD DURATION 1h')
    url = f"influxdb1://127.0.0.1:{influx_database.port}/{name}"
    done = strapline(
        tmp_path, "replay", "--speed", "max", "--start", "2020-01-01T00:00:00Z", BUS_URL="memory:x", STORE_URL=url
    )
    assert done.returncode == 6
    assert "retention policy" in complaint(done)
    assert influx_database.query("SHOW MEASUREMENTS") == []


@pytest.mark.influxd
def test_points_that_a_store_refuses_are_set_aside_with_the_reason_and_all_others_are_stored(
    tmp_path: Path, influx_database: InfluxDatabase
) -> None:
    url = f"influxdb1://127.0.0.1:{influx_database.port}/{influx_database.name}"
    _write(influx_database, 'heart,person=me,strap=replay heart_rate_bpm="fast" 1795593600000000000')
    done = strapline(tmp_path, *REPLAY, BUS_URL="memory:x", STORE_URL=url)
    assert done.returncode == 6
    assert "were refused and set aside" in complaint(done)
    doctor = strapline(tmp_path, "doctor", "--json", BUS_URL="memory:x", STORE_URL=url)
    (refused,) = [finding for finding in json.loads(doctor.stdout) if finding["what"] == "points set aside"]
    assert doctor.returncode == 6
    assert refused["detail"].startswith(f"1269 refused by {url}")
    assert "conflict" in refused["detail"]
    assert stored(influx_database, "SELECT count(rr_ms) FROM beat") == 2380
    influx_database.query("DROP MEASUREMENT heart")
    again = strapline(tmp_path, "doctor", "--retry", "--json", BUS_URL="memory:x", STORE_URL=url)
    assert "points set aside" not in {finding["what"] for finding in json.loads(again.stdout)}
    assert strapline(tmp_path, *REPLAY, BUS_URL="memory:x", STORE_URL=url).returncode == 0
    assert stored(influx_database, "SELECT count(heart_rate_bpm) FROM heart") == 1269


def stored(database: InfluxDatabase, query: str) -> object:
    (series,) = database.query(query)
    return series["values"][0][1]


def _write(database: InfluxDatabase, line: str) -> None:
    request = urllib.request.Request(f"{database.url}/write?db={database.name}", data=line.encode())
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 204


def test_no_bluetooth_ends_with_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/no-bus")
    done = strapline(tmp_path, "scan", "--seconds", "1")
    assert done.returncode == 4
    assert "no system D-Bus" in complaint(done)
