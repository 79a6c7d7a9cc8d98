"""The fault suite by hand: python -m tests.faults --help."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.table import console, describe, keep, show
from tests.faults import SCENARIOS, Outcome, Scenario, Unavailable

_HEADINGS = (
    *("scenario", "times", "beats sent", "lost", "doubled", "differing points", "in hand", "longest recovery"),
    "remark",
)


def main() -> int:
    """0 if every scenario held; 1 if one did not; 2 if one could not be run to its end."""
    parser = argparse.ArgumentParser(prog="scripts/chaos")
    parser.add_argument("--list", action="store_true", help="say which scenarios there are, and end")
    parser.add_argument("--only", action="append", metavar="NAME", choices=sorted(SCENARIOS), help="may be repeated")
    parser.add_argument("--times", type=int, metavar="N", help="faults a scenario, in place of its own number")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the random moments")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the simulated time of the long scenarios")
    parser.add_argument("--json", action="store_true", help="one object a scenario, as each ends")
    parser.add_argument("--into", type=Path, help="page whose measured table is replaced: docs/reliability.md")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave logs and files there")
    chosen = parser.parse_args()
    scenarios = [SCENARIOS[name] for name in chosen.only or SCENARIOS]
    if chosen.list:
        for each in scenarios:
            sys.stdout.write(f"{each.name:22} {each.meaning} ({each.times} times)\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that no program of ours is left
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="strapline-chaos-"))
    outcomes, troubles = [], []
    try:
        for each in scenarios:
            found = _run(each, folder, chosen)
            if isinstance(found, Outcome):
                outcomes.append(found)
                _say(found.to_json() if chosen.json else _line(found))
            else:
                troubles.append(found)
                sys.stderr.write(f"{found}\n")
    finally:
        if chosen.keep is None:
            shutil.rmtree(folder)
    if chosen.into is not None:
        _write(outcomes, troubles, chosen.into, chosen.seed)
    if troubles:
        return 2
    return 0 if all(outcome.holds for outcome in outcomes) else 1


def _run(scenario: Scenario, folder: Path, chosen: argparse.Namespace) -> Outcome | str:
    work = scenario.run(folder / scenario.name, times=chosen.times, seed=chosen.seed, scale=chosen.scale)
    try:
        return asyncio.run(work)
    except Unavailable as error:
        return f"{scenario.name}: not run here: {error}"
    except (Exception, ExceptionGroup, pytest.fail.Exception, pytest.skip.Exception) as error:  # noqa: BLE001 - said, and the next one runs
        return f"{scenario.name}: {type(error).__name__}: {error}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _line(outcome: Outcome) -> str:
    verdict = "holds" if outcome.holds else "DOES NOT HOLD"
    return f"{outcome.scenario:22} {verdict:14} {', '.join(_row(outcome)[1:])}"


def _row(outcome: Outcome) -> list[str]:
    counts = (outcome.times, outcome.beats_sent, outcome.lost, outcome.doubled + outcome.strange, outcome.differing)
    return [
        outcome.scenario,
        *(f"{count:,}" for count in (*counts, outcome.in_hand)),
        f"{outcome.recovery_s:,.1f} s",
        outcome.note,
    ]


def _write(outcomes: Sequence[Outcome], troubles: Sequence[str], page: Path, seed: int) -> None:
    to = console()
    to.print(f"{describe('paho-mqtt', 'bleak', 'influxdb-client')}, seed {seed}")
    show(to, "What each fault cost", _HEADINGS, [_row(outcome) for outcome in outcomes])
    for trouble in troubles:
        to.print(f"\nNot finished: {trouble.splitlines()[0]}")
    keep(to, page, "faults")


if __name__ == "__main__":
    sys.exit(main())
