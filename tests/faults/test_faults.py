"""The quick part of the fault suite: most scenarios a few times, those of a subject beside each other.

`scripts/chaos` runs the same scenarios as often, and for as long, as they are meant.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults import SCENARIOS, Outcome, Unavailable

pytestmark = [pytest.mark.ble, pytest.mark.mosquitto, pytest.mark.influxd]

_SEED = 7
_AT_ONCE = 5  # households; each has six processes

# How often each is tried here, and for what share of its simulated time.
QUICK: dict[str, dict[str, tuple[int, float]]] = {
    "kills": {
        "kill-collector": (2, 1),
        "kill-pipeline": (3, 1),
        "kill-broker": (3, 1),
        "kill-store": (3, 1),
        "kill-all": (1, 1),
    },
    "radio": {
        "ble-loss": (3, 1),
        "ble-doubled": (2, 1),
        "ble-burst": (2, 1),
        "ble-phantom": (2, 1),
        "ble-off-body": (1, 1),
        "bluez-restart": (1, 1),
        "ble-silent": (1, 1),
        "ble-slot-taken": (1, 1),
    },
    "network and clock": {
        "net-cut": (3, 1),
        "net-slow": (2, 1),
        "clock-set": (4, 1),
    },
    "disks": {
        "disk-full-spool": (1, 1),
        "damaged-spool": (1, 1),
        "damaged-journal": (1, 1),
        "damaged-store": (1, 1),
    },
}

# A full disk is noticed late beside other households, cables want a kernel that allows it, simulated days take long.
BY_HAND = {
    *("net-namespace", "disk-full-journal", "disk-full-sqlite", "disk-full-influx", "disk-read-only"),
    *("broker-away", "store-away", "both-away", "both-away-reversed", "soak"),
}


def test_every_scenario_is_in_the_quick_part_or_named_as_one_for_scripts_chaos() -> None:
    assert {name for subject in QUICK.values() for name in subject} | BY_HAND == SCENARIOS.keys()


@pytest.mark.parametrize("subject", QUICK)
async def test_no_beat_is_lost_or_doubled_and_every_point_is_as_in_an_undisturbed_run(
    subject: str, tmp_path: Path
) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)
    unavailable: list[str] = []

    async def run(name: str, times: int, scale: float) -> Outcome | None:
        async with turn:
            try:
                return await SCENARIOS[name].run(tmp_path / name, times=times, seed=_SEED, scale=scale)
            except Unavailable as error:
                unavailable.append(f"{name}: {error}")
                return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(name, *how)) for name, how in QUICK[subject].items()]
    outcomes = [outcome for task in tasks if (outcome := task.result())]
    assert [outcome for outcome in outcomes if not outcome.holds or not outcome.beats_sent] == []
    if unavailable:
        pytest.skip("; ".join(unavailable))
