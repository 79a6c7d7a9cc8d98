"""Stress of the minutes at rest, 0 to 100, against a person's own minutes at rest. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.scores.baseline import CLIP_SD, SD_FLOOR
from pipeline.scores.profile import Limits
from pipeline.scores.readings import DayFacts
from pipeline.scores.score import TRUSTED_FROM, Confidence, confidence_of
from pipeline.scores.wording import STRESS_BANDS

WINDOW_DAYS = 28
"""Days before a day that its reference is made of. Own: four weeks, as the baselines of Vesterinen 2016."""

MIN_REST_MINUTES = 10
"""Minutes at rest from which a day counts. Own."""

REST_RESERVE = 0.40
"""Share of the heart-rate reserve below which a heart is at rest. Own: the gate of movement where none is measured."""

WEIGHT = 0.5
"""Of each z. Own: heart rate and ln RMSSD mostly move together, and then the sum is again about one SD."""

POPULATION_NN_MS, POPULATION_NN_SD_MS = 926.0, 90.0
POPULATION_HEART_RATE_BPM = 60_000 / POPULATION_NN_MS
POPULATION_HEART_RATE_SD_BPM = POPULATION_HEART_RATE_BPM * POPULATION_NN_SD_MS / POPULATION_NN_MS
"""64.8 and 6.3 bpm: short recordings at rest (Nunan 2010), the SD by the slope of 60 000 / NN."""

POPULATION_LN_RMSSD, POPULATION_LN_RMSSD_SD = 3.49, 0.26
"""Short recordings at rest (Nunan 2010).

Sources disagree about this spread: the same review gives RMSSD 42 ± 15 ms, which is 0.36 of ln RMSSD, and others cite
± 19 ms. So stress on these values may swing too far, and never counts as trusted.
"""

BAND_FROM: Final = (25.5, 50.5, 75.5)
"""Where low, medium and high begin: so that the word is that of the whole number shown (0-25, 26-50, 51-75, 76-100)."""

_MAD_TO_SD = 1.4826  # of a normal distribution


@dataclass(frozen=True, slots=True)
class StressReference:
    """What a person's minutes at rest are like, and on how many days that stands."""

    heart_rate_mean_bpm: float
    heart_rate_sd_bpm: float
    ln_rmssd_mean: float
    ln_rmssd_sd: float
    days: int  # with enough rest; also where population values stand in
    confidence: Confidence  # trusted: the person's own


def stress_reference(facts: Sequence[DayFacts]) -> StressReference:
    """The reference of the day after the last of these.

    Mean of the daily means; SD = sqrt(mean variance within a day + variance between the daily means). Daily means and
    daily SDs are first clipped to their median ± 2 robust SD (1.4826 MAD), so that no day swings the reference.

    Args:
        facts: of the days before, one a day, oldest first. Those of the last 28 with 10 minutes of rest count.

    Returns:
        The person's own from 14 such days on; population values (Nunan 2010) before, and then never trusted.
    """
    levels = [each.rest for each in facts[-WINDOW_DAYS:] if each.rest and each.rest.minutes >= MIN_REST_MINUTES]
    days, confidence = len(levels), confidence_of(len(levels))
    if days < TRUSTED_FROM:
        return StressReference(
            POPULATION_HEART_RATE_BPM,
            POPULATION_HEART_RATE_SD_BPM,
            POPULATION_LN_RMSSD,
            POPULATION_LN_RMSSD_SD,
            days,
            confidence,
        )
    heart_rate = _pooled([(level.heart_rate_mean_bpm, level.heart_rate_sd_bpm) for level in levels])
    ln_rmssd = _pooled([(level.ln_rmssd_mean, level.ln_rmssd_sd) for level in levels])
    return StressReference(*heart_rate, *ln_rmssd, days, confidence)


def _pooled(days: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean and SD over all minutes, each day alike, from the mean and SD of each."""
    means, sds = (_clipped(column) for column in np.array(days, np.float64).T)
    mean = float(means.mean())
    sd = math.sqrt(float(np.square(sds).mean()) + float(means.var(ddof=1)))
    return mean, max(sd, SD_FLOOR * max(abs(mean), 1.0))


def _clipped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    median = float(np.median(values))
    robust_sd = max(_MAD_TO_SD * float(np.median(np.abs(values - median))), SD_FLOOR * abs(median))
    clipped: NDArray[np.float64] = values.clip(median - CLIP_SD * robust_sd, median + CLIP_SD * robust_sd)
    return clipped


@overload
def stress_of(heart_rate_bpm: float, ln_rmssd: float, reference: StressReference) -> float: ...
@overload
def stress_of(
    heart_rate_bpm: NDArray[np.float64], ln_rmssd: NDArray[np.float64], reference: StressReference
) -> NDArray[np.float64]: ...
def stress_of(
    heart_rate_bpm: float | NDArray[np.float64], ln_rmssd: float | NDArray[np.float64], reference: StressReference
) -> float | NDArray[np.float64]:
    """Stress of minutes at rest: 100 Phi(0.5 z_HR - 0.5 z_lnRMSSD). Own.

    Args:
        heart_rate_bpm: mean of each minute.
        ln_rmssd: of each minute, ln ms.
        reference: of the person on that day.

    Returns:
        0 to 100, of the shape that came in; 50 for a minute as the mean of the reference; nan where an input is nan.
    """
    heart_rate_z = (heart_rate_bpm - reference.heart_rate_mean_bpm) / reference.heart_rate_sd_bpm
    ln_rmssd_z = (ln_rmssd - reference.ln_rmssd_mean) / reference.ln_rmssd_sd
    stress = 100 * ndtr(WEIGHT * heart_rate_z - WEIGHT * ln_rmssd_z)
    return stress if isinstance(stress, np.ndarray) else float(stress)


def is_at_rest(heart_rate_bpm: NDArray[np.float64], limits: Limits) -> NDArray[np.bool_]:
    """Where a heart rate lies below 40 % of the reserve; nowhere that it is nan."""
    span_bpm = limits.max_heart_rate_bpm - limits.resting_heart_rate_bpm
    return heart_rate_bpm < limits.resting_heart_rate_bpm + REST_RESERVE * span_bpm


def band_of(stress: float) -> str:
    """The band of a stress in a word; empty for nan."""
    return "" if math.isnan(stress) else STRESS_BANDS[int(np.searchsorted(BAND_FROM, stress, side="right"))]


def band_minutes(stress: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """How many of these minutes were rest, low, medium and high; those with nan count nowhere."""
    bands = np.searchsorted(BAND_FROM, stress[~np.isnan(stress)], side="right")
    rest, low, medium, high = np.bincount(bands, minlength=4).tolist()
    return rest, low, medium, high
