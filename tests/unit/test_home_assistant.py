"""The devices that people and straps are in Home Assistant."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ingest.model import Marker, MarkerAction, MarkerKind
from ingest.topics import LIVE, READINESS, command_topic, live_topic, matches, readiness_topic, session_topic
from ingest.wire import decode_marker
from pipeline.home_assistant import Introductions, device_id, discovery_topic, person_discovery, strap_discovery
from pipeline.live import UNITS
from tests.support import DATA

DOCS = Path(__file__).parents[2] / "docs"
KNOWN: dict[str, Any] = json.loads((DATA / "home_assistant" / "discovery_keys.json").read_text(encoding="utf-8"))
DEVICES = {
    "person": person_discovery("anna", "1.2.3"),
    "strap": strap_discovery("anna", "chest", "H10", "1.2.3"),
    "unknown strap": strap_discovery("anna", "chest", None, "1.2.3"),
}


@pytest.fixture(params=DEVICES)
def payload(request: pytest.FixtureRequest) -> dict[str, Any]:
    record = json.loads(DEVICES[request.param])
    assert isinstance(record, dict)
    return record


@pytest.fixture
def person() -> dict[str, Any]:
    record = json.loads(DEVICES["person"])
    assert isinstance(record, dict)
    return record


def components(payload: dict[str, Any], platform: str) -> dict[str, dict[str, Any]]:
    return {key: each for key, each in payload["components"].items() if each["platform"] == platform}


def has_known_keys(record: dict[str, Any], what: str, *more: str) -> bool:
    """Whether it has every key that Home Assistant requires, and none that it does not know."""
    return set(KNOWN[what]["required"]) <= record.keys() <= {*KNOWN[what]["keys"], *more}


def test_every_key_is_one_that_home_assistant_knows_and_none_that_it_requires_is_missing(
    payload: dict[str, Any],
) -> None:
    assert has_known_keys(payload, "payload")
    assert has_known_keys(payload["device"], "device")
    assert has_known_keys(payload["origin"], "origin")
    assert all(has_known_keys(each, "availability") for each in payload.get("availability", []))
    entities = payload["components"].values()
    assert [each for each in entities if not has_known_keys(each, each["platform"], "platform")] == []
    assert len({each["unique_id"] for each in entities}) == len(entities)
    assert payload["device"]["identifiers"]


def test_classes_units_and_categories_are_those_that_home_assistant_allows(payload: dict[str, Any]) -> None:
    categories = {each.get("entity_category", "diagnostic") for each in payload["components"].values()}
    assert categories <= set(KNOWN["entity_categories"])
    for each in components(payload, "binary_sensor").values():
        assert each["device_class"] in KNOWN["binary_sensor_device_classes"]
    for key, each in components(payload, "sensor").items():
        assert ("state_class" in each) != ("options" in each), key
        assert each.get("state_class", "measurement") in KNOWN["state_classes"], key
        assert ("options" in each) == (each.get("device_class") == "enum"), key
        if "device_class" in each:
            units = KNOWN["sensor_device_class_units"][each["device_class"]]
            assert each.get("unit_of_measurement", "") in (units or [""]), key
            states = KNOWN["sensor_device_class_state_classes"][each["device_class"]]
            assert not states or each["state_class"] in states, key


def test_every_sensor_of_a_person_reads_a_value_that_is_published(person: dict[str, Any]) -> None:
    for key, sensor in components(person, "sensor").items():
        if sensor["state_topic"] == live_topic("anna"):
            assert sensor["value_template"] == f"{{{{ value_json.{key} }}}}"
            assert key in UNITS
        else:
            assert sensor["state_topic"] in {readiness_topic("anna"), session_topic("anna")}


def test_a_button_sends_a_command_that_the_pipeline_takes(person: dict[str, Any]) -> None:
    buttons = components(person, "button")
    assert {button["command_topic"] for button in buttons.values()} == {command_topic("anna")}
    said = {key: decode_marker(button["payload_press"].encode(), "t") for key, button in buttons.items()}
    assert said["start_run"] == Marker(MarkerKind.RUN, MarkerAction.START)
    assert said["stop_morning"] == Marker(MarkerKind.MORNING, MarkerAction.STOP)


def test_people_and_straps_each_get_an_id_of_their_own_that_home_assistant_can_carry() -> None:
    names = ["anna", "Zoë", "Zo_", "Zoé", "a b", "a_b", "a.b", "a"]
    straps = [("a", "b"), ("a", "b_c"), ("a_b", "c"), ("a b", "c"), ("anna", "Zoë"), ("anna", "Zoé")]
    ids = [*(device_id(name) for name in names), *(device_id(*strap) for strap in straps)]
    assert len(set(ids)) == len(names) + len(straps)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in ids)
    assert discovery_topic("anna") == "homeassistant/device/strapline_anna/config"
    assert re.fullmatch(r"homeassistant/device/strapline_anna_h10_[0-9a-f]{8}/config", discovery_topic("anna", "h10"))


def test_each_device_is_told_once_a_wearer_before_the_strap_and_a_strap_again_when_its_model_is_known() -> None:
    introductions = Introductions("1.2.3")

    def told(*people: str, **straps: str | None) -> list[str]:
        introductions.take(people, {("anna", strap): model for strap, model in straps.items()})
        return [topic for topic, _ in introductions.news()]

    strap = discovery_topic("anna", "h10")
    assert told(h10=None) == [discovery_topic("anna"), strap]
    assert told("anna", h10=None) == []
    assert told("anna", h10="H10") == [strap]
    assert told("anna", "ben", h10=None) == [discovery_topic("ben")]


def test_the_examples_of_other_tools_read_topics_and_values_that_are_published() -> None:
    flow = json.loads((DOCS / "examples" / "node-red.json").read_text())
    nodes = {node["id"]: node for node in flow}
    assert {target for node in flow for wires in node.get("wires", []) for target in wires} <= nodes.keys()
    (heard,) = [node for node in flow if node["type"] == "mqtt in"]
    assert matches(heard["topic"], live_topic("anna"))
    assert set(re.findall(r"payload\.(\w+)", nodes["strapline_hard"]["func"])) <= UNITS.keys()

    inputs = tomllib.loads((DOCS / "examples" / "telegraf.conf").read_text())["inputs"]["mqtt_consumer"]
    assert [each["topics"] for each in inputs] == [[LIVE], [READINESS]]
    assert [each["topic_parsing"][0]["topic"] for each in inputs] == [LIVE, READINESS]
    assert {field["path"] for field in inputs[0]["json_v2"][0]["field"]} <= UNITS.keys()


def test_the_docs_name_every_entity_and_no_other() -> None:
    """Home Assistant makes an entity's id of the names of its device and of itself."""
    ids = set()
    for payload in (json.loads(DEVICES["person"]), json.loads(DEVICES["strap"])):
        for each in payload["components"].values():
            name = re.sub(r"[^a-z0-9]+", "_", f"{payload['device']['name']} {each['name']}".lower())
            ids.add(f"{each['platform']}.{name}")
    page = (DOCS / "home-assistant.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\b(?:sensor|binary_sensor|button)\.strapline_\w+", page)) == ids
