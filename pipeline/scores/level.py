"""One quantity of the mornings: today, the last week, and the person's own range. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.scores.baseline import Reference
from pipeline.scores.score import PROVISIONAL_FROM

BAND_SD = 0.75
"""Half the width of the normal range: mean ± 0.75 SD of 60 days (Altini). The band in use."""

SWC_SD = 0.5
"""Half the width of the band of the smallest worthwhile change (Vesterinen 2016), shown beside it."""

WEEK_DAYS, MIN_WEEK_DAYS = 7, 3
"""Days of a 7-day mean, today among them, and readings that it needs (Plews 2014)."""


@dataclass(frozen=True, slots=True)
class Level:
    """One quantity of the mornings; None where it is not known."""

    latest: float | None = None  # of the day itself
    week_mean: float | None = None  # as measured, of the last 7 days with today, from 3 readings on
    week_cv_pct: float | None = None  # SD over n - 1 by mean, of the same
    mean_60: float | None = None  # of what was kept of the 60 days before, from 4 readings on; as all below
    sd_60: float | None = None
    band_low: float | None = None  # normal range, the band in use
    band_high: float | None = None
    swc_low: float | None = None
    swc_high: float | None = None


def level_of(values: Sequence[float | None], reference: Reference | None) -> Level:
    """The level on the day of the last value.

    Args:
        values: as measured, one a day, oldest first, with that day; None for a day without a reading.
        reference: of that day.
    """
    latest = values[-1] if values else None
    week = [value for value in values[-WEEK_DAYS:] if value is not None]
    week_mean, week_cv_pct = None, None
    if len(week) >= MIN_WEEK_DAYS:
        week_mean = statistics.fmean(week)
        week_cv_pct = 100 * statistics.stdev(week) / week_mean if week_mean > 0 else None
    if reference is None or reference.days < PROVISIONAL_FROM:
        return Level(latest, week_mean, week_cv_pct)
    return Level(
        latest=latest,
        week_mean=week_mean,
        week_cv_pct=week_cv_pct,
        mean_60=reference.mean,
        sd_60=reference.sd,
        band_low=reference.at(-BAND_SD),
        band_high=reference.at(BAND_SD),
        swc_low=reference.at(-SWC_SD),
        swc_high=reference.at(SWC_SD),
    )
