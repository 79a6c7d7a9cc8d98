"""Who ran with whom."""

from __future__ import annotations

from ingest.model import MarkerKind
from pipeline.scores.readings import Origin, Session
from pipeline.scores.together import Company, runs_together


def run(start: float, end: float) -> Session:
    """From minute to minute."""
    return Session(MarkerKind.RUN, round(start * 60e9), round(end * 60e9), Origin.COMMAND)


def test_two_who_overlap_ran_together_for_as_long_as_both_ran() -> None:
    found = runs_together({"ada": [run(0, 40)], "bo": [run(15, 60)]})
    assert found == {"ada": (Company(run(0, 40), ("bo",), 25),), "bo": (Company(run(15, 60), ("ada",), 25),)}


def test_ten_minutes_are_company_and_less_is_none() -> None:
    assert runs_together({"ada": [run(0, 40)], "bo": [run(30, 60)]})["ada"][0].others == ("bo",)
    assert runs_together({"ada": [run(0, 40)], "bo": [run(30.1, 60)]})["ada"] == (Company(run(0, 40)),)


def test_a_minute_shared_with_two_counts_once_and_names_are_sorted() -> None:
    found = runs_together({"cy": [run(0, 60)], "bo": [run(10, 30)], "ada": [run(20, 40)], "di": [run(22, 35)]})
    assert found["cy"] == (Company(run(0, 60), ("ada", "bo", "di"), 30),)
    # Of bo and di only the 8 minutes from 22 to 30 are shared: too few.
    assert found["bo"] == (Company(run(10, 30), ("ada", "cy"), 20),)


def test_each_run_has_its_own_company_and_ones_own_runs_are_none() -> None:
    found = runs_together({"ada": [run(0, 30), run(100, 130)], "bo": [run(105, 140)], "cy": []})
    assert found["ada"] == (Company(run(0, 30)), Company(run(100, 130), ("bo",), 25))
    assert found["cy"] == ()
    assert runs_together({}) == {}
