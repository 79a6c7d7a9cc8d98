"""How people and straps show in Home Assistant: a device each by MQTT discovery, with values and buttons. Pure.

Home Assistant reads the topics that are there anyway; it is told where they are, and what to send for a button.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ingest.model import Marker, MarkerAction, MarkerKind
from ingest.topics import (
    DISCOVERY_ROOT,
    PIPELINE,
    command_topic,
    health_topic,
    live_topic,
    readiness_topic,
    session_topic,
    strap_topic,
)
from ingest.wire import encode_foreign, encode_marker

_STALE_AFTER_S = 60
"""A live value that nobody renews is unknown: the strap is off, or out of range."""

_ONLINE = "{{ 'online' if value_json.online else 'offline' }}"

_LIVE = (  # key, name, unit, decimals shown, icon
    ("heart_rate_bpm", "Heart rate", "bpm", 0, "mdi:heart-pulse"),
    ("zone", "Heart-rate zone", None, 0, "mdi:run-fast"),
    ("stress", "Stress", None, 0, "mdi:head-heart"),
    ("rmssd_ms_60s", "RMSSD", "ms", 0, "mdi:heart-flash"),
    ("dfa_alpha1_smoothed_120s", "DFA alpha 1", None, 2, "mdi:chart-bell-curve"),
)

_BUTTONS = (
    ("start_run", "Start run", MarkerKind.RUN, MarkerAction.START, "mdi:run"),
    ("stop_run", "Stop run", MarkerKind.RUN, MarkerAction.STOP, "mdi:stop"),
    ("start_morning", "Start morning check", MarkerKind.MORNING, MarkerAction.START, "mdi:weather-sunset-up"),
    ("stop_morning", "Stop morning check", MarkerKind.MORNING, MarkerAction.STOP, "mdi:stop"),
    ("start_breathing", "Start breathing", MarkerKind.BREATHING, MarkerAction.START, "mdi:weather-windy"),
    ("stop_breathing", "Stop breathing", MarkerKind.BREATHING, MarkerAction.STOP, "mdi:stop"),
)

_NO_SESSION = "none"
_SESSIONS = [_NO_SESSION, *(str(kind) for kind in MarkerKind if kind is not MarkerKind.NOTE)]

# A strap that disconnects tells no battery. Home Assistant ignores an empty text, so that the last one told stays: the
# moment to load or change it is when nobody wears the strap.
_BATTERY = "{{ '' if value_json.battery_pct is none else value_json.battery_pct }}"

_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")

Component = dict[str, Any]


def device_id(person: str, strap: str | None = None) -> str:
    """An id of letters, digits, `_` and `-` alone, another one for each person and for each strap of a person."""
    names = person if strap is None else f"{person}/{strap}"
    plain = _NOT_IN_AN_ID.sub("_", names)
    mark = "" if plain == names else f"_{hashlib.sha256(names.encode()).hexdigest()[:8]}"
    return f"strapline_{plain}{mark}"


def discovery_topic(person: str, strap: str | None = None) -> str:
    """Where Home Assistant looks for the device of a person, or of a strap."""
    return f"{DISCOVERY_ROOT}/{device_id(person, strap)}/config"


def person_discovery(person: str, release: str) -> bytes:
    """The retained payload that makes a person a device: sensors, buttons and when they are available.

    Args:
        person: whose values and buttons they are.
        release: of Strapline.
    """
    device = device_id(person)
    return _payload(
        {"identifiers": [device], "name": f"Strapline {person}", "manufacturer": "Strapline"},
        release,
        {**_sensors(person, device), **_buttons(person, device)},
        availability=[{"topic": health_topic(PIPELINE), "value_template": _ONLINE}],
    )


def strap_discovery(person: str, strap: str, model: str | None, release: str) -> bytes:
    """The retained payload that makes a strap a device, by way of its wearer's.

    It is always available: its collector, or the collector's last will, says when it is not connected.

    Args:
        person: who wears it.
        strap: its name.
        model: what it says that it is; None: not known.
        release: of Strapline.
    """
    device = device_id(person, strap)
    about = {"identifiers": [device], "name": f"Strapline {person} {strap}", "via_device": device_id(person)}
    return _payload(
        about if model is None else {**about, "model": model},
        release,
        _strap_sensors(strap_topic(person, strap, "status"), device),
    )


class Introductions:
    """The devices that Home Assistant is to be told of, each once; a strap again when its model becomes known.

    Args:
        release: of Strapline.
    """

    def __init__(self, release: str) -> None:
        self._release = release
        self._people: set[str] = set()
        self._models: dict[tuple[str, str], str | None] = {}
        self._due: dict[str, bytes] = {}  # payloads by topic, in order

    def take(self, people: Iterable[str], straps: Mapping[tuple[str, str], str | None]) -> None:
        """Take in who is heard of.

        Args:
            people: those with values or a day.
            straps: person, strap, and the strap's model where it is known.
        """
        # A strap's device names its wearer's, which has to be there first.
        for person in {*people, *(wearer for wearer, _ in straps)} - self._people:
            self._people.add(person)
            self._due[discovery_topic(person)] = person_discovery(person, self._release)
        for (person, strap), model in straps.items():
            if (person, strap) not in self._models or (self._models[person, strap] is None and model is not None):
                self._models[person, strap] = model
                self._due[discovery_topic(person, strap)] = strap_discovery(person, strap, model, self._release)

    def news(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of each device that is to be told, which counts as told from then on."""
        while self._due:
            topic = next(iter(self._due))
            yield topic, self._due.pop(topic)


