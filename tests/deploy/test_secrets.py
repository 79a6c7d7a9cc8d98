"""Secrets stay where they belong: not in logs, not in the list of processes, not in what an error says."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ingest.bus import open_bus
from ingest.errors import ConfigError
from ingest.settings import SECRETS, load_settings
from ingest.stack.folder import ENV
from tests.deploy.household import SETTINGS, Household, broker, written
from tests.end_to_end.command import running, strapline
from tests.support import free_port, wait_until

_PLANTED = "planted-secret-0123456789"


def command_lines() -> Iterator[bytes]:
    """What `ps` shows of every process of this machine."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes()
        except OSError:  # it has ended
            continue


def holding(secrets: Iterable[str], files: Iterable[Path]) -> list[Path]:
    """The files in which a secret stands."""
    sought = [secret.encode() for secret in secrets]
    return [file for file in files if file.is_file() and any(secret in file.read_bytes() for secret in sought)]


def login(household: Household, user: str) -> dict[str, str]:
    address = household.encrypted(user)
    return {
        "BUS_URL": address.url,
        "BUS_USERNAME": user,
        "BUS_PASSWORD": household.password(user),
        "BUS_CA_FILE": str(address.ca_file),
    }


@pytest.mark.mosquitto
async def test_from_strap_to_reader_with_the_rights_of_each_and_nobody_tells_a_secret(tmp_path: Path) -> None:
    household = written(tmp_path / "stack")
    secrets = household.secrets()
    homes = [tmp_path / name for name in ("collector", "pipeline")]
    for home in homes:
        home.mkdir()
        (home / "strapline.toml").write_text(SETTINGS)
    with (
        broker(household, tmp_path / "run") as broker_log,
        running(homes[1], "-v", "process", **login(household, "pipeline"), HOME_ASSISTANT="true") as pipeline,
        running(homes[0], "-v", "collect", **login(household, "collector"), COLLECTOR_NAME="collector") as collector,
    ):
        wanted = {
            "strapline/v1/anna maria/live",
            "strapline/v1/anna maria/chest/status",
            "strapline/health/pipeline",
            "strapline/health/collector",
            "homeassistant/device/",
        }
        heard: set[str] = set()
        async with open_bus(household.encrypted("reader"), client_id="reads") as reader:
            await reader.subscribe("#")
            while not all(any(topic.startswith(want) for topic in heard) for want in wanted):
                heard |= {message.topic for message in await reader.receive()}
        wait_until((homes[1] / "strapline.db").exists, "points are stored")
        shown = [line for line in command_lines() if any(secret.encode() in line for secret in secrets)]
        assert shown == []
        assert (collector.stop(), pipeline.stop()) == (0, 0)
        said = collector.said + pipeline.said
    assert "refused" not in said
    assert holding(secrets, [broker_log, *(file for home in homes for file in home.rglob("*"))]) == []
    public = [file for file in household.folder.rglob("*") if file.is_file() and file.stat().st_mode & 0o077]
    assert holding([*secrets, "PRIVATE KEY", "$7$"], public) == []
    allowed = {household.folder / ENV, household.folder / "settings" / "zero.env"}
    assert set(holding(secrets, household.folder.rglob("*"))) == allowed


def _said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("verb", "settings"),
    [
        (
            ("-v", "doctor", "--json"),
            {"STORE_URL": "influxdb1://strapline@127.0.0.1:{port}/db influxdb://127.0.0.1:{port}/b?org=home"},
        ),
        (("-v", "serve"), {"PAGE_HOST": "203.0.113.7"}),
        (
            ("-v", "boards", "push"),
            {"GRAFANA_URL": "http://127.0.0.1:{port}", "GRAFANA_STORE_URL": "influxdb://127.0.0.1:{port}/b?org=home"},
        ),
    ],
    ids=["doctor", "serve", "boards"],
)
def test_nothing_that_goes_wrong_tells_a_secret(
    tmp_path: Path, verb: tuple[str, ...], settings: dict[str, str]
) -> None:
    port = str(free_port())
    planted = {name.upper(): f"{_PLANTED}-{name}" for name in SECRETS}
    (tmp_path / "strapline.toml").write_text(SETTINGS)
    where = {name: value.replace("{port}", port) for name, value in settings.items()}
    said = _said(strapline(tmp_path, *verb, **planted, **where, BUS_URL=f"mqtts://127.0.0.1:{port}", BUS_USERNAME="x"))
    assert port in said or "203.0.113.7" in said
    assert _PLANTED not in said


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "line",
    ['{key}x = "{value}"', '{key} = ["{value}"]', '{key} = "{value}', '{key} = {{ value = "{value}" }}', "{value}"],
)
def test_a_settings_file_that_can_not_be_used_is_explained_without_its_secrets(
    tmp_path: Path, secret: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "strapline.toml").write_text(line.format(key=secret, value=_PLANTED))
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert _PLANTED not in f"{caught.value!r} {caught.value.advice} {caplog.text}"
