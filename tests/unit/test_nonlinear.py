"""Sample entropy and alpha 1 against plain formulas, known noises and published values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline import nonlinear
from pipeline.nonlinear import dfa_alpha1, sample_entropy
from tests.support import DATA

seeds = st.integers(0, 2**32 - 1)


def rest_300_to_600_s() -> NDArray[np.float64]:
    rr_ms = np.loadtxt(DATA / "rest_polar" / "rr.csv", skiprows=1)
    time_s = rr_ms.cumsum() / 1000
    return rr_ms[(time_s > 300) & (time_s <= 600)]


def noise(seed: int, n: int, exponent: float = 0.0) -> NDArray[np.float64]:
    """Gaussian noise of spectral density f^-exponent around 800 ms."""
    frequency = np.fft.rfftfreq(n)
    frequency[0] = np.inf
    transform = np.fft.rfft(np.random.default_rng(seed).standard_normal(n)) * frequency ** (-exponent / 2)
    series = np.fft.irfft(transform, n)
    scaled: NDArray[np.float64] = 800 + 30 * series / series.std()
    return scaled


def plain_alpha1(nn_ms: NDArray[np.float64]) -> float:
    profile = np.cumsum(nn_ms - nn_ms.mean())
    fluctuations = []
    for size in range(4, 17):
        count, residuals = profile.size // size, []
        starts = [i * size for i in range(count)] + [profile.size - (i + 1) * size for i in range(count)]
        for start in starts:
            box, place = profile[start : start + size], np.arange(size)
            residuals.extend(box - np.polyval(np.polyfit(place, box, 1), place))
        fluctuations.append(math.sqrt(np.mean(np.square(residuals))))
    return float(np.polyfit(np.log(range(4, 17)), np.log(fluctuations), 1)[0])


def plain_entropy(nn_ms: NDArray[np.float64], m: int, r_sd: float) -> float:
    tolerance_ms, starts = r_sd * np.std(nn_ms, ddof=1), nn_ms.size - m
    pairs = []
    for length in (m, m + 1):
        runs = np.array([nn_ms[i : i + length] for i in range(starts)])
        near = np.abs(runs[:, np.newaxis] - runs).max(axis=2) <= tolerance_ms
        pairs.append(int(near.sum()) - starts)
    return math.log(pairs[0] / pairs[1]) if pairs[1] else math.nan


def test_five_minutes_of_rest_give_the_published_values() -> None:
    assert dfa_alpha1(rest_300_to_600_s()) == pytest.approx(0.808, abs=0.0005)
    assert sample_entropy(rest_300_to_600_s()) == pytest.approx(1.753, abs=0.0005)


@pytest.mark.parametrize("n", [32, 33, 47, 267, 800])
def test_alpha1_equals_a_line_fitted_box_by_box(n: int) -> None:
    nn_ms = noise(n, n, exponent=1.0)
    assert dfa_alpha1(nn_ms) == pytest.approx(plain_alpha1(nn_ms), abs=1e-9)


@pytest.mark.parametrize(("exponent", "alpha1"), [(0.0, 0.5), (1.0, 1.0), (2.0, 1.5)])
def test_large_boxes_give_one_half_one_and_one_and_a_half_for_the_known_noises(exponent: float, alpha1: float) -> None:
    assert dfa_alpha1(noise(7, 200_000, exponent), boxes=(64, 96, 128, 192, 256)) == pytest.approx(alpha1, abs=0.03)


def test_boxes_of_4_to_16_beats_give_what_mathematics_expects_of_white_noise() -> None:
    # A line takes more than its share from a small box: F² = variance · (n² - 4) / 15 n, so alpha 1 is not 0.5.
    sizes = np.arange(4, 17)
    expected = np.polyfit(np.log(sizes), np.log((sizes**2 - 4) / (15 * sizes)) / 2, 1)[0]
    assert expected == pytest.approx(0.583, abs=0.0005)
    assert dfa_alpha1(noise(7, 200_000)) == pytest.approx(expected, abs=0.005)


def test_a_million_beats_lose_no_precision() -> None:
    nn_ms = noise(3, 1_000_000, exponent=1.5)
    increments = nn_ms - nn_ms.mean()
    fits = nonlinear._fits(nonlinear.ALPHA1_BOXES)  # noqa: SLF001 - F² itself shows what alpha 1 hides
    far, near = (nonlinear._squares(increments + offset, fits) for offset in (1e6, 0))  # noqa: SLF001
    assert far == pytest.approx(near, rel=1e-10)


@given(seeds, st.sampled_from([40, 150, 300]), st.floats(-300, 1000), st.floats(0.1, 10))
def test_alpha1_knows_neither_level_nor_scale(seed: int, n: int, offset_ms: float, factor: float) -> None:
    nn_ms = noise(seed, n)
    expected = dfa_alpha1(nn_ms)
    assert dfa_alpha1(nn_ms + offset_ms) == pytest.approx(expected, abs=1e-9)
    assert dfa_alpha1(factor * nn_ms) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20)
@given(seeds, st.integers(100, 250), st.integers(1, 3), st.floats(0.15, 0.5))
def test_sample_entropy_equals_its_definition(seed: int, n: int, m: int, r_sd: float) -> None:
    nn_ms = np.round(noise(seed, n, exponent=1.0))
    assert sample_entropy(nn_ms, m, r_sd) == pytest.approx(plain_entropy(nn_ms, m, r_sd), rel=1e-12, nan_ok=True)


def test_sample_entropy_in_pieces_equals_that_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    nn_ms = noise(5, 700, exponent=1.0)
    whole = sample_entropy(nn_ms)
    monkeypatch.setattr(nonlinear, "_PAIRS_AT_ONCE", 5000)
    assert sample_entropy(nn_ms) == whole


def test_sample_entropy_is_the_same_with_the_ranks_of_a_long_series(monkeypatch: pytest.MonkeyPatch) -> None:
    nn_ms = noise(5, 700, exponent=1.0)
    whole = sample_entropy(nn_ms)
    monkeypatch.setattr(nonlinear, "_RANKS_OF_16_BITS", 0)
    assert sample_entropy(nn_ms) == whole


@pytest.mark.parametrize("n", [900, 2000])
def test_alpha1_in_pieces_equals_that_in_one(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    nn_ms = noise(5, n, exponent=1.0)
    whole = dfa_alpha1(nn_ms)
    monkeypatch.setattr(nonlinear, "_INCREMENTS_AT_ONCE", 5000)
    assert dfa_alpha1(nn_ms) == pytest.approx(whole, rel=1e-12)


def test_too_little_data_is_nan_and_never_an_exception() -> None:
    assert math.isnan(dfa_alpha1(noise(1, 31)))
    assert math.isnan(sample_entropy(noise(1, 99)))
    assert math.isnan(dfa_alpha1(np.empty(0)))
    assert math.isnan(dfa_alpha1(np.full(267, 833.1))), "a flat series has no slope, whatever rounding leaves of it"
    assert math.isnan(sample_entropy(np.arange(800.0, 900.0), r_sd=0.01)), "no two runs match"
    assert sample_entropy(np.tile([800.0, 900.0], 100)) == pytest.approx(0, abs=0.02), "nothing is new"


def test_tables_and_settings_out_of_range_are_misuse() -> None:
    with pytest.raises(ValueError, match="one-dimensional"):
        dfa_alpha1(np.ones((100, 2)))
    with pytest.raises(ValueError, match="box sizes"):
        dfa_alpha1(noise(1, 100), boxes=(2, 4))
    with pytest.raises(ValueError, match="m >= 1"):
        sample_entropy(noise(1, 100), m=0)
