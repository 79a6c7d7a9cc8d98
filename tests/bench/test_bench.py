from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.__main__ import measure
from tests.bench.breathing import print_respiration
from tests.bench.corrections import print_corrections
from tests.bench.drift import print_drift
from tests.bench.peers import DISTRIBUTIONS, absent, installed
from tests.bench.recordings import rest, rest_5_min
from tests.bench.speed import SlidingSums, print_live, print_memory, print_night, print_windows
from tests.bench.table import console, keep, show
from tests.bench.values import plain_alpha1, print_values


def test_every_benchmark_runs_and_gives_a_rate_and_a_ratio() -> None:
    rows = measure(repeats=1)
    assert [row.name for row in rows] == [
        "parser alone",
        "engine alone",
        "whole path, memory bus",
        "whole path, embedded broker",
    ]
    assert all(row.beats_per_s > 0 and row.ratio > 0 for row in rows)


def test_accuracy_is_measured_without_the_peers_and_without_a_folder() -> None:
    to = console()
    print_values(to, [], None, windows=5)
    print_corrections(to, [], None, seeds=1)
    print_respiration(to, hearts=2)
    printed = to.export_text()
    assert "Strapline" in printed
    assert "miss" not in printed.replace("missed", "")


def test_speed_is_measured_without_the_peers_and_without_a_folder() -> None:
    to = console()
    print_windows(to, [], rest(), repeats=1)
    print_live(to, rest(), rest()[:500])
    print_night(to, [], rest(), repeats=1)
    print_memory(to, rest(), hours=0.1)
    assert "kB" in to.export_text()


def test_the_running_sums_do_not_drift_in_a_hundred_laps_of_a_recording() -> None:
    to = console()
    print_drift(to, rest(), beats=100 * rest().size)
    rows = [row.split("|") for row in to.export_text().splitlines() if row.startswith("| ")][1:]
    assert [int(row[3]) for row in rows][1:] == [300, 300]
    assert all(float(row[4]) < 1e-9 for row in rows[1:])


def test_the_plain_dfa_gives_the_published_value() -> None:
    assert plain_alpha1(rest_5_min()) == pytest.approx(0.808, abs=0.0005)


def test_a_window_that_slides_round_keeps_its_rmssd() -> None:
    nn_ms = rest_5_min()
    sums = SlidingSums(nn_ms)
    for _ in range(nn_ms.size):
        last = sums.step()
    assert last.rmssd_ms == pytest.approx(float(np.sqrt(np.mean(np.diff(nn_ms) ** 2))), rel=1e-9)


def test_a_peer_is_either_here_or_named_as_absent() -> None:
    assert sorted([peer.name for peer in installed()] + absent()) == sorted(DISTRIBUTIONS)


def test_what_was_printed_replaces_what_stood_in_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("A\n<!-- measured: x -->\nold\n<!-- end -->\nB\n", encoding="utf-8")
    to = console()
    show(to, "T", ["a"], [["1"]])
    keep(to, page, "x")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("A\n<!-- measured: x -->\n\n**T**\n")
    assert "| 1 |" in text
    assert "old" not in text
    assert text.endswith("<!-- end -->\nB\n")
    show(to, "T", ["a"], [["1"]])
    with pytest.raises(ValueError, match="no place"):
        keep(to, page, "y")
