"""The demo and replays: a real recording through the whole path in one process."""

from __future__ import annotations

import json
import sqlite3
import statistics
from contextlib import closing
from pathlib import Path

import pytest

from ingest.recording import demo_recording
from pipeline.schema import MEASUREMENTS
from tests.end_to_end.command import strapline

START = ("--start", "2026-11-25T08:00:00Z")


def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(file)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2, 3, 4').fetchall() for name in names}


def test_the_headless_demo_ends_with_one_json_object_whose_beat_counts_are_equal(tmp_path: Path) -> None:
    store = tmp_path / "points.db"
    done = strapline(tmp_path, "demo", "--headless", "--speed", "max", "--json", "--store", str(store))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert list(summary) == [
        "recording",
        "beats_recorded",
        "beats_published",
        "beats_stored",
        "points_stored",
        "last_heart_rate_bpm",
        "mean_rmssd_60s_ms",
        "seconds",
    ]
    stored = tables(store)
    assert summary["recording"] == "ramp_polar_08012805"
    assert (
        summary["beats_recorded"]
        == summary["beats_published"]
        == summary["beats_stored"]
        == len(stored["beat"])
        == 2380
    )
    # What is told of days and sessions belongs to the person.
    of_strap = [measurement.name for measurement in MEASUREMENTS.values() if "strap" in measurement.tags]
    assert summary["points_stored"] == sum(len(stored[name]) for name in of_strap)
    # The last 5 s of the recording, and the mean of what any SQL user reads from the file.
    last_ms = [ticks / 1.024 for ticks in demo_recording().rr_ticks[-9:]]
    assert summary["last_heart_rate_bpm"] == pytest.approx(60_000 / statistics.fmean(last_ms), abs=3)
    with closing(sqlite3.connect(store)) as connection:
        (mean,) = connection.execute("SELECT avg(rmssd_ms) FROM hrv WHERE \"window\" = '60s'").fetchone()
    assert summary["mean_rmssd_60s_ms"] == pytest.approx(mean, abs=0.005)


def test_a_repeat_from_the_same_start_at_another_speed_changes_no_point_and_adds_none(tmp_path: Path) -> None:
    assert strapline(tmp_path, "replay", "--speed", "max", *START, BUS_URL="memory:x").returncode == 0
    first = tables(tmp_path / "strapline.db")
    assert strapline(tmp_path, "replay", "--speed", "500", *START, BUS_URL="memory:x").returncode == 0
    assert tables(tmp_path / "strapline.db") == first
    assert len(first["beat"]) == 2380


def test_a_recording_of_one_s_own_is_played(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("1000\n" * 120)
    done = strapline(tmp_path, "demo", str(file), "--headless", "--speed", "max", "--json")
    summary = json.loads(done.stdout)
    assert (summary["recording"], summary["beats_stored"], summary["last_heart_rate_bpm"]) == ("mine", 120, 60.0)
    assert summary["mean_rmssd_60s_ms"] == 0.0
