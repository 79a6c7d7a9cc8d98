"""How much memory the processes hold after an hour of beats: python -m tests.bench.memory [--hours N] [--into PAGE].

Real processes, a real broker and InfluxDB; the beats are a simulated runner's, sent at many times real time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.bench.table import console, describe, keep, show, verdict
from tests.faults.household import Household, Plan, household
from tests.faults.simulation import Simulation, caught_up, simulate

_ROOT = Path(__file__).parents[2]
_HOUR_S = 3600.0
_SPEED = 40.0
_SETTLED_S = 10.0
_AIMS_MB = {"collector": 60.0, "pipeline": 160.0}

_COLLECTOR = """\
import runpy, sys
from importlib.metadata import entry_points
[each.load() for each in entry_points(group="strapline.verbs")]  # as the command does
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
"""The simulated collector, with all that `strapline collect` loads, and nothing of the tests."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds in memory, MB (1,000,000 bytes): now, and the most that it ever held."""

    resident_mb: float
    peak_mb: float


def memory_of(pid: int) -> Memory:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if "kB" in rest}
    return Memory(kib["VmRSS"] * 1024 / 1e6, kib["VmHWM"] * 1024 / 1e6)


@asynccontextmanager
async def _running(simulation: Simulation, folder: Path) -> AsyncIterator[Household]:
    name = simulation.name(0)
    options = {"start_ns": simulation.start_ns, "seconds": simulation.seconds, "speed": simulation.speed}
    script = str(_ROOT / "tests" / "faults" / "simulated_collector.py")
    arguments = json.dumps({"home": str(folder / "collector"), **options})
    plan = Plan(
        straps=0,
        toml=f'[straps.{name}]\nperson = "{name}"\nsimulate = 0\n',
        collector_command=(sys.executable, "-c", _COLLECTOR, script, arguments),
        collector_environment={"PYTHONPATH": str(_ROOT)},
    )
    async with household(folder, plan, Random(0)) as running:
        yield running


async def measure(hours: float, folder: Path) -> tuple[dict[str, Memory], dict[str, Memory]]:
    """The memory of collector and pipeline, by name: soon after the start, and when the last beat is stored."""
    simulation = simulate(1, hours * _HOUR_S, _SPEED)
    async with _running(simulation, folder) as home:
        await asyncio.sleep(_SETTLED_S)
        pids = {part.name: part.pid for part in (home.collector, home.pipeline)}
        early = {name: memory_of(pid) for name, pid in pids.items()}
        await asyncio.sleep(simulation.wall_s - _SETTLED_S)
        await caught_up(home, simulation)
        return early, {name: memory_of(pid) for name, pid in pids.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--into", type=Path, help="page whose measured table is replaced: docs/performance.md")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        early, late = asyncio.run(measure(chosen.hours, Path(folder) / "household"))
    to = console()
    to.print(f"{describe('numpy', 'scipy')}, {chosen.hours:g} h of one simulated runner at {_SPEED:g} times real time")
    headings = ["process", "at first, MB", "at the end, MB", "most, MB", "aim, MB"]
    rows = [
        [
            name,
            f"{early[name].resident_mb:.1f}",
            f"{late[name].resident_mb:.1f}",
            f"{late[name].peak_mb:.1f}",
            f"{aim_mb:.0f}: {verdict(late[name].resident_mb < aim_mb)}",
        ]
        for name, aim_mb in _AIMS_MB.items()
    ]
    show(to, "Memory of the processes", headings, rows)
    keep(to, chosen.into, "memory")


if __name__ == "__main__":
    main()
