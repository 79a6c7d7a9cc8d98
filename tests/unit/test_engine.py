"""Windows, indices and points, against plain formulas on the same beats."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.gatt import parse_heart_rate_measurement
from ingest.model import MS_PER_TICK, Beat, BeatBatch, Contact, StrapStatus
from ingest.packing import pack
from ingest.recording import demo_recording
from ingest.timeline import BeatClock
from pipeline.engine import Engine, status_point
from pipeline.live import UNITS, LiveValues
from pipeline.schema import BEAT, HEART, HRV, Point, check_points

SECOND_NS = 1_000_000_000
START_NS = 1_764_000_000 * SECOND_NS


def beats_of(rr_ticks: Iterable[int], start_ns: int = START_NS) -> list[Beat]:
    clock = BeatClock()
    return [
        beat
        for notification in pack(rr_ticks, start_ns)
        for beat in clock.step(notification.arrival_ns, parse_heart_rate_measurement(notification.payload))
    ]


def batch(sequence: int, beats: Iterable[Beat], stream: str = "s") -> BeatBatch:
    return BeatBatch("anna", "h10", stream, sequence, START_NS, tuple(beats))


def points_of(beats: list[Beat], sizes: Iterable[int] = ()) -> list[Point]:
    """The points of beats cut into batches of these sizes, the rest in one."""
    engine, points, taken = Engine(), [], 0
    for sequence, size in enumerate([*sizes, len(beats)]):
        part = beats[taken : taken + size]
        taken += len(part)
        if part:
            points.extend(engine.step(batch(sequence, part)))
    return points


def expected_window(beats: list[Beat], end_ns: int, span_s: int) -> dict[str, float]:
    """The indices of one window by the textbook, from the beats alone."""
    inside = [beat for beat in beats if end_ns - span_s * SECOND_NS < beat.time_ns <= end_ns]
    is_nn = [300 <= beat.rr_ticks * MS_PER_TICK <= 2000 for beat in inside]
    nn_ms = [beat.rr_ticks * MS_PER_TICK for beat, good in zip(inside, is_nn, strict=True) if good]
    differences = [
        (after.rr_ticks - before.rr_ticks) * MS_PER_TICK
        for (before, good), (after, good_after) in pairwise(zip(inside, is_nn, strict=True))
        if good and good_after and not after.gap_before
    ]
    return {
        "nn_count": len(nn_ms),
        "coverage_pct": min(100.0, sum(nn_ms) / span_s / 10),
        "artifact_pct": 100 * is_nn.count(False) / len(inside),
        "mean_nn_ms": statistics.fmean(nn_ms),
        "sdnn_ms": statistics.stdev(nn_ms),
        "rmssd_ms": math.sqrt(statistics.fmean(d * d for d in differences)),
    }


def test_every_window_of_the_demo_equals_the_textbook_on_the_same_beats() -> None:
    beats = beats_of(demo_recording().rr_ticks)
    hrv = [point for point in points_of(beats) if point.measurement is HRV]
    assert len(hrv) > 500
    for point in hrv:
        expected = expected_window(beats, point.time_ns, int(point.tags[2].removesuffix("s")))
        for name in point.fields.keys() & expected.keys():
            assert point.fields[name] == pytest.approx(expected[name], rel=1e-12, abs=1e-9), (name, point)


rr_with_artifacts = st.lists(st.one_of(st.integers(308, 2000), st.integers(1, 4000)), min_size=80, max_size=300)


@given(rr_with_artifacts, st.lists(st.integers(1, 30), max_size=60))
def test_the_points_do_not_depend_on_how_beats_are_cut_into_batches(rr_ticks: list[int], sizes: list[int]) -> None:
    beats = beats_of(rr_ticks)
    assert points_of(beats, sizes) == points_of(beats)


@given(rr_with_artifacts)
def test_every_point_fits_the_schema_and_every_window_equals_the_textbook(rr_ticks: list[int]) -> None:
    beats = beats_of(rr_ticks)
    points = points_of(beats)
    check_points(points)
    for point in points:
        if point.measurement is HRV and "rmssd_ms" in point.fields:
            expected = expected_window(beats, point.time_ns, int(point.tags[2].removesuffix("s")))
            assert point.fields["rmssd_ms"] == pytest.approx(expected["rmssd_ms"], rel=1e-9)


def test_hand_worked_indices() -> None:
    beats = beats_of([1024, 1034, 1014, 1024] * 20, start_ns=START_NS)
    (point,) = [p for p in points_of(beats) if p.measurement is HRV and p.time_ns == START_NS + 60 * SECOND_NS][:1]
    # Successive differences run +10, -20, +10, 0 ticks; deviations 0, +10, -10, 0.
    assert point.fields["nn_count"] == 60
    differences = [10, -20, 10, *([0, 10, -20, 10] * 14)]
    assert point.fields["rmssd_ms"] == pytest.approx(math.sqrt(sum(d * d for d in differences) / 59) * MS_PER_TICK)
    assert point.fields["sdnn_ms"] == pytest.approx(math.sqrt(200 * 15 / 59) * MS_PER_TICK)
    assert point.fields["ln_rmssd"] == pytest.approx(math.log(float(point.fields["rmssd_ms"])))


def test_beats_are_stored_raw_with_their_neighbour_for_the_poincare_plot() -> None:
    first, second, *_ = (point for point in points_of(beats_of([1024, 2100, 1000])) if point.measurement is BEAT)
    assert first.fields["gap"] == 1
    assert "rr_prev_ms" not in first.fields
    assert (second.fields["rr_prev_ms"], second.fields["rr_ms"]) == (1000.0, 2100 * MS_PER_TICK)
    assert second.fields["artifact"] == 1


def test_no_difference_is_taken_across_a_gap_or_an_artifact() -> None:
    flat, leap, artifact = [1000] * 50, [700] * 50, [2100]
    for between in ([*flat, *artifact, *leap], None):
        beats = beats_of(between or flat)
        if between is None:
            moved = beats_of(leap, start_ns=beats[-1].time_ns)
            beats += [Beat(b.time_ns, b.rr_ticks, 60, Contact.GOOD, 1, b.gap_before) for b in moved]
        rmssd = {p.fields.get("rmssd_ms") for p in points_of(beats) if p.measurement is HRV}
        assert rmssd <= {0.0, None}, "the only change of interval lies where no difference may be taken"


def test_a_window_that_has_not_filled_gives_its_reason_and_no_value() -> None:
    early = [p for p in points_of(beats_of([1024] * 40)) if p.measurement is HRV]
    assert {point.fields["reason"] for point in early} == {"coverage"}
    assert all("rmssd_ms" not in point.fields for point in early)


def test_a_window_with_more_than_five_percent_artifacts_gives_its_reason_and_no_value() -> None:
    rr_ticks = ([1024] * 9 + [250]) * 12
    points = [p for p in points_of(beats_of(rr_ticks)) if p.measurement is HRV and p.tags[2] == "60s"]
    assert points[-1].fields["reason"] == "artifacts"
    assert points[-1].fields["artifact_pct"] == pytest.approx(10, abs=2)
    assert "rmssd_ms" not in points[-1].fields


def test_heart_rate_comes_each_second_and_stops_with_the_beats() -> None:
    beats = beats_of([512] * 60)
    beats += [Beat(START_NS + 120 * SECOND_NS, 512, 120, Contact.GOOD, 1, gap_before=True)]
    heart = [point for point in points_of(beats) if point.measurement is HEART]
    seconds = [(point.time_ns - START_NS) / SECOND_NS for point in heart]
    assert seconds == sorted({*seconds})
    assert all(second == int(second) for second in seconds)
    assert max(seconds) <= 36, "5 s after the last beat there is no heart rate, and never a false 0"
    assert {point.fields["heart_rate_bpm"] for point in heart} == {120.0}


def test_a_repeated_batch_gives_nothing() -> None:
    engine = Engine()
    beats = beats_of([1024] * 20)
    assert engine.step(batch(0, beats[:10]))
    assert engine.step(batch(0, beats[:10])) == []
    assert engine.step(batch(1, beats[10:]))


def test_a_clock_set_back_starts_the_windows_anew() -> None:
    beats = beats_of([1024] * 100)
    engine = Engine()
    engine.step(batch(0, beats))
    earlier = beats_of([1024] * 20, start_ns=START_NS - 3600 * SECOND_NS)
    points = engine.step(batch(1, earlier))
    assert {point.fields["nn_count"] for point in points if point.measurement is HRV} <= set(range(21))


def test_a_status_without_a_time_gets_that_of_its_receipt() -> None:
    point = status_point("anna", "h10", StrapStatus(connected=False, reason="collector offline"), received_ns=7)
    assert (point.time_ns, dict(point.fields)) == (7, {"connected": 0, "reason": "collector offline"})


def test_live_values_carry_units_and_turn_to_nothing_when_the_strap_leaves() -> None:
    live = LiveValues()
    record = live.update(points_of(beats_of([1024] * 400)))["anna"]
    assert record["heart_rate_bpm"] == 60.0
    assert record["rmssd_ms_60s"] == 0.0
    assert record["units"] == UNITS
    gone = live.update([status_point("anna", "h10", StrapStatus(connected=False, time_ns=START_NS), 0)])["anna"]
    assert {gone[name] for name in UNITS} == {None}
