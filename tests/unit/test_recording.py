"""Recordings, their packing into notifications, and the simulated runner."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import RecordingError
from ingest.gatt import parse_heart_rate_measurement
from ingest.packing import pack
from ingest.recording import demo_recording, read_recording
from ingest.simulate import simulated_rr_ticks

SECOND_NS = 1_000_000_000


def test_the_demo_recording_is_the_graded_test_as_published() -> None:
    recording = demo_recording()
    assert len(recording.rr_ticks) == 2380
    assert recording.rr_ticks[:3] == (994, 993, 1030)  # 971, 970, 1006 ms
    assert recording.duration_ns / 60e9 == pytest.approx(21.2, abs=0.05)


@pytest.mark.parametrize(
    "text",
    [
        "1000\n500\n",
        "rr_ms\n1000\n500\n",
        "# note\n\n1000\n500",
        "0.0 1000\n1.0 500\n",
        "0.0;1000\n1,5;500",
        "\ufefftime,rr\n0,1000\n1,500",
    ],
)
def test_text_of_one_or_two_columns_is_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.txt"
    file.write_text(text)
    recording = read_recording(file)
    assert (recording.name, recording.rr_ticks) == ("run", (1024, 512))


@pytest.mark.parametrize(
    "text", ["", "rr_ms\n", "1000\nabc\n", "1000\n0\n", "1000\n-5\n", "1000\nnan\n", "inf\n", "99999\n", "0.81\n0.79\n"]
)
def test_a_file_without_a_usable_recording_is_refused_with_advice(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.txt"
    file.write_text(text)
    with pytest.raises(RecordingError, match=r"run\.txt") as caught:
        read_recording(file)
    assert "one RR interval in ms a line" in caught.value.advice


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.fit").write_bytes(b"\xff\xfe\x00\x80")
    for name in ("run.fit", "none.txt"):
        with pytest.raises(RecordingError, match=name):
            read_recording(tmp_path / name)


@given(st.lists(st.integers(1, 0xFFFF), max_size=100))
def test_packing_keeps_every_interval_and_sends_once_a_second(rr_ticks: list[int]) -> None:
    notifications = list(pack(rr_ticks, 5))
    sent = [parse_heart_rate_measurement(notification.payload).rr_ticks for notification in notifications]
    assert [ticks for ticks_of_one in sent for ticks in ticks_of_one] == rr_ticks
    assert all(len(ticks_of_one) <= 9 for ticks_of_one in sent)
    assert [n.arrival_ns for n in notifications] == [5 + k * SECOND_NS for k in range(1, len(notifications) + 1)]


def test_the_demo_is_packed_as_a_strap_sends_it() -> None:
    counts = [len(parse_heart_rate_measurement(n.payload).rr_ticks) for n in pack(demo_recording().rr_ticks, 0)]
    assert set(counts) == {0, 1, 2, 3, 4}


def test_a_simulated_runner_is_the_same_for_the_same_seed_and_runs_hard_at_times() -> None:
    one, same, other = (list(islice(simulated_rr_ticks(seed), 4000)) for seed in (7, 7, 8))
    assert one == same != other
    heart_rates_bpm = [61_440 / ticks for ticks in one]
    assert 50 < min(heart_rates_bpm) < 75
    assert 160 < max(heart_rates_bpm) < 190
