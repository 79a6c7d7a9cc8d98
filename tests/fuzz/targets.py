"""What is fuzzed: each target takes any bytes and may end in a documented error, in nothing else.

What a decoder takes must also be worth taking: it is encoded and decoded again, and has to be the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TypeVar

from ingest.errors import MalformedMeasurement, WireError
from ingest.gatt import encode_heart_rate_measurement, parse_heart_rate_measurement
from ingest.model import Beat, BeatBatch, Contact, Marker, MarkerAction, MarkerKind, Stored, StrapStatus
from ingest.packing import pack
from ingest.recording import demo_recording
from ingest.wire import (
    decode_batch,
    decode_marker,
    decode_object,
    decode_status,
    decode_stored,
    encode_batch,
    encode_marker,
    encode_object,
    encode_status,
    encode_stored,
)
from tests.support import DATA

T = TypeVar("T")

_START_NS = 1_795_593_600_000_000_000


def fuzz_gatt(payload: bytes) -> None:
    """The packet parser."""
    try:
        measurement = parse_heart_rate_measurement(payload)
    except MalformedMeasurement as error:
        assert error.payload == payload
        return
    assert parse_heart_rate_measurement(encode_heart_rate_measurement(measurement)) == measurement


def fuzz_wire(payload: bytes) -> None:
    """The wire decoder that the first byte names, on the rest."""
    check = _CHECKS.get(payload[:1], _check_object)
    try:
        check(payload[1:])
    except WireError as error:
        assert len(str(error)) <= len(payload) + 500  # it goes into a log and onto the error topic


def _check_object(payload: bytes) -> None:
    assert isinstance(decode_object(payload, "t"), dict)


def _round_trip(decode: Callable[[bytes, str], T], encode: Callable[[T], bytes]) -> Callable[[bytes], None]:
    def check(payload: bytes) -> None:
        record = decode(payload, "t")
        assert decode(encode(record), "t") == record

    return check


_CHECKS = {
    b"b": _round_trip(decode_batch, encode_batch),
    b"s": _round_trip(decode_status, encode_status),
    b"c": _round_trip(decode_stored, encode_stored),
    b"m": _round_trip(decode_marker, encode_marker),
}

TARGETS: dict[str, Callable[[bytes], None]] = {"gatt": fuzz_gatt, "wire": fuzz_wire}


def packets() -> list[bytes]:
    """Notifications: those of real straps, a recording's, and one of each shape that the flags allow."""
    frames = json.loads((DATA / "ble_2a37_frames" / "frames.json").read_text(encoding="utf-8"))
    real = [bytes.fromhex(frame["hex"]) for frame in frames["real_frames"]]
    packed = [notification.payload for notification in pack(demo_recording().rr_ticks[:60], _START_NS)]
    return [*real, *packed, *(bytes([flags, *range(60, 70)]) for flags in range(32))]


def batches() -> list[bytes]:
    """Valid payloads of a `beats` topic."""
    one = Beat(_START_NS, 812, 75, Contact.GOOD, 0, gap_before=True)
    many = tuple(Beat(_START_NS + n, 1 + n, n, Contact.UNSUPPORTED, n, gap_before=False) for n in range(9))
    return [
        encode_batch(BeatBatch("anna", "h10", "5f0c8a1e2b3d4c5e", 41, _START_NS, (one,))),
        encode_batch(BeatBatch("Zoë 心", "h10", "s", 2**63 - 1, 0, many, held_from=7)),
    ]


def statuses() -> list[bytes]:
    """Valid payloads of a `status` topic."""
    return [
        encode_status(StrapStatus(connected=True, time_ns=_START_NS, battery_pct=90, rssi_dbm=-58, model="H10")),
        encode_status(StrapStatus(connected=False, reason="collector offline", location="chest")),
    ]


def confirmations() -> list[bytes]:
    """Valid payloads of a `stored` topic."""
    return [encode_stored(Stored({"5f0c8a1e": ((0, 41), (43, 2**63 - 1))})), encode_stored(Stored({"a": (), "b": ()}))]


def markers() -> list[bytes]:
    """Valid payloads of a `command` topic."""
    return [
        encode_marker(Marker(MarkerKind.RUN, MarkerAction.START)),
        encode_marker(Marker(MarkerKind.NOTE, text="felt \u00e9asy 🏃\n", time_ns=_START_NS)),
    ]


def objects() -> list[bytes]:
    """Valid payloads of a `live` topic, whose fields nobody checks."""
    return [encode_object({"heart_rate_bpm": 61.5, "reason": None, "units": {"rmssd_ms_60s": "ms"}})]


def seeds(target: str) -> list[bytes]:
    """Valid inputs of a target; those of `wire` begin with the letter of their decoder."""
    if target == "gatt":
        return packets()
    return [
        *_named(b"b", batches()),
        *_named(b"s", statuses()),
        *_named(b"c", confirmations()),
        *_named(b"m", markers()),
        *_named(b"o", objects()),
    ]


def _named(decoder: bytes, payloads: Iterable[bytes]) -> list[bytes]:
    return [decoder + payload for payload in payloads]
