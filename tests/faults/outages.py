"""Hours and days without broker or store, and a week of twenty straps: in simulated time."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.household import Household
from tests.faults.parts import Program, pause
from tests.faults.scenario import Found, Trial, scenario
from tests.faults.simulation import Simulation, audit, caught_up, simulate, simulated_household

_HOUR_S = 3600.0
_BEFORE = 0.05  # share of the time that passes before something goes away
_SAMPLE_EVERY_S = 2.0
_MB = 1024 * 1024


async def _away(trial: Trial, simulation: Simulation, *names: str) -> Found:
    """Some parts are away for nearly the whole simulation, and come back one after the other."""
    async with simulated_household(trial, simulation) as home:
        parts: list[Program] = [getattr(home, name) for name in names]
        await pause(_BEFORE * simulation.wall_s)
        await home.kill(*parts)
        await pause((1 - _BEFORE) * simulation.wall_s + 1)
        for part in parts:
            assert not part.is_running, f"{part.name} was not away"
            await part.start()
            await pause(1)
        recovery_s = await caught_up(home, simulation)
        tally = await asyncio.to_thread(audit, home, simulation)
    hours = simulation.seconds * (1 - _BEFORE) / _HOUR_S
    return Found(tally, recovery_s, f"away for {hours:.1f} simulated hours")


@scenario("broker-away", "the broker is away for 10 simulated hours", 1)
async def broker_away(trial: Trial) -> Found:
    return await _away(trial, simulate(1, 10.6 * _HOUR_S * trial.scale, 300), "broker")


@scenario("store-away", "the store is away for 3 simulated days", 1)
async def store_away(trial: Trial) -> Found:
    return await _away(trial, simulate(1, 76 * _HOUR_S * trial.scale, 1000), "store")


@scenario("both-away", "broker and store are away for 10 simulated hours; the broker is back first", 1)
async def both_away(trial: Trial) -> Found:
    return await _away(trial, simulate(1, 10.6 * _HOUR_S * trial.scale, 300), "broker", "store")


@scenario("both-away-reversed", "broker and store are away for 10 simulated hours; the store is back first", 1)
async def both_away_reversed(trial: Trial) -> Found:
    return await _away(trial, simulate(1, 10.6 * _HOUR_S * trial.scale, 300), "store", "broker")


_SOAK_SPEED = 40  # times real time: two cores with all parts on them keep up with 60


@dataclass
class Usage:
    """Memory and descriptors of one program, sampled from /proc."""

    program: Program
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def sample(self) -> None:
        process = Path(f"/proc/{self.program.pid}")
        pages = int((process / "statm").read_text().split()[1])
        self.memory_mb.append(pages * 4096 / _MB)
        self.descriptors.append(len(list((process / "fd").iterdir())))

    @property
    def growth(self) -> str:
        """From the second quarter of the samples to the last one."""
        (memory, more), (descriptors, others) = _growth(self.memory_mb), _growth(self.descriptors)
        return f"{self.program.name} {memory:.0f} to {more:.0f} MB, {descriptors:.0f} to {others:.0f} descriptors"

    def check(self) -> None:
        """Fail if it grows: by more than a tenth and 10 MB, or by more than three descriptors."""
        (memory, more), (descriptors, others) = _growth(self.memory_mb), _growth(self.descriptors)
        assert more < 1.1 * memory + 10, self.growth
        assert others <= descriptors + 3, self.growth


def _growth(samples: list[float] | list[int]) -> tuple[float, float]:
    quarter = max(1, len(samples) // 4)
    return statistics.median(samples[quarter : 2 * quarter] or samples), statistics.median(samples[-quarter:])


@scenario("soak", "20 straps for a simulated week, at 40 times real time: memory and descriptors stay flat", 1)
async def soak(trial: Trial) -> Found:
    simulation = simulate(20, 7 * 24 * _HOUR_S * trial.scale, _SOAK_SPEED)
    began_s = time.monotonic()
    async with simulated_household(trial, simulation) as home:
        usages = [Usage(part) for part in (home.collector, home.pipeline)]
        sampling = asyncio.create_task(_sample(usages))
        try:
            await pause(simulation.wall_s)
            recovery_s = await caught_up(home, simulation)
        finally:
            sampling.cancel()
        speed = simulation.seconds / (time.monotonic() - began_s)
        _check_undisturbed(home)
        for usage in usages:
            usage.check()
        tally = await asyncio.to_thread(audit, home, simulation)
    hours = simulation.seconds / _HOUR_S
    growth = "; ".join(usage.growth for usage in usages)
    return Found(tally, recovery_s, f"{hours:.1f} of 168 h, {speed:.0f} times real time; {growth}")


async def _sample(usages: list[Usage]) -> None:
    while True:
        for usage in usages:
            usage.sample()
        await asyncio.sleep(_SAMPLE_EVERY_S)


def _check_undisturbed(home: Household) -> None:
    assert all(not part.exit_codes for part in home.parts), "a part ended by itself"
