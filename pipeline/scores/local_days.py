"""A person's days: from local midnight to local midnight, without a hole and without an overlap. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pipeline.scores.profile import DatedProfile, profile_on

DAY = timedelta(days=1)
_SECOND_NS = 1_000_000_000


def start_of(day: date, profiles: Sequence[DatedProfile]) -> int:
    """Unix time in ns of a day's first moment, in the zone that the person is in on it.

    A day ends where the next one begins. So each local day is there once, 23, 24 or 25 hours long where clocks change;
    on a day of travel it is as much longer or shorter as the person has moved.
    """
    return _midnight(day, profile_on(profiles, day).time_zone)


def day_of(time_ns: int, profiles: Sequence[DatedProfile]) -> date:
    """The local day that a moment belongs to."""
    day = datetime.fromtimestamp(time_ns // _SECOND_NS, UTC).date() - DAY
    while start_of(day + DAY, profiles) <= time_ns:
        day += DAY
    return day


def hour_of(time_ns: int, profiles: Sequence[DatedProfile]) -> float:
    """The local hour of a moment on the clock of its day, 0 to 24."""
    zone = ZoneInfo(profile_on(profiles, day_of(time_ns, profiles)).time_zone)
    local = datetime.fromtimestamp(time_ns / _SECOND_NS, zone)
    return local.hour + local.minute / 60 + local.second / 3600


@lru_cache(maxsize=1024)
def _midnight(day: date, time_zone: str) -> int:
    # Where clocks skip midnight, the day begins when they have: a skipped moment maps onto the one after the skip.
    local = datetime.combine(day, time(0), ZoneInfo(time_zone))
    return int(local.timestamp()) * _SECOND_NS
