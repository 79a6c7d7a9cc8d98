"""`strapline doctor`: what it finds on a real broker and a fake BlueZ, and what its bundle keeps to itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
import unicodedata
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ingest.bus import open_bus
from ingest.model import ProcessHealth
from ingest.wire import encode_health
from pipeline.home_assistant import device_id
from tests.ble.fake_bluez import FakeBluez
from tests.end_to_end.command import strapline
from tests.end_to_end.test_processes import login
from tests.fixtures.bluez import PrivateBus
from tests.fixtures.mosquitto import Mosquitto, configured_mosquitto, set_password
from tests.support import server

_H10 = "A0:9E:1A:00:11:22"
_SIMULATED = '[straps.chest]\nperson = "anna"\nsimulate = 7\n'


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert done.stdout, done.stderr
    return {finding["what"]: finding for finding in json.loads(done.stdout)}


@pytest.mark.ble
async def test_an_adapter_that_is_off_is_found_and_a_scan_is_tried_when_it_is_on(
    tmp_path: Path, private_bus: PrivateBus, bluez: FakeBluez, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "strapline.toml").write_text('[straps.h10]\nperson = "anna"\n')
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", private_bus.address)
    well = findings(await asyncio.to_thread(strapline, tmp_path, "doctor", "--json", BUS_URL="memory:x"))
    assert "switched on" in well["adapter hci0"]["detail"]
    assert "works; 0 heart-rate strap(s)" in well["radio"]["detail"]
    await bluez.power(on=False)
    done = await asyncio.to_thread(strapline, tmp_path, "doctor", "--json", BUS_URL="memory:x")
    assert done.returncode == 4
    off = findings(done)
    assert "bluetoothctl power on" in off["adapter hci0"]["advice"]
    assert "radio" not in off


@pytest.mark.mosquitto
async def test_a_user_who_may_not_publish_beats_is_found_and_no_reader_is_disturbed(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    (tmp_path / "strapline.toml").write_text(_SIMULATED)
    guest = {**login(mosquitto), "BUS_USERNAME": "guest"}
    done = await asyncio.to_thread(strapline, tmp_path, "doctor", "--json", **guest)
    assert done.returncode == 5
    refused = findings(done)["broker rights"]
    assert "may not publish on strapline/v1/anna/chest/beats" in refused["detail"]
    assert "for user guest: topic write strapline/v1/anna/+/beats" in refused["advice"]
    async with open_bus(mosquitto.address(), client_id="listens") as bus:
        await bus.subscribe("strapline/#")
        allowed = await asyncio.to_thread(strapline, tmp_path, "doctor", "--json", **login(mosquitto))
        assert allowed.returncode == 0
        async with asyncio.timeout(5):
            (tried,) = await bus.receive()
    assert (tried.topic, tried.payload, tried.retained) == ("strapline/v1/anna/chest/beats", b"", False)


def test_settings_that_cannot_be_used_are_a_finding_and_fit_into_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "strapline.toml").write_text('[people."Zoë Q."]\nbirthyear = 1985\n')
    (tmp_path / "token").write_text("plAnted-token\n")
    (tmp_path / "process.log").write_text("refused plAnted-token and plAnted-password of Zoë Q.\n")
    done = strapline(
        tmp_path,
        *("doctor", "--json", "--bundle", str(tmp_path / "report.zip")),
        BUS_PASSWORD="plAnted-password",
        STORE_TOKEN_FILE=str(tmp_path / "token"),
    )
    assert done.returncode == 3
    assert "birth_year" in findings(done)["settings"]["advice"]
    parts = unpacked(tmp_path / "report.zip")
    assert "people.person-1.birthyear" in parts["findings.json"]
    assert parts["logs/process.log"] == "refused (secret) and (secret) of person-1\n"


def unpacked(file: Path) -> dict[str, str]:
    """The texts of a bundle, by name."""
    with zipfile.ZipFile(file) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def test_a_bundle_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.zip").write_text("mine")
    done = strapline(tmp_path, "doctor", "--bundle", str(tmp_path / "report.zip"), BUS_URL="memory:x")
    assert done.returncode == 3
    assert (tmp_path / "report.zip").read_text() == "mine"


# Each in a place of its own, so that a leak names the way that it took.
_SECRETS = {
    "BUS_PASSWORD": "plAnted-in-the-environment",
    "PAGE_PASSWORD": "plAnted-of-the-page",
    "GRAFANA_TOKEN": "plAnted-token-for-grafana",
}
_IN_FILE = "plAnted-in-the-file"
_HIDDEN_IN_FILE = "plAnted-under-the-environment"
_IN_SECRET_FILE = 'plAnted/in+a file=of its "own"'
_NAMES = ("Zoë Q.", "Björn B", "Zoë's belt", "nas-of-zoe", "zoes-pi", "zoe-reads", "zoes-bucket", "Family Q", _H10)
_PLACED_NAMES = (
    "Cleo",
    "cleos-strap",
    "zoe@example.org",
    "192.168.77.5",
    "influx.zoe.example",
    "Dora D",
    "doras-strap",
)


@pytest.mark.mosquitto
async def test_a_bundle_holds_no_secret_and_no_name_wherever_they_were(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "strapline.toml").write_text(
        f"""
