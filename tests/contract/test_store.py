"""What every store must do, whichever database is behind it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ingest.errors import StoreRejected, StoreUnavailable
from pipeline.schema import BEAT, HEART, HRV, SESSION, STRAP, Field, FieldType, FieldValue, Measurement, Point
from pipeline.storable import EARLIEST_NS, LATEST_NS
from tests.contract.targets import Target

T0_NS = 1_700_000_000_000_000_000


def hrv(
    time_ns: int = T0_NS, *, person: str = "ann", strap: str = "h10", window: str = "60s", **fields: FieldValue
) -> Point:
    return Point(HRV, (person, strap, window), fields or {"rmssd_ms": 42.5}, time_ns)


def heart(bpm: float, time_ns: int = T0_NS, *, person: str = "ann", strap: str = "h10") -> Point:
    return Point(HEART, (person, strap), {"heart_rate_bpm": bpm}, time_ns)


def beats(number: int) -> Sequence[Point]:
    fields: dict[str, FieldValue] = {
        "rr_ms": 799.8046875,
        "rr_prev_ms": 801.7578125,
        "rr_ticks": 819,
        "heart_rate_bpm": 75,
        "artifact": 0,
        "gap": 0,
        "segment": 3,
    }
    return [Point(BEAT, ("ann", "h10"), fields, T0_NS + index * 799_804_687) for index in range(number)]


def test_a_point_reads_back_with_its_tags_its_time_and_only_the_fields_it_had(target: Target) -> None:
    target.open().write([hrv(rmssd_ms=42.5, nn_count=71, reason="")])
    assert target.rows("hrv") == [
        {
            "time_ns": T0_NS,
            "person": "ann",
            "strap": "h10",
            "window": "60s",
            "rmssd_ms": 42.5,
            "nn_count": 71,
            "reason": "",
        }
    ]


FLOATS = [0.0, 1.0, -273.15, 0.1 + 0.2, 1e16, 1e21, 1e-7, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308]


def test_floats_read_back_to_the_last_bit(target: Target) -> None:
    target.open().write([heart(bpm, T0_NS + index) for index, bpm in enumerate(FLOATS)])
    stored = [float(row["heart_rate_bpm"]).hex() for row in target.rows("heart")]
    assert stored == [bpm.hex() for bpm in FLOATS]


INTEGERS = [0, 1, -1, 65_535, 2**53 + 1, 2**63 - 1, -(2**63)]


def test_integers_read_back_exactly_up_to_64_bits(target: Target) -> None:
    points = [Point(BEAT, ("ann", "h10"), {"rr_ticks": ticks}, T0_NS + index) for index, ticks in enumerate(INTEGERS)]
    target.open().write(points)
    assert [row["rr_ticks"] for row in target.rows("beat")] == INTEGERS


TEXTS = [
    "coverage",
    'a "quoted" word',
    "back\\slash\\",
    "line\nbreak",
    "a, b = c",
    " ",
    "Ünïcödé 心 🫀",
    "'; DROP TABLE hrv",
]


def test_texts_read_back_exactly(target: Target) -> None:
    target.open().write([hrv(T0_NS + index, reason=text) for index, text in enumerate(TEXTS)])
    assert [row["reason"] for row in target.rows("hrv")] == TEXTS


NAMES = [
    "Ann Lee",
    "Lee, Ann",
    "a=b",
    'the "runner"',
    "O'Brien",
    "Zoë 心 🏃",
    "a\u200db",
    ", =",
    "x'; DROP TABLE heart; --",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_that_the_topics_allow_reads_back_and_counts(target: Target, name: str) -> None:
    store = target.open()
    store.write([heart(60.5, person=name, strap=name), heart(61.5, person="someone else")])
    assert [row["person"] for row in target.rows("heart") if row["heart_rate_bpm"] == 60.5] == [name]
    assert [row["strap"] for row in target.rows("heart") if row["heart_rate_bpm"] == 60.5] == [name]
    assert store.count(HEART, person=name) == 1


def test_a_second_write_replaces_the_fields_it_has_and_keeps_the_others(target: Target) -> None:
    store = target.open()
    store.write([hrv(rmssd_ms=42.5, nn_count=71)])
    store.write([hrv(rmssd_ms=43.5, sdnn_ms=50.25)])
    (row,) = target.rows("hrv")
    assert (row["rmssd_ms"], row["sdnn_ms"], row["nn_count"]) == (43.5, 50.25, 71)


def test_the_last_of_two_like_points_in_one_write_wins(target: Target) -> None:
    target.open().write([heart(60.5), heart(61.5)])
    assert [row["heart_rate_bpm"] for row in target.rows("heart")] == [61.5]


def test_writing_the_same_points_twice_changes_nothing(target: Target) -> None:
    store = target.open()
    points = [hrv(rmssd_ms=42.5, reason=""), hrv(T0_NS + 5, window="300s"), heart(60.5)]
    store.write(points)
    before = (target.rows("hrv"), target.rows("heart"))
    store.write(points)
    assert (target.rows("hrv"), target.rows("heart")) == before
    assert len(before[0]) == 2


def test_two_beats_one_nanosecond_apart_stay_two(target: Target) -> None:
    target.open().write([heart(60.5, T0_NS), heart(61.5, T0_NS + 1)])
    assert [(row["time_ns"], row["heart_rate_bpm"]) for row in target.rows("heart")] == [
        (T0_NS, 60.5),
        (T0_NS + 1, 61.5),
    ]


def test_points_that_differ_in_one_tag_stay_apart(target: Target) -> None:
    target.open().write([hrv(), hrv(person="bob"), hrv(strap="oh1"), hrv(window="300s")])
    assert len(target.rows("hrv")) == 4


def test_every_time_from_the_earliest_to_the_latest_reads_back(target: Target) -> None:
    store = target.open()
    times = [EARLIEST_NS, -1, 0, 1, LATEST_NS]
    store.write([heart(60.5, time_ns) for time_ns in times])
    assert [row["time_ns"] for row in target.rows("heart")] == times
    assert store.count(HEART) == len(times)


def test_one_write_of_100_000_points_stores_them_all(target: Target) -> None:
    store = target.open()
    store.write(beats(100_000))
    assert store.count(BEAT) == 100_000


def test_an_empty_write_is_fine(target: Target) -> None:
    store = target.open()
    store.write([])
    assert store.count(HEART) == 0


def test_the_newest_point_is_that_of_any_person_and_strap(target: Target) -> None:
    store = target.open()
    assert store.newest_ns(HEART) is None
    straps = [("ann", "h10", 5), ("ann", "tickr", 9), ("ben", "h10", 7)]
    store.write([heart(60.0, T0_NS + ns, person=person, strap=strap) for person, strap, ns in straps])
    assert store.newest_ns(HEART) == T0_NS + 9


def test_points_are_counted_by_person_and_altogether(target: Target) -> None:
    store = target.open()
    store.write([heart(60.5, T0_NS + index) for index in range(3)])
    store.write([heart(60.5, person="bob"), heart(60.5, person="bob", strap="oh1")])
    assert store.count(HEART) == 5
    assert store.count(HEART, person="ann") == 3
    assert store.count(HEART, person="bob") == 2
    assert store.count(HEART, person="carol") == 0
    assert store.count(STRAP) == 0


def test_a_point_without_the_first_field_does_not_count(target: Target) -> None:
    store = target.open()
    store.write([hrv(coverage_pct=99.5), hrv(T0_NS + 1, reason="coverage")])
    assert store.count(HRV) == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_refused_before_anything_is_written(target: Target, bad: float) -> None:
    store = target.open()
    with pytest.raises(ValueError, match="heart_rate_bpm"):
        store.write([heart(60.5), heart(bad, T0_NS + 1)])
    assert target.rows("heart") == []


def test_a_database_that_went_away_is_unavailable_and_takes_the_points_when_it_is_back(target: Target) -> None:
    store = target.open()
    store.write([heart(60.5)])
    with target.out_of_order():
        with pytest.raises(StoreUnavailable) as write_failure:
            store.write([heart(61.5, T0_NS + 1)])
        with pytest.raises(StoreUnavailable):
            store.check()
    store.check()
    store.write([heart(61.5, T0_NS + 1)])
    assert write_failure.value.advice
    assert [row["heart_rate_bpm"] for row in target.rows("heart")] == [60.5, 61.5]


def test_a_field_stored_with_another_type_is_rejected_with_advice(target: Target) -> None:
    number, text = (
        Measurement("clash", "", ("person",), (Field("level", type_, "", ""),))
        for type_ in (FieldType.FLOAT, FieldType.STRING)
    )
    target.open(number).write([Point(number, ("ann",), {"level": 1.5}, T0_NS)])
    with pytest.raises(StoreRejected) as failure:
        target.open(text).write([Point(text, ("ann",), {"level": "high"}, T0_NS + 1)])
    assert failure.value.advice
    assert [row["level"] for row in target.rows("clash")] == [1.5]


def test_checking_a_store_in_order_stores_nothing(target: Target) -> None:
    store = target.open()
    store.check()
    assert [store.count(measurement) for measurement in (BEAT, HEART, HRV, STRAP)] == [0, 0, 0, 0]


def test_closing_twice_is_fine(target: Target) -> None:
    store = target.open()
    store.write([heart(60.5)])
    store.close()
    store.close()
    assert len(target.rows("heart")) == 1


@pytest.mark.parametrize("person", ["ann", "o'neil", 'a "b" c', "Zoë, x"])
def test_a_person_is_forgotten_with_every_point_and_nobody_else_is(target: Target, person: str) -> None:
    store = target.open()
    ran = Point(SESSION, ("ben", "run"), {"valid": 1, "together": f"carl, {person}"}, T0_NS)
    others = [heart(60.0, person="ben"), heart(61.0, person=f"{person}2"), hrv(person="ben", mean_nn_ms=800.0)]
    strap = Point(STRAP, (person, "h10"), {"connected": 1, "model": "x"}, T0_NS)
    store.write([heart(62.0, person=person), hrv(person=person), strap, ran, *others])
    assert store.of_person(person) == 4
    store.forget_person(person)
    assert store.of_person(person) == 1  # the one that names them
    store.write([Point(SESSION, ran.tags, {**ran.fields, "together": "carl"}, T0_NS)])
    assert store.of_person(person) == 0
    assert [row["heart_rate_bpm"] for row in target.rows("heart")] in ([60, 61], [61, 60])
    assert len(target.rows("hrv")) == len(target.rows("session")) == 1


def test_what_is_older_than_a_moment_is_deleted_of_one_measurement_alone(target: Target) -> None:
    store = target.open()
    second_ns = 1_000_000_000
    store.write([heart(60.0 + s, T0_NS + s * second_ns, strap=strap) for s in range(3) for strap in ("h10", "oh1")])
    store.write([hrv(T0_NS)])
    store.forget_before(HEART, T0_NS + second_ns)
    assert sorted(row["heart_rate_bpm"] for row in target.rows("heart")) == [61, 61, 62, 62]
    store.forget_before(HEART, T0_NS + 10 * second_ns)
    assert target.rows("heart") == []
    store.forget_before(HEART, T0_NS + 10 * second_ns)
    assert len(target.rows("hrv")) == 1
