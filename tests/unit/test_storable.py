"""Which points may be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ingest.topics import check_name
from pipeline.schema import BEAT, HEART, HRV, MEASUREMENTS, FieldValue, Point
from pipeline.storable import EARLIEST_NS, LATEST_NS, check_points

GOOD = Point(HRV, ("ann", "h10", "60s"), {"rmssd_ms": 42.5, "nn_count": 71, "reason": ""}, 0)


def test_a_point_that_fits_its_measurement_passes() -> None:
    check_points([GOOD, replace(GOOD, time_ns=EARLIEST_NS), replace(GOOD, time_ns=LATEST_NS)])


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "no field"),
        ({"pnn50": 1.5}, "no field 'pnn50'"),
        ({"rmssd_ms": 42}, "must be of type float"),
        ({"rmssd_ms": "42.5"}, "must be of type float"),
        ({"rmssd_ms": float("nan")}, "can't be nan"),
        ({"rmssd_ms": float("inf")}, "can't be inf"),
        ({"nn_count": 71.0}, "must be of type integer"),
        ({"nn_count": True}, "must be of type integer"),
        ({"nn_count": 2**63}, "can't be"),
        ({"nn_count": -(2**63) - 1}, "can't be"),
        ({"reason": 1}, "must be of type string"),
        ({"reason": "\ud800"}, "can't be"),
        ({"reason": "a\x00b"}, "can't be"),
    ],
)
def test_fields_that_no_store_keeps_exactly_are_refused_by_name(fields: Mapping[str, FieldValue], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_points([GOOD, replace(GOOD, fields=fields)])


@pytest.mark.parametrize(
    "tags",
    [("ann", "h10"), ("ann", "h10", "60s", "x"), ("", "h10", "60s"), ("a\nb", "h10", "60s"), ("ann\\", "h10", "60s")],
)
def test_tags_that_the_line_protocol_can_not_carry_are_refused(tags: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="tag"):
        check_points([replace(GOOD, tags=tags)])


@pytest.mark.parametrize("time_ns", [EARLIEST_NS - 1, LATEST_NS + 1])
def test_a_time_that_influxdb_can_not_hold_is_refused(time_ns: int) -> None:
    with pytest.raises(ValueError, match="time_ns"):
        check_points([replace(GOOD, time_ns=time_ns)])


@pytest.mark.parametrize(
    "name", ["Ann Lee", "Lee, Ann", "a=b", "Zoë 心 🏃", "a\u200db", "a\u00a0b", "\u3000".join("ab")]
)
def test_every_name_that_the_topics_allow_may_be_a_tag(name: str) -> None:
    check_points([replace(GOOD, tags=(check_name("person", name), name, "60s"))])


def test_no_field_bears_the_name_of_a_tag_or_of_the_time_in_any_case_of_letters() -> None:
    # InfluxDB 3.x refuses the one, and SQLite, which ignores case, both.
    for measurement in MEASUREMENTS.values():
        names = [name.lower() for name in ("time", "time_ns", *measurement.tags, *(f.name for f in measurement.fields))]
        assert len(set(names)) == len(names), measurement.name


def test_an_unknown_field_name_is_a_key_error() -> None:
    assert BEAT.field("rr_ms") is BEAT.fields[0]
    with pytest.raises(KeyError):
        HEART.field("rr_ms")
