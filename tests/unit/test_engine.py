"""Windows, indices and points, against plain formulas on the same beats."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.gatt import parse_heart_rate_measurement
from ingest.model import MS_PER_TICK, Beat, BeatBatch, Contact, Marker, MarkerAction, MarkerKind, StrapStatus
from ingest.packing import pack
from ingest.recording import demo_recording
from ingest.timeline import BeatClock
from pipeline.artifacts import BeatKind, correct
from pipeline.engine import Engine
from pipeline.indices import LIVE_PARTS, entropy_indices, reason_for_none
from pipeline.live import UNITS, LiveValues
from pipeline.notes import event_point, status_point
from pipeline.schema import BEAT, HEART, HRV, Point
from pipeline.storable import check_points
from pipeline.time_domain import UNITS_PER_MS, time_domain
from pipeline.windows import SlidingWindows, Window, entry

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


def expected_windows(beats: list[Beat]) -> Callable[[int, int], Window]:
    """A function that gives the window of a span in s ending at a time, from all beats corrected at once."""
    result = correct(np.array([b.rr_ticks * MS_PER_TICK for b in beats]), np.array([b.gap_before for b in beats]))
    ends_ns = np.array([beats[end].time_ns for end in result.end])
    time_ns = ends_ns - np.round(result.before_end_ms * 1e6).astype(np.int64)
    nn_ms = np.round(result.nn_ms * UNITS_PER_MS) / UNITS_PER_MS
    touched = np.array([kind is not BeatKind.OK for kind in result.kinds])

    def window(end_ns: int, span_s: int) -> Window:
        inside = (time_ns > end_ns - span_s * SECOND_NS) & (time_ns <= end_ns)
        counts = inside & ~np.isnan(nn_ms)
        return Window(
            span_s=span_s,
            beat_count=int(inside.sum()),
            coverage_pct=min(100.0, float(nn_ms[counts].sum()) / span_s / 10),
            artifact_pct=100 * float(touched[inside].mean()) if inside.any() else 0.0,
            time_domain=time_domain(nn_ms[counts], result.follows[counts]),
            time_s=(time_ns[counts] - end_ns) / 1e9,
            nn_ms=nn_ms[counts],
            follows=result.follows[counts],
        )

    return window


def expected_fields(window: Window, span_s: int) -> dict[str, float]:
    indices: dict[str, float] = {}
    for part in (*LIVE_PARTS[span_s], entropy_indices):
        indices |= part(window)
    return indices


def assert_equals_batch(points: list[Point], beats: list[Beat]) -> int:
    """Every index of every window equals that of the batch functions; returns how many were compared."""
    window_at, compared = expected_windows(beats), 0
    for point in points:
        if point.measurement is not HRV:
            continue
        span_s = int(point.tags[2].removesuffix("s"))
        window = window_at(point.time_ns, span_s)
        assert point.fields["coverage_pct"] == pytest.approx(window.coverage_pct, abs=1e-9)
        assert point.fields["artifact_pct"] == pytest.approx(window.artifact_pct, abs=1e-9)
        assert point.fields["reason"] == reason_for_none(window)
        expected = {} if point.fields["reason"] else expected_fields(window, span_s)
        for name, value in expected.items():
            if name in point.fields or not (math.isnan(value) or name == "sample_entropy"):
                assert point.fields[name] == pytest.approx(value, rel=1e-9, abs=1e-9), (name, point)
                compared += 1
    return compared


def test_every_window_of_the_demo_equals_the_batch_functions_on_the_same_beats() -> None:
    beats = beats_of(demo_recording().rr_ticks)
    assert assert_equals_batch(points_of(beats), beats) > 5000


def test_alpha1_of_the_graded_test_falls_with_intensity_and_rises_in_recovery() -> None:
    points = points_of(beats_of(demo_recording().rr_ticks))
    alpha1 = {
        round((point.time_ns - START_NS) / SECOND_NS): [
            float(point.fields[name]) for name in ("mean_hr_bpm", "dfa_alpha1_smoothed")
        ]
        for point in points
        if point.measurement is HRV and "dfa_alpha1_smoothed" in point.fields
    }
    rest, hard, recovery = alpha1[150], alpha1[665], alpha1[900]
    assert (rest[0], hard[0], recovery[0]) == pytest.approx((64, 174, 127), abs=2)
    assert rest[1] > 1
    assert hard[1] == pytest.approx(0.56, abs=0.1)
    assert recovery[1] > 1.2


rr_with_artifacts = st.lists(st.one_of(st.integers(308, 2000), st.integers(1, 4000)), min_size=80, max_size=300)

# A heart that beats evenly enough for every index to have a value, with now and then an interval that is none.
heart_rr = st.builds(
    lambda level, steps, strays: [
        strays.get(i, level + sum(steps[: i % 12]) - 3 * (i % 12)) for i in range(len(steps) * 12)
    ],
    st.integers(400, 1100),
    st.lists(st.integers(-20, 25), min_size=25, max_size=40),
    st.dictionaries(st.integers(0, 400), st.integers(30, 5000), max_size=6),
)


@settings(max_examples=25, deadline=None)
@given(rr_with_artifacts, st.lists(st.integers(1, 30), max_size=60))
def test_the_points_do_not_depend_on_how_beats_are_cut_into_batches(rr_ticks: list[int], sizes: list[int]) -> None:
    beats = beats_of(rr_ticks)
    assert points_of(beats, sizes) == points_of(beats)


@settings(max_examples=25, deadline=None)
@given(st.one_of(heart_rr, rr_with_artifacts), st.lists(st.integers(1, 30), max_size=60))
def test_every_window_equals_the_batch_functions_at_any_chunking(rr_ticks: list[int], sizes: list[int]) -> None:
    beats = beats_of(rr_ticks)
    points = points_of(beats, sizes)
    check_points(points)
    assert_equals_batch(points, beats)


@settings(max_examples=25, deadline=None)
@given(st.one_of(heart_rr, rr_with_artifacts), st.sets(st.integers(1, 400), max_size=4))
def test_an_engine_restored_from_a_snapshot_goes_on_as_if_it_had_never_stopped(
    rr_ticks: list[int], stops: set[int]
) -> None:
    beats = beats_of(rr_ticks)
    engine, points = Engine(), []
    for sequence, beat in enumerate(beats):
        if sequence in stops:
            engine = Engine.restore(engine.snapshot())
        points.extend(engine.step(batch(sequence, [beat])))
    assert points == points_of(beats, [1] * len(beats))


def test_a_snapshot_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="form 0"):
        Engine.restore(b"[0, 5, {}]")


def test_no_difference_is_taken_over_a_batch_that_is_missing() -> None:
    beats = beats_of([1024, 1000, 1024, 1000])
    engine = Engine()
    first, third = engine.step(batch(0, beats[:2])), engine.step(batch(2, beats[2:]))
    assert [p.fields["rr_prev_ms"] for p in (*first, *third) if "rr_prev_ms" in p.fields] == [1000.0, 1000.0]


def test_a_night_of_beats_leaves_the_sums_exact_and_the_memory_as_it_was() -> None:
    windows, random = SlidingWindows((60, 300)), np.random.default_rng(5)
    nn_ms = np.round(random.uniform(600, 1100, 30_000) * UNITS_PER_MS) / UNITS_PER_MS
    time_ns = nn_ms.cumsum().astype(np.int64) * 1_000_000
    tracemalloc.start()
    for i, (at_ns, nn) in enumerate(zip(time_ns.tolist(), nn_ms.tolist(), strict=True)):
        windows.add(entry(at_ns, nn, follows=i % 50 > 0, touched=i % 70 == 0))
        if i % 5 == 0:
            windows.at(at_ns)
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown_bytes < 20_000
    for window in windows.at(int(time_ns[-1])):
        assert window.nn_ms.size > 50
        expected = time_domain(window.nn_ms, window.follows)
        assert astuple(window.time_domain) == pytest.approx(astuple(expected), rel=1e-12)


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


def test_a_beat_found_to_be_an_artifact_comes_once_more_with_its_kind_and_marks_the_next() -> None:
    beats = beats_of([1000, 1004, 998, 1002] * 10 + [2010] + [1000, 1004, 998, 1002] * 10)
    of_beats: dict[int, list[dict[str, object]]] = {}
    for point in points_of(beats):
        if point.measurement is BEAT:
            of_beats.setdefault(point.time_ns, []).append(dict(point.fields))
    missed, after = of_beats[beats[40].time_ns], of_beats[beats[41].time_ns]
    assert [fields.get("kind") for fields in missed] == [None, "missed"]
    assert [fields["artifact_before"] for fields in after] == [0, 1]
    assert sum(map(len, of_beats.values())) == len(beats) + 2


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


def test_a_marker_becomes_an_event_of_its_own_time_or_without_one_of_its_receipt() -> None:
    start = event_point("anna", Marker(MarkerKind.RUN, MarkerAction.START, time_ns=START_NS), received_ns=7)
    note = event_point("anna", Marker(MarkerKind.NOTE, text="second coffee"), received_ns=7)
    check_points([start, note])
    assert (start.tags, dict(start.fields), start.time_ns) == (
        ("anna", "run"),
        {"action": "start", "text": ""},
        START_NS,
    )
    assert (note.tags, dict(note.fields), note.time_ns) == (
        ("anna", "note"),
        {"action": "note", "text": "second coffee"},
        7,
    )


def test_live_values_carry_units_and_turn_to_nothing_when_the_strap_leaves() -> None:
    live = LiveValues()
    record = live.update(points_of(beats_of([1024] * 400)))["anna"]
    assert record["heart_rate_bpm"] == 60.0
    assert record["rmssd_ms_60s"] == 0.0
    assert record["units"] == UNITS
    gone = live.update([status_point("anna", "h10", StrapStatus(connected=False, time_ns=START_NS), 0)])["anna"]
    assert {gone[name] for name in UNITS} == {None}
