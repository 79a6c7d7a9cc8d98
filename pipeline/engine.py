"""From beats to points: pure, in event time, one state per stream.

What comes out depends on the beats and their times alone: not on the clock on the wall, nor on how beats are
cut into batches. So a recording gives the same points at any speed.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.model import MS_PER_TICK, Beat, BeatBatch, Marker, StrapStatus
from pipeline.artifacts import BeatKind, Corrector, NnBeat, is_artifact
from pipeline.indices import (
    ENTROPY_EVERY_S,
    ENTROPY_SPAN_S,
    LIVE_PARTS,
    Indices,
    SmoothedAlpha1,
    entropy_indices,
    reason_for_none,
)
from pipeline.schema import BEAT, EVENT, HEART, HRV, STRAP, FieldValue, Point
from pipeline.windows import SlidingWindows, Window, entry

_SECOND_NS = 1_000_000_000

HEART_RATE_EVERY_S = 1
HEART_RATE_SPAN_S = 5
INDICES_EVERY_S = 5
WINDOWS_S = tuple(LIVE_PARTS)

_MIN_HEART_RATE_NN = 2

_STREAMS_KEPT = 64
"""Streams whose state is held: more than a household's straps, bounded whatever comes."""


@dataclass(slots=True)
class _StreamState:
    """One collector's run with one strap: what is not settled yet, its windows, and how far they have been read out."""

    tags: tuple[str, str]
    sequence: int = -1
    previous: Beat | None = None
    recent: deque[Beat] = field(default_factory=deque)  # of the last 5 s, those that count for heart rate
    corrector: Corrector = field(default_factory=Corrector)
    unsettled: deque[Beat] = field(default_factory=deque)
    judged_ns: int = 0
    judged_artifact: bool = False
    judged_count: int = 0
    settled_ns: int | None = None
    windows: SlidingWindows = field(default_factory=lambda: SlidingWindows(WINDOWS_S))
    alpha1: SmoothedAlpha1 = field(default_factory=SmoothedAlpha1)


class Engine:
    """Derives points from beat batches.

    A repeated batch gives nothing. A beat that is older than the one before it (the collector's clock was set
    back) starts the stream anew.
    """

    def __init__(self) -> None:
        self._streams: OrderedDict[tuple[str, str, str], _StreamState] = OrderedDict()

    def step(self, batch: BeatBatch) -> list[Point]:
        """The points that a batch makes known: its beats, and every grid moment that they complete.

        Heart rate is given for each full second of Unix time, from the beats as they come, once the first beat after
        it is there. The indices are given for each full 5 s, once the first beat after it has been judged, which
        takes `artifacts.DELAY_BEATS` more beats at most. A beat that was found to be an artifact comes a second time.
        """
        key = (batch.person, batch.strap, batch.stream)
        state = self._streams.get(key) or _StreamState((batch.person, batch.strap))
        if batch.sequence <= state.sequence:
            return []
        points: list[Point] = []
        for beat in batch.beats:
            if state.previous is not None and beat.time_ns <= state.previous.time_ns:
                state = _StreamState(state.tags)
            points.extend(_take_in(state, beat))
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


def event_point(person: str, marker: Marker, received_ns: int) -> Point:
    """A person's marker as a point, at its own time or, without one, at that of its receipt."""
    fields: dict[str, FieldValue] = {"action": str(marker.action), "text": marker.text}
    return Point(EVENT, (person, str(marker.kind)), fields, received_ns if marker.time_ns is None else marker.time_ns)


def _take_in(state: _StreamState, beat: Beat) -> Iterator[Point]:
    previous = state.previous
    yield from _heart_points(state, beat.time_ns)
    follows = previous is not None and not beat.gap_before and beat.segment == previous.segment
    artifact = is_artifact(beat.rr_ticks)
    yield _beat_point(state.tags, beat, previous if follows else None, artifact=artifact)
    if not artifact:
        state.recent.append(beat)
    state.previous = beat
    state.unsettled.append(beat)
    for nn in state.corrector.step(beat.rr_ticks * MS_PER_TICK, gap_before=not follows):
        yield from _settle(state, nn)


