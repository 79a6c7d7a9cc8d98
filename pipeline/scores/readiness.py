"""Readiness of a morning, 0 to 100, with all that it is made of. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from types import MappingProxyType

from scipy.special import ndtr

from pipeline.scores.advice import STRAINED_BELOW, Signs, rule_for, strain_of
from pipeline.scores.baseline import Reference, is_stale, reference_of
from pipeline.scores.level import WEEK_DAYS, Level, level_of
from pipeline.scores.readings import DayFacts, MorningReading
from pipeline.scores.score import PROVISIONAL_FROM, Score, confidence_of
from pipeline.scores.wording import NO_MORNING, READINESS_BANDS, STALE, too_few_mornings

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"ln_rmssd": 0.40, "ln_rmssd_7day": 0.25, "heart_rate": 0.25, "load": 0.10}
)
"""Of each part's z. Own; they sum to 1, so that with every z at 1 so is the sum."""

MOST_Z = 3.0
"""Where each z is clipped. Own: load alone can't leave "as usual", and no part but today's ln RMSSD sinks below 20."""

LOAD_UNIT = math.log(1.3)
"""Logarithm of acute by chronic load that counts as one SD. Own: 0.8 to 1.3 is the usual band (Gabbett 2016)."""

RECOVERED_FROM = 66.0
"""The score from which a person is recovered. Own: of ordinary mornings, a fifth is strained and a fifth recovered."""

MIN_STANDING_TESTS = 6
"""Orthostatic tests that a comparison needs: the usual advice is six in two weeks."""


@dataclass(frozen=True, slots=True)
class Load:
    """Training load of late and of long, as exponentially weighted means of a day, up to the evening before."""

    acute: float
    chronic: float

    @property
    def ratio(self) -> float | None:
        """Acute by chronic; it describes a change, and no risk (Impellizzeri 2020). None without chronic load."""
        return self.acute / self.chronic if self.chronic > 0 else None


@dataclass(frozen=True, slots=True)
class Readiness:
    """A morning, judged."""

    day: date
    score: Score
    ln_rmssd: Level
    heart_rate_bpm: Level
    contributions: Mapping[str, float | None]  # in SD, by the names of WEIGHTS; None: not known, counts as usual
    load_ratio: float | None = None
    standing_rise_bpm: float | None = None  # heart rate standing less lying; it is shown and doesn't count
    standing_rise_z: float | None = None  # against the person's own of 60 days, from 6 tests on
    advice: str = ""  # a key of wording.ADVICE; empty without a score
    rule: str = ""  # the rule that gave it, a key of wording.RULES
    flag: str = ""  # illness or overload


def readiness_of(
    today: MorningReading | None, reason: str, history: Sequence[DayFacts], day: date, load: Load | None
) -> Readiness:
    """The readiness of a morning: 100 Phi(sum of the contributions), each a weight times a z clipped at ± 3. Own.

    The z are those of today's ln RMSSD, of its 7-day mean and of resting heart rate against what was kept of the 60
    days before, and ln(acute / chronic) / ln 1.3 of load; the last two with the opposite sign. A part that is not
    known counts as usual: as 0.

    Args:
        today: the morning's reading; None where there is none.
        reason: why there is none.
        history: facts of the consecutive local days before, oldest first, days without a reading included.
        day: the local day.
        load: None where it is not known.

    Returns:
        No value, and a reason, without a reading today, with fewer than 4 in the 60 days before, and with none in the
        14 days before. Provisional below 14, trusted from there on; flags only where it is trusted.
    """
    kept = [each.reference_ln_rmssd for each in history]
    own, own_heart_rate = reference_of(kept), reference_of([each.reference_heart_rate_bpm for each in history])
    ln_rmssd = [*(each.morning_ln_rmssd for each in history), today.ln_rmssd if today else None]
    heart_rate_bpm = [*(each.morning_heart_rate_bpm for each in history), today.heart_rate_bpm if today else None]
    rise_bpm, rise_z = _standing(today, history)
    found = Readiness(
        day=day,
        score=Score(None, "", confidence_of(own.days if own else 0)),
        ln_rmssd=level_of(ln_rmssd, own),
        heart_rate_bpm=level_of(heart_rate_bpm, own_heart_rate),
        contributions=dict.fromkeys(WEIGHTS),
        load_ratio=load.ratio if load else None,
        standing_rise_bpm=rise_bpm,
        standing_rise_z=rise_z,
    )
    why_none = _why_none(kept, own, own_heart_rate) if today else reason or NO_MORNING
    if why_none or today is None or own is None or own_heart_rate is None:
        return replace(found, score=replace(found.score, inputs=_inputs(found), reason=why_none))
    contributions = _contributions(found, own, own_heart_rate)
    found = replace(found, contributions=contributions)
    value = 100 * float(ndtr(math.fsum(each for each in contributions.values() if each is not None)))
    rule = rule_for(
        Signs(
            score=value,
            is_trusted=own.is_trusted,
            ln_rmssd=found.ln_rmssd,
            heart_rate_bpm=found.heart_rate_bpm,
            week_before=level_of(ln_rmssd[:-WEEK_DAYS], own),
            heart_rate_z=own_heart_rate.z(today.heart_rate_bpm),
            ln_rmssd_z=own.z(today.ln_rmssd),
            strain_yesterday=_strain(history[-1], own, own_heart_rate),
            load_ratio=found.load_ratio,
        )
    )
    score = replace(found.score, value=value, state=_state_of(value), inputs=_inputs(found))
    return replace(found, score=score, advice=rule.advice, rule=rule.name, flag=rule.flag)


