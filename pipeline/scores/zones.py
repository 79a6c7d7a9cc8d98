"""Heart-rate zones 1 to 5. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.scores.profile import Limits, ZoneMethod

ZONE_FLOORS = (0.50, 0.60, 0.70, 0.80, 0.90)
"""Where zones 1 to 5 begin, as shares of the reserve (Karvonen 1957) or of the maximum; zone 5 has no upper end."""

ZoneMinutes = tuple[float, float, float, float, float]


def zone_floors_bpm(limits: Limits, method: ZoneMethod) -> tuple[float, float, float, float, float]:
    """The lowest heart rate of each of the zones 1 to 5, rising."""
    base_bpm = limits.resting_heart_rate_bpm if method is ZoneMethod.RESERVE else 0.0
    span_bpm = limits.max_heart_rate_bpm - base_bpm
    first, second, third, fourth, fifth = (base_bpm + share * span_bpm for share in ZONE_FLOORS)
    return first, second, third, fourth, fifth


def zone_of(heart_rate_bpm: float, limits: Limits, method: ZoneMethod) -> int:
    """The zone of a heart rate: 1 to 5, or 0 below zone 1. A zone's floor belongs to it."""
    return sum(heart_rate_bpm >= floor_bpm for floor_bpm in zone_floors_bpm(limits, method))


def zone_minutes(heart_rate_bpm: NDArray[np.float64], limits: Limits, method: ZoneMethod) -> ZoneMinutes:
    """Minutes in each of the zones 1 to 5, from a heart rate for each second; those below zone 1 count nowhere."""
    at_or_above = [int((heart_rate_bpm >= floor_bpm).sum()) for floor_bpm in zone_floors_bpm(limits, method)]
    first, second, third, fourth, fifth = (
        (here - above) / 60 for here, above in zip(at_or_above, [*at_or_above[1:], 0], strict=True)
    )
    return first, second, third, fourth, fifth
