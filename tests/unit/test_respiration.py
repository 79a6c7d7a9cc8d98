"""Breathing rate and coherence on simulated hearts whose breath is known, and on a recording."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.frequency import welch
from pipeline.respiration import Respiration, coherence, coherence_of, respiration_of, respiration_rate
from tests.support import DATA

Series = NDArray[np.float64]


def both(time_s: Series, nn_ms: Series) -> tuple[Respiration, float]:
    spectrum = welch(time_s, nn_ms)
    return respiration_of(spectrum, time_s, nn_ms), coherence_of(spectrum)


@dataclass(frozen=True, slots=True)
class Heart:
    """A heart whose beats fall where the integral of its rate passes whole numbers."""

    heart_rate_bpm: float = 65
    breaths_per_min: float = 0  # none
    breath_ms: float = 40
    slow_wave_ms: float = 0  # standard deviation of waves around 0.1 Hz
    drift_ms: float = 0
    noise_ms: float = 3
    asymmetry: float = 0
    swell: float = 0

    def beats(self, seed: int, span_s: float) -> tuple[Series, Series]:
        """Beat times in s and NN intervals in ms, on the strap's grid of 1/1024 s."""
        random = np.random.default_rng(seed)
        at_s = np.arange(0, span_s + 2, 0.01)
        phase = 2 * np.pi * self.breaths_per_min / 60 * at_s + random.uniform(0, 2 * np.pi)
        nn_ms = 60_000 / self.heart_rate_bpm + self.drift_ms * (at_s / span_s - 0.5)
        if self.breaths_per_min:
            swell = 1 + self.swell * np.sin(2 * np.pi * at_s / 61)
            nn_ms += self.breath_ms * swell * np.sin(phase + self.asymmetry * np.sin(phase))
        nn_ms += self.slow_wave_ms * slow_waves(random, at_s)
        beat_s = np.interp(*_whole(np.cumsum(10 / nn_ms)), at_s)
        ticks = np.round((np.diff(beat_s) * 1000 + random.normal(0, self.noise_ms, beat_s.size - 1)) * 1.024)
        time_s = ticks.cumsum() / 1024
        return time_s[time_s <= span_s], ticks[time_s <= span_s] / 1.024


def _whole(integral: Series) -> tuple[Series, Series]:
    return np.arange(1, math.floor(integral[-1]), dtype=np.float64), integral


def slow_waves(random: np.random.Generator, at_s: Series) -> Series:
    """Noise in a band of about 0.03 Hz around 0.1 Hz, of standard deviation 1."""
    frequency_hz = np.fft.rfftfreq(at_s.size, at_s[1])
    shape = np.exp(-2 * ((frequency_hz - random.uniform(0.085, 0.115)) / 0.03) ** 2)
    waves = np.fft.irfft(np.fft.rfft(random.standard_normal(at_s.size)) * shape, at_s.size)
    scaled: Series = waves / waves.std()
    return scaled


def some_heart(random: np.random.Generator, heart_rate_bpm: float, breaths_per_min: float) -> Heart:
    """A heart of random manner; a fast one varies less."""
    ease = 65 / heart_rate_bpm
    return Heart(
        heart_rate_bpm,
        breaths_per_min,
        breath_ms=random.uniform(10, 80) * ease**2,
        slow_wave_ms=random.uniform(0, 25) * ease**2,
        drift_ms=random.uniform(-100, 100) * ease,
        noise_ms=random.uniform(2, 8) * ease,
        asymmetry=random.uniform(0, 0.6),
        swell=random.uniform(0, 0.5),
    )


def many_hearts(count: int) -> Iterator[tuple[Heart, int]]:
    random = np.random.default_rng(11)
    for seed in range(count):
        yield some_heart(random, random.uniform(50, 180), random.uniform(4, 30)), seed


@pytest.mark.parametrize(("span_s", "least_yield"), [(60, 0.7), (120, 0.75)])
def test_a_rate_is_within_half_a_breath_of_the_truth_or_not_given(span_s: float, least_yield: float) -> None:
    errors = []
    for heart, seed in many_hearts(250):
        rate = respiration_rate(*heart.beats(seed, span_s)).rate_per_min
        assert math.isnan(rate) or abs(rate - heart.breaths_per_min) < 0.5, (heart, seed, rate)
        if 9.5 < heart.breaths_per_min < heart.heart_rate_bpm / 2:
            errors.append(rate - heart.breaths_per_min)
    assert np.mean(np.isfinite(errors)) > least_yield
    assert np.nanmedian(np.abs(errors)) < 0.1


@pytest.mark.parametrize("breaths_per_min", [4, 6, 8, 10, 12, 15, 20, 25, 30])
def test_clear_breathing_at_rest_is_seen_at_every_rate(breaths_per_min: float) -> None:
    heart = Heart(72, breaths_per_min, breath_ms=60, slow_wave_ms=5)
    assert respiration_rate(*heart.beats(1, 120)).rate_per_min == pytest.approx(breaths_per_min, abs=0.2)


