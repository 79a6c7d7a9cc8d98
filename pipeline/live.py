"""The newest values of each person, as other tools see them on the `live` topic. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.schema import HEART, HRV, STRAP, FieldValue, Measurement, Point

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
    **{f"{field}_{window}": HRV.field(field).unit for window, fields in _SHOWN.items() for field in fields},
}
"""Every value of the `live` topic and its unit."""


class LiveValues:
    """Folds points into one record per person; a value that is not known is None, never 0."""

    def __init__(self) -> None:
        self._people: dict[str, dict[str, object]] = {}

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
