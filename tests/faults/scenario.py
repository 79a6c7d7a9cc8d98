"""What a scenario is, what it gives, and the list of all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from tests.faults.audit import Tally
from tests.faults.household import Household, Plan, finish, household
from tests.faults.parts import pause

_APART_S = (0.5, 2.5)  # between the recovery from a fault and the next one


Proof = Callable[[], None]
"""Fails if a fault was never felt."""


class Unavailable(Exception):
    """This machine can't run a scenario, and why."""


@dataclass(frozen=True)
class Trial:
    """One call of a scenario."""

    folder: Path
    times: int
    random: Random
    scale: float = 1.0  # of simulated time


@dataclass(frozen=True)
class Found:
    """What a scenario has found out."""

    tally: Tally
    recovery_s: float
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """One line of the table."""

    scenario: str
    times: int
    beats_sent: int
    lost: int
    doubled: int
    strange: int
    differing: int
    in_hand: int
    recovery_s: float
    seconds: float
    note: str

    @property
    def holds(self) -> bool:
        """Whether every beat that was promised is there once, and every point as an undisturbed run gives it."""
        return not (self.lost or self.doubled or self.strange or self.differing)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Scenario:
    """One way to disturb a household."""

    name: str
    meaning: str
    times: int  # how often, unless somebody says otherwise
    work: Callable[[Trial], Awaitable[Found]]

    async def run(self, folder: Path, *, times: int | None, seed: int, scale: float = 1.0) -> Outcome:
        """Disturb a fresh household in a folder, and audit it.

        Raises:
            AssertionError: it did not recover, or the fault did nothing.
            Unavailable: this machine can't do it.
        """
        folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
        times = times or self.times
        began_s = time.monotonic()
        found = await self.work(Trial(folder, times, Random(f"{self.name}-{seed}"), scale))
        return Outcome(
            scenario=self.name,
            times=times,
            **asdict(found.tally),
            recovery_s=round(found.recovery_s, 1),
            seconds=round(time.monotonic() - began_s, 1),
            note=found.note,
        )


SCENARIOS: dict[str, Scenario] = {}


def scenario(name: str, meaning: str, times: int) -> Callable[[Callable[[Trial], Awaitable[Found]]], Scenario]:
    """Put a function on the list."""

    def add(work: Callable[[Trial], Awaitable[Found]]) -> Scenario:
        assert name not in SCENARIOS, name
        SCENARIOS[name] = Scenario(name, meaning, times, work)
        return SCENARIOS[name]

    return add


async def disturbed(trial: Trial, plan: Plan, fault: Callable[[Household], Awaitable[Proof | None]]) -> Found:
    """Let a fault happen again and again at random moments, each time until the household has recovered.

    Args:
        trial: how often, and where.
        plan: the household.
        fault: returns when it is over, and maybe a proof that it was felt, which is called after the recovery.
    """
    longest_s = 0.0
    async with household(trial.folder, plan, trial.random) as home:
        for _ in range(trial.times):
            await pause(trial.random.uniform(*_APART_S))
            proof = await fault(home)
            longest_s = max(longest_s, await home.recovered())
            if proof is not None:
                proof()
        return Found(await finish(home), longest_s)
