"""The beat clock under what radios and straps do to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import accumulate, pairwise

from hypothesis import assume, example, given
from hypothesis import strategies as st

from ingest.gatt import parse_heart_rate_measurement
from ingest.model import Beat, Contact, HeartRateMeasurement, ticks_to_ns
from ingest.packing import pack
from ingest.recording import demo_recording
from ingest.timeline import BeatClock, is_phantom
from tests.support import DATA

SECOND_NS = 1_000_000_000
START_NS = 1_764_000_000 * SECOND_NS

FRAMES = [
    parse_heart_rate_measurement(bytes.fromhex(frame["hex"]))
    for frame in json.loads((DATA / "ble_2a37_frames" / "frames.json").read_text())["real_frames"]
]

# Intervals of 40 to 200 bpm, and the same cut into packets as a strap does it.
rr_series = st.lists(st.integers(308, 1536), min_size=2, max_size=60)
latencies_s = st.lists(st.floats(0.0, 4.0), min_size=100, max_size=100)

Packet = tuple[int, HeartRateMeasurement]


def packets(rr_ticks: Iterable[int]) -> list[Packet]:
    """Arrival and content of each packet, without any latency."""
    return [
        (notification.arrival_ns, parse_heart_rate_measurement(notification.payload))
        for notification in pack(rr_ticks, START_NS)
    ]


def packets_that_differ(rr_ticks: Iterable[int]) -> list[Packet]:
    """Packets none of which equals its neighbour: equal ones that come at once can't always be told from doubled."""
    sent = packets(rr_ticks)
    assume(all(one != next_one for (_, one), (_, next_one) in pairwise(sent)))
    return sent


def delayed(sent: list[Packet], latency_s: list[float]) -> list[Packet]:
    """The packets after a radio that holds each back, never letting one overtake another."""
    late = [arrival_ns + int(delay * SECOND_NS) for (arrival_ns, _), delay in zip(sent, latency_s, strict=False)]
    return list(zip(accumulate(late, max), [measurement for _, measurement in sent], strict=False))


def beats_of(clock: BeatClock, arrived: Iterable[Packet]) -> list[Beat]:
    return [beat for arrival_ns, measurement in arrived for beat in clock.step(arrival_ns, measurement)]


def assert_strictly_increasing_within_segments(beats: list[Beat]) -> None:
    for one, next_one in pairwise(beats):
        if one.segment == next_one.segment:
            assert next_one.time_ns > one.time_ns
            assert not next_one.gap_before
        else:
            assert next_one.segment == one.segment + 1
            assert next_one.gap_before


@given(rr_series, latencies_s)
def test_jitter_and_bursts_leave_every_rr_untouched_and_in_order(rr_ticks: list[int], latency_s: list[float]) -> None:
    beats = beats_of(BeatClock(), delayed(packets_that_differ(rr_ticks), latency_s))
    assert [beat.rr_ticks for beat in beats] == rr_ticks
    assert_strictly_increasing_within_segments(beats)


@given(rr_series, latencies_s)
def test_a_doubled_subscription_leaves_every_rr_once(rr_ticks: list[int], latency_s: list[float]) -> None:
    sent = delayed(packets_that_differ(rr_ticks), [0.0, *latency_s])
    doubled = [(arrival_ns + copy, measurement) for arrival_ns, measurement in sent for copy in (0, 5_000_000)]
    assert [beat.rr_ticks for beat in beats_of(BeatClock(), doubled)] == rr_ticks


@given(rr_series, st.sets(st.integers(0, 90)))
def test_single_doubled_packets_leave_every_rr_once(rr_ticks: list[int], doubled: set[int]) -> None:
    arrived = [
        (arrival_ns + copy, measurement)
        for index, (arrival_ns, measurement) in enumerate(packets(rr_ticks))
        for copy in ((0, 90_000_000) if index in doubled else (0,))
    ]
    assert [beat.rr_ticks for beat in beats_of(BeatClock(), arrived)] == rr_ticks


def test_equal_packets_that_catch_up_after_a_stall_are_all_kept() -> None:
    second = HeartRateMeasurement(60, (1024,), Contact.GOOD, None)
    normal = [(START_NS + index * SECOND_NS, second) for index in range(10)]
    burst = [(START_NS + 13 * SECOND_NS + index * 1_000_000, second) for index in range(4)]
    assert len(beats_of(BeatClock(), normal + burst)) == 14


@given(st.lists(st.sampled_from(FRAMES), max_size=60), st.data())
def test_quoted_frames_of_real_straps_in_any_order_at_any_time_keep_their_rr(
    frames: list[HeartRateMeasurement], data: st.DataObject
) -> None:
    gaps_ms = data.draw(st.lists(st.integers(100, 20_000), min_size=len(frames), max_size=len(frames)))
    arrivals_ns = [START_NS + elapsed * 1_000_000 for elapsed in accumulate(gaps_ms)]
    beats = beats_of(BeatClock(), zip(arrivals_ns, frames, strict=True))
    assert [beat.rr_ticks for beat in beats] == [ticks for frame in frames for ticks in frame.rr_ticks]
    assert_strictly_increasing_within_segments(beats)