def _why_none(kept: Sequence[float | None], *own: Reference | None) -> str:
    days = min(reference.days if reference else 0 for reference in own)
    if days < PROVISIONAL_FROM:
        return too_few_mornings(days)
    return STALE if is_stale(kept) else ""


def _contributions(found: Readiness, own: Reference, own_heart_rate: Reference) -> dict[str, float | None]:
    """Each part's weight times its z, which is positive where it is good."""
    today, week_mean, heart_rate_bpm = found.ln_rmssd.latest, found.ln_rmssd.week_mean, found.heart_rate_bpm.latest
    z = {
        "ln_rmssd": None if today is None else own.z(today),
        "ln_rmssd_7day": None if week_mean is None else own.z(week_mean),
        "heart_rate": None if heart_rate_bpm is None else -own_heart_rate.z(heart_rate_bpm),
        "load": None if found.load_ratio is None else _load_z(found.load_ratio),
    }
    return {name: None if each is None else WEIGHTS[name] * _clipped(each) for name, each in z.items()}


def _clipped(z: float) -> float:
    return min(max(z, -MOST_Z), MOST_Z)


def _load_z(ratio: float) -> float:
    return -math.log(ratio) / LOAD_UNIT if ratio > 0 else MOST_Z


def _strain(day: DayFacts, own: Reference, own_heart_rate: Reference) -> float | None:
    ln_rmssd, heart_rate_bpm = day.morning_ln_rmssd, day.morning_heart_rate_bpm
    if ln_rmssd is None or heart_rate_bpm is None:
        return None
    return strain_of(own.z(ln_rmssd), own_heart_rate.z(heart_rate_bpm))


def _standing(today: MorningReading | None, history: Sequence[DayFacts]) -> tuple[float | None, float | None]:
    """How far heart rate rose on standing up, and how many SD that is above the usual."""
    if today is None or today.standing_heart_rate_bpm is None:
        return None, None
    rise_bpm = today.standing_heart_rate_bpm - today.heart_rate_bpm
    own = reference_of([each.standing_rise_bpm for each in history])
    return rise_bpm, own.z(rise_bpm) if own and own.days >= MIN_STANDING_TESTS else None


def _state_of(value: float) -> str:
    strained, as_usual, recovered = READINESS_BANDS
    if value < STRAINED_BELOW:
        return strained
    return as_usual if value < RECOVERED_FROM else recovered


def _inputs(found: Readiness) -> dict[str, float | None]:
    """All that the score is made of, by name with unit."""
    levels = (("ln_rmssd", found.ln_rmssd), ("heart_rate_bpm", found.heart_rate_bpm))
    inputs = {f"{name}_{field.name}": getattr(level, field.name) for name, level in levels for field in fields(level)}
    inputs |= {f"{name}_contribution_sd": each for name, each in found.contributions.items()}
    return inputs | {
        "load_ratio": found.load_ratio,
        "standing_rise_bpm": found.standing_rise_bpm,
        "standing_rise_z": found.standing_rise_z,
    }
