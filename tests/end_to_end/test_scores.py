"""The verbs of a person's day, as a user types them."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.bus import Bus, open_bus
from ingest.topics import PIPELINE, health_topic, readiness_topic, session_topic
from ingest.wire import decode_object
from tests.end_to_end.command import running, strapline
from tests.fixtures.mosquitto import Mosquitto
from tests.support import DATA, free_port

DAYS = ("simulate", "--person", "anna", "--days", "5", "--seed", "3", "--runs-per-week", "7")


def report(home: Path, *arguments: str) -> dict[str, Any]:
    done = strapline(home, "report", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert isinstance(record, dict)
    return record


def test_a_report_tells_today_the_last_run_and_the_week(tmp_path: Path) -> None:
    assert strapline(tmp_path, *DAYS).returncode == 0
    record = report(tmp_path)
    assert record["person"] == "anna"
    assert 0 <= record["readiness"]["value"] <= 100
    assert record["readiness"]["confidence"] == "provisional"
    assert record["stress"]["value"] is not None
    assert record["last_run"]["load"] > 0
    assert record["week"]["runs"] >= 1
    told = strapline(tmp_path, "report")
    assert "no medical device" in " ".join(told.stdout.split())
    first = report(tmp_path, "--day", record["day"])
    assert first == record


def test_who_and_what_is_not_known_is_said_with_advice(tmp_path: Path) -> None:
    nothing = strapline(tmp_path, "report")
    assert nothing.returncode == 3
    assert "there is no journal" in nothing.stderr
    earlier = DATA / "earlier_files" / "16567bf" / "journal.db.gz"
    (tmp_path / "journal.db").write_bytes(gzip.decompress(earlier.read_bytes()))
    too_early = strapline(tmp_path, "report")
    assert too_early.returncode == 3
    assert "strapline process" in too_early.stderr
    nobody = strapline(tmp_path, "session", "start", "run")
    assert nobody.returncode == 3
    assert "--person" in nobody.stderr


def test_a_session_without_a_broker_says_what_to_start(tmp_path: Path) -> None:
    silent = strapline(
        tmp_path, "session", "start", "run", "--person", "anna", BUS_URL=f"mqtt://127.0.0.1:{free_port()}"
    )
    assert silent.returncode == 5
    assert "strapline run" in silent.stderr


@pytest.mark.mosquitto
async def test_a_run_that_is_started_by_command_shows_on_the_bus_with_its_place(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    login = {"BUS_URL": mosquitto.address().url, "BUS_USERNAME": "runner", "BUS_PASSWORD": "secret"}
    with running(tmp_path, "process", **login):
        async with open_bus(mosquitto.address(), client_id="listens") as bus:
            await bus.subscribe(session_topic("anna"), readiness_topic("anna"), health_topic(PIPELINE))
            assert (await heard(bus, health_topic(PIPELINE)))["online"]
            start = ("session", "start", "run", "--person", "anna", "--place", "track", "--text", "club")
            assert (await asyncio.to_thread(strapline, tmp_path, *start, **login)).returncode == 0
            session = await heard(bus, session_topic("anna"))
            assert (session["kind"], session["is_open"], session["place"]) == ("run", 1, "track")
            stop = ("session", "stop", "run", "--person", "anna")
            assert (await asyncio.to_thread(strapline, tmp_path, *stop, **login)).returncode == 0
            assert (await heard(bus, session_topic("anna")))["is_open"] == 0


async def heard(bus: Bus, topic: str) -> dict[str, object]:
    """The next message on a topic."""
    async with asyncio.timeout(20):
        while True:
            for message in await bus.receive():
                message.ack()
                if message.topic == topic:
                    return decode_object(message.payload, topic)
