"""The Heart Rate Measurement characteristic (0x2A37): bytes to record and back. Pure.

Layout (Bluetooth SIG, Heart Rate Service 1.0): a flags byte (bit 0: 16-bit heart rate, bits 1-2: contact,
bit 3: energy present, bit 4: RR present), the heart rate, energy in kJ, then RR intervals in 1/1024 s, all
little endian, the oldest interval first.
"""

from __future__ import annotations

import struct

from ingest.errors import MalformedMeasurement
from ingest.model import Contact, HeartRateMeasurement

_HEART_RATE_16_BIT = 0x01
_CONTACT_GOOD = 0x02
_CONTACT_SUPPORTED = 0x04
_ENERGY_PRESENT = 0x08
_RR_PRESENT = 0x10

# What stands between the flags and the RR intervals, by the flags that decide it.
_HEADS = {
    0: struct.Struct("<B"),
    _HEART_RATE_16_BIT: struct.Struct("<H"),
    _ENERGY_PRESENT: struct.Struct("<BH"),
    _HEART_RATE_16_BIT | _ENERGY_PRESENT: struct.Struct("<HH"),
}

_CONTACT_FLAGS = {
    Contact.UNSUPPORTED: 0,
    Contact.LOST: _CONTACT_SUPPORTED,
    Contact.GOOD: _CONTACT_SUPPORTED | _CONTACT_GOOD,
}


def parse_heart_rate_measurement(payload: bytes) -> HeartRateMeasurement:
    """The record that one notification holds.

    Tolerated, because straps send them: no RR although the flag is set, RR of 0, an odd byte at the end,
    reserved flag bits.

    Args:
        payload: the notification's bytes, at least 2.

    Raises:
        MalformedMeasurement: the bytes end before the fields that the flags announce.
    """
    if not payload:
        raise MalformedMeasurement("empty heart rate notification", payload=payload)
    flags = payload[0]
    head = _HEADS[flags & (_HEART_RATE_16_BIT | _ENERGY_PRESENT)]
    rr_start = 1 + head.size
    if len(payload) < rr_start:
        message = f"heart rate notification of {len(payload)} bytes, its flags announce {rr_start}: {payload.hex(' ')}"
        raise MalformedMeasurement(message, payload=payload)
    heart_rate_bpm, *energy_kj = head.unpack_from(payload, 1)
    rr_count = (len(payload) - rr_start) // 2 if flags & _RR_PRESENT else 0
    return HeartRateMeasurement(
        heart_rate_bpm=heart_rate_bpm,
        rr_ticks=struct.unpack_from(f"<{rr_count}H", payload, rr_start),
        contact=_contact(flags),
        energy_kj=energy_kj[0] if energy_kj else None,
    )


def encode_heart_rate_measurement(measurement: HeartRateMeasurement) -> bytes:
    """The bytes that a strap would send for a record: the shortest form, the exact inverse of parsing.

    Raises:
        ValueError: a field does not fit its 16 bits.
    """
    flags = _CONTACT_FLAGS[measurement.contact]
    layout, values = "B", [measurement.heart_rate_bpm]
    if measurement.heart_rate_bpm > 0xFF:  # noqa: PLR2004 - the largest 8-bit heart rate
        flags |= _HEART_RATE_16_BIT
        layout = "H"
    if measurement.energy_kj is not None:
        flags |= _ENERGY_PRESENT
        layout += "H"
        values.append(measurement.energy_kj)
    if measurement.rr_ticks:
        flags |= _RR_PRESENT
    try:
        return struct.pack(f"<B{layout}{len(measurement.rr_ticks)}H", flags, *values, *measurement.rr_ticks)
    except struct.error as error:
        message = f"{measurement} does not fit a heart rate notification: {error}"
        raise ValueError(message) from error


def _contact(flags: int) -> Contact:
    if not flags & _CONTACT_SUPPORTED:
        return Contact.UNSUPPORTED
    return Contact.GOOD if flags & _CONTACT_GOOD else Contact.LOST
