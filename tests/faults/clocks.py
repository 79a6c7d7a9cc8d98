"""The collector's wall clock is set forward and back by an hour during a run, as NTP or a person does."""

from __future__ import annotations

from pathlib import Path

from tests.faults.household import Household, Plan
from tests.faults.scenario import Found, Trial, Unavailable, disturbed, scenario
from tests.support import eventually

_LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
_HOUR_S = 3600


def _library() -> Path:
    found = sorted(Path("/").glob(_LIBRARIES.removeprefix("/")))
    if not found:
        raise Unavailable("libfaketime is not here: apt-get install faketime")
    return found[0]


@scenario("clock-set", "the collector's clock is set forward by an hour, and back again, in turn", 6)
async def clock_set(trial: Trial) -> Found:
    offset = trial.folder / "offset"
    offset.write_text("+0")
    faketime = {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # its name before version 0.9.8
    }
    offsets_s = iter([_HOUR_S, 0, -_HOUR_S, 0] * trial.times)

    async def set_clock(home: Household) -> None:
        before = len(home.collector.said)
        offset.write_text(f"{next(offsets_s):+d}")
        await eventually(lambda: "clock set" in home.collector.said[before:], "the collector has noticed", 60)

    return await disturbed(trial, Plan(straps=2, collector_environment=faketime), set_clock)
