"""The one table of what is stored: stores, boards and docs are all built from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
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
    fields: tuple[Field, ...]

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
        Field("rmssd_ms", _F, "ms", "root mean square of successive NN differences"),
        Field("ln_rmssd", _F, "ln ms", "natural logarithm of RMSSD"),
        Field("sdnn_ms", _F, "ms", "standard deviation of NN intervals (n - 1)"),
        Field("mean_nn_ms", _F, "ms", "mean NN interval"),
        Field("nn_count", _I, "count", "NN intervals in the window"),
        Field("coverage_pct", _F, "%", "share of the window's time that NN intervals cover"),
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
