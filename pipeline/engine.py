"""From beats to points: pure, in event time, one engine per stream.

What comes out depends on the beats and their times alone: not on the clock on the wall, nor on how beats are
cut into batches. So a recording gives the same points at any speed.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingest.model import MS_PER_TICK, Beat, BeatBatch
from pipeline.artifacts import BeatKind, Corrector, NnBeat, is_artifact
from pipeline.indices import (
    ENTROPY_EVERY_S,
    ENTROPY_SPAN_S,
    LIVE_PARTS,
    Indices,
    SmoothedAlpha1,
    entropy_indices,
    indices_of_each,
    reason_for_none,
)
from pipeline.rows import beat_of, beat_row
from pipeline.schema import BEAT, HEART, HRV, FieldValue, Point
from pipeline.windows import SlidingWindows, Window, entry

_SECOND_NS = 1_000_000_000

HEART_RATE_EVERY_S = 1
HEART_RATE_SPAN_S = 5
INDICES_EVERY_S = 5
WINDOWS_S = tuple(LIVE_PARTS)

_MIN_HEART_RATE_NN = 2

Tags = tuple[str, str]  # person, strap

_SNAPSHOT_FORMAT = 1
"""Raised when a part of the engine's state changes its meaning: a stream is then derived again from its beats."""


