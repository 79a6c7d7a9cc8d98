"""RR intervals to notifications, as a strap sends them: about one a second, 0 to 4 intervals in it. Pure.

No public log of a strap's notifications exists that could be played instead, so the packing is ours; it follows
what Polar's developers say of the H10: one notification a second, more than one interval above 60 bpm, none in
some, first byte 0x10 (contact not supported).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ingest.gatt import encode_heart_rate_measurement
from ingest.model import TICKS_PER_SECOND, Contact, HeartRateMeasurement, Notification

_SECOND_NS = 1_000_000_000
_SMOOTHED_INTERVALS = 5  # straps smooth the heart rate that they show
_MAX_INTERVALS = 9  # what fits a notification of 20 bytes


def pack(rr_ticks: Iterable[int], start_ns: int) -> Iterator[Notification]:
    """The notifications of a strap that was put on at `start_ns`.

    Args:
        rr_ticks: intervals in 1/1024 s, oldest first; may be endless.
        start_ns: Unix time of the start of the first interval.

    Returns:
        One notification a second, at whole seconds after the start, with the intervals that ended in that second.
    """
    recent: deque[int] = deque(maxlen=_SMOOTHED_INTERVALS)
    waiting: list[int] = []
    elapsed_ticks = 0
    second = 1
    for ticks in rr_ticks:
        elapsed_ticks += ticks
        while elapsed_ticks > second * TICKS_PER_SECOND or len(waiting) == _MAX_INTERVALS:
            yield _notification(waiting, recent, start_ns + second * _SECOND_NS)
            waiting = []
            second += 1
        waiting.append(ticks)
        recent.append(ticks)
    if waiting:
        yield _notification(waiting, recent, start_ns + second * _SECOND_NS)


def _notification(rr_ticks: list[int], recent: deque[int], arrival_ns: int) -> Notification:
    heart_rate_bpm = min(0xFF, round(60 * TICKS_PER_SECOND * len(recent) / sum(recent))) if recent else 0
    measurement = HeartRateMeasurement(heart_rate_bpm, tuple(rr_ticks), Contact.UNSUPPORTED, energy_kj=None)
    return Notification(arrival_ns, encode_heart_rate_measurement(measurement))