def _payload(about: Component, release: str, components: dict[str, Component], **options: object) -> bytes:
    return encode_foreign(
        {
            "device": about,
            "origin": {"name": "Strapline", "sw_version": release},
            **options,
            "qos": 1,
            "components": components,
        }
    )


def _sensors(person: str, device: str) -> dict[str, Component]:
    live = {
        key: {
            **_entity("sensor", device, key, name, icon=icon),
            **_value(live_topic(person), f"{{{{ value_json.{key} }}}}"),
            **_measured(unit, decimals),
            "expire_after": _STALE_AFTER_S,
        }
        for key, name, unit, decimals, icon in _LIVE
    }
    return {
        **live,
        "readiness": {
            **_entity("sensor", device, "readiness", "Readiness", icon="mdi:battery-heart"),
            **_value(readiness_topic(person), "{{ value_json.value }}"),
            **_measured(None),
        },
        "session": {
            **_entity("sensor", device, "session", "Session", icon="mdi:timer", device_class="enum"),
            **_value(session_topic(person), f"{{{{ value_json.kind if value_json.is_open else '{_NO_SESSION}' }}}}"),
            "options": _SESSIONS,
        },
        "session_minutes": {
            **_entity("sensor", device, "session_minutes", "Session duration", device_class="duration"),
            **_value(session_topic(person), "{{ value_json.minutes }}"),
            **_measured("min"),
        },
    }


def _buttons(person: str, device: str) -> dict[str, Component]:
    return {
        key: {
            **_entity("button", device, key, name, icon=icon),
            "command_topic": command_topic(person),
            "payload_press": encode_marker(Marker(kind, action)).decode(),
        }
        for key, name, kind, action, icon in _BUTTONS
    }


def _strap_sensors(status: str, device: str) -> dict[str, Component]:
    return {
        "connected": {
            **_entity("binary_sensor", device, "connected", "Connected", device_class="connectivity"),
            **_value(status, "{{ 'ON' if value_json.connected else 'OFF' }}"),
        },
        "battery": {
            **_entity("sensor", device, "battery", "Battery", device_class="battery"),
            **_value(status, _BATTERY),
            **_measured("%"),
            "entity_category": "diagnostic",
        },
        "signal_strength": {
            **_entity("sensor", device, "signal_strength", "Signal strength", device_class="signal_strength"),
            **_value(status, "{{ value_json.rssi_dbm }}"),
            **_measured("dBm"),
            "entity_category": "diagnostic",
        },
    }


def _entity(platform: str, device: str, key: str, name: str, **looks: str) -> Component:
    return {"platform": platform, "unique_id": f"{device}_{key}", "name": name, **looks}


def _value(topic: str, template: str) -> Component:
    return {"state_topic": topic, "value_template": template}


def _measured(unit: str | None, decimals: int = 0) -> Component:
    known = {} if unit is None else {"unit_of_measurement": unit}
    return {"state_class": "measurement", **known, "suggested_display_precision": decimals}