@given(st.lists(st.lists(st.integers(0, 0xFFFF), max_size=9), max_size=40), st.data())
@example([[1104, 53]], None)
def test_no_two_beats_of_a_segment_share_a_time_whatever_a_strap_sends(
    contents: list[list[int]], data: st.DataObject | None
) -> None:
    steps = st.lists(st.integers(-3_600_000, 3_600_000), min_size=len(contents), max_size=len(contents))
    gaps_ms = data.draw(steps) if data else [1000] * len(contents)
    arrivals_ns = [max(0, START_NS + elapsed * 1_000_000) for elapsed in accumulate(gaps_ms)]
    measurements = [HeartRateMeasurement(60, tuple(content), Contact.GOOD, None) for content in contents]
    beats = beats_of(BeatClock(), zip(arrivals_ns, measurements, strict=True))
    assert_strictly_increasing_within_segments(beats)


def test_beat_times_follow_the_sum_of_rr_and_not_the_jitter_of_arrivals() -> None:
    rr_ticks = demo_recording().rr_ticks
    beats = beats_of(BeatClock(), packets(rr_ticks))
    true_ns = [START_NS + ticks_to_ns(elapsed) for elapsed in accumulate(rr_ticks)]
    errors_ms = [(beat.time_ns - time_ns) / 1e6 for beat, time_ns in zip(beats, true_ns, strict=True)]
    assert beats[-1].segment == 0
    assert min(errors_ms) > -1
    assert max(errors_ms) < 150


def test_a_constant_latency_shifts_all_beats_alike() -> None:
    sent = packets(demo_recording().rr_ticks[:300])
    plain = beats_of(BeatClock(), sent)
    late = beats_of(BeatClock(), [(arrival_ns + 2_600_000_000, measurement) for arrival_ns, measurement in sent])
    assert {after.time_ns - before.time_ns for before, after in zip(plain, late, strict=True)} == {2_600_000_000}


def test_a_phantom_interval_is_recorded_but_moves_no_other_beat() -> None:
    clean, haunted = BeatClock(), BeatClock()
    beats = beats_of(clean, packets([1104] * 20))
    with_phantoms = [
        (
            arrival_ns,
            HeartRateMeasurement(m.heart_rate_bpm, tuple(x for t in m.rr_ticks for x in (t, 53)), m.contact, None),
        )
        for arrival_ns, m in packets([1104] * 20)
    ]
    seen = beats_of(haunted, with_phantoms)
    assert [beat for beat in seen if not is_phantom(beat.rr_ticks)] == beats
    assert [beat.rr_ticks for beat in seen] == [1104, 53] * 20


def test_a_hole_starts_a_new_segment_anchored_at_its_arrival() -> None:
    clock = BeatClock()
    before = beats_of(clock, packets([1024] * 10))
    after_ns = START_NS + 30 * SECOND_NS
    (beat,) = clock.step(after_ns, HeartRateMeasurement(60, (1024,), Contact.GOOD, None))
    assert (beat.segment, beat.gap_before, beat.time_ns) == (before[-1].segment + 1, True, after_ns)


def test_a_new_connection_starts_a_new_segment() -> None:
    clock = BeatClock()
    first = beats_of(clock, packets([1024] * 10))
    clock.restart()
    (beat,) = clock.step(first[-1].time_ns + SECOND_NS, HeartRateMeasurement(60, (1024,), Contact.GOOD, None))
    assert (beat.segment, beat.gap_before) == (1, True)


def test_beats_lost_without_a_silence_are_noticed_within_a_minute() -> None:
    clock = BeatClock()
    second = HeartRateMeasurement(60, (1024,), Contact.GOOD, None)
    received = [(START_NS + index * SECOND_NS, second) for index in range(90) if index not in {30, 31}]
    beats = beats_of(clock, received)
    assert beats[-1].segment == 1
    assert abs(beats[-1].time_ns - received[-1][0]) < SECOND_NS // 10


def test_a_clock_set_back_by_an_hour_starts_a_new_segment_and_loses_no_beat() -> None:
    clock = BeatClock()
    sent = packets([1024] * 40)
    arrived = [(arrival_ns - (3600 * SECOND_NS if index >= 20 else 0), m) for index, (arrival_ns, m) in enumerate(sent)]
    beats = beats_of(clock, arrived)
    assert len(beats) == 40
    assert [beat.gap_before for beat in beats].count(True) == 2
    assert_strictly_increasing_within_segments(beats)
