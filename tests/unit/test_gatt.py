from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import MalformedMeasurement
from ingest.gatt import encode_heart_rate_measurement, parse_heart_rate_measurement
from ingest.model import Contact, HeartRateMeasurement
from tests.support import DATA

FRAMES = json.loads((DATA / "ble_2a37_frames" / "frames.json").read_text())
CONTACTS = {None: Contact.UNSUPPORTED, True: Contact.GOOD, False: Contact.LOST}

measurements = st.builds(
    HeartRateMeasurement,
    heart_rate_bpm=st.integers(0, 0xFFFF),
    rr_ticks=st.lists(st.integers(0, 0xFFFF), max_size=9).map(tuple),
    contact=st.sampled_from(Contact),
    energy_kj=st.none() | st.integers(0, 0xFFFF),
)


@pytest.mark.parametrize("frame", FRAMES["real_frames"], ids=lambda frame: frame["hex"])
def test_a_notification_of_a_real_strap_is_decoded_as_worked_out_by_hand(frame: dict[str, Any]) -> None:
    measurement = parse_heart_rate_measurement(bytes.fromhex(frame["hex"]))
    assert measurement.heart_rate_bpm == frame["hr"]
    assert list(measurement.rr_ticks) == frame["rr_1024"]
    assert measurement.energy_kj == frame["energy_kj"]
    assert measurement.contact is CONTACTS[frame["contact"]]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("00 ff", HeartRateMeasurement(255, (), Contact.UNSUPPORTED, None)),
        ("01 80 80", HeartRateMeasurement(32896, (), Contact.UNSUPPORTED, None)),
        ("06 00", HeartRateMeasurement(0, (), Contact.GOOD, None)),
        ("04 00", HeartRateMeasurement(0, (), Contact.LOST, None)),
        ("02 00", HeartRateMeasurement(0, (), Contact.UNSUPPORTED, None)),
        ("09 00 00 ff ff", HeartRateMeasurement(0, (), Contact.UNSUPPORTED, 65535)),
        ("08 00 7f 80", HeartRateMeasurement(0, (), Contact.UNSUPPORTED, 32895)),
        ("11 00 00 ff ff 7f 80", HeartRateMeasurement(0, (65535, 32895), Contact.UNSUPPORTED, None)),
        ("11 00 00 00 00", HeartRateMeasurement(0, (0,), Contact.UNSUPPORTED, None)),
        ("18 3c 01 00 00 04 01", HeartRateMeasurement(60, (1024,), Contact.UNSUPPORTED, 1)),
        ("10 3c", HeartRateMeasurement(60, (), Contact.UNSUPPORTED, None)),
        ("f0 3c 00 04", HeartRateMeasurement(60, (1024,), Contact.UNSUPPORTED, None)),
    ],
)
def test_an_edge_of_the_layout_is_decoded(payload: str, expected: HeartRateMeasurement) -> None:
    assert parse_heart_rate_measurement(bytes.fromhex(payload)) == expected


@pytest.mark.parametrize("payload", ["", "00", "01 3c", "08 3c", "08 3c 01", "09 3c 00 01", "19 3c 00"])
def test_a_truncated_packet_is_refused_and_its_bytes_are_kept(payload: str) -> None:
    with pytest.raises(MalformedMeasurement) as caught:
        parse_heart_rate_measurement(bytes.fromhex(payload))
    assert caught.value.payload == bytes.fromhex(payload)
    assert caught.value.advice


@given(measurements)
def test_what_is_encoded_is_decoded_again(measurement: HeartRateMeasurement) -> None:
    assert parse_heart_rate_measurement(encode_heart_rate_measurement(measurement)) == measurement


@given(st.binary(max_size=40))
def test_any_bytes_give_a_measurement_or_the_documented_error(payload: bytes) -> None:
    try:
        measurement = parse_heart_rate_measurement(payload)
    except MalformedMeasurement:
        return
    assert len(measurement.rr_ticks) <= len(payload) // 2


def test_a_value_beyond_16_bits_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_heart_rate_measurement(HeartRateMeasurement(60, (70_000,), Contact.GOOD, None))
