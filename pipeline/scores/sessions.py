"""Sessions: those that a person started and stopped, and those that show by themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.model import Marker, MarkerAction, MarkerKind
from pipeline.scores.profile import Limits
from pipeline.scores.readings import Origin, Session
from pipeline.scores.trace import MINUTE_NS, SECOND_NS, Trace

PLACES = ("outdoors", "treadmill", "track")
"""What a marker's text may say of where a run is."""

LONGEST_MINUTES: Mapping[MarkerKind, int] = MappingProxyType(
    {MarkerKind.RUN: 360, MarkerKind.MORNING: 20, MarkerKind.BREATHING: 60, MarkerKind.REST: 120}
)
"""After this a session that nobody stopped has been forgotten, and ends."""

FORGOTTEN_AFTER_MINUTES = 10
"""A session that nobody stopped ends with the data, when none comes for so long."""

RUN_FROM, RUN_GOES_ON_FROM = 0.5, 0.4
"""Shares of heart-rate reserve: a run is above the first most of its time, and ends below the second (own)."""

RUN_MINUTES, RUN_PAUSE_MINUTES, RUN_SHARE = 10, 3, 0.6
"""A run lasts this long, with pauses shorter than this, and this share of it above RUN_FROM (own)."""

QUIET_SECONDS, QUIET_WITHIN_MINUTES = 240, 10
"""A morning shows as four quiet minutes within the first ten of wearing the strap."""

QUIET_RANGE_BPM, QUIET_COVERAGE = 20.0, 0.95
"""Quiet: heart rate stays within this range, and is known for this share of the seconds (own)."""

MORNING_HOURS = (3.0, 12.0)
_SMOOTHED_S = 30


class Said(NamedTuple):
    """A marker and its moment."""

    time_ns: int
    marker: Marker


def commanded_sessions(said: Iterable[Said], trace: Trace) -> list[Session]:
    """The sessions that markers start and stop, in order of their start.

    A person is in one session at a time: a start ends what was open, a stop ends what it names. What nobody stopped
    ends with the data; it is open while its data are the newest.
    """
    sessions: list[Session] = []
    current: Session | None = None
    for time_ns, marker in sorted(said, key=lambda each: each.time_ns):
        starts = marker.action is MarkerAction.START
        stops = marker.action is MarkerAction.STOP and current is not None and current.kind is marker.kind
        if current is not None and (starts or stops):
            last_ns = min(time_ns, _forgotten_at(current, trace)) if starts else time_ns
            sessions.append(replace(current, end_ns=max(last_ns, current.start_ns)))
            current = None
        if starts:
            current = Session(marker.kind, time_ns, time_ns, Origin.COMMAND, text=marker.text)
        elif marker.action is MarkerAction.NOTE and current is not None and marker.text:
            current = replace(current, text=f"{current.text}; {marker.text}".removeprefix("; "))
    if current is not None:
        end_ns = _forgotten_at(current, trace)
        newest_ns = int(trace.second_ns[-1]) if trace.second_ns.size else current.start_ns
        is_open = end_ns >= newest_ns and end_ns < current.start_ns + LONGEST_MINUTES[current.kind] * MINUTE_NS
        sessions.append(replace(current, end_ns=end_ns, is_open=is_open))
    return sessions


def detected_runs(trace: Trace, limits: Limits) -> list[Session]:
    """The runs that heart rate shows: ten minutes or more, most of them above half of the heart-rate reserve.

    It begins and ends where the reserve passes 40 %, and pauses of up to three minutes are part of it.
    """
    reserve = limits.reserve(1.0) - limits.reserve(0.0)  # of 1 bpm
    share = limits.reserve(0.0) + reserve * _smoothed(trace)
    effort_ns = trace.second_ns[share >= RUN_GOES_ON_FROM]
    newest_ns = int(trace.second_ns[-1]) if trace.second_ns.size else 0
    runs = []
    for start_ns, end_ns in _stretches(effort_ns, RUN_PAUSE_MINUTES * MINUTE_NS):
        inside = (trace.second_ns >= start_ns) & (trace.second_ns <= end_ns)
        hard_s = int(np.count_nonzero(share[inside] >= RUN_FROM))
        seconds = (end_ns - start_ns) // SECOND_NS
        if seconds >= RUN_MINUTES * 60 and hard_s >= RUN_SHARE * seconds:
            is_open = newest_ns - end_ns < RUN_PAUSE_MINUTES * MINUTE_NS
            runs.append(Session(MarkerKind.RUN, start_ns, end_ns, Origin.DETECTED, is_open=is_open))
    return runs


