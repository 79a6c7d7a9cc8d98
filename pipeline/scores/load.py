"""What running costs: load and energy of a run, and how load changes over weeks. Pure.

The weeks' figures describe change. None of them tells a risk of injury: contrived denominators are associated with
injuries as much as the acute:chronic ratio is (Impellizzeri 2020).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.scores.profile import Limits, Sex, ZoneMethod
from pipeline.scores.zones import zone_minutes

BANISTER_WEIGHTS: Mapping[Sex, tuple[float, float]] = MappingProxyType(
    {Sex.MALE: (0.64, 1.92), Sex.FEMALE: (0.86, 1.67)}
)
"""a and b of the weight a · exp(b · r) that a share r of heart-rate reserve has (Morton 1990)."""

KEYTEL: Mapping[Sex, tuple[float, float, float, float]] = MappingProxyType(
    {Sex.MALE: (-55.0969, 0.6309, 0.1988, 0.2017), Sex.FEMALE: (-20.4022, 0.4472, -0.1263, 0.074)}
)
"""kJ/min: constant, and what each bpm, kg and year adds (Keytel 2005, the equations without measured fitness)."""

ACUTE_DAYS, CHRONIC_DAYS = 7, 42
"""Time constants of the acute and the chronic load in days, as is common since Banister (1975)."""

RATIO_ACUTE_DAYS, RATIO_CHRONIC_DAYS = 7, 28
"""Days of the acute:chronic ratio (Gabbett 2016; Williams 2017)."""

WEEK_DAYS = 7


def banister_load(heart_rate_bpm: NDArray[np.float64], limits: Limits, sex: Sex | None) -> float:
    """Training impulse after Banister in the form of Morton (1990): the sum of minutes · r · a · exp(b · r).

    Args:
        heart_rate_bpm: one for each second, shape (n,), bpm, finite. A second without a heart rate is not there, so a
            run with gaps has less load than it cost.
        limits: the ends of the reserve; r is the share of it, clipped to 0 to 1.
        sex: tells which a and b hold; None: the mean of both loads.

    Returns:
        Arbitrary units, 0 or more; an hour at 70 % of the reserve gives 103 (men) or 116 (women).
    """
    reserve = np.interp(heart_rate_bpm, (limits.resting_heart_rate_bpm, limits.max_heart_rate_bpm), (0.0, 1.0))
    weights = BANISTER_WEIGHTS.values() if sex is None else (BANISTER_WEIGHTS[sex],)
    return statistics.fmean(a * float((reserve * np.exp(b * reserve)).sum()) / 60 for a, b in weights)


def edwards_load(heart_rate_bpm: NDArray[np.float64], limits: Limits) -> float:
    """Edwards' load (1993): minutes in 50-60, 60-70 … 90-100 % of the maximum, times 1, 2 … 5.

    Args:
        heart_rate_bpm: one for each second, shape (n,), bpm, finite.
        limits: for the maximum; the person's own choice of zones does not matter here.

    Returns:
        Arbitrary units, 0 or more.
    """
    minutes = zone_minutes(heart_rate_bpm, limits, ZoneMethod.MAXIMUM)
    return sum(zone * in_zone for zone, in_zone in enumerate(minutes, start=1))


def energy_kj(
    heart_rate_bpm: NDArray[np.float64], sex: Sex | None, weight_kg: float | None, age: int | None
) -> float | None:
    """Energy spent, from heart rate, weight and age (Keytel 2005).

    The equations come of steady exercise; a second whose heart rate is so low that they give less than 0 counts as 0.

    Args:
        heart_rate_bpm: one for each second, shape (n,), bpm, finite.
        sex: tells which equation holds.
        weight_kg: body mass.
        age: in years.

    Returns:
        kJ, 0 or more; None where sex, weight or age is not known.
    """
    if sex is None or weight_kg is None or age is None:
        return None
    constant, per_bpm, per_kg, per_year = KEYTEL[sex]
    kj_per_min = constant + per_bpm * heart_rate_bpm + per_kg * weight_kg + per_year * age
    return float(np.maximum(kj_per_min, 0.0).sum()) / 60


@dataclass(frozen=True, slots=True)
class TrainingLoad:
    """How a person's load stands on a day; each None where there are too few days for it, or where it is not defined.

    All in units of load per day, but for the ratios and monotony, which have none, and strain, a week's load.
    """

    acute: float | None = None  # tau 7 days
    chronic: float | None = None  # tau 42 days
    balance: float | None = None  # chronic less acute on the evening before: how rested the day began
    acute_chronic_ratio: float | None = None  # mean of 7 days to mean of 28
    acute_chronic_ratio_ewma: float | None = None  # the same with exponential weights (Williams 2017)
    monotony: float | None = None  # mean to SD of a week (Foster 1998)
    strain: float | None = None  # a week's load times monotony


def training_load(daily_loads: Sequence[float]) -> TrainingLoad:
    """Training load of a day.

    Acute and chronic load are means with weights that fall by exp(-1 / tau) a day (so that a new day has a weight of
    1 - exp(-1 / tau) in the long run), those of the ratio by 1 - 2 / (N + 1). The weights of the days that there are
    add up to 1: what came before the first day is taken for like what came after, not for rest. Balance is of the
    evening before, chronic less acute. Monotony is the mean of the last 7 days over their sample SD (n - 1).

    Args:
        daily_loads: loads of successive days, the day itself the last; 0.0 where there was no run.

    Returns:
        All None below 7 days, and the ratios below 28; ratios also None without any load, monotony and strain also
        where all 7 days have the same load.
    """
    if len(daily_loads) < WEEK_DAYS:
        return TrainingLoad()
    acute_keep, chronic_keep = math.exp(-1 / ACUTE_DAYS), math.exp(-1 / CHRONIC_DAYS)
    before = daily_loads[:-1]
    plain, weighted = _ratios(daily_loads) if len(daily_loads) >= RATIO_CHRONIC_DAYS else (None, None)
    week = daily_loads[-WEEK_DAYS:]
    monotony = _ratio(statistics.fmean(week), statistics.stdev(week))
    return TrainingLoad(
        acute=_ewma(daily_loads, acute_keep),
        chronic=_ewma(daily_loads, chronic_keep),
        balance=_ewma(before, chronic_keep) - _ewma(before, acute_keep),
        acute_chronic_ratio=plain,
        acute_chronic_ratio_ewma=weighted,
        monotony=monotony,
        strain=None if monotony is None else math.fsum(week) * monotony,
    )


def _ratios(loads: Sequence[float]) -> tuple[float | None, float | None]:
    """Acute to chronic load, by plain means and by exponential ones."""
    spans = RATIO_ACUTE_DAYS, RATIO_CHRONIC_DAYS
    acute, chronic = (statistics.fmean(loads[-days:]) for days in spans)
    acute_ewma, chronic_ewma = (_ewma(loads, 1 - 2 / (days + 1)) for days in spans)
    return _ratio(acute, chronic), _ratio(acute_ewma, chronic_ewma)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _ewma(loads: Sequence[float], keep: float) -> float:
    """Mean of the loads with weights that fall by the factor `keep` for each day back."""
    weights = [keep**age for age in range(len(loads))]
    return math.fsum(map(math.prod, zip(weights, reversed(loads), strict=True))) / math.fsum(weights)
