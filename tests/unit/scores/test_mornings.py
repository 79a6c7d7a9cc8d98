"""Five months of two people's real mornings give a sane readiness."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from pipeline.analysis import corrected, whole
from pipeline.indices import time_indices
from pipeline.scores.readiness import Readiness
from pipeline.scores.score import Confidence
from tests.support import DATA
from tests.unit.scores.mornings import Morning, judged

ONE, OTHER = "295ed96279", "fcf3ea75b0"


@cache
def mornings_of(user: str) -> dict[date, Morning]:
    """The first morning measurement of each local day that has one good enough."""
    mornings: dict[date, Morning] = {}
    with (DATA / "mornings_welltory" / "measurements.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            day = date.fromisoformat(row["measurement_datetime"][:10])
            if row["user_code"] != user or row["time_of_day"] != "morning" or day in mornings:
                continue
            stretch = whole(corrected(np.array(row["rr_data"].split(","), dtype=np.float64)), (time_indices,))
            if not stretch.reason:
                mornings[day] = (stretch.indices["ln_rmssd"], stretch.indices["mean_hr_bpm"])
    return mornings


@cache
def series_of(user: str) -> dict[date, Readiness]:
    mornings = mornings_of(user)
    days = [min(mornings) + timedelta(day) for day in range((max(mornings) - min(mornings)).days + 1)]
    return dict(zip(days, judged([mornings.get(day) for day in days]), strict=True))


@pytest.mark.parametrize(("user", "count", "scored"), [(ONE, 142, 138), (OTHER, 121, 117)])
def test_every_good_morning_after_the_first_four_has_a_value(user: str, count: int, scored: int) -> None:
    assert len(mornings_of(user)) == count
    values = [found.score.value for found in series_of(user).values() if found.score.value is not None]
    assert len(values) == scored
    assert all(0 <= value <= 100 for value in values)


@pytest.mark.parametrize("user", [ONE, OTHER])
def test_confidence_grows_and_never_falls_while_measurements_go_on(user: str) -> None:
    order = list(Confidence)
    steps = [order.index(found.score.confidence) for found in series_of(user).values()]
    assert steps == sorted(steps)
    assert set(steps) == {0, 1, 2}
    for found in series_of(user).values():
        assert found.score.value is None or found.score.confidence is not Confidence.CALIBRATING


@pytest.mark.parametrize("user", [ONE, OTHER])
def test_all_states_occur_and_the_usual_one_most(user: str) -> None:
    states = [found.score.state for found in series_of(user).values() if found.score.state]
    shares = {state: states.count(state) / len(states) for state in set(states)}
    assert shares.keys() == {"strained", "as usual", "recovered"}
    assert max(shares, key=lambda state: shares[state]) == "as usual"
    assert min(shares.values()) > 0.15


def test_the_figures_of_a_morning_and_of_the_end_are_these() -> None:
    series = series_of(ONE)
    found = series[date(2020, 5, 11)]
    assert found.score.value == pytest.approx(41.0, abs=0.5)
    assert found.ln_rmssd.latest == pytest.approx(4.10, abs=0.005)
    assert found.heart_rate_bpm.latest == pytest.approx(56.8, abs=0.05)
    last = series[max(series)]
    assert last.ln_rmssd.mean_60 == pytest.approx(4.031, abs=0.0005)
    assert last.ln_rmssd.sd_60 == pytest.approx(0.168, abs=0.0005)
    assert last.heart_rate_bpm.mean_60 == pytest.approx(55.78, abs=0.005)


def test_the_mornings_after_first_symptoms_do_not_swing_the_reference() -> None:
    series = series_of(ONE)
    before, after = series[date(2020, 5, 12)].ln_rmssd, series[date(2020, 5, 15)].ln_rmssd
    latest = [series[date(2020, 5, day)].ln_rmssd.latest for day in (12, 13, 14)]
    assert latest == pytest.approx([2.12, 2.57, 3.41], abs=0.01), "far below the mean of 4.07"
    assert before.mean_60 is not None
    assert before.sd_60 is not None
    assert after.mean_60 is not None
    assert 0 < before.mean_60 - after.mean_60 < 0.2 * before.sd_60, "by three of them"


def test_the_flags_are_those_told_of_in_the_docs() -> None:
    flagged = {user: [day for day, found in series_of(user).items() if found.flag] for user in (ONE, OTHER)}
    assert [day for day in flagged[ONE] if date(2020, 5, 1) < day < date(2020, 6, 1)] == [
        date(2020, 5, day) for day in (7, 12, 13, 14)
    ]
    assert len(flagged[ONE]) == 7
    assert len(flagged[OTHER]) == 12
    assert len([day for day in flagged[OTHER] if abs((day - date(2020, 5, 1)).days) <= 12]) == 6
