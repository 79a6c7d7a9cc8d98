"""The command `simulate`: days of a simulated person in the stores."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.command import strapline
from tests.end_to_end.test_demo import tables

DAYS = ("simulate", "--days", "3", "--seed", "7", "--runs-per-week", "7", "--start", "2026-01-05", "--json")


def test_three_days_are_stored_once_however_often_they_are_lived(tmp_path: Path) -> None:
    done = strapline(tmp_path, *DAYS)
    assert done.returncode == 0, done.stderr
    said, stored = json.loads(done.stdout), tables(tmp_path / "strapline.db")
    assert (said["first_day"], said["last_day"], said["runs"], said["true_effect"]) == (
        "2026-01-05",
        "2026-01-07",
        3,
        -8,
    )
    assert (said["beats"], said["beats_there_already"]) == (len(stored["beat"]), 0)
    assert said["markers"] == len(stored["event"]) == 12

    again = strapline(tmp_path, *DAYS)
    assert again.returncode == 0, again.stderr
    repeated = json.loads(again.stdout)
    assert (repeated["beats"], repeated["beats_there_already"], repeated["markers"]) == (0, said["beats"], 0)
    assert tables(tmp_path / "strapline.db") == stored
    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
        assert journal.execute("SELECT count(*) FROM note").fetchone() == (12,)
        assert journal.execute("SELECT count(*) FROM stream").fetchone() == (3,)


def test_every_stretch_begins_with_a_gap_that_no_difference_crosses(tmp_path: Path) -> None:
    assert strapline(tmp_path, "simulate", "--days", "1", "--runs-per-week", "7").returncode == 0
    with closing(sqlite3.connect(tmp_path / "strapline.db")) as store:
        gaps = store.execute("SELECT segment, rr_prev_ms FROM beat WHERE gap = 1 ORDER BY time_ns").fetchall()
    assert gaps == [(segment, None) for segment in range(5)]  # morning, midday, before, run, after


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--illness", "2026-02-30:5"), "'2026-02-30' is no date"),
        (("--overload", "2026-02-10"), "no date and number of days"),
        (
            ("--start", "2020-01-01", "--days", "9", "--illness", "2020-01-08:5"),
            "is not within 2020-01-01 to 2020-01-09",
        ),
        (("--start", "2999-01-01"), "is not over yet"),
        (("--relief", "80"), "from -30 to 30"),
    ],
)
def test_what_can_not_be_lived_is_refused_with_the_reason(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = strapline(tmp_path, "simulate", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "journal.db").exists()
