"""From a morning session to the reading that readiness is judged by. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.model import MarkerKind
from pipeline.scores.readings import MorningReading, Session
from pipeline.scores.sessions import Said
from pipeline.scores.trace import MINUTE_NS, MOMENT_NS, Trace

SETTLE_MINUTES, RECORD_MINUTES = 1, 3
"""Settle for 60 s, then record for 180 s; 60 s recorded are enough for a reading (Esco and Flatt 2014)."""

STANDING = "standing"
"""A note with this text, in a morning session, says that the person has stood up (orthostatic variant)."""


@dataclass(frozen=True, slots=True)
class _Recording:
    ln_rmssd: float
    heart_rate_bpm: float
    minutes: int
    end_ns: int
    artifact_pct: float


def morning_of(sessions: Sequence[Session], said: Sequence[Said], trace: Trace) -> tuple[MorningReading | None, str]:
    """The day's first morning session with a valid reading.

    RMSSD of the recording is that of its NN differences, but for those across its full minutes: the root of the mean of
    the minutes' squares, weighted by their beats. A minute with less than 80 % coverage or more than 5 % artifacts
    ends the recording.

    Returns:
        The reading, and why there is none (empty where there is one).
    """
    reason = "no morning measurement"
    for session in sessions:
        if session.kind is not MarkerKind.MORNING:
            continue
        reading, reason = _reading(session, _stood_up_at(session, said), trace)
        if reading is not None:
            return reading, ""
    return None, reason


def _reading(session: Session, stood_up_ns: int | None, trace: Trace) -> tuple[MorningReading | None, str]:
    lying = _recording(trace, session.start_ns, stood_up_ns or session.end_ns)
    if lying is None:
        seconds = (SETTLE_MINUTES + 1) * 60
        if session.end_ns - session.start_ns < seconds * 1_000_000_000:
            return None, f"the measurement is shorter than {seconds} s"
        return None, "too many gaps or artifacts in the measurement"
    standing = None if stood_up_ns is None else _recording(trace, stood_up_ns, session.end_ns)
    reading = MorningReading(
        start_ns=session.start_ns,
        end_ns=lying.end_ns,
        ln_rmssd=lying.ln_rmssd,
        heart_rate_bpm=lying.heart_rate_bpm,
        seconds=60.0 * lying.minutes,
        artifact_pct=lying.artifact_pct,
        standing_heart_rate_bpm=None if standing is None else standing.heart_rate_bpm,
        standing_ln_rmssd=None if standing is None else standing.ln_rmssd,
    )
    return reading, ""


def _recording(trace: Trace, start_ns: int, end_ns: int) -> _Recording | None:
    """What was recorded after settling, in up to three minutes one after another; None below one."""
    first_ns = -(-(start_ns + SETTLE_MINUTES * MINUTE_NS) // MOMENT_NS) * MOMENT_NS
    ends_ns = [first_ns + minute * MINUTE_NS for minute in range(1, RECORD_MINUTES + 1)]
    rows = []
    for minute_end_ns in ends_ns:
        row = int(np.searchsorted(trace.moment_ns, minute_end_ns))
        is_there = row < trace.moment_ns.size and trace.moment_ns[row] == minute_end_ns
        # The index of the session's last moment may come up to 5 s after it was stopped.
        if minute_end_ns > end_ns + MOMENT_NS or not is_there or math.isnan(trace.moments["rmssd_ms"][row]):
            break
        rows.append(row)
    if not rows:
        return None
    beats, rmssd_ms = trace.moments["nn_count"][rows], trace.moments["rmssd_ms"][rows]
    mean_square = float(np.average(rmssd_ms**2, weights=beats))
    if mean_square == 0.0:
        return None
    return _Recording(
        ln_rmssd=0.5 * math.log(mean_square),
        heart_rate_bpm=float(beats.sum() / (beats / trace.moments["mean_hr_bpm"][rows]).sum()),
        minutes=len(rows),
        end_ns=ends_ns[len(rows) - 1],
        artifact_pct=float(np.average(trace.moments["artifact_pct"][rows], weights=beats)),
    )


def _stood_up_at(session: Session, said: Sequence[Said]) -> int | None:
    for time_ns, marker in said:
        if session.start_ns <= time_ns <= session.end_ns and marker.text.strip().lower() == STANDING:
            return time_ns
    return None
