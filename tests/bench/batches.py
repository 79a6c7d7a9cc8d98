"""Beat batches as the pipeline gets them, from any series of RR intervals."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.gatt import parse_heart_rate_measurement
from ingest.model import BeatBatch
from ingest.packing import pack
from ingest.timeline import BeatClock

START_NS = 1_760_000_000_000_000_000


def batches(rr_ticks: Iterable[int], person: str = "a") -> list[BeatBatch]:
    """The batches of a strap that sends these intervals once a second."""
    clock = BeatClock()
    found: list[BeatBatch] = []
    for notification in pack(rr_ticks, START_NS):
        beats = clock.step(notification.arrival_ns, parse_heart_rate_measurement(notification.payload))
        if beats:
            found.append(BeatBatch(person, "s", "x", len(found), notification.arrival_ns, beats))
    return found
