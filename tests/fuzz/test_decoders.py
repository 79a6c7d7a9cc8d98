"""No input of a strap or a broker, however wrong, gives an error other than the documented ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.errors import ConfigError, UnknownVersion, WireError
from ingest.topics import (
    check_name,
    command_error_topic,
    command_topic,
    live_topic,
    matches,
    parse_command_topic,
    parse_strap_topic,
    strap_topic,
)
from ingest.wire import decode_batch, decode_marker, decode_object, decode_status, decode_stored
from pipeline.notes import event_point
from pipeline.storable import check_points
from tests.fuzz.mutations import JSON_TRAPS, mutated_bytes, mutated_json
from tests.fuzz.targets import fuzz_gatt, fuzz_wire, markers, packets, seeds

PACKETS, PAYLOADS, MARKERS = packets(), seeds("wire"), markers()
TOPICS = [strap_topic("anna", "h10", "beats"), live_topic("anna"), command_topic("Zoë 心"), command_error_topic("anna")]
TOPIC_TRAPS = ["/", "+", "#", "$", "\\", "\x00", "\ud800", " ", "\ufeff", "strapline", "v1", "x" * 70]

# Hypothesis draws each choice of a mutation by itself, so that it can find the smallest one that fails.
chances = st.randoms(use_true_random=False)
topics = st.lists(
    st.sampled_from(["strapline", "v1", "anna", "h10", "beats", "command", "error", "live", *TOPIC_TRAPS]) | st.text()
).map("/".join)


@given(chances)
def test_a_mutated_packet_is_a_measurement_or_malformed(chance: random.Random) -> None:
    fuzz_gatt(mutated_bytes(chance, PACKETS, [b"\x00", b"\xff", bytes(600)]))


@settings(max_examples=300)
@given(chances)
def test_a_payload_with_mutated_bytes_is_a_record_or_a_wire_error(chance: random.Random) -> None:
    fuzz_wire(chance.choice(PAYLOADS)[:1] + mutated_bytes(chance, [payload[1:] for payload in PAYLOADS], JSON_TRAPS))


@settings(max_examples=300)
@given(chances)
def test_a_payload_with_mutated_fields_is_a_record_or_a_wire_error(chance: random.Random) -> None:
    decoder = chance.choice(PAYLOADS)[:1]
    valid = [payload[1:] for payload in PAYLOADS if payload.startswith(decoder)]
    fuzz_wire(decoder + mutated_json(chance, valid))


@given(st.binary())
def test_any_bytes_are_a_record_or_a_wire_error(payload: bytes) -> None:
    fuzz_wire(payload)


@pytest.mark.parametrize("decode", [decode_batch, decode_status, decode_stored, decode_marker, decode_object])
@pytest.mark.parametrize("trap", JSON_TRAPS, ids=lambda trap: repr(trap[:12]))
def test_a_trap_in_place_of_the_version_is_a_wire_error(decode: Callable[[bytes, str], object], trap: bytes) -> None:
    with pytest.raises(WireError):
        decode(b'{"v":' + trap + b"}", "t")


@pytest.mark.parametrize("version", [b"9" * 4000, b'"' + b"x" * 10_000 + b'"', b"[" * 150 + b"]" * 150])
def test_a_long_version_does_not_make_a_long_message(version: bytes) -> None:
    with pytest.raises(UnknownVersion) as caught:
        decode_object(b'{"v":' + version + b"}", "t")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("decode", "payload"),
    [
        (decode_stored, b'{"v":1,"streams":{"s":[[0,9223372036854775808]]}}'),
        (decode_status, b'{"v":1,"connected":true,"rssi_dbm":9223372036854775808}'),
        (decode_batch, b'{"v":1,"person":"a","strap":"b","stream":"c","sequence":9223372036854775808,"received_ns":1}'),
        (decode_object, b'{"v":1,"heart_rate_bpm":NaN}'),
    ],
)
def test_a_number_that_no_database_holds_is_refused(decode: Callable[[bytes, str], object], payload: bytes) -> None:
    with pytest.raises(WireError):
        decode(payload, "t")


@given(chances)
def test_a_command_that_is_taken_becomes_an_event_that_every_store_keeps(chance: random.Random) -> None:
    try:
        marker = decode_marker(mutated_json(chance, MARKERS), "t")
    except WireError:
        return
    check_points([event_point("anna", replace(marker, time_ns=None), received_ns=0)])


@given(topics)
@example("strapline/v1/ anna/h10/status")
@example("strapline/v1//command")
@example("strapline/v1/$SYS/command")
def test_a_topic_that_is_taken_names_people_who_can_be_answered(topic: str) -> None:
    with suppress(WireError):
        person, strap, kind = parse_strap_topic(topic)
        assert strap_topic(person, strap, kind) == topic
        assert live_topic(person)
    with suppress(WireError):
        assert command_error_topic(parse_command_topic(topic)) == f"{topic}/error"


@given(chances)
def test_a_mutated_topic_is_taken_whole_or_refused(chance: random.Random) -> None:
    pieces = [piece.encode(errors="surrogatepass") for piece in TOPIC_TRAPS]
    topic = mutated_bytes(chance, [topic.encode() for topic in TOPICS], pieces).decode(errors="surrogateescape")
    with suppress(WireError):
        assert command_topic(parse_command_topic(topic)) == topic
    with suppress(WireError):
        assert strap_topic(*parse_strap_topic(topic)) == topic


@given(st.text())
def test_any_name_can_stand_in_a_topic_or_is_a_config_error(name: str) -> None:
    try:
        check_name("person", name)
    except ConfigError as error:
        assert str(error).encode()  # it is shown on a terminal
        return
    assert parse_command_topic(command_topic(name)) == name


@given(topics, topics)
def test_any_pattern_matches_any_topic_or_not(pattern: str, topic: str) -> None:
    assert matches(pattern, topic) in {True, False}