def _beat_point(tags: tuple[str, str], beat: Beat, previous: Beat | None, *, artifact: bool) -> Point:
    fields: dict[str, FieldValue] = {
        "rr_ms": beat.rr_ticks * MS_PER_TICK,
        "rr_ticks": beat.rr_ticks,
        "heart_rate_bpm": beat.heart_rate_bpm,
        "artifact": int(artifact),
        "artifact_before": int(previous is not None and is_artifact(previous.rr_ticks)),
        "gap": int(beat.gap_before),
        "segment": beat.segment,
    }
    if previous is not None:
        fields["rr_prev_ms"] = previous.rr_ticks * MS_PER_TICK
    return Point(BEAT, tags, fields, beat.time_ns)


def _grid(from_ns: int, before_ns: int, every_s: int) -> range:
    """The moments of a grid from `from_ns` up to, but not including, `before_ns`."""
    every_ns = every_s * _SECOND_NS
    return range(-(-from_ns // every_ns) * every_ns, before_ns, every_ns)


def _heart_points(state: _StreamState, before_ns: int) -> Iterator[Point]:
    """Heart rate at the seconds from the last beat up to the next."""
    if state.previous is None:
        return
    last_ns = state.previous.time_ns
    span_ns = HEART_RATE_SPAN_S * _SECOND_NS
    for time_ns in _grid(last_ns, min(before_ns, last_ns + span_ns), HEART_RATE_EVERY_S):
        while state.recent and state.recent[0].time_ns <= time_ns - span_ns:
            state.recent.popleft()
        count = len(state.recent)
        if count >= _MIN_HEART_RATE_NN:
            total_ms = sum(beat.rr_ticks for beat in state.recent) * MS_PER_TICK
            yield Point(HEART, state.tags, {"heart_rate_bpm": 60_000 * count / total_ms}, time_ns)


def _settle(state: _StreamState, nn: NnBeat) -> Iterator[Point]:
    """Pass on the verdict; read out the moments before the judged beat, and place it in time."""
    while state.judged_count <= nn.end:
        yield from _judge(state, state.unsettled.popleft(), nn.kind)
    time_ns = state.judged_ns - round(nn.before_end_ms * 1_000_000)
    if state.settled_ns is not None:
        time_ns = max(time_ns, state.settled_ns + 1)
        yield from _hrv_points(state, state.settled_ns, time_ns)
    state.windows.add(entry(time_ns, nn.nn_ms, follows=nn.follows, touched=nn.kind is not BeatKind.OK))
    state.settled_ns = time_ns


def _judge(state: _StreamState, beat: Beat, kind: BeatKind) -> Iterator[Point]:
    """The beat once more if the corrector says what its first point could not: that it or the one before is none."""
    found: dict[str, FieldValue] = {}
    if kind is not BeatKind.OK:
        found |= {"artifact": 1, "kind": str(kind)}
    if state.judged_artifact:
        found["artifact_before"] = 1
    if found:
        yield Point(BEAT, state.tags, {"rr_ms": beat.rr_ticks * MS_PER_TICK, **found}, beat.time_ns)
    state.judged_ns, state.judged_artifact = beat.time_ns, kind is not BeatKind.OK
    state.judged_count += 1


def _hrv_points(state: _StreamState, last_ns: int, before_ns: int) -> Iterator[Point]:
    """The indices at each full 5 s from the last judged beat up to the next."""
    for time_ns in _grid(last_ns, min(before_ns, last_ns + max(WINDOWS_S) * _SECOND_NS), INDICES_EVERY_S):
        for span_s, window in zip(WINDOWS_S, state.windows.at(time_ns), strict=True):
            if window.beat_count:
                yield Point(HRV, (*state.tags, f"{span_s}s"), _hrv_fields(state, span_s, window, time_ns), time_ns)


def _hrv_fields(state: _StreamState, span_s: int, window: Window, time_ns: int) -> dict[str, FieldValue]:
    reason = reason_for_none(window)
    indices = {} if reason else _indices(state, span_s, window, time_ns)
    return {
        "coverage_pct": window.coverage_pct,
        "artifact_pct": window.artifact_pct,
        "nn_count": window.time_domain.nn_count,
        "reason": reason,
        **{name: value for name, value in indices.items() if not math.isnan(value)},
    }


def _indices(state: _StreamState, span_s: int, window: Window, time_ns: int) -> Indices:
    indices: Indices = {}
    for part in LIVE_PARTS[span_s]:
        indices |= part(window)
    if "dfa_alpha1" in indices:
        indices["dfa_alpha1_smoothed"] = state.alpha1.step(time_ns, indices["dfa_alpha1"])
    if span_s == ENTROPY_SPAN_S and time_ns % (ENTROPY_EVERY_S * _SECOND_NS) == 0:
        indices |= entropy_indices(window)
    return indices
