"""The device that a person is in Home Assistant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ingest.model import Marker, MarkerAction, MarkerKind
from ingest.topics import command_topic, live_topic, readiness_topic, session_topic
from ingest.wire import decode_marker
from pipeline.home_assistant import device_id, discovery, discovery_topic
from pipeline.live import UNITS

# The keys of Home Assistant's pages "MQTT", "MQTT sensor" and "MQTT button", as far as they are used.
COMMON = {"platform", "unique_id", "name", "icon"}
SENSOR = COMMON | {"state_topic", "value_template", "state_class", "expire_after", "unit_of_measurement"}
BUTTON = COMMON | {"command_topic", "payload_press"}


@pytest.fixture
def device() -> dict[str, Any]:
    record = json.loads(discovery("anna", "1.2.3"))
    assert isinstance(record, dict)
    return record


def components(device: dict[str, Any], platform: str) -> dict[str, dict[str, Any]]:
    return {key: each for key, each in device["components"].items() if each["platform"] == platform}


def test_the_device_has_only_keys_that_home_assistant_knows(device: dict[str, Any]) -> None:
    assert device.keys() == {"device", "origin", "availability", "qos", "components"}
    assert all(sensor.keys() <= SENSOR for sensor in components(device, "sensor").values())
    assert all(button.keys() == BUTTON for button in components(device, "button").values())
    ids = [each["unique_id"] for each in device["components"].values()]
    assert len(set(ids)) == len(ids) == len(components(device, "sensor")) + len(components(device, "button"))


def test_every_sensor_reads_a_value_that_is_published(device: dict[str, Any]) -> None:
    for key, sensor in components(device, "sensor").items():
        if sensor["state_topic"] == live_topic("anna"):
            assert sensor["value_template"] == f"{{{{ value_json.{key} }}}}"
            assert key in UNITS
        else:
            assert sensor["state_topic"] in {readiness_topic("anna"), session_topic("anna")}


def test_a_button_sends_a_command_that_the_pipeline_takes(device: dict[str, Any]) -> None:
    buttons = components(device, "button")
    assert {button["command_topic"] for button in buttons.values()} == {command_topic("anna")}
    said = {key: decode_marker(button["payload_press"].encode(), "t") for key, button in buttons.items()}
    assert said["start_run"] == Marker(MarkerKind.RUN, MarkerAction.START)
    assert said["stop_morning"] == Marker(MarkerKind.MORNING, MarkerAction.STOP)


def test_names_that_home_assistant_can_not_carry_get_an_id_of_their_own() -> None:
    names = ["anna", "Zoë", "Zo_", "Zoé", "a b", "a_b", "a.b"]
    ids = [device_id(name) for name in names]
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in ids)
    assert discovery_topic("anna") == "homeassistant/device/strapline_anna/config"
