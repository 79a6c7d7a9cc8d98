"""Beats and points as plain JSON values, as the journal and the outbox keep them. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from ingest.model import Beat, Contact
from pipeline.schema import MEASUREMENTS, Point

_FASTEST = 1  # the level of compression: most of what it can save, in a tenth of the time


def beat_row(beat: Beat) -> list[Any]:
    """A beat as a list of its fields."""
    return [beat.time_ns, beat.rr_ticks, beat.heart_rate_bpm, beat.contact, beat.segment, beat.gap_before]


def beat_of(row: Sequence[Any]) -> Beat:
    """The beat of such a list."""
    time_ns, rr_ticks, heart_rate_bpm, contact, segment, gap_before = row
    return Beat(time_ns, rr_ticks, heart_rate_bpm, Contact(contact), segment, gap_before)


def point_row(point: Point) -> list[Any]:
    """A point as a list of its measurement's name, its tags, fields and time."""
    return [point.measurement.name, point.tags, dict(point.fields), point.time_ns]


def point_of(row: Sequence[Any]) -> Point:
    """The point of such a list."""
    name, tags, fields, time_ns = row
    return Point(MEASUREMENTS[name], tuple(tags), fields, time_ns)


def pack_points(points: Iterable[Point]) -> bytes:
    """Points as compressed JSON."""
    return zlib.compress(to_json([point_row(point) for point in points]), _FASTEST)


def unpack_points(packed: bytes) -> list[Point]:
    """The points that were packed."""
    return [point_of(row) for row in from_json(zlib.decompress(packed))]