bus_password = "{_HIDDEN_IN_FILE}"
grafana_password = "{_IN_FILE}"
grafana_username = "zoe-reads"
grafana_url = "http://nas-of-zoe:1"
collector_name = "zoes-pi"
store_url = ["sqlite:///strapline.db", "influxdb1://zoe-reads@127.0.0.1:9/zoes-bucket"]
grafana_store_url = "influxdb://influx.zoe.example:8086/zoes-bucket?org=Family%20Q"
[straps."Zoë's belt"]
person = "Zoë Q."
address = "{_H10}"
[people."Björn B"]
weight_kg = 81.375
"""
    )
    (home / "token").write_text(f"{_IN_SECRET_FILE}\n")
    (home / "collect.log").write_text(
        f"skipped a packet strap='doras-strap' person='Dora D'\nstore said {_IN_SECRET_FILE!r} to zoe@example.org\n"
        f"connected to 192.168.77.5 of {unicodedata.normalize('NFD', 'ZOË Q.')} with {_HIDDEN_IN_FILE}\n"
        f"GET http://influx.zoe.example:8086/query?p={quote(_IN_SECRET_FILE)} Authorization: Bearer abcdefghij\n"
    )
    broker = configured_mosquitto(tmp_path)
    set_password(broker, "runner", _SECRETS["BUS_PASSWORD"])
    died = ProcessHealth(state="no link to cleos-strap", process="zoes-pi", online=True, release="1", started_ns=1)
    with server(broker.command, broker.port, tmp_path / "log"):
        async with open_bus(broker.address("runner", _SECRETS["BUS_PASSWORD"]), client_id="plants") as bus:
            await bus.publish("strapline/health/zoes-pi", encode_health(died), retain=True)
            await bus.publish("strapline/health/Björn B", b"no JSON", retain=True)
            await bus.publish("strapline/v1/Cleo/cleos-strap/status", b"retained", retain=True)
        settings = {**_SECRETS, "BUS_URL": f"mqtt://127.0.0.1:{broker.port}", "BUS_USERNAME": "runner"}
        settings |= {"STORE_TOKEN_FILE": str(home / "token")}
        file = tmp_path / "report.zip"
        done = await asyncio.to_thread(strapline, home, "doctor", "--bundle", str(file), **settings)
    assert "before you share it" in done.stderr
    assert (file.stat().st_mode & 0o777) == 0o600
    parts = unpacked(file)
    names = ("findings", "settings", "health", "versions", "files")
    assert {*parts} == {"logs/collect.log", *(f"{name}.json" for name in names)}
    text = "\n".join((*parts, *parts.values()))
    secrets = (*_SECRETS.values(), _IN_FILE, _HIDDEN_IN_FILE, _IN_SECRET_FILE, "abcdefghij")
    for planted in (*secrets, "81.375", *_NAMES, *_PLACED_NAMES):
        for spelling in (planted, quote(planted), json.dumps(planted)[1:-1], device_id(planted)):
            for form in ("NFC", "NFD"):
                assert unicodedata.normalize(form, spelling).lower() not in text.lower(), spelling
    (process,) = json.loads(parts["health.json"])
    assert process.startswith("host-")
    settings_told = {one["name"]: one for one in json.loads(parts["settings.json"])}
    assert settings_told["bus_password"] == {
        "name": "bus_password",
        "value": "set",
        "source": "environment STRAPLINE_BUS_PASSWORD",
    }
    for secret in secrets:
        assert secret not in done.stderr