def detected_morning(trace: Trace, limits: Limits, day_start_ns: int) -> Session | None:
    """The first four quiet minutes after the strap was put on in the morning; None where there are none.

    Args:
        trace: from at least an hour before local midnight on: a strap that is worn through the night was not put on.
        limits: quiet is below 40 % of the heart-rate reserve, too.
        day_start_ns: local midnight.
    """
    first_ns, last_ns = (day_start_ns + int(hour * 60) * MINUTE_NS for hour in MORNING_HOURS)
    put_on_ns = next((start for start, _ in _stretches(trace.second_ns, 60 * MINUTE_NS) if start >= first_ns), last_ns)
    if put_on_ns >= last_ns:
        return None
    worn = trace.between(put_on_ns, put_on_ns + QUIET_WITHIN_MINUTES * MINUTE_NS + QUIET_SECONDS * SECOND_NS)
    for start_ns in range(put_on_ns, put_on_ns + QUIET_WITHIN_MINUTES * MINUTE_NS, 5 * SECOND_NS):
        end_ns = start_ns + QUIET_SECONDS * SECOND_NS
        heart_rate_bpm = worn.between(start_ns, end_ns).heart_rate_bpm
        if heart_rate_bpm.size < QUIET_COVERAGE * QUIET_SECONDS:
            continue
        low_bpm, high_bpm = heart_rate_bpm.min(), heart_rate_bpm.max()
        if high_bpm - low_bpm <= QUIET_RANGE_BPM and limits.reserve(float(heart_rate_bpm.mean())) < RUN_GOES_ON_FROM:
            return Session(MarkerKind.MORNING, start_ns, end_ns, Origin.DETECTED)
    return None


def sessions_of(
    said: Sequence[Said], trace: Trace, limits: Limits, midnight_ns: int, within_ns: tuple[int, int]
) -> tuple[Session, ...]:
    """All sessions that start within a span of time, in order of their start.

    What was commanded goes before what shows by itself; edits and drops, in the order in which they were said, before
    both.

    Args:
        said: every marker that may touch the span, in the order of receipt.
        trace: of the span.
        limits: of the person's heart rate.
        midnight_ns: local midnight of the day whose morning is looked for.
        within_ns: start and end of the span.
    """
    sessions = commanded_sessions(said, trace)
    sessions += [run for run in detected_runs(trace, limits) if not _overlaps(run, sessions)]
    morning = detected_morning(trace, limits, midnight_ns)
    measured = any(each.kind is MarkerKind.MORNING and each.start_ns >= midnight_ns for each in sessions)
    if morning is not None and not measured and not _overlaps(morning, sessions):
        sessions.append(morning)
    for _, marker in said:
        if marker.action in {MarkerAction.EDIT, MarkerAction.DROP}:
            sessions = list(_edited(sessions, marker))
    wanted = (_placed(session, said) for session in sessions if within_ns[0] <= session.start_ns < within_ns[1])
    return tuple(sorted(wanted, key=lambda session: session.start_ns))


def _forgotten_at(session: Session, trace: Trace) -> int:
    """When a session that nobody stopped ends: with its data."""
    latest_ns = session.start_ns + LONGEST_MINUTES[session.kind] * MINUTE_NS
    second_ns = trace.between(session.start_ns, latest_ns + 1).second_ns
    known_ns = np.concatenate(([session.start_ns], second_ns))  # its own start ends no session
    return _stretches(known_ns, FORGOTTEN_AFTER_MINUTES * MINUTE_NS)[0][1]


def _smoothed(trace: Trace) -> NDArray[np.float64]:
    """Mean heart rate of the last 30 s at each second, so that one odd beat begins nothing."""
    sums = np.concatenate(([0.0], np.cumsum(trace.heart_rate_bpm)))
    last = np.arange(1, sums.size)
    first = np.searchsorted(trace.second_ns, trace.second_ns - (_SMOOTHED_S - 1) * SECOND_NS)
    mean: NDArray[np.float64] = (sums[last] - sums[first]) / (last - first)
    return mean


def _stretches(time_ns: NDArray[np.int64], longest_gap_ns: int) -> list[tuple[int, int]]:
    """First and last time of each stretch whose times are less than a gap apart."""
    if not time_ns.size:
        return []
    after_gaps = np.flatnonzero(np.diff(time_ns) >= longest_gap_ns) + 1
    edges = [0, *after_gaps.tolist(), time_ns.size]
    return [(int(time_ns[first]), int(time_ns[end - 1])) for first, end in pairwise(edges)]


def _overlaps(session: Session, others: Iterable[Session]) -> bool:
    return any(session.start_ns < other.end_ns and other.start_ns < session.end_ns for other in others)


def _edited(sessions: Iterable[Session], marker: Marker) -> Iterator[Session]:
    for session in sessions:
        is_meant = session.kind is marker.kind and session.start_ns <= (marker.session_ns or 0) <= session.end_ns
        if not is_meant:
            yield session
        elif marker.action is MarkerAction.EDIT:
            start_ns = session.start_ns if marker.start_ns is None else marker.start_ns
            end_ns = session.end_ns if marker.end_ns is None else marker.end_ns
            if start_ns < end_ns:
                yield replace(session, start_ns=start_ns, end_ns=end_ns, is_open=False, origin=Origin.COMMAND)
            else:
                yield session


def _placed(session: Session, said: Iterable[Said]) -> Session:
    """The session with its place: the last that was named within it."""
    words = session.text.lower()
    for time_ns, marker in said:
        if marker.action is MarkerAction.NOTE and session.start_ns <= time_ns <= session.end_ns:
            words = f"{words} {marker.text.lower()}"
    named = [place for place in PLACES if place in words]
    return replace(session, place=max(named, key=words.rindex)) if named else session
