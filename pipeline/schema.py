"""The one table of what is stored: stores, boards and docs are all built from it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

FieldValue = float | int | str


class FieldType(StrEnum):
    """How a field is stored; a flag is an integer 0 or 1, since InfluxQL's booleans are a trap."""

    FLOAT = "float"
    INTEGER = "integer"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Field:
    """One stored quantity."""

    name: str
    type: FieldType
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One kind of point: its tags, in order, and its fields."""

    name: str
    meaning: str
    tags: tuple[str, ...]
    fields: tuple[Field, ...]  # the first is in every point, so that points can be counted by it

    def field(self, name: str) -> Field:
        """The field of that name; KeyError if the measurement has none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


_F, _I, _S = FieldType.FLOAT, FieldType.INTEGER, FieldType.STRING

BEAT = Measurement(
    "beat",
    "one heart beat, at its own time",
    ("person", "strap"),
    (
        Field("rr_ms", _F, "ms", "RR interval that ends at this beat, 1000/1024 of the raw ticks"),
        Field("rr_prev_ms", _F, "ms", "RR interval before it; absent across a gap (for the Poincaré plot)"),
        Field("rr_ticks", _I, "1/1024 s", "RR interval exactly as the strap sent it"),
        Field("heart_rate_bpm", _I, "bpm", "the strap's own smoothed heart rate"),
        Field("artifact", _I, "0/1", "1: outside 300 to 2000 ms, left out of every index"),
        Field("gap", _I, "0/1", "1: beats are missing before it"),
        Field("segment", _I, "count", "unbroken stretch of the stream"),
    ),
)

HEART = Measurement(
    "heart",
    "heart rate at each full second",
    ("person", "strap"),
    (Field("heart_rate_bpm", _F, "bpm", "60 000 / mean NN interval of the last 5 s"),),
)

HRV = Measurement(
    "hrv",
    "indices of a sliding window, each 5 s, stamped at the window's end",
    ("person", "strap", "window"),
    (
        Field("coverage_pct", _F, "%", "share of the window's time that NN intervals cover"),
        Field("rmssd_ms", _F, "ms", "root mean square of successive NN differences"),
        Field("ln_rmssd", _F, "ln ms", "natural logarithm of RMSSD"),
        Field("sdnn_ms", _F, "ms", "standard deviation of NN intervals (n - 1)"),
        Field("mean_nn_ms", _F, "ms", "mean NN interval"),
        Field("nn_count", _I, "count", "NN intervals in the window"),
        Field("artifact_pct", _F, "%", "share of the window's beats that are artifacts"),
        Field("reason", _S, "", "why there are no values: coverage, artifacts; empty when there are"),
    ),
)

STRAP = Measurement(
    "strap",
    "state of a strap, at each change",
    ("person", "strap"),
    (
        Field("connected", _I, "0/1", "1: linked to its collector"),
        Field("battery_pct", _I, "%", "battery charge that the strap reports"),
        Field("rssi_dbm", _I, "dBm", "signal strength of its last advertisement"),
        Field("model", _S, "", "model name that the strap reports"),
        Field("reason", _S, "", "why it is not connected"),
    ),
)

MEASUREMENTS: Mapping[str, Measurement] = MappingProxyType({m.name: m for m in (BEAT, HEART, HRV, STRAP)})


@dataclass(frozen=True, slots=True)
class Point:
    """One row to store; the same measurement, tags and time overwrite field by field.

    A field without a value is left out, never written as 0 or NaN.
    """

    measurement: Measurement
    tags: tuple[str, ...]  # values, in the measurement's order
    fields: Mapping[str, FieldValue]
    time_ns: int  # Unix time, UTC


# InfluxDB keeps two values of int64 at the lower end and one at the upper end for itself.
EARLIEST_NS, LATEST_NS = -(2**63) + 2, 2**63 - 2

_INT64 = range(-(2**63), 2**63)
# The line protocol has no form for an empty tag, and none that reads back for a backslash or a line break in one.
_BAD_IN_TAG = re.compile(r"[\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# A lone surrogate has no UTF-8 form; a NUL ends a text early for some readers.
_BAD_IN_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_PYTHON_TYPES: Mapping[FieldType, type] = MappingProxyType({_F: float, _I: int, _S: str})


def check_points(points: Iterable[Point]) -> None:
    """Make sure, before any is stored, that every store would keep every point exactly.

    Raises:
        ValueError: a point that does not fit its measurement, has no field or an empty tag, holds NaN, an infinity or
            an integer beyond 64 bits, text that is no Unicode, or a time that InfluxDB can't hold.
    """
    for point in points:
        problem = _tags_problem(point) or _fields_problem(point)
        if not problem and not EARLIEST_NS <= point.time_ns <= LATEST_NS:
            problem = f"time_ns {point.time_ns} is out of range"
        if problem:
            message = f"{point.measurement.name} at {point.time_ns}: {problem}"
            raise ValueError(message)


def _tags_problem(point: Point) -> str:
    names = point.measurement.tags
    if len(point.tags) != len(names):
        return f"{len(point.tags)} tag values for {len(names)} tags"
    for name, tag in zip(names, point.tags, strict=True):
        if not tag or _BAD_IN_TAG.search(tag):
            return f"tag {name} can't be {tag!r}"
    return ""


def _fields_problem(point: Point) -> str:
    if not point.fields:
        return "no field has a value"
    for name, stored in point.fields.items():
        try:
            wanted = point.measurement.field(name).type
        except KeyError:
            return f"there is no field {name!r}"
        if not isinstance(stored, _PYTHON_TYPES[wanted]) or isinstance(stored, bool):
            return f"{name} must be of type {wanted}, not {stored!r}"
        if not _is_storable(stored):
            return f"{name} can't be {stored!r}"
    return ""


def _is_storable(stored: FieldValue) -> bool:
    if isinstance(stored, float):
        return math.isfinite(stored)
    if isinstance(stored, int):
        return stored in _INT64
    return not _BAD_IN_TEXT.search(stored)
