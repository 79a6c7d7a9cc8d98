"""How a person shows in Home Assistant: one device by MQTT discovery, with values and buttons. Pure.

Home Assistant reads the topics that are there anyway; it is told where they are, and what to send for a button.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ingest.model import Marker, MarkerAction, MarkerKind
from ingest.topics import PIPELINE, command_topic, health_topic, live_topic, readiness_topic, session_topic
from ingest.wire import encode_foreign, encode_marker

_STALE_AFTER_S = 60
"""A live value that nobody renews is unknown: the strap is off, or out of range."""

_ONLINE = "{{ 'online' if value_json.online else 'offline' }}"

_LIVE = (  # key, name, unit, icon
    ("heart_rate_bpm", "Heart rate", "bpm", "mdi:heart-pulse"),
    ("zone", "Heart-rate zone", None, "mdi:run-fast"),
    ("stress", "Stress", None, "mdi:head-heart"),
    ("rmssd_ms_60s", "RMSSD", "ms", "mdi:heart-flash"),
    ("dfa_alpha1_smoothed_120s", "DFA alpha 1", None, "mdi:chart-bell-curve"),
)

_BUTTONS = (
    ("start_run", "Start run", MarkerKind.RUN, MarkerAction.START, "mdi:run"),
    ("stop_run", "Stop run", MarkerKind.RUN, MarkerAction.STOP, "mdi:stop"),
    ("start_morning", "Start morning check", MarkerKind.MORNING, MarkerAction.START, "mdi:weather-sunset-up"),
    ("stop_morning", "Stop morning check", MarkerKind.MORNING, MarkerAction.STOP, "mdi:stop"),
    ("start_breathing", "Start breathing", MarkerKind.BREATHING, MarkerAction.START, "mdi:weather-windy"),
    ("stop_breathing", "Stop breathing", MarkerKind.BREATHING, MarkerAction.STOP, "mdi:stop"),
)

_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def device_id(person: str) -> str:
    """An id of letters, digits, `_` and `-` alone, another one for each person."""
    plain = _NOT_IN_AN_ID.sub("_", person)
    mark = "" if plain == person else f"_{hashlib.sha256(person.encode()).hexdigest()[:8]}"
    return f"strapline_{plain}{mark}"


def discovery_topic(person: str) -> str:
    """Where Home Assistant looks for the device of a person."""
    return f"homeassistant/device/{device_id(person)}/config"


def discovery(person: str, release: str) -> bytes:
    """The retained payload that makes a person a device: sensors, buttons and when they are available.

    Args:
        person: whose values and buttons they are.
        release: of Strapline.
    """
    device = device_id(person)
    return encode_foreign(
        {
            "device": {"identifiers": [device], "name": f"Strapline {person}", "manufacturer": "Strapline"},
            "origin": {"name": "Strapline", "sw_version": release},
            "availability": [{"topic": health_topic(PIPELINE), "value_template": _ONLINE}],
            "qos": 1,
            "components": {**_sensors(person, device), **_buttons(person, device)},
        }
    )


def _sensors(person: str, device: str) -> dict[str, dict[str, Any]]:
    sensors = {
        key: {
            **_sensor(device, key, name, live_topic(person), f"{{{{ value_json.{key} }}}}", icon),
            "state_class": "measurement",
            "expire_after": _STALE_AFTER_S,
            **({} if unit is None else {"unit_of_measurement": unit}),
        }
        for key, name, unit, icon in _LIVE
    }
    readiness = _sensor(
        device, "readiness", "Readiness", readiness_topic(person), "{{ value_json.value }}", "mdi:battery-heart"
    )
    session = _sensor(
        device,
        "session",
        "Session",
        session_topic(person),
        "{{ value_json.kind if value_json.is_open else 'none' }}",
        "mdi:timer",
    )
    return {**sensors, "readiness": {**readiness, "state_class": "measurement"}, "session": session}


def _sensor(device: str, key: str, name: str, topic: str, template: str, icon: str) -> dict[str, Any]:
    return {
        "platform": "sensor",
        "unique_id": f"{device}_{key}",
        "name": name,
        "state_topic": topic,
        "value_template": template,
        "icon": icon,
    }


def _buttons(person: str, device: str) -> dict[str, dict[str, Any]]:
    return {
        key: {
            "platform": "button",
            "unique_id": f"{device}_{key}",
            "name": name,
            "command_topic": command_topic(person),
            "payload_press": encode_marker(Marker(kind, action)).decode(),
            "icon": icon,
        }
        for key, name, kind, action, icon in _BUTTONS
    }
