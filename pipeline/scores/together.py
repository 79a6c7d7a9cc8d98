"""Which runs were company: two or more people's runs that overlap. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.scores.readings import Session

MIN_SHARED_MINUTES = 10.0
"""Two runs that overlap by less were not run together (own)."""


@dataclass(frozen=True, slots=True)
class Company:
    """With whom a run was run."""

    run: Session
    others: tuple[str, ...] = ()  # people, sorted; empty: alone
    minutes: float = 0.0  # shared with any of them


def runs_together(runs: Mapping[str, Sequence[Session]]) -> dict[str, tuple[Company, ...]]:
    """The company of each run: those people of whom one run overlaps it by at least 10 minutes.

    That two runs overlap in time says nothing of the place: people of one household count as company wherever they ran.

    Args:
        runs: of each person; those of one person do not overlap.

    Returns:
        For each person one entry per run, in the order given. A minute shared with two people counts once.
    """
    return {
        person: tuple(_company(run, {name: theirs for name, theirs in runs.items() if name != person}) for run in own)
        for person, own in runs.items()
    }


def _company(run: Session, of_others: Mapping[str, Sequence[Session]]) -> Company:
    least_ns = MIN_SHARED_MINUTES * 60e9
    shared = sorted(
        (start_ns, end_ns, name)
        for name, theirs in of_others.items()
        for start_ns, end_ns in ((max(run.start_ns, each.start_ns), min(run.end_ns, each.end_ns)) for each in theirs)
        if end_ns - start_ns >= least_ns
    )
    covered_ns, until_ns = 0, run.start_ns
    for start_ns, end_ns, _ in shared:
        covered_ns += max(end_ns - max(start_ns, until_ns), 0)
        until_ns = max(until_ns, end_ns)
    return Company(run, tuple(sorted({name for _, _, name in shared})), covered_ns / 60e9)
