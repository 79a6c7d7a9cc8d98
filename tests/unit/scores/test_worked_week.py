"""The week that docs/scores.md works by hand is what the code gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.scores.readiness import Load, Readiness
from tests.unit.scores.mornings import Morning, facts_of, judged

DOC = (Path(__file__).parents[3] / "docs" / "scores.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The cells below the head of the first table after a heading."""
    after = DOC.split(f"\n### {heading}\n", 1)[1]
    lines = re.findall(r"^\|.*\|$", after.strip().split("\n\n", 1)[0], re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def figures(heading: str) -> dict[int, list[float]]:
    """The figures of each day of the week."""
    return {int(day): [float(cell) for cell in cells] for day, *cells in table(heading)}


EARLIER: list[Morning] = [(float(ln_rmssd), float(bpm)) for ln_rmssd, bpm in table("Earlier mornings")]
WEEK: list[Morning] = [
    None if ln_rmssd == "-" else (float(ln_rmssd), float(bpm)) for _, ln_rmssd, bpm, *_ in table("The week")
]
LOADS = [Load(float(acute), float(chronic)) for *_, acute, chronic in table("The week")]


@pytest.fixture(scope="module")
def week() -> dict[int, Readiness]:
    found = judged([*EARLIER, *WEEK], [*[None] * len(EARLIER), *LOADS])
    return dict(enumerate(found[len(EARLIER) :], 1))


def known(*values: float | None) -> list[float]:
    assert None not in values
    return [value for value in values if value is not None]


def test_the_week_has_fourteen_mornings_before_it_and_seven_days() -> None:
    assert len(EARLIER) == 14
    assert len(WEEK) == 7
    assert list(figures("References")) == list(figures("Ranges")) == [1, 2, 3, 4, 5, 6, 7]
    assert list(figures("z")) == list(figures("Readiness of the week")) == [1, 2, 3, 4, 6, 7]


def test_the_references_are_those_of_the_docs(week: dict[int, Readiness]) -> None:
    facts = facts_of([*EARLIER, *WEEK])
    for day, (readings, *expected) in figures("References").items():
        ln_rmssd, heart_rate = week[day].ln_rmssd, week[day].heart_rate_bpm
        found = known(ln_rmssd.mean_60, ln_rmssd.sd_60, heart_rate.mean_60, heart_rate.sd_60)
        assert found == pytest.approx(expected, abs=0.00006)
        assert readings == sum(each.reference_ln_rmssd is not None for each in facts[: 13 + day])


def test_the_weeks_and_ranges_are_those_of_the_docs(week: dict[int, Readiness]) -> None:
    for day, expected in figures("Ranges").items():
        level = week[day].ln_rmssd
        found = known(level.week_mean, level.week_cv_pct, level.band_low, level.band_high)
        assert found == pytest.approx(expected, abs=0.00006)


def test_each_z_is_that_of_the_docs(week: dict[int, Readiness]) -> None:
    for day, expected in figures("z").items():
        ln_rmssd, heart_rate, ratio = week[day].ln_rmssd, week[day].heart_rate_bpm, LOADS[day - 1].ratio
        mean, sd, today, week_mean = known(ln_rmssd.mean_60, ln_rmssd.sd_60, ln_rmssd.latest, ln_rmssd.week_mean)
        bpm_mean, bpm_sd, bpm = known(heart_rate.mean_60, heart_rate.sd_60, heart_rate.latest)
        assert [(today - mean) / sd, (week_mean - mean) / sd, (bpm - bpm_mean) / bpm_sd] == pytest.approx(
            expected[:3], abs=0.00006
        )
        assert ratio == pytest.approx(expected[3], abs=0.00006)
        assert week[day].load_ratio == ratio


def test_contributions_scores_and_what_is_kept_are_those_of_the_docs(week: dict[int, Readiness]) -> None:
    facts = facts_of([*EARLIER, *WEEK])
    of_z = figures("z")
    for day, (*parts, total, readiness, kept, kept_bpm) in figures("Readiness of the week").items():
        found = known(*week[day].contributions.values())
        assert found == pytest.approx(parts, abs=0.00006)
        assert sum(found) == pytest.approx(total, abs=0.00006)
        assert found[3] == pytest.approx(-0.1 * of_z[day][4], abs=0.00006)
        assert known(week[day].score.value) == pytest.approx([readiness], abs=0.006)
        fact = facts[13 + day]
        found = known(fact.reference_ln_rmssd, fact.reference_heart_rate_bpm)
        assert found == pytest.approx([kept, kept_bpm], abs=0.00006)


def test_states_and_advice_are_those_of_the_docs(week: dict[int, Readiness]) -> None:
    for day, *expected in table("Advice of the week"):
        found = week[int(day)]
        assert [found.score.state, found.advice, found.rule] == expected
    assert week[3].flag == "illness"
    assert week[5].score.value is None
    assert week[5].score.reason == "no morning measurement"
