from __future__ import annotations

from tests.bench.__main__ import measure


def test_every_benchmark_runs_and_gives_a_rate_and_a_ratio() -> None:
    rows = measure(repeats=1)
    assert [row.name for row in rows] == [
        "parser alone",
        "engine alone",
        "whole path, memory bus",
        "whole path, embedded broker",
    ]
    assert all(row.beats_per_s > 0 and row.ratio > 0 for row in rows)
