"""The annotations of a person in a Grafana: found, and deleted. Pure."""

from __future__ import annotations

from dashboards.annotations import Kept, is_about, ours
from dashboards.links import TAG
from dashboards.push import Grafana

_FROM_MS, _TO_MS = 0, 7_258_118_400_000  # to the year 2200


def annotations_of(grafana: Grafana, person: str) -> list[Kept]:
    """The annotations of Strapline's that bear a person's tag.

    Raises:
        GrafanaError: no answer, or no permission.
    """
    found = (ours(item, _FROM_MS, _TO_MS) for item in grafana.annotations(_FROM_MS, _TO_MS, TAG))
    return [kept for kept in found if kept is not None and is_about(kept.annotation, person)]


def forget_annotations(grafana: Grafana, person: str) -> None:
    """Delete them.

    Raises:
        GrafanaError: no answer, or no permission.
    """
    for kept in annotations_of(grafana, person):
        grafana.delete_annotation(kept.number)
