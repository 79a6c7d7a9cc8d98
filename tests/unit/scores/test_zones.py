"""Heart-rate zones against hand-worked floors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scores.profile import Limits, ZoneMethod
from pipeline.scores.zones import zone_floors_bpm, zone_minutes, zone_of

LIMITS = Limits(50, 200, resting_is_assumed=False, max_is_estimated=False)
methods = st.sampled_from(ZoneMethod)


def test_the_floors_of_reserve_and_of_maximum_are_those_worked_by_hand() -> None:
    assert zone_floors_bpm(LIMITS, ZoneMethod.RESERVE) == pytest.approx((125, 140, 155, 170, 185))
    assert zone_floors_bpm(LIMITS, ZoneMethod.MAXIMUM) == pytest.approx((100, 120, 140, 160, 180))


@pytest.mark.parametrize(("bpm", "zone"), [(40, 0), (124.9, 0), (125, 1), (139.9, 1), (140, 2), (185, 5), (230, 5)])
def test_a_floor_belongs_to_its_zone_and_zone_5_is_open_above(bpm: float, zone: int) -> None:
    assert zone_of(bpm, LIMITS, ZoneMethod.RESERVE) == zone


def test_a_second_counts_for_one_zone_and_below_zone_1_for_none() -> None:
    heart_rate_bpm = np.repeat([100.0, 130.0, 150.0, 190.0], [60, 120, 30, 6])
    assert zone_minutes(heart_rate_bpm, LIMITS, ZoneMethod.RESERVE) == pytest.approx((2, 0.5, 0, 0, 0.1))
    assert zone_minutes(np.empty(0), LIMITS, ZoneMethod.RESERVE) == (0, 0, 0, 0, 0)


@given(st.lists(st.floats(30, 230), max_size=100), methods)
def test_minutes_in_zones_agree_with_the_zone_of_each_second(heart_rate_bpm: list[float], method: ZoneMethod) -> None:
    zones = [zone_of(bpm, LIMITS, method) for bpm in heart_rate_bpm]
    expected = [zones.count(zone) / 60 for zone in range(1, 6)]
    assert zone_minutes(np.array(heart_rate_bpm), LIMITS, method) == pytest.approx(expected)