@pytest.mark.parametrize("slow_wave_ms", [0.0, 10.0, 20.0])
def test_without_breathing_there_is_hardly_ever_a_rate(slow_wave_ms: float) -> None:
    heart = Heart(slow_wave_ms=slow_wave_ms)
    rates = [respiration_rate(*heart.beats(seed, 120)).rate_per_min for seed in range(100)]
    assert np.isfinite(rates).sum() <= 2


@pytest.mark.parametrize("slow_wave_ms", [0.0, 20.0])
def test_a_breath_faster_than_half_the_heart_rate_is_never_given_as_a_slower_one(slow_wave_ms: float) -> None:
    random = np.random.default_rng(2)
    rates = []
    for seed in range(100):
        heart_rate_bpm = random.uniform(42, 58)
        heart = Heart(heart_rate_bpm, random.uniform(heart_rate_bpm / 2, 32), slow_wave_ms=slow_wave_ms)
        rates.append(respiration_rate(*heart.beats(seed, 120)).rate_per_min)
    assert np.isfinite(rates).sum() <= 1


def test_slow_breathing_with_harmonics_is_not_taken_for_faster_breathing() -> None:
    for seed in range(40):
        heart = Heart(65, 5.5, breath_ms=60, asymmetry=0.7, slow_wave_ms=5)
        rate = respiration_rate(*heart.beats(seed, 120)).rate_per_min
        assert math.isnan(rate) or rate == pytest.approx(5.5, abs=0.3)


def test_a_slow_breath_that_slow_waves_hide_is_hardly_ever_given_doubled() -> None:
    random = np.random.default_rng(3)
    doubled = 0
    for seed in range(400):
        breaths_per_min = random.uniform(4.5, 7.5)
        heart = some_heart(random, random.uniform(50, 100), breaths_per_min)
        rate = respiration_rate(*heart.beats(seed, 120)).rate_per_min
        doubled += abs(rate - 2 * breaths_per_min) < 1
    assert doubled <= 1


def test_at_rest_the_rate_is_steady_from_window_to_window() -> None:
    nn_ms = np.loadtxt(DATA / "rest_polar" / "rr.csv", skiprows=1)
    time_s = nn_ms.cumsum() / 1000
    rates = []
    for end_s in range(120, 960, 20):
        inside = (time_s > end_s - 120) & (time_s <= end_s)
        rates.append(respiration_rate(time_s[inside], nn_ms[inside]).rate_per_min)
    assert np.isfinite(rates).mean() > 0.5
    assert 14 < np.nanmin(rates) < np.nanmax(rates) < 21
    steps = np.abs(np.diff(rates))
    assert np.nanmax(steps) < 2


def test_coherence_is_high_in_paced_slow_breathing_and_low_without() -> None:
    paced = [coherence(*Heart(65, 6, breath_ms=60).beats(seed, 60)) for seed in range(20)]
    free = [coherence(*Heart(65, 15, breath_ms=20, slow_wave_ms=25, drift_ms=40).beats(seed, 60)) for seed in range(20)]
    assert min(paced) > 3
    assert np.median(free) < 1.5


def test_coherence_is_the_ratio_of_its_definition() -> None:
    # Two sines 0.1 Hz apart: a peak of 3 parts against the rest of 1, but for what the window spreads.
    time_s = np.arange(1, 301, dtype=np.float64) * 0.8
    nn_ms = 800 + 30 * np.sqrt(3) * np.sin(2 * np.pi * 0.1 * time_s) + 30 * np.sin(2 * np.pi * 0.2 * time_s)
    assert coherence(time_s, nn_ms) == pytest.approx(3, rel=0.02)


def test_too_little_data_is_nan_and_never_an_exception() -> None:
    time_s, nn_ms = Heart(65, 15).beats(1, 57)
    for rate, ratio in (both(time_s, nn_ms), both(np.empty(0), np.empty(0))):
        assert math.isnan(rate.rate_per_min)
        assert math.isnan(rate.prominence)
        assert math.isnan(ratio)
    flat = np.full(100, 800.0)
    rate, ratio = both(flat.cumsum() / 1000, flat)
    assert math.isnan(rate.rate_per_min)
    assert math.isnan(ratio)


def test_values_follow_from_the_window_alone_at_any_time_of_day() -> None:
    time_s, nn_ms = Heart(65, 14).beats(3, 120)
    rate, ratio = both(time_s, nn_ms)
    late, late_ratio = both(time_s + 1_764_000_000, nn_ms)
    assert late.rate_per_min == pytest.approx(rate.rate_per_min, abs=1e-6)
    assert late_ratio == pytest.approx(ratio, rel=1e-4)
    assert (respiration_rate(time_s, nn_ms), coherence(time_s, nn_ms)) == (rate, ratio)
