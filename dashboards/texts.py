"""What the live page says of a person, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from dashboards.live import PersonView
from dashboards.palette import DFA_ALPHA1, Scale, word
from pipeline.scores.score import Confidence

NOTHING = "\u2013"
_FRESH_S, _LATE_S = 3.0, 10.0
_EFFORTS = {"easy": "easy (below first threshold)", "between": "between the thresholds"}
_REASONS = {
    "coverage": "not enough beats yet",
    "artifacts": "too many bad beats",
}


@dataclass(frozen=True, slots=True)
class Index:
    """One index of one window, and how it is told."""

    title: str
    key: str
    name: str
    window: str
    unit: str = ""
    digits: int = 0
    scale: Scale = ()
    none_yet: str = ""  # why it may be missing where the window gives other values

    def texts(self, person: PersonView, now_ns: int) -> tuple[str, str]:
        """The number, and below it the scale's word for it, or why there is none."""
        number = person.number(f"{self.name}_{self.window}", now_ns)
        if number is not None:
            effort = word(number, self.scale) if self.scale else ""
            return number_text(number, self.unit, self.digits), _EFFORTS.get(effort, effort)
        reason = person.values.get(f"reason_{self.window}")
        return NOTHING, self.none_yet if reason == "" else _REASONS.get(str(reason), "")


INDICES = (
    Index(
        "DFA alpha 1, 120 s",
        "alpha1",
        "dfa_alpha1_smoothed",
        "120s",
        digits=2,
        scale=DFA_ALPHA1,
        none_yet="not settled yet",
    ),
    Index("RMSSD, 60 s", "rmssd", "rmssd_ms", "60s", " ms", 1),
    Index("SDNN, 300 s", "sdnn", "sdnn_ms", "300s", " ms", 1),
    Index("respiration, 120 s", "respiration", "respiration_per_min", "120s", " /min", none_yet="no clear rhythm"),
)


def number_text(number: float | None, unit: str = "", digits: int = 0) -> str:
    """A number with its unit; a dash for None."""
    return NOTHING if number is None else f"{number:.{digits}f}{unit}"


def zone_text(person: PersonView, now_ns: int) -> str:
    """The heart-rate zone; a dash where it is not known."""
    zone = person.number("zone", now_ns)
    if zone is None:
        return NOTHING
    return f"zone {zone:.0f}" if zone else "below 1"


def stress_texts(person: PersonView, now_ns: int) -> tuple[str, str]:
    """Stress, and below it the word for it, or why there is none."""
    stress = person.number("stress", now_ns)
    if stress is not None:
        return number_text(stress), str(person.values.get("stress_band") or "")
    reason = str(person.values.get("stress_reason") or "")
    return NOTHING, _REASONS.get(reason, reason)


def quality_texts(person: PersonView, now_ns: int) -> tuple[str, str]:
    """Share of bad beats, and below it how much of the window is covered."""
    artifact_pct, coverage_pct = (person.number(f"{name}_pct_120s", now_ns) for name in ("artifact", "coverage"))
    return number_text(artifact_pct, " %", 1), f"{number_text(coverage_pct, ' %')} of 120 s covered"


def age_texts(person: PersonView, now_ns: int) -> tuple[str, str]:
    """The age of the newest beat, and below it what that means."""
    age_s = person.age_s(now_ns)
    return number_text(age_s, " s", 1), _freshness(age_s)


def _freshness(age_s: float | None) -> str:
    if age_s is None:
        return "waiting for the first beat"
    if age_s <= _FRESH_S:
        return "live"
    return "late" if age_s <= _LATE_S else "silent: values are not shown"


def session_text(person: PersonView, now_ns: int, zone: tzinfo | None) -> str:
    """The session that goes on, or the last one of today.

    Args:
        person: whose it is.
        now_ns: Unix time.
        zone: the time zone of whoever reads it; None: that of this machine.
    """
    session = person.session
    if session is None:
        return "no session today"
    start, end, now = (_local(time_ns, zone) for time_ns in (session.start_ns, session.end_ns, now_ns))
    lasted = f"{(session.end_ns - session.start_ns) / 60e9:.0f} min"
    if session.goes_on(now_ns):
        told = "" if session.is_said else ", shown by your heart rate"
        return f"{session.kind} since {start:%H:%M}, {lasted}{told}"
    if end.date() == now.date():
        return f"last session: {session.kind} {start:%H:%M} to {end:%H:%M}, {lasted}"
    return "no session today"


def readiness_text(person: PersonView, now_ns: int, zone: tzinfo | None) -> str:
    """Today's readiness with its advice, or why there is none; arguments as of `session_text`."""
    readiness = person.readiness
    if readiness is None or readiness.day != _local(now_ns, zone).date():
        return "no readiness today yet"
    if readiness.value is None:
        return f"no readiness today: {readiness.reason}"
    doubt = "" if readiness.confidence == Confidence.TRUSTED else f" ({readiness.confidence})"
    return f"readiness {readiness.value:.0f}, {readiness.state}{doubt}: {readiness.advice_text}"


def strap_text(person: PersonView) -> str:
    """The state of each strap."""
    return "  ·  ".join(_strap(name, person) for name in sorted(person.straps)) or "no strap yet"


def _strap(name: str, person: PersonView) -> str:
    status = person.straps[name]
    battery = f", battery {status.battery_pct} %" if status.battery_pct is not None else ""
    state = "connected" if status.connected else f"not connected ({status.reason or 'unknown'})"
    return f"{status.model or name}: {state}{battery}"


def _local(time_ns: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone(zone)
