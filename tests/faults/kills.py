"""SIGKILL at random moments, of each part alone and of all at once."""

from __future__ import annotations

from tests.faults.household import Household, Plan
from tests.faults.parts import Program, pause
from tests.faults.scenario import Found, Scenario, Trial, disturbed, scenario

_DOWN_S = (0.0, 3.0)
_TIMES = 20


async def _kill_and_restart(home: Household, *parts: Program) -> None:
    kills = sum(part.kills for part in parts)
    await home.kill(*parts)
    await pause(home.random.uniform(*_DOWN_S))
    for part in parts:
        await part.start()
    assert sum(part.kills for part in parts) == kills + len(parts)


def _add(part: str, meaning: str, straps: int = 3) -> Scenario:
    async def work(trial: Trial) -> Found:
        return await disturbed(trial, Plan(straps=straps), lambda home: _kill_and_restart(home, getattr(home, part)))

    return scenario(f"kill-{part}", meaning, _TIMES)(work)


kill_collector = _add("collector", "the collector is killed, and started again up to 3 s later", straps=1)
kill_pipeline = _add("pipeline", "the pipeline is killed, and started again up to 3 s later")
kill_broker = _add("broker", "mosquitto is killed, and started again up to 3 s later")
kill_store = _add("store", "InfluxDB is killed, and started again up to 3 s later")


@scenario("kill-all", "collector, broker, pipeline and store are killed at one moment", _TIMES)
async def kill_all(trial: Trial) -> Found:
    return await disturbed(trial, Plan(straps=3), lambda home: _kill_and_restart(home, *home.parts))
