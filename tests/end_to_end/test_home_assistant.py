"""What Home Assistant finds on the broker, and what a press of a button there does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.bus import Bus, open_bus
from ingest.topics import session_topic
from pipeline.home_assistant import device_id, discovery_topic
from tests.end_to_end.command import running
from tests.end_to_end.test_scores import heard
from tests.fixtures.mosquitto import Mosquitto

HOME_ASSISTANT = 'home_assistant = true\n[straps.chest]\nperson = "anna"\nsimulate = 7\n'


@pytest.mark.mosquitto
async def test_person_and_strap_are_retained_as_devices_and_a_button_starts_a_session(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    (tmp_path / "strapline.toml").write_text(HOME_ASSISTANT)
    login = {"BUS_URL": mosquitto.address().url, "BUS_USERNAME": "runner", "BUS_PASSWORD": "secret"}
    person, strap = discovery_topic("anna"), discovery_topic("anna", "chest")
    with running(tmp_path, "process", **login):
        with running(tmp_path, "collect", **login):
            async with open_bus(mosquitto.address(), client_id="waits") as bus:
                await bus.subscribe("homeassistant/#")
                await devices(bus, person, strap)
        async with open_bus(mosquitto.address(), client_id="home-assistant") as bus:
            await bus.subscribe("homeassistant/#", session_topic("anna"))
            found = await devices(bus, person, strap, retained=True)
            assert found[strap]["device"]["via_device"] == device_id("anna")
            assert found[strap]["device"]["model"] == "simulated runner"
            button = found[person]["components"]["start_run"]
            await bus.publish(button["command_topic"], button["payload_press"].encode())
            session = await heard(bus, session_topic("anna"))
            while not session["is_open"]:
                session = await heard(bus, session_topic("anna"))
    assert session["kind"] == "run"


async def devices(bus: Bus, *topics: str, retained: bool = False) -> dict[str, dict[str, Any]]:
    """The newest payload of each topic, once all are there and every device that has a model tells it."""
    found: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(30):
        while not (found.keys() >= set(topics) and "model" in found[topics[-1]]["device"]):
            for message in await bus.receive():
                message.ack()
                assert message.retained or not retained
                found[message.topic] = json.loads(message.payload)
    return found
