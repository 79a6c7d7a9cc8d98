"""What to do with a morning, and the rule that says so. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.scores.level import Level
from pipeline.scores.wording import AS_PLANNED, EASY, REST

STRAINED_BELOW = 33.0
"""The score below which a person is strained. Own."""

ILLNESS_EACH_SD, ILLNESS_STRAIN_SD = 1.0, 2.0
"""Least rise of resting heart rate and least fall of ln RMSSD, and least mean of the two. Own, see docs/scores.md."""

OVERLOAD_STRAIN_SD, OVERLOAD_RATIO = 0.7, 1.2
"""Least strain of two mornings, and least acute by chronic load. Own, see docs/scores.md."""

UNSTEADY_CV, UNSTEADY_FALL_SD = 1.5, 0.5
"""A week is unsteady with a CV 1.5 times that of the week before and a mean 0.5 SD lower. Own, after Plews 2012."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What the rules look at."""

    score: float
    is_trusted: bool
    ln_rmssd: Level
    heart_rate_bpm: Level
    week_before: Level  # of ln RMSSD, seven days earlier
    ln_rmssd_z: float
    heart_rate_z: float
    strain_yesterday: float | None  # None without a reading
    load_ratio: float | None

    @property
    def strain(self) -> float:
        """How far resting heart rate is up and ln RMSSD is down, in SD: the mean of the two."""
        return strain_of(self.ln_rmssd_z, self.heart_rate_z)


def strain_of(ln_rmssd_z: float, heart_rate_z: float) -> float:
    """Mean of how far resting heart rate is up and ln RMSSD is down, in SD."""
    return (heart_rate_z - ln_rmssd_z) / 2


@dataclass(frozen=True, slots=True)
class Rule:
    """When to advise what."""

    name: str  # a key of wording.RULES
    holds: Callable[[Signs], bool]
    advice: str  # a key of wording.ADVICE
    flag: str = ""  # illness or overload


def _is_below(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value < limit


def _is_illness_like(signs: Signs) -> bool:
    each = min(signs.heart_rate_z, -signs.ln_rmssd_z)
    return signs.is_trusted and each >= ILLNESS_EACH_SD and signs.strain >= ILLNESS_STRAIN_SD


def _is_overload_like(signs: Signs) -> bool:
    if signs.strain_yesterday is None or signs.load_ratio is None:
        return False
    strain_of_two = (signs.strain + signs.strain_yesterday) / 2
    return signs.is_trusted and strain_of_two >= OVERLOAD_STRAIN_SD and signs.load_ratio >= OVERLOAD_RATIO


def _is_week_below(signs: Signs) -> bool:
    return _is_below(signs.ln_rmssd.week_mean, signs.ln_rmssd.band_low)


def _is_today_below(signs: Signs) -> bool:
    return _is_below(signs.ln_rmssd.latest, signs.ln_rmssd.band_low)


def _is_week_above(signs: Signs) -> bool:
    heart_rate_is_low = _is_below(signs.heart_rate_bpm.week_mean, signs.heart_rate_bpm.band_low)
    return heart_rate_is_low and _is_below(signs.ln_rmssd.band_high, signs.ln_rmssd.week_mean)


def _is_unsteady(signs: Signs) -> bool:
    now, before = signs.ln_rmssd, signs.week_before
    if now.week_cv_pct is None or before.week_cv_pct is None or before.week_mean is None or now.sd_60 is None:
        return False
    rises = now.week_cv_pct >= UNSTEADY_CV * before.week_cv_pct
    return rises and _is_below(now.week_mean, before.week_mean - UNSTEADY_FALL_SD * now.sd_60)


def _is_low(signs: Signs) -> bool:
    return signs.score < STRAINED_BELOW


RULES: tuple[Rule, ...] = (
    Rule("illness-like", _is_illness_like, REST, "illness"),
    Rule("overload-like", _is_overload_like, REST, "overload"),
    Rule("week below range", _is_week_below, EASY),
    Rule("today below range", _is_today_below, EASY),
    Rule("week above range", _is_week_above, EASY),
    Rule("unsteady week", _is_unsteady, EASY),
    Rule("low score", _is_low, EASY),
    Rule("within range", lambda _: True, AS_PLANNED),
)
"""In the order in which they are asked: the first that holds gives the advice. The flags need a trusted reference."""


def rule_for(signs: Signs) -> Rule:
    """The first rule that holds."""
    return next(rule for rule in RULES if rule.holds(signs))
