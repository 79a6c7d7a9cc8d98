"""A morning's readiness is a sum that one can check, and its advice names its rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scores.advice import RULES, Signs, rule_for
from pipeline.scores.level import Level
from pipeline.scores.readiness import Load, Readiness, readiness_of
from pipeline.scores.readings import DayFacts
from pipeline.scores.score import Confidence
from tests.unit.scores.mornings import FIRST, Morning, facts_of, judged, reading

USUAL: list[Morning] = [(3.8, 58.0), (4.2, 54.0)] * 10
"""Twenty mornings: ln RMSSD 4.0 ± 0.205, heart rate 56 ± 2.05 bpm."""


def after(history: list[Morning], morning: Morning, load: Load | None = None) -> Readiness:
    return judged([*history, morning], [None] * len(history) + [load])[-1]


def test_a_morning_as_usual_is_in_the_middle() -> None:
    found = after(USUAL, (4.0, 56.0), Load(70, 70))
    assert found.score.value == pytest.approx(50, abs=0.5)
    assert found.score.state == "as usual"
    assert (found.advice, found.rule, found.flag) == ("as planned", "within range", "")


def test_no_value_before_four_mornings_then_provisional_and_trusted_from_fourteen() -> None:
    scores = [found.score for found in judged(USUAL)]
    assert [score.value is None for score in scores] == [True] * 4 + [False] * 16
    assert scores[2].reason == "fewer than 4 mornings before this one: 2"
    assert {score.confidence for score in scores[:4]} == {Confidence.CALIBRATING}
    assert {score.confidence for score in scores[4:14]} == {Confidence.PROVISIONAL}
    assert {score.confidence for score in scores[14:]} == {Confidence.TRUSTED}


def test_a_day_without_a_measurement_tells_why_and_still_shows_week_and_range() -> None:
    found = readiness_of(None, "artifacts above 5 %", facts_of(USUAL), FIRST + timedelta(20), None)
    assert (found.score.value, found.score.reason, found.score.state) == (None, "artifacts above 5 %", "")
    assert (found.advice, found.rule, found.flag) == ("", "", "")
    assert found.ln_rmssd.week_mean == pytest.approx(4.0)
    assert found.ln_rmssd.band_low == pytest.approx(4.0 - 0.75 * 0.2052, abs=1e-4)
    assert found.ln_rmssd.swc_high == pytest.approx(4.0 + 0.5 * 0.2052, abs=1e-4)


def test_after_fourteen_days_without_a_reading_the_reference_is_stale() -> None:
    assert after([*USUAL, *[None] * 13], (4.0, 56.0)).score.value is not None
    stale = after([*USUAL, *[None] * 14], (4.0, 56.0)).score
    assert (stale.value, stale.reason) == (None, "no morning measurement in the 14 days before")


def test_a_week_needs_three_readings_and_counts_as_usual_without() -> None:
    found = after([*USUAL, None, None, None, None, None, (4.0, 56.0)], (4.0, 56.0))
    assert found.ln_rmssd.week_mean is None
    assert found.contributions["ln_rmssd_7day"] is None
    assert found.score.inputs["ln_rmssd_7day_contribution_sd"] is None
    three = after([*USUAL, None, None, None, None, (3.9, 56.0), (4.0, 56.0)], (4.1, 56.0)).ln_rmssd
    assert three.week_mean == pytest.approx(4.0)
    assert three.week_cv_pct == pytest.approx(2.5)


def test_each_part_is_clipped_at_three_sd() -> None:
    found = after(USUAL, (1.0, 150.0), Load(900, 1))
    assert found.contributions["ln_rmssd"] == pytest.approx(-1.2)
    assert found.contributions["heart_rate"] == pytest.approx(-0.75)
    assert found.contributions["load"] == pytest.approx(-0.3)


@pytest.mark.parametrize("load", [Load(1000, 1), Load(0, 70), Load(0, 0)])
def test_load_alone_never_leaves_the_middle_band(load: Load) -> None:
    found = after(USUAL, (4.0, 56.0), load)
    assert found.score.state == "as usual"
    assert (found.contributions["load"] is None) == (load.chronic == 0)


def test_illness_is_flagged_only_against_a_trusted_reference() -> None:
    ill = (4.0 - 2.5 * 0.2052, 56.0 + 2.5 * 2.052)
    found = after(USUAL, ill)
    assert (found.flag, found.advice, found.rule) == ("illness", "rest", "illness-like")
    assert after(USUAL[:13], ill).flag == ""
    assert after(USUAL, (ill[0], 56.0)).flag == "", "one of the two alone is no sign of it"


def test_overload_needs_two_mornings_and_the_load() -> None:
    down = (4.0 - 1.2 * 0.2052, 56.0 + 1.2 * 2.052)
    assert after([*USUAL, down], down, Load(100, 80)).flag == "overload"
    assert after([*USUAL, down], down, Load(90, 80)).flag == ""
    assert after([*USUAL, down], down).flag == ""
    assert after([*USUAL, None], down, Load(100, 80)).flag == ""


PLAIN = Signs(
    score=50.0,
    is_trusted=True,
    ln_rmssd=Level(4.0, 4.0, 4.0, 4.0, 0.2, 3.85, 4.15, 3.9, 4.1),
    heart_rate_bpm=Level(56.0, 56.0, 3.0, 56.0, 2.0, 54.5, 57.5, 55.0, 57.0),
    week_before=Level(4.0, 4.0, 4.0),
    ln_rmssd_z=0.0,
    heart_rate_z=0.0,
    strain_yesterday=0.0,
    load_ratio=1.0,
)
ILL = replace(PLAIN, ln_rmssd_z=-2.5, heart_rate_z=2.5)
OVERLOADED = replace(PLAIN, ln_rmssd_z=-1.2, heart_rate_z=1.2, strain_yesterday=1.2, load_ratio=1.5)
WEEK_LOW = replace(PLAIN, ln_rmssd=replace(PLAIN.ln_rmssd, week_mean=3.8))
TODAY_LOW = replace(PLAIN, ln_rmssd=replace(PLAIN.ln_rmssd, latest=3.8))
WEEK_HIGH = replace(
    PLAIN,
    ln_rmssd=replace(PLAIN.ln_rmssd, week_mean=4.2),
    heart_rate_bpm=replace(PLAIN.heart_rate_bpm, week_mean=54.0),
)
UNSTEADY = replace(PLAIN, ln_rmssd=replace(PLAIN.ln_rmssd, week_cv_pct=6.5, week_mean=3.89))
CASES = {
    "illness-like": ILL,
    "overload-like": OVERLOADED,
    "week below range": WEEK_LOW,
    "today below range": TODAY_LOW,
    "week above range": WEEK_HIGH,
    "unsteady week": UNSTEADY,
    "low score": replace(PLAIN, score=32.9),
    "within range": PLAIN,
}


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_each_rule_has_a_morning_on_which_it_gives_the_advice(name: str) -> None:
    assert rule_for(CASES[name]).name == name


def test_a_graver_rule_comes_before_a_lighter_one() -> None:
    both = replace(ILL, strain_yesterday=2.0, load_ratio=2.0, score=1.0, ln_rmssd=WEEK_LOW.ln_rmssd)
    assert rule_for(both).name == "illness-like"


def test_a_high_week_with_a_usual_heart_rate_is_within_range() -> None:
    assert rule_for(replace(WEEK_HIGH, heart_rate_bpm=PLAIN.heart_rate_bpm)).name == "within range"


def test_the_rise_on_standing_is_compared_from_six_tests_on() -> None:
    tests = [replace(each, standing_rise_bpm=20.0 + day % 2 * 2) for day, each in enumerate(facts_of(USUAL[:6]))]
    standing = replace(reading(4.0, 56.0), standing_heart_rate_bpm=80.0)
    found = readiness_of(standing, "", tests, FIRST + timedelta(6), None)
    assert found.standing_rise_bpm == 24
    assert found.standing_rise_z == pytest.approx(3 / np.std([20, 22] * 3, ddof=1))
    assert readiness_of(standing, "", tests[1:], FIRST + timedelta(6), None).standing_rise_z is None


def test_only_sixty_days_of_the_history_count() -> None:
    old: list[Morning] = [(9.0, 90.0)] * 5
    recent = facts_of(USUAL * 3)
    facts: list[DayFacts] = [*facts_of(old), *recent]
    day = FIRST + timedelta(100)
    assert readiness_of(reading(4, 56), "", facts, day, None) == readiness_of(reading(4, 56), "", recent, day, None)


mornings = st.one_of(st.none(), st.tuples(st.floats(0.5, 6.5), st.floats(30, 150)))


@settings(max_examples=60)
@given(st.lists(mornings, max_size=70), mornings, st.one_of(st.none(), st.builds(Load, *[st.floats(0, 1e4)] * 2)))
def test_whatever_the_days_were_a_score_is_0_to_100_or_has_a_reason(
    history: list[Morning], morning: Morning, load: Load | None
) -> None:
    facts = facts_of(history)
    found = readiness_of(
        reading(*morning) if morning else None, "no morning measurement", facts, FIRST + timedelta(len(facts)), load
    )
    score = found.score
    assert (score.value is None) == bool(score.reason)
    assert (score.value is None) == (not found.advice)
    assert score.value is None or 0 <= score.value <= 100


def life(seed: int, shift_sd: float, first: int, is_loaded: bool) -> list[Readiness]:
    """80 days of independent normal mornings, shifted from one day on; with 2.5 times the load from the day before."""
    random = np.random.default_rng(seed)
    z = random.normal(size=(80, 2))
    z[first:] += (-shift_sd, shift_sd)
    acute = chronic = 70.0
    loads = []
    for day in range(80):
        loads.append(Load(acute, chronic))
        load = 175.0 if is_loaded and day >= first - 1 else 122.5 * (day % 7 in {0, 2, 4, 6}) * random.uniform(0.7, 1.3)
        acute, chronic = acute + 0.25 * (load - acute), chronic + 0.069 * (load - chronic)
    return judged([(3.8 + 0.2 * ln_rmssd, 56 + 3 * bpm) for ln_rmssd, bpm in z.tolist()], list(loads))


def test_illness_and_overload_are_flagged_within_two_days_mostly_and_sound_weeks_rarely() -> None:
    seeds = range(25)
    ill = [any(day.flag == "illness" for day in life(seed, 2.5, 75, is_loaded=False)[75:77]) for seed in seeds]
    overloaded = [any(day.flag == "overload" for day in life(seed, 1.2, 76, is_loaded=True)[76:78]) for seed in seeds]
    sound = [life(seed, 0.0, 80, is_loaded=False)[24:] for seed in seeds]
    weeks = [any(day.flag for day in days[week : week + 7]) for days in sound for week in range(0, 56, 7)]
    assert np.mean(ill) >= 0.85
    assert np.mean(overloaded) >= 0.65
    assert np.mean(weeks) <= 0.08
