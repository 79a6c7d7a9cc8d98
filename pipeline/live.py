"""The newest values of each person, as other tools see them on the `live` topic. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.schema import HEART, HRV, STRAP, FieldValue, Measurement, Point

UNITS = {
    "heart_rate_bpm": HEART.field("heart_rate_bpm").unit,
    **{
        f"{field}_{window}": HRV.field(field).unit
        for window in ("60s", "300s")
        for field in ("rmssd_ms", "ln_rmssd", "sdnn_ms", "coverage_pct", "artifact_pct", "reason")
    },
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
            record = self._people.setdefault(person, dict.fromkeys(UNITS))
            record.update(values, time_ns=point.time_ns, strap=strap)
            changed[person] = record
        return {person: {**record, "units": UNITS} for person, record in changed.items()}


def _values(point: Point) -> dict[str, FieldValue | None] | None:
    kind: Measurement = point.measurement
    if kind is HEART:
        return {"heart_rate_bpm": point.fields["heart_rate_bpm"]}
    if kind is HRV:
        window = point.tags[2]
        names = (name for name in UNITS if name.endswith(f"_{window}"))
        return {name: point.fields.get(name.removesuffix(f"_{window}")) for name in names}
    if kind is STRAP and not point.fields["connected"]:
        return dict.fromkeys(UNITS)
    return None
