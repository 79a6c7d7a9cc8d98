"""The records that flow from a strap to the pipeline: frozen, typed, with the unit in each name."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

from annotated_types import Ge, Le, MaxLen, MinLen

TICKS_PER_SECOND = 1024
"""The Heart Rate Service counts RR intervals in 1/1024 s; they are kept so, never rounded to milliseconds."""

MS_PER_TICK = 1000 / TICKS_PER_SECOND

UInt16 = Annotated[int, Ge(0), Le(0xFFFF)]
Count = Annotated[int, Ge(0), Le(2**63 - 1)]  # what SQLite and InfluxDB can hold
TimeNs = Count
Name = Annotated[str, MinLen(1)]
Sequence = Count
SequenceRange = tuple[Sequence, Sequence]  # the first and the last, both included


def ticks_to_ns(ticks: int) -> int:
    """Nanoseconds in a number of 1/1024 s ticks, rounded down (a tick is 976 562.5 ns)."""
    return ticks * 1_953_125 // 2


class Contact(StrEnum):
    """What the strap says of its skin contact."""

    UNSUPPORTED = "unsupported"
    LOST = "lost"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class HeartRateMeasurement:
    """One decoded notification of the Heart Rate Measurement characteristic (0x2A37)."""

    heart_rate_bpm: int  # the strap's own smoothed figure, 0 when off the body
    rr_ticks: tuple[int, ...]  # 1/1024 s, oldest first, as sent
    contact: Contact
    energy_kj: int | None  # since the strap's last reset


@dataclass(frozen=True, slots=True)
class Beat:
    """One heart beat: the raw record from which every other number is derived."""

    time_ns: TimeNs  # Unix time, UTC, of the end of the RR interval
    rr_ticks: Annotated[int, Ge(1), Le(0xFFFF)]
    heart_rate_bpm: UInt16
    contact: Contact
    segment: Count  # counts the unbroken stretches of a stream
    gap_before: bool  # True: the beat before it is missing, so no difference may cross


@dataclass(frozen=True, slots=True)
class BeatBatch:
    """The beats of one notification, numbered within a stream."""

    person: Name
    strap: Name
    stream: Name  # one id per collector start
    sequence: Sequence
    received_ns: TimeNs  # arrival of the notification
    beats: Annotated[tuple[Beat, ...], MinLen(1)]
    held_from: Sequence = 0  # the collector holds no batch below: those are stored, or lost for good


@dataclass(frozen=True, slots=True)
class Stored:
    """What the pipeline has of one strap's streams, for good: the collector may forget it."""

    streams: dict[Name, tuple[SequenceRange, ...]]  # ascending, without overlap


@dataclass(frozen=True, slots=True)
class StrapStatus:
    """What is known of a strap at a moment; None stands for not known."""

    connected: bool
    time_ns: TimeNs | None = None  # None in a last will, which is written before it is needed
    battery_pct: Annotated[int, Ge(0), Le(100)] | None = None
    rssi_dbm: Annotated[int, Ge(-(2**15)), Le(2**15 - 1)] | None = None
    model: str | None = None
    location: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a process tells of its work since its start; None where it has no such figure."""

    state: Name = "ok"  # or a sentence that says what is wrong
    beats_in: Count | None = None
    beats_stored: Count | None = None
    beats_dropped: Count | None = None
    beats_duplicated: Count | None = None
    batches_waiting: Count | None = None
    points_waiting: Count | None = None
    points_rejected: Count | None = None
    delay_p50_s: float | None = None  # from a batch's arrival at the collector until it is stored
    delay_p95_s: float | None = None
    delay_p99_s: float | None = None
    reconnects: Count | None = None
    clock_jumps: Count | None = None
    clock_offsets_s: dict[Name, float] | None = None  # of the collectors: above 0, their clock is behind


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessHealth(Figures):
    """How a process is at a moment."""

    process: Name
    online: bool
    release: Name
    started_ns: TimeNs
    time_ns: TimeNs | None = None  # None in a last will, which is written before it is needed


class MarkerKind(StrEnum):
    """What a marker is about."""

    RUN = "run"
    MORNING = "morning"
    BREATHING = "breathing"
    REST = "rest"
    NOTE = "note"


class MarkerAction(StrEnum):
    """What a marker does to what it is about; a note begins and ends nothing."""

    START = "start"
    STOP = "stop"
    NOTE = "note"
    EDIT = "edit"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Marker:
    """What a person says of a moment, or of a session; whose it is stands in the topic.

    Raises:
        ValueError: a note that starts or stops; an edit or a drop that names no session, an edit without a new range
            or with one that ends before it starts, or one of these fields elsewhere; a NUL in the text, which ends it
            early for some readers.
    """

    kind: MarkerKind
    action: MarkerAction = MarkerAction.NOTE
    text: Annotated[str, MaxLen(500)] = ""
    time_ns: TimeNs | None = None  # None: when it arrives
    session_ns: TimeNs | None = None  # edit, drop: any moment within the session that is meant
    start_ns: TimeNs | None = None  # edit: its new start; None: as it was
    end_ns: TimeNs | None = None  # edit: its new end; None: as it was

    def __post_init__(self) -> None:
        problem = _problem_of(self)
        if problem:
            raise ValueError(problem)


def _problem_of(marker: Marker) -> str:
    kind, action = marker.kind, marker.action
    if kind is MarkerKind.NOTE and action is not MarkerAction.NOTE:
        return f"a note can't {action}; that is for a run, morning, breathing or rest"
    if (action in {MarkerAction.EDIT, MarkerAction.DROP}) != (marker.session_ns is not None):
        return "session_ns belongs to edit and drop, and to these alone"
    if (action is MarkerAction.EDIT) != (marker.start_ns is not None or marker.end_ns is not None):
        return "start_ns and end_ns belong to edit, which needs one of them"
    if marker.start_ns is not None and marker.end_ns is not None and marker.end_ns <= marker.start_ns:
        return "end_ns must be after start_ns"
    return "text holds a NUL character" if "\x00" in marker.text else ""


@dataclass(frozen=True, slots=True)
class Notification:
    """The bytes of one notification and the Unix time at which they arrived."""

    arrival_ns: int
    payload: bytes


class Source(Protocol):
    """Where notifications come from: a strap, a recording, a simulated runner.

    A status with `connected` true stands before the first notification of each connection.
    """

    def events(self) -> AsyncGenerator[Notification | StrapStatus, None]:
        """The source's notifications and changes of state, in order, until it ends (a strap never does)."""
        ...
