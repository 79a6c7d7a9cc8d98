"""What running does to stress: before against after a run, run days against others, kinds of run. Pure.

All of it describes what was measured beside running. It does not show a cause: who runs on calm days, or on Sundays,
would see less stress on run days without any run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from pipeline.scores.bootstrap import Interval, interval_of_difference, interval_of_mean
from pipeline.scores.readings import DayFacts, Relief, RunFacts
from pipeline.scores.trace import MINUTE_NS

BEFORE_NS = 60 * MINUTE_NS
SETTLED_AFTER_NS = 30 * MINUTE_NS
AFTER_NS = (SETTLED_AFTER_NS, 180 * MINUTE_NS)
"""Own. After a run heart rate stays raised and its variability low, of the effort and not of stress: in the first half
hour steeply, after hard runs for hours (Stanley, Peake & Buchheit 2013)."""

MIN_REST_MINUTES = 3
MIN_REST_MINUTES_OF_DAY = 10

MIN_DAYS = {28: 6, 90: 10}
"""Fewest days with a run, and without, by the days looked back on (own)."""

FORTNIGHT, SPELL = 14, 3
"""Days that are compared with each other, and days that are taken together (own, by measured coverage)."""

MIN_RUNS = 5
"""Fewest runs with a relief of each kind compared (own)."""

MORNING_FROM, MIDDAY_FROM, EVENING_FROM = 4, 11, 16
"""Local hours at which the parts of the day begin (own); the evening lasts until the morning."""

LESS, MORE, NO_DIFFERENCE = "less stress on run days", "more stress on run days", "no difference shown"


def relief_of_run(
    session_start_ns: int,
    session_end_ns: int,
    time_ns: NDArray[np.int64],
    stress: NDArray[np.float64],
    runs: Iterable[tuple[int, int]] = (),
) -> Relief:
    """Mean stress at rest in the 60 min before a run, and from 30 to 180 min after its end.

    Other runs cut both windows: that before begins 30 min after the end of an earlier run at the soonest, that after
    ends where a later run starts.

    Args:
        session_start_ns: of the run.
        session_end_ns: of the run.
        time_ns: ends of the minutes at rest, shape (n,), rising; they reach beyond local midnight on both sides.
        stress: 0 to 100, shape (n,), finite.
        runs: starts and ends of all the person's runs near it; the run itself may be among them.

    Returns:
        Each mean only from at least 3 minutes at rest; without both a reason.
    """
    others = list(runs)
    ends_ns = [end_ns for _, end_ns in others if end_ns <= session_start_ns]
    starts_ns = [start_ns for start_ns, _ in others if start_ns >= session_end_ns]
    from_ns = max([session_start_ns - BEFORE_NS, *(end_ns + AFTER_NS[0] for end_ns in ends_ns)])
    until_ns = min([session_end_ns + AFTER_NS[1], *starts_ns])
    before = _mean_between(time_ns, stress, from_ns, session_start_ns)
    after = _mean_between(time_ns, stress, session_end_ns + AFTER_NS[0], until_ns)
    missing = " and ".join(name for name, mean in (("before", before), ("after", after)) if mean is None)
    reason = f"fewer than {MIN_REST_MINUTES} minutes at rest {missing} the run" if missing else ""
    return Relief(before, after, reason)


def _mean_between(time_ns: NDArray[np.int64], stress: NDArray[np.float64], start_ns: int, end_ns: int) -> float | None:
    """Of the minutes that end after start, up to and including end."""
    known = stress[(time_ns > start_ns) & (time_ns <= end_ns)]
    return float(known.mean()) if known.size >= MIN_REST_MINUTES else None


def stress_of_day(stress: NDArray[np.float64]) -> float | None:
    """Mean stress of a day's minutes at rest, which `rest_minutes` finds outside runs and the half hour after them.

    Args:
        stress: 0 to 100, shape (n,), finite.

    Returns:
        0 to 100; None from fewer than 10 such minutes.
    """
    return float(stress.mean()) if stress.size >= MIN_REST_MINUTES_OF_DAY else None


@dataclass(frozen=True, slots=True)
class RunDayEffect:
    """Days with a run against days without; None where there are too few to tell."""

    days: int  # looked back on
    n_run: int  # days with a run that were compared
    n_other: int
    difference: float | None = None  # stress on run days minus that on others, points
    low: float | None = None  # 95 % interval
    high: float | None = None
    verdict: str = ""
    reason: str = ""  # why there is no verdict


def run_days_against_others(facts: Sequence[DayFacts], days: int) -> RunDayEffect:
    """How a person's stress differs between days with a run and days without.

    Each run day is compared with the other days of its own fortnight, counted back from the last day: the difference
    is the slope of stress on "had a run" once both are taken less their fortnight's mean. So stress that falls over a
    season in which somebody takes up running is not put down to the runs. The interval is the bootstrap interval of
    the mean of what three days on end say of that slope (influence values): days that follow each other resemble each
    other, and one by one they would make it too narrow for those who run on two days and rest on five.

    Measured (own, 700 seeds each): with runs every other day, on 3 days a week, on two days on end or at random, and
    days of an SD of 9 points that resemble the day before by 0.3 or not, no effect gives no verdict or "no difference
    shown" in 93 to 98 of 100 (in 92 where runs come in spells of several days in 28 days). An effect of 8 points
    against an SD of 10 is found in 87 to 99 of 100 in 90 days, in 40 to 60 in 28 days.

    Args:
        facts: of any days, in any order; those of the `days` up to the last of them are looked at. Days without a
            stress, flagged days (illness, overload), and fortnights with only one kind of day are left out.
        days: 28 or 90.

    Returns:
        No verdict below 6 (of 28 days) or 10 (of 90) compared days of either kind.
    """
    last = max((fact.day for fact in facts), default=None)
    known = [
        ((last - fact.day).days, bool(fact.runs), fact.stress)
        for fact in sorted(facts, key=lambda fact: fact.day)
        if last is not None and fact.day > last - timedelta(days=days) and fact.stress is not None and not fact.flag
    ]
    kinds = {(back // FORTNIGHT, has_run) for back, has_run, _ in known}
    compared = [day for day in known if (day[0] // FORTNIGHT, not day[1]) in kinds]
    n_run = sum(has_run for _, has_run, _ in compared)
    n_other = len(compared) - n_run
    least = MIN_DAYS[days]
    if min(n_run, n_other) < least:
        return RunDayEffect(days, n_run, n_other, reason=f"fewer than {least} days with a run and {least} without")
    back, has_run, stress = (np.array(column) for column in zip(*compared, strict=True))
    found = interval_of_mean(_influence(back, has_run.astype(np.float64), stress).tolist())
    return RunDayEffect(days, n_run, n_other, *found, verdict=_verdict(found, LESS, MORE))


def _influence(back: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each spell of days says of the slope of y on x within fortnights: values whose mean is the slope.

    What a day is off the fit is taken as if the fit had been made without it, at the days' mean leverage: the jackknife
    of MacKinnon & White (1985, HC3), since the means and the slope come from the same few days.
    """
    _, fortnight = np.unique(back // FORTNIGHT, return_inverse=True)
    _, spell = np.unique(back // SPELL, return_inverse=True)
    x_within = _less_means(x, fortnight)
    y_within = _less_means(y - y[0], fortnight)  # less one of them first, so that no rounding parts equal values
    squares = float((x_within * x_within).sum())
    slope = float((x_within * y_within).sum()) / squares
    fitted = int(fortnight.max()) + 2  # the means and the slope
    off_fit = (y_within - slope * x_within) * (y.size / (y.size - fitted))
    of_spell = np.bincount(spell, x_within * off_fit)
    return np.asarray(slope + of_spell * (of_spell.size / squares), np.float64)


def _less_means(values: NDArray[np.float64], block: NDArray[np.int64]) -> NDArray[np.float64]:
    """The values less the mean of their block; blocks are numbered from 0 without a gap."""
    means = np.bincount(block, values) / np.bincount(block)
    return np.asarray(values - means[block], np.float64)


def _verdict(found: Interval, less: str, more: str) -> str:
    if not found.excludes_zero:
        return NO_DIFFERENCE
    return less if found.difference < 0 else more


@dataclass(frozen=True, slots=True)
class KindComparison:
    """The relief after two kinds of run; None where there are too few to tell."""

    kinds: tuple[str, str]
    runs: tuple[int, int]  # with a relief, of each
    difference: float | None = None  # mean change of stress after the first kind minus that after the second
    low: float | None = None  # 95 % interval
    high: float | None = None
    verdict: str = ""
    reason: str = ""  # why there is no verdict


@dataclass(frozen=True, slots=True)
class ReliefByKind:
    """After which runs stress falls most."""

    hour: KindComparison  # the best part of the day against the next best
    effort: KindComparison
    place: KindComparison


def relief_by_kind(runs: Sequence[RunFacts]) -> ReliefByKind:
    """The relief by part of the day, by effort and by place, each as one comparison of two kinds of run.

    Of the parts of the day with at least 5 runs the one with the most relief is compared with the next: what is shown
    better than that is better than both others. Choosing the best makes no false finding likelier, since the two best
    of three lie nearer to each other than two named beforehand. Runs on a track count for no place. Who starts more
    stressed has further to fall: kinds of run differ in that as well.

    Args:
        runs: any; those without stress both before and after tell nothing.

    Returns:
        No verdict below 5 runs of each kind; "no difference shown" where the 95 % interval holds 0.
    """
    parts: dict[str, list[float]] = {"in the morning": [], "at midday": [], "in the evening": []}
    efforts: dict[str, list[float]] = {"after easy runs": [], "after hard runs": []}
    places: dict[str, list[float]] = {"outdoors": [], "on the treadmill": []}
    for run in runs:
        if run.stress_before is None or run.stress_after is None:
            continue
        change = run.stress_after - run.stress_before
        parts[_part_of_day(run.local_hour)].append(change)
        efforts["after hard runs" if run.is_hard else "after easy runs"].append(change)
        place = {"outdoors": "outdoors", "treadmill": "on the treadmill"}.get(run.place)
        if place:
            places[place].append(change)
    # Parts with too few runs come last, and of them the one with the most runs first.
    best, second, _ = sorted(
        parts, key=lambda part: (-min(len(parts[part]), MIN_RUNS), sum(parts[part]) / max(len(parts[part]), 1))
    )
    return ReliefByKind(
        hour=compare_relief({best: parts[best], second: parts[second]}),
        effort=compare_relief(efforts),
        place=compare_relief(places),
    )


def compare_relief(changes: Mapping[str, Sequence[float]]) -> KindComparison:
    """One comparison: the changes of stress (after minus before) of exactly two kinds of run, by their names."""
    (first, of_first), (second, of_second) = changes.items()
    kinds, runs = (first, second), (len(of_first), len(of_second))
    if min(runs) < MIN_RUNS:
        return KindComparison(kinds, runs, reason=f"fewer than {MIN_RUNS} runs with a relief of each kind")
    found = interval_of_difference(of_first, of_second)
    verdict = _verdict(found, f"more relief {first} than {second}", f"more relief {second} than {first}")
    return KindComparison(kinds, runs, *found, verdict=verdict)


def _part_of_day(hour: float) -> str:
    if MORNING_FROM <= hour < MIDDAY_FROM:
        return "in the morning"
    return "at midday" if MIDDAY_FROM <= hour < EVENING_FROM else "in the evening"
