"""How fast the parts are, each against a baseline in the same run: python -m tests.bench [--repeats N]."""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from ingest.bus import BusAddress
from ingest.gatt import parse_heart_rate_measurement
from ingest.model import MS_PER_TICK, Beat, BeatBatch
from ingest.packing import pack
from ingest.recording import demo_recording
from pipeline.engine import WINDOWS_S, Engine
from pipeline.playback import Playback, publish_and_process
from pipeline.sqlite import SqliteStore
from tests.bench.batches import START_NS, batches
from tests.bench.table import console, describe, keep, show, timed
from tests.support import free_port

RECORDING = demo_recording()
PAYLOADS = [notification.payload for notification in pack(RECORDING.rr_ticks, START_NS)]
BEATS = len(RECORDING.rr_ticks)


@dataclass(frozen=True)
class Row:
    """One benchmark: its rate, and how often it is as fast as the baseline."""

    name: str
    beats_per_s: float
    baseline: str
    ratio: float


def parse_all() -> None:
    for payload in PAYLOADS:
        parse_heart_rate_measurement(payload)


def parse_by_hand() -> None:
    """What a script does: bytes picked one by one into a dictionary."""
    for payload in PAYLOADS:
        flags, at = payload[0], 3 if payload[0] & 1 else 2
        record = {"bpm": int.from_bytes(payload[1:at], "little"), "rr": []}
        at += 2 if flags & 8 else 0
        while flags & 16 and at + 1 < len(payload):
            record["rr"].append(int.from_bytes(payload[at : at + 2], "little"))  # type: ignore[attr-defined]
            at += 2


def run_engine(found: Sequence[BeatBatch]) -> None:
    engine = Engine()
    for batch in found:
        engine.step(batch)


def recompute_each_window(found: Sequence[BeatBatch]) -> None:
    """The textbook: every window of the same grid computed afresh from its beats."""
    windows: dict[int, deque[Beat]] = {span_s: deque() for span_s in WINDOWS_S}
    next_ns = START_NS
    for beat in (beat for batch in found for beat in batch.beats):
        while next_ns < beat.time_ns:
            for span_s, beats in windows.items():
                while beats and beats[0].time_ns <= next_ns - span_s * 1_000_000_000:
                    beats.popleft()
                rr_ms = [each.rr_ticks * MS_PER_TICK for each in beats]
                if len(rr_ms) > 1:
                    statistics.stdev(rr_ms)
                    math.sqrt(statistics.fmean((after - before) ** 2 for before, after in pairwise(rr_ms)))
            next_ns += 5_000_000_000
        for beats in windows.values():
            beats.append(beat)


def whole_path(bus_url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        playback = Playback(RECORDING, "a", "s", START_NS, math.inf)
        stores = {"points": partial(SqliteStore, Path(folder) / "points.db")}
        asyncio.run(publish_and_process(playback, BusAddress(bus_url), stores, Path(folder), playback.clock()))


def measure(repeats: int) -> list[Row]:
    """Every benchmark, on the demo's recording of 2380 beats."""
    found = batches(RECORDING.rr_ticks)
    parser_s, by_hand_s = timed(parse_all, repeats), timed(parse_by_hand, repeats)
    engine_s = timed(lambda: run_engine(found), repeats)
    textbook_s = timed(lambda: recompute_each_window(found), repeats)
    memory_s = timed(lambda: whole_path("memory:bench"), repeats)
    embedded_s = timed(lambda: whole_path(f"embedded://127.0.0.1:{free_port()}"), repeats)
    real_time_s = RECORDING.duration_ns / 1e9
    return [
        Row("parser alone", BEATS / parser_s, "bytes picked by hand", by_hand_s / parser_s),
        Row("engine alone", BEATS / engine_s, "each window computed afresh", textbook_s / engine_s),
        Row("whole path, memory bus", BEATS / memory_s, "real time", real_time_s / memory_s),
        Row("whole path, embedded broker", BEATS / embedded_s, "real time", real_time_s / embedded_s),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--into", type=Path, help="page whose measured table is replaced: docs/performance.md")
    chosen = parser.parse_args()
    repeats = chosen.repeats
    to = console()
    to.print(f"{describe()}, medians of {repeats} runs, {BEATS} beats")
    rows = [[row.name, f"{row.beats_per_s:,.0f}", f"{row.ratio:,.1f}", row.baseline] for row in measure(repeats)]
    show(to, "Beats per second through the parts", ["benchmark", "beats/s", "ratio", "to the baseline"], rows)
    keep(to, chosen.into, "path")


if __name__ == "__main__":
    main()
