"""Breathing sessions: what is averaged over which windows, and the pace with the widest swing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.model import MarkerKind
from pipeline.scores.breathing import summarize_breathing
from pipeline.scores.readings import BreathingSummary, Origin, Session
from pipeline.scores.trace import MOMENT_NS, SECOND_NS, Trace

START_NS = 1_780_000_000 * SECOND_NS
BEFORE_S = 180  # of the trace, before the session and after it


def session_of(seconds: int) -> Session:
    return Session(MarkerKind.BREATHING, START_NS, START_NS + seconds * SECOND_NS, Origin.COMMAND)


def swept(steps: Sequence[tuple[float, float, int]]) -> Trace:
    """A trace of steps of a pace, a height of the heart's wave in bpm, and seconds; calm breathing around them.

    As the first level makes one: a heart rate is the mean of 5 s, a respiration the most frequent pace of 120 s.
    """
    around = (14.0, 1.0, BEFORE_S)
    pace, height = (
        np.repeat(column, [seconds for _, _, seconds in (around, *steps, around)])
        for column in zip(*((pace, height) for pace, height, _ in (around, *steps, around)), strict=True)
    )
    fine = 20  # parts of a second
    phase = np.cumsum(np.repeat(pace, fine)) / 60 / fine * math.tau
    wave = 65 + np.repeat(height, fine) * np.sin(phase)
    mean_of_5_s = np.convolve(wave, np.ones(5 * fine) / (5 * fine), mode="full")[fine - 1 : wave.size : fine]
    moments_s = np.arange(120, pace.size + 1, MOMENT_NS // SECOND_NS)
    respiration = np.array([np.median(pace[end - 120 : end]) for end in moments_s])
    first_ns = START_NS - BEFORE_S * SECOND_NS
    return Trace(
        first_ns + np.arange(5, pace.size + 1) * SECOND_NS,
        mean_of_5_s[4:],
        first_ns + moments_s * SECOND_NS,
        {"respiration_per_min": respiration, "coherence": respiration / 10},
    )


def summary_of(*steps: tuple[float, float, int]) -> BreathingSummary:
    return summarize_breathing(swept(steps), session_of(sum(seconds for _, _, seconds in steps)))


@pytest.mark.parametrize(("best", "heights"), [(6.0, (8, 11, 9, 7)), (6.5, (12, 11, 10, 9)), (5.0, (7, 8, 9, 10))])
def test_the_resonance_pace_is_that_of_the_widest_swing_of_the_heart_and_not_of_its_five_second_mean(
    best: float, heights: tuple[float, ...]
) -> None:
    found = summary_of(*((pace, height, 120) for pace, height in zip((6.5, 6.0, 5.5, 5.0), heights, strict=True)))
    assert found.resonance_per_min == best
    # From lowest to highest twice the height of the wave, however much the mean of 5 s has flattened it.
    assert found.resonance_swing_bpm == pytest.approx(2 * max(heights), rel=0.05)
    assert found.reason == ""


def test_one_pace_alone_is_no_resonance_pace() -> None:
    found = summary_of((6.0, 10, 300))
    assert (found.resonance_per_min, found.resonance_swing_bpm) == (None, None)
    assert found.reason == "fewer than two paces held for 90 s"
    assert found.respiration_per_min == 6
    assert found.coherence == pytest.approx(0.6, abs=0.02)


def test_a_pace_held_for_a_minute_has_too_little_left_after_the_change() -> None:
    assert summary_of((6.0, 10, 300), (5.0, 12, 60)).resonance_per_min is None
    assert summary_of((6.0, 10, 300), (5.0, 12, 110)).resonance_per_min == 5


def test_ordinary_breathing_counts_for_no_pace() -> None:
    assert summary_of((9.0, 10, 200), (12.0, 12, 200)).resonance_per_min is None


def test_a_breath_with_a_second_missing_has_no_swing() -> None:
    trace = swept([(6.0, 10, 200), (5.0, 14, 120)])
    # The wide swings of the second pace are known in every fifth second only.
    keep = (trace.second_ns < START_NS + 200 * SECOND_NS) | (trace.second_ns % (5 * SECOND_NS) != 0)
    holed = Trace(trace.second_ns[keep], trace.heart_rate_bpm[keep], trace.moment_ns, trace.moments)
    assert summarize_breathing(trace, session_of(320)).resonance_per_min == 5
    assert summarize_breathing(holed, session_of(320)).resonance_per_min is None


def test_means_come_from_the_windows_within_the_session() -> None:
    assert summary_of((6.0, 10, 100)).respiration_per_min is None, "no window of 120 s lies within"
    assert summary_of((6.0, 10, 100)).coherence is not None
    trace = swept([(6.0, 10, 200)])
    coherence: NDArray[np.float64] = np.where(trace.moment_ns < START_NS + 60 * SECOND_NS, 9.0, 2.0)
    coherence[trace.moment_ns > START_NS + 100 * SECOND_NS] = np.nan
    known = Trace(trace.second_ns, trace.heart_rate_bpm, trace.moment_ns, {**trace.moments, "coherence": coherence})
    assert summarize_breathing(known, session_of(200)).coherence == 2


def test_an_empty_trace_gives_reasons_and_no_values() -> None:
    nothing, no_time = np.empty(0), np.empty(0, np.int64)
    empty = Trace(no_time, nothing, no_time, {"respiration_per_min": nothing, "coherence": nothing})
    session = session_of(300)
    assert summarize_breathing(empty, session) == BreathingSummary(session, reason="fewer than two paces held for 90 s")
