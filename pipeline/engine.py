"""From beats to points: pure, in event time, one state per stream.

What comes out depends on the beats and their times alone: not on the clock on the wall, nor on how beats are
cut into batches. So a recording gives the same points at any speed.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.model import MS_PER_TICK, Beat, BeatBatch, StrapStatus
from pipeline.artifacts import is_artifact
from pipeline.schema import BEAT, HEART, HRV, STRAP, FieldValue, Point
from pipeline.windows import SlidingWindow

_SECOND_NS = 1_000_000_000

HEART_RATE_EVERY_S = 1
HEART_RATE_SPAN_S = 5
INDICES_EVERY_S = 5
WINDOWS_S = (60, 300)

MIN_COVERAGE_PCT = 80.0
MAX_ARTIFACT_PCT = 5.0
_MIN_HEART_RATE_NN = 2

_STREAMS_KEPT = 64
"""Streams whose state is held: more than a household's straps, bounded whatever comes."""


@dataclass(slots=True)
class _StreamState:
    """One collector's run with one strap: its windows and how far they have been read out."""

    tags: tuple[str, str]
    sequence: int = -1
    previous: Beat | None = None
    heart: SlidingWindow = field(default_factory=lambda: SlidingWindow(HEART_RATE_SPAN_S * _SECOND_NS))
    windows: dict[str, SlidingWindow] = field(
        default_factory=lambda: {f"{span_s}s": SlidingWindow(span_s * _SECOND_NS) for span_s in WINDOWS_S}
    )


class Engine:
    """Derives points from beat batches.

    A repeated batch gives nothing. A beat that is older than the one before it (the collector's clock was set
    back) starts the windows anew.
    """

    def __init__(self) -> None:
        self._streams: OrderedDict[tuple[str, str, str], _StreamState] = OrderedDict()

    def step(self, batch: BeatBatch) -> list[Point]:
        """The points that a batch makes known: its beats, and every grid moment that they complete.

        A value for a moment T is known when the first beat after T has come. Heart rate is given for each full
        second, the indices for each full 5 s of Unix time.
        """
        key = (batch.person, batch.strap, batch.stream)
        state = self._streams.get(key) or _StreamState((batch.person, batch.strap))
        if batch.sequence <= state.sequence:
            return []
        points: list[Point] = []
        for beat in batch.beats:
            if state.previous is not None and beat.time_ns <= state.previous.time_ns:
                state = _StreamState(state.tags)
            points.extend(_completed(state, beat.time_ns))
            points.append(_take_in(state, beat))
        state.sequence = batch.sequence
        self._keep(key, state)
        return points

    def _keep(self, key: tuple[str, str, str], state: _StreamState) -> None:
        self._streams[key] = state
        self._streams.move_to_end(key)
        if len(self._streams) > _STREAMS_KEPT:
            self._streams.popitem(last=False)


def status_point(person: str, strap: str, status: StrapStatus, received_ns: int) -> Point:
    """A strap's state as a point, at its own time or, without one, at that of its receipt."""
    known: dict[str, FieldValue | None] = {
        "connected": int(status.connected),
        "battery_pct": status.battery_pct,
        "rssi_dbm": status.rssi_dbm,
        "model": status.model,
        "reason": status.reason,
    }
    fields = {name: value for name, value in known.items() if value is not None}
    return Point(STRAP, (person, strap), fields, received_ns if status.time_ns is None else status.time_ns)


def _take_in(state: _StreamState, beat: Beat) -> Point:
    previous = state.previous
    follows = previous is not None and not beat.gap_before and beat.segment == previous.segment
    artifact = is_artifact(beat.rr_ticks)
    nn_ticks = None if artifact else beat.rr_ticks
    difference_ticks = None
    if previous is not None and follows and nn_ticks is not None and not is_artifact(previous.rr_ticks):
        difference_ticks = beat.rr_ticks - previous.rr_ticks
    for window in (state.heart, *state.windows.values()):
        window.slide_to(beat.time_ns)
        window.add(beat.time_ns, nn_ticks, difference_ticks)
    state.previous = beat
    return _beat_point(state.tags, beat, previous if follows else None, artifact=artifact)


def _beat_point(tags: tuple[str, str], beat: Beat, previous: Beat | None, *, artifact: bool) -> Point:
    fields: dict[str, FieldValue] = {
        "rr_ms": beat.rr_ticks * MS_PER_TICK,
        "rr_ticks": beat.rr_ticks,
        "heart_rate_bpm": beat.heart_rate_bpm,
        "artifact": int(artifact),
        "gap": int(beat.gap_before),
        "segment": beat.segment,
    }
    if previous is not None:
        fields["rr_prev_ms"] = previous.rr_ticks * MS_PER_TICK
    return Point(BEAT, tags, fields, beat.time_ns)


def _completed(state: _StreamState, before_ns: int) -> Iterator[Point]:
    """The points of all grid moments from the last beat up to, but not including, `before_ns`."""
    if state.previous is None:
        return
    last_ns = state.previous.time_ns
    longest_ns = max(window.span_ns for window in state.windows.values())
    second_ns = HEART_RATE_EVERY_S * _SECOND_NS
    first_ns = -(-last_ns // second_ns) * second_ns
    for time_ns in range(first_ns, min(before_ns, last_ns + longest_ns), second_ns):
        yield from _heart_points(state, time_ns)
        if time_ns % (INDICES_EVERY_S * _SECOND_NS) == 0:
            yield from _hrv_points(state, time_ns)


def _heart_points(state: _StreamState, time_ns: int) -> Iterator[Point]:
    state.heart.slide_to(time_ns)
    if state.heart.sums.nn_count >= _MIN_HEART_RATE_NN:
        yield Point(HEART, state.tags, {"heart_rate_bpm": state.heart.sums.heart_rate_bpm()}, time_ns)


def _hrv_points(state: _StreamState, time_ns: int) -> Iterator[Point]:
    for name, window in state.windows.items():
        window.slide_to(time_ns)
        if window.beat_count:
            yield Point(HRV, (*state.tags, name), _hrv_fields(window), time_ns)


def _hrv_fields(window: SlidingWindow) -> dict[str, FieldValue]:
    coverage_pct, artifact_pct = window.coverage_pct(), window.artifact_pct()
    quality: dict[str, FieldValue] = {
        "nn_count": window.sums.nn_count,
        "coverage_pct": coverage_pct,
        "artifact_pct": artifact_pct,
    }
    if coverage_pct < MIN_COVERAGE_PCT:
        return {**quality, "reason": "coverage"}
    if artifact_pct > MAX_ARTIFACT_PCT:
        return {**quality, "reason": "artifacts"}
    rmssd_ms = window.sums.rmssd_ms()
    indices = {
        "rmssd_ms": rmssd_ms,
        "ln_rmssd": math.log(rmssd_ms) if rmssd_ms > 0 else math.nan,  # a perfectly flat series has no logarithm
        "sdnn_ms": window.sums.sdnn_ms(),
        "mean_nn_ms": window.sums.mean_nn_ms(),
    }
    known = {name: value for name, value in indices.items() if not math.isnan(value)}
    return {**quality, **known, "reason": ""}
