"""A database as a run leaves it, for the boards' queries."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass

import pytest

from pipeline.schema import BEAT, HEART, HRV, STRAP, FieldType, Measurement
from tests.fixtures.influxd import InfluxDatabase

PEOPLE = ("anna", "Ben O. (guest)")
END_MS = 1_760_000_000_000
_MINUTES = 15


@dataclass(frozen=True)
class RecordedDatabase:
    """A database that ends at `end_ms`, and whose people have every kind of point."""

    database: InfluxDatabase
    end_ms: int
    people: tuple[str, ...]


def _escaped(tag: str) -> str:
    return tag.replace(" ", "\\ ").replace(",", "\\,").replace("=", "\\=")


def _line(measurement: Measurement, tags: tuple[str, ...], values: dict[str, object], time_ms: int) -> str:
    """Line protocol; KeyError for a field that the schema does not have."""
    suffixes = {FieldType.FLOAT: "", FieldType.INTEGER: "i"}
    written = [
        f'{name}="{value}"' if measurement.field(name).type is FieldType.STRING
        else f"{name}={value}{suffixes[measurement.field(name).type]}"
        for name, value in values.items()
    ]  # fmt: skip
    keys = ",".join(f"{key}={_escaped(tag)}" for key, tag in zip(measurement.tags, tags, strict=True))
    return f"{measurement.name},{keys} {','.join(written)} {time_ms * 1_000_000}"


def _run_of(person: str) -> list[str]:
    strap = f"strap of {person}"
    start_ms = END_MS - _MINUTES * 60_000
    lines = [_line(STRAP, (person, strap), {"connected": 1, "battery_pct": 83}, start_ms - 600_000)]
    for second in range(_MINUTES * 60):
        time_ms = start_ms + second * 1000
        artifact = int(second % 50 == 0)
        beat = {"rr_ms": 250.0 if artifact else 1000.0, "rr_prev_ms": 1010.0, "artifact": artifact}
        lines.append(_line(BEAT, (person, strap), dict(beat), time_ms))
        lines.append(_line(HEART, (person, strap), {"heart_rate_bpm": 60.5}, time_ms))
        if second % 5 == 0:
            indices = {"rmssd_ms": 42.0, "ln_rmssd": 3.74, "sdnn_ms": 55.0, "coverage_pct": 99.0, "artifact_pct": 2.0}
            lines.extend(_line(HRV, (person, strap, window), dict(indices), time_ms) for window in ("60s", "300s"))
    return lines


@pytest.fixture
def recorded_database(influx_database: InfluxDatabase) -> RecordedDatabase:
    """Fifteen minutes of two people with a strap each."""
    lines = [line for person in PEOPLE for line in _run_of(person)]
    url = f"{influx_database.url}/write?db={influx_database.name}"
    with urllib.request.urlopen(urllib.request.Request(url, data="\n".join(lines).encode()), timeout=30) as response:
        assert response.status == 204
    return RecordedDatabase(influx_database, END_MS, PEOPLE)
