"""The command `analyze`, as a user types it, on real recordings."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import strapline
from tests.support import DATA

REST = DATA / "rest_polar" / "rr.csv"
KEYS = (
    *("mean_nn_ms", "rmssd_ms", "sdnn_ms", "pnn50_pct", "sd1_ms", "sd2_ms", "lf_ms2", "hf_ms2"),
    *("dfa_alpha1", "sample_entropy", "sqrt_si", "respiration_per_min"),
)


def analyzed(home: Path, *arguments: str | Path) -> dict[str, Any]:
    done = strapline(home, "analyze", *map(str, arguments), "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert isinstance(record, dict)
    return record


def test_five_minutes_of_rest_give_the_published_figures(tmp_path: Path) -> None:
    rr_ms = [float(line) for line in REST.read_text().splitlines()[1:]]
    time_s, elapsed_s = [], 0.0
    for rr in rr_ms:
        elapsed_s += rr / 1000
        time_s.append(elapsed_s)
    part = tmp_path / "part.txt"
    part.write_text("\n".join(f"{t:.3f}\t{rr:g}" for t, rr in zip(time_s, rr_ms, strict=True) if 300 <= t < 600))
    record = analyzed(tmp_path, part, "--no-correct")
    indices = record["indices"]
    assert set(KEYS) <= set(indices)
    published = {"rmssd_ms": 47.48, "sdnn_ms": 49.37, "pnn50_pct": 26.69, "sd1_ms": 33.63, "sd2_ms": 61.19}
    assert {name: round(indices[name], 2) for name in published} == published
    assert (round(indices["dfa_alpha1"], 3), round(indices["sample_entropy"], 3)) == (0.808, 1.753)
    assert record["artifacts"] == {}
    assert record["settings"]["correction"] == "none"


def test_windows_lie_one_step_apart_and_say_how_far_they_can_be_trusted(tmp_path: Path) -> None:
    windows = analyzed(tmp_path, REST, "--window", "120", "--step", "60")["windows"]
    assert [window["end_s"] for window in windows] == [120.0 + 60 * i for i in range(len(windows))]
    assert len(windows) == 15
    for window in windows:
        assert window["coverage_pct"] > 95
        assert (window["reason"] == "") == (window["indices"] != {})


def test_a_missed_beat_is_reported_and_mended_and_the_series_written(tmp_path: Path) -> None:
    rr_ms = REST.read_text().splitlines()[1:]
    merged = [*rr_ms[:200], str(float(rr_ms[200]) + float(rr_ms[201])), *rr_ms[202:]]
    (tmp_path / "missed.txt").write_text("\n".join(merged))
    clean, missed = analyzed(tmp_path, REST), analyzed(tmp_path, tmp_path / "missed.txt", "--nn", tmp_path / "nn.csv")
    assert missed["beats"] == clean["beats"] - 1
    assert missed["artifacts"]["missed"] == clean["artifacts"].get("missed", 0) + 1
    assert missed["indices"]["rmssd_ms"] == pytest.approx(clean["indices"]["rmssd_ms"], rel=0.01)
    untouched = analyzed(tmp_path, tmp_path / "missed.txt", "--no-correct")
    assert untouched["indices"]["rmssd_ms"] > 1.3 * missed["indices"]["rmssd_ms"]
    with (tmp_path / "nn.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows].count("missed") == 2 * missed["artifacts"]["missed"]
    assert sum(float(row["nn_ms"]) for row in rows if row["nn_ms"]) == pytest.approx(sum(map(float, rr_ms)), rel=0.005)


def test_more_than_five_percent_artifacts_leave_a_reason_and_no_index(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("\n".join(["800", "810", "790", "1700", "805", "795", "420"] * 40))
    record = analyzed(tmp_path, tmp_path / "bad.txt")
    assert record["artifact_pct"] > 5
    assert (record["reason"], record["indices"]) == ("artifacts", {})


def test_the_tables_for_people_never_show_a_third_decimal_of_alpha1(tmp_path: Path) -> None:
    done = strapline(tmp_path, "analyze", str(REST), "--window", "300", "--step", "100")
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if line.strip().startswith("dfa_alpha1")]
    assert len(line.split()[-1].split(".")[1]) == 2


def test_lomb_is_another_spectrum_of_the_same_beats(tmp_path: Path) -> None:
    welch, lomb = analyzed(tmp_path, REST), analyzed(tmp_path, REST, "--lomb")
    assert lomb["settings"]["spectrum_method"] == "lomb"
    assert lomb["indices"]["rmssd_ms"] == welch["indices"]["rmssd_ms"]
    assert 0.5 < lomb["indices"]["hf_ms2"] / welch["indices"]["hf_ms2"] < 2


def test_a_file_that_is_no_recording_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("hello\nworld\n")
    done = strapline(tmp_path, "analyze", str(tmp_path / "words.txt"), "--nn", str(tmp_path / "nn.csv"))
    assert done.returncode == 2
    assert "one RR interval in ms a line" in done.stderr
    assert not (tmp_path / "nn.csv").exists()
