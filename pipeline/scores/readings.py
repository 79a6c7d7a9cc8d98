"""What a day gave, before it is judged; and the facts of a day that later days are judged by. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ingest.model import MarkerKind


class Origin(StrEnum):
    """How a session came to be."""

    COMMAND = "command"
    DETECTED = "detected"


@dataclass(frozen=True, slots=True)
class Session:
    """A time range of a person, with what it was."""

    kind: MarkerKind  # run, morning, breathing, rest
    start_ns: int
    end_ns: int  # so far, where it is open
    origin: Origin
    is_open: bool = False
    place: str = ""  # of a run: outdoors, treadmill, track; empty where nobody said
    text: str = ""

    @property
    def minutes(self) -> float:
        """How long it lasted."""
        return (self.end_ns - self.start_ns) / 60e9


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in figures; None where there is none, and the reason beside it where one is worth telling."""

    session: Session
    minutes: float
    coverage_pct: float  # share of the run's seconds with a heart rate
    artifact_pct: float | None = None  # mean of its 60 s windows
    mean_heart_rate_bpm: float | None = None
    max_heart_rate_bpm: float | None = None
    zone_minutes: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    load: float = 0.0  # Banister TRIMP
    edwards_load: float = 0.0
    heart_rate_recovery_60s_bpm: float | None = None
    heart_rate_recovery_120s_bpm: float | None = None
    heart_rate_recovery_reason: str = ""
    drift_pct: float | None = None
    drift_reason: str = ""
    alpha1_minutes: float = 0.0  # with a DFA alpha 1 at all
    alpha1_above_075_minutes: float = 0.0
    alpha1_below_050_minutes: float = 0.0
    threshold_075_bpm: float | None = None
    threshold_075_spread_bpm: float | None = None
    threshold_050_bpm: float | None = None
    threshold_050_spread_bpm: float | None = None
    threshold_reason: str = ""
    respiration_per_min: float | None = None
    energy_kj: float | None = None

    @property
    def easy_minutes(self) -> float:
        """Minutes in the zones 1 and 2, and below them."""
        return self.minutes * self.coverage_pct / 100 - sum(self.zone_minutes[2:])

    @property
    def is_hard(self) -> bool:
        """Whether at least a fifth of it was spent in the zones 4 and 5."""
        return sum(self.zone_minutes[3:]) >= 0.2 * self.minutes


@dataclass(frozen=True, slots=True)
class Relief:
    """Stress at rest before a run and after it; `change` below 0 is relief."""

    before: float | None  # mean stress, 0 to 100
    after: float | None
    reason: str = ""  # why there is no change to tell; empty where there is

    @property
    def change(self) -> float | None:
        """After minus before; None without both."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class MorningReading:
    """A valid measurement at rest after waking."""

    start_ns: int  # of the session
    end_ns: int  # of what was recorded of it
    ln_rmssd: float  # of the recording, ln ms
    heart_rate_bpm: float
    seconds: float  # recorded, after settling
    artifact_pct: float
    standing_heart_rate_bpm: float | None = None  # of the orthostatic variant
    standing_ln_rmssd: float | None = None


@dataclass(frozen=True, slots=True)
class BreathingSummary:
    """A breathing session in figures."""

    session: Session
    coherence: float | None = None  # mean of the moments that have one
    respiration_per_min: float | None = None  # median
    resonance_per_min: float | None = None  # the pace with the widest swing of heart rate
    resonance_swing_bpm: float | None = None
    reason: str = ""  # why there is no resonance pace


@dataclass(frozen=True, slots=True, eq=False)
class RestMinutes:
    """The minutes at rest, each stamped at its end: columns of one length, in order of time.

    At rest: heart rate below 40 % of the reserve, at most 5 % artifacts, at least 80 % coverage, outside runs.
    """

    time_ns: NDArray[np.int64]  # full minutes of Unix time
    heart_rate_bpm: NDArray[np.float64]  # mean of the minute
    ln_rmssd: NDArray[np.float64]  # of the minute
    sqrt_si: NDArray[np.float64]  # of the 300 s before; nan where not known

    def between(self, start_ns: int, end_ns: int) -> RestMinutes:
        """Those that end after start, up to and including end."""
        part = slice(*np.searchsorted(self.time_ns, (start_ns, end_ns), side="right"))
        return RestMinutes(self.time_ns[part], self.heart_rate_bpm[part], self.ln_rmssd[part], self.sqrt_si[part])


@dataclass(frozen=True, slots=True, eq=False)
class Effort:
    """Heart rate of each 10 s of the runs, stamped at their end: columns of one length, in order of time."""

    time_ns: NDArray[np.int64]  # full 10 s of Unix time
    heart_rate_bpm: NDArray[np.float64]  # mean


NO_EFFORT = Effort(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class DayReadings:
    """All that a person's local day gave."""

    day: date
    start_ns: int  # local midnight
    end_ns: int  # the next one
    rest: RestMinutes  # from an hour before the day until three hours after it, for runs near its ends
    morning: MorningReading | None = None
    morning_reason: str = "no morning measurement"  # why there is none; empty where there is one
    runs: tuple[RunSummary, ...] = ()
    effort: Effort = NO_EFFORT  # of these runs
    breathing: tuple[BreathingSummary, ...] = ()
    quiet: tuple[Session, ...] = ()  # morning and rest sessions

    @property
    def is_of_day(self) -> NDArray[np.bool_]:
        """Which of the minutes at rest lie within the day itself."""
        return (self.rest.time_ns > self.start_ns) & (self.rest.time_ns <= self.end_ns)

    @property
    def rest_of_day(self) -> RestMinutes:
        """The minutes at rest within the day itself."""
        return self.rest.between(self.start_ns, self.end_ns)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What later days need to know of a run."""

    start_ns: int
    end_ns: int
    local_hour: float  # of its start, 0 to 24
    minutes: float
    load: float
    easy_minutes: float
    is_hard: bool
    place: str
    stress_before: float | None
    stress_after: float | None
    heart_rate_recovery_60s_bpm: float | None = None
    zone_minutes: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class RestLevel:
    """A day's minutes at rest in four figures."""

    minutes: int
    heart_rate_mean_bpm: float
    heart_rate_sd_bpm: float  # within the day
    ln_rmssd_mean: float
    ln_rmssd_sd: float


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What later days need to know of a day; winsorised values are those that enter references."""

    day: date
    morning_ln_rmssd: float | None = None  # as measured
    morning_heart_rate_bpm: float | None = None
    reference_ln_rmssd: float | None = None  # winsorised
    reference_heart_rate_bpm: float | None = None
    standing_rise_bpm: float | None = None  # of the orthostatic variant: heart rate standing less lying
    rest: RestLevel | None = None
    stress: float | None = None  # mean of the day's minutes at rest that tell of it, 0 to 100
    flag: str = ""  # illness or overload, where the day was flagged
    runs: tuple[RunFacts, ...] = ()

    @property
    def load(self) -> float:
        """Banister TRIMP of all runs."""
        return sum(run.load for run in self.runs)
