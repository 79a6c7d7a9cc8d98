"""The quick part of the fault suite: every kind of fault at least once, each beat audited."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults import SCENARIOS, Unavailable

# Together, since a household mostly waits: how often each fault is done.
_GROUPS = [
    {"kill-pipeline": 2, "kill-broker": 2, "kill-store": 2},
    {"ble-loss": 1, "ble-doubled": 1, "ble-phantom": 1, "ble-off-body": 1},
    {"net-cut": 2, "clock-set": 2, "kill-collector": 1},
    {"disk-full-journal": 1, "disk-full-spool": 1, "damaged-spool": 1, "damaged-store": 1},
]


@pytest.mark.ble
@pytest.mark.mosquitto
@pytest.mark.influxd
@pytest.mark.parametrize("group", _GROUPS, ids=" ".join)
async def test_no_beat_is_lost_or_doubled_and_every_point_is_that_of_an_undisturbed_run(
    tmp_path: Path, group: dict[str, int]
) -> None:
    async def outcome(name: str, times: int) -> str:
        try:
            found = await SCENARIOS[name].run(tmp_path / name, times=times, seed=3)
        except Unavailable as error:
            pytest.skip(f"{name}: {error}")
        assert found.beats_sent > 0
        return "" if found.holds else found.to_json()

    outcomes = await asyncio.gather(*(outcome(name, times) for name, times in group.items()))
    assert not any(outcomes), outcomes
