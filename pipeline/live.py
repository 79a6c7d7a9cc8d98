"""What other tools see of each person on the bus: newest values, session, readiness. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ingest.topics import readiness_topic, session_topic
from pipeline.schema import HEART, HRV, STRAP, FieldValue, Measurement, Point
from pipeline.scores.day import Day, LiveReference
from pipeline.scores.report import Record, readiness_record, session_records
from pipeline.scores.stress import REST_RESERVE, band_of, stress_of
from pipeline.scores.zones import zone_of

_QUALITY = ("coverage_pct", "artifact_pct", "reason")
_SHOWN = {
    "60s": ("rmssd_ms", "ln_rmssd", "sdnn_ms", "coherence", *_QUALITY),
    "120s": ("rmssd_ms", "dfa_alpha1", "dfa_alpha1_smoothed", "respiration_per_min", *_QUALITY),
    "300s": (
        *("rmssd_ms", "ln_rmssd", "sdnn_ms", "pnn50_pct", "sd1_ms", "sd2_ms", "sqrt_si"),
        *("lf_ms2", "hf_ms2", "lf_nu", "sample_entropy", *_QUALITY),
    ),
}
_ONCE_A_MINUTE = "sample_entropy"

UNITS = {
    "heart_rate_bpm": HEART.field("heart_rate_bpm").unit,
    "zone": "1 to 5; 0 below",
    "stress": "0 to 100",
    "stress_band": "",
    "stress_reason": "",
    **{f"{field}_{window}": HRV.field(field).unit for window, fields in _SHOWN.items() for field in fields},
}
"""Every value of the `live` topic and its unit."""


class LiveValues:
    """Folds points into one record per person; a value that is not known is None, never 0."""

    def __init__(self) -> None:
        self._people: dict[str, dict[str, object]] = {}
        self._references: dict[str, LiveReference] = {}

    def know(self, person: str, reference: LiveReference) -> None:
        """Say by what a person's zone and stress are told from now on; before, neither is known."""
        self._references[person] = reference

    def update(self, points: Iterable[Point]) -> dict[str, dict[str, object]]:
        """The records of the people whose values these points change, by person.

        When a strap disconnects, its wearer's values become None: what is no longer measured is no longer shown.
        """
        changed: dict[str, dict[str, object]] = {}
        for point in points:
            values = _values(point)
            if values is None:
                continue
            person, strap = point.tags[:2]
            record = self._people.setdefault(person, dict.fromkeys((*UNITS, "time_ns", "indices_time_ns")))
            record.update(values, strap=strap)
            if person in self._references:
                record.update(_scores(point, self._references[person]))
            record["indices_time_ns" if point.measurement is HRV else "time_ns"] = point.time_ns
            changed[person] = record
        return {person: {**record, "units": UNITS} for person, record in changed.items()}


def _values(point: Point) -> dict[str, FieldValue | None] | None:
    kind: Measurement = point.measurement
    if kind is HEART:
        return {"heart_rate_bpm": point.fields["heart_rate_bpm"]}
    if kind is HRV:
        window = point.tags[2]
        values = {f"{name}_{window}": point.fields.get(name) for name in _SHOWN[window]}
        if not point.fields["reason"] and _ONCE_A_MINUTE not in point.fields:
            values.pop(f"{_ONCE_A_MINUTE}_{window}", None)  # what the last full minute said still holds
        return values
    if kind is STRAP and not point.fields["connected"]:
        return dict.fromkeys(UNITS)
    return None


def _scores(point: Point, reference: LiveReference) -> dict[str, FieldValue | None]:
    """Zone of a heart rate; stress of the minute that an index speaks of, at rest only."""
    if point.measurement is HEART:
        return {"zone": zone_of(float(point.fields["heart_rate_bpm"]), reference.limits, reference.zones)}
    if point.measurement is not HRV or point.tags[2] != "60s":
        return {}
    heart_rate_bpm, ln_rmssd = (point.fields.get(name) for name in ("mean_hr_bpm", "ln_rmssd"))
    reason = str(point.fields["reason"])
    if not reason and (heart_rate_bpm is None or ln_rmssd is None):
        reason = "coverage"
    elif not reason and (
        reference.limits.reserve(float(heart_rate_bpm or 0.0)) >= REST_RESERVE
        or point.time_ns < reference.effort_until_ns
    ):
        reason = "not at rest"
    if reason:
        return {"stress": None, "stress_band": None, "stress_reason": reason}
    stress = float(stress_of(float(heart_rate_bpm or 0.0), float(ln_rmssd or 0.0), reference.stress))
    return {"stress": stress, "stress_band": band_of(stress), "stress_reason": ""}


class RetainedRecords:
    """The session and readiness of each person as they stand on the bus, each sent when it says something new."""

    def __init__(self) -> None:
        self._wanted: dict[str, Record] = {}
        self._sent: dict[str, Record] = {}

    def take(self, judged: Mapping[str, Day]) -> None:
        """Take in the newest day of people."""
        for person, day in judged.items():
            self._wanted[readiness_topic(person)] = {"day": day.facts.day.isoformat(), **readiness_record(day)}
            sessions = session_records(day)
            if sessions:
                self._wanted[session_topic(person)] = sessions[-1]

    def news(self) -> Iterator[tuple[str, Record]]:
        """Topic and record of what has not been sent; each counts as sent when the next is asked for."""
        for topic, record in self._wanted.items():
            if self._sent.get(topic) != record:
                yield topic, record
                self._sent[topic] = record