@dataclass(slots=True)
class _StreamState:
    """One collector's run with one strap: what is not settled yet, its windows, and how far they have been read out."""

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

    def snapshot(self) -> dict[str, Any]:
        return {
            "previous": self.previous and beat_row(self.previous),
            "recent": [beat_row(beat) for beat in self.recent],
            "corrector": self.corrector.snapshot(),
            "unsettled": [beat_row(beat) for beat in self.unsettled],
            "judged_ns": self.judged_ns,
            "judged_artifact": self.judged_artifact,
            "judged_count": self.judged_count,
            "settled_ns": self.settled_ns,
            "windows": self.windows.snapshot(),
            "alpha1": self.alpha1.snapshot(),
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> _StreamState:
        previous = snapshot["previous"]
        return cls(
            **snapshot
            | {
                "previous": previous and beat_of(previous),
                "recent": deque(beat_of(row) for row in snapshot["recent"]),
                "corrector": Corrector.restore(snapshot["corrector"]),
                "unsettled": deque(beat_of(row) for row in snapshot["unsettled"]),
                "windows": SlidingWindows.restore(WINDOWS_S, snapshot["windows"]),
                "alpha1": SmoothedAlpha1.restore(snapshot["alpha1"]),
            }
        )


class Engine:
    """Derives points from the beat batches of one stream, given in order of sequence.

    A repeated batch gives nothing, and over one that is missing no difference is taken. A beat that is older than the
    one before it (the collector's clock was set back) starts the stream anew.
    """

    def __init__(self) -> None:
        self._sequence = -1
        self._state = _StreamState()

    def step(self, batch: BeatBatch) -> list[Point]:
        """The points that a batch makes known: its beats, and every grid moment that they complete.

        Heart rate is given for each full second of Unix time, from the beats as they come, once the first beat after
        it is there. The indices are given for each full 5 s, once the first beat after it has been judged, which
        takes `artifacts.DELAY_BEATS` more beats at most. A beat that was found to be an artifact comes a second time.
        """
        if batch.sequence <= self._sequence:
            return []
        points: list[Point] = []
        tags = (batch.person, batch.strap)
        follows = batch.sequence == self._sequence + 1
        for beat in batch.beats:
            if self._state.previous is not None and beat.time_ns <= self._state.previous.time_ns:
                self._state = _StreamState()
            points.extend(_take_in(self._state, tags, beat, follows=follows))
            follows = True
        self._sequence = batch.sequence
        return points

    def snapshot(self) -> bytes:
        """All that the engine knows, as JSON: what is restored from it goes on as this one would."""
        return json.dumps([_SNAPSHOT_FORMAT, self._sequence, self._state.snapshot()]).encode()

    @classmethod
    def restore(cls, snapshot: bytes) -> Engine:
        """The engine that a snapshot was taken of.

        Raises:
            ValueError: another release wrote it in a form of its own; replay the stream's beats instead.
        """
        form, *rest = json.loads(snapshot)
        if form != _SNAPSHOT_FORMAT:
            message = f"snapshot of form {form!r}, this release reads {_SNAPSHOT_FORMAT}"
            raise ValueError(message)
        engine = cls()
        engine._sequence, state = rest
        engine._state = _StreamState.restore(state)
        return engine


def _take_in(state: _StreamState, tags: Tags, beat: Beat, *, follows: bool) -> Iterator[Point]:
    previous = state.previous
    yield from _heart_points(state, tags, beat.time_ns)
    follows = follows and previous is not None and not beat.gap_before and beat.segment == previous.segment
    artifact = is_artifact(beat.rr_ticks)
    yield _beat_point(tags, beat, previous if follows else None, artifact=artifact)
    if not artifact:
        state.recent.append(beat)
    state.previous = beat
    state.unsettled.append(beat)
    for nn in state.corrector.step(beat.rr_ticks * MS_PER_TICK, gap_before=not follows):
        yield from _settle(state, tags, nn)


def _beat_point(tags: Tags, beat: Beat, previous: Beat | None, *, artifact: bool) -> Point:
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


def _heart_points(state: _StreamState, tags: Tags, before_ns: int) -> Iterator[Point]:
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
            yield Point(HEART, tags, {"heart_rate_bpm": 60_000 * count / total_ms}, time_ns)


def _settle(state: _StreamState, tags: Tags, nn: NnBeat) -> Iterator[Point]:
    """Pass on the verdict; read out the moments before the judged beat, and place it in time."""
    while state.judged_count <= nn.end:
        yield from _judge(state, tags, state.unsettled.popleft(), nn.kind)
    time_ns = state.judged_ns - round(nn.before_end_ms * 1_000_000)
    if state.settled_ns is not None:
        time_ns = max(time_ns, state.settled_ns + 1)
        yield from _hrv_points(state, tags, state.settled_ns, time_ns)
    state.windows.add(entry(time_ns, nn.nn_ms, follows=nn.follows, touched=nn.kind is not BeatKind.OK))
    state.settled_ns = time_ns


def _judge(state: _StreamState, tags: Tags, beat: Beat, kind: BeatKind) -> Iterator[Point]:
    """The beat once more if the corrector says what its first point could not: that it or the one before is none."""
    found: dict[str, FieldValue] = {}
    if kind is not BeatKind.OK:
        found |= {"artifact": 1, "kind": str(kind)}
    if state.judged_artifact:
        found["artifact_before"] = 1
    if found:
        yield Point(BEAT, tags, {"rr_ms": beat.rr_ticks * MS_PER_TICK, **found}, beat.time_ns)
    state.judged_ns, state.judged_artifact = beat.time_ns, kind is not BeatKind.OK
    state.judged_count += 1


def _hrv_points(state: _StreamState, tags: Tags, last_ns: int, before_ns: int) -> Iterator[Point]:
    """The indices at each full 5 s from the last judged beat up to the next."""
    for time_ns in _grid(last_ns, min(before_ns, last_ns + max(WINDOWS_S) * _SECOND_NS), INDICES_EVERY_S):
        windows = state.windows.at(time_ns)
        reasons = [reason_for_none(window) for window in windows]
        parts = [() if reason else LIVE_PARTS[span_s] for span_s, reason in zip(WINDOWS_S, reasons, strict=True)]
        found = zip(WINDOWS_S, windows, reasons, indices_of_each(windows, parts), strict=True)
        for span_s, window, reason, indices in found:
            if not reason:
                _add_timed(indices, state, span_s, window, time_ns)
            if window.beat_count:
                yield Point(HRV, (*tags, f"{span_s}s"), _hrv_fields(window, reason, indices), time_ns)


def _hrv_fields(window: Window, reason: str, indices: Indices) -> dict[str, FieldValue]:
    return {
        "coverage_pct": window.coverage_pct,
        "artifact_pct": window.artifact_pct,
        "nn_count": window.time_domain.nn_count,
        "reason": reason,
        **{name: value for name, value in indices.items() if not math.isnan(value)},
    }


def _add_timed(indices: Indices, state: _StreamState, span_s: int, window: Window, time_ns: int) -> None:
    """Add what depends on the moment and on those before it."""
    if "dfa_alpha1" in indices:
        indices["dfa_alpha1_smoothed"] = state.alpha1.step(time_ns, indices["dfa_alpha1"])
    if span_s == ENTROPY_SPAN_S and time_ns % (ENTROPY_EVERY_S * _SECOND_NS) == 0:
        indices |= entropy_indices(window)
