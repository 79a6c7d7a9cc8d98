"""Resampling, spectra and band powers against SciPy, known sines and Parseval."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.interpolate
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.frequency import Spectrum, bands, lomb_scargle, resample, welch, welch_of_each
from tests.support import DATA

Series = NDArray[np.float64]


def beats(nn_ms: Series) -> tuple[Series, Series]:
    return nn_ms.cumsum() / 1000, nn_ms


def rest(first_s: float = 300, last_s: float = 600) -> tuple[Series, Series]:
    time_s, nn_ms = beats(np.loadtxt(DATA / "rest_polar" / "rr.csv", skiprows=1))
    inside = (time_s > first_s) & (time_s <= last_s)
    return time_s[inside], nn_ms[inside]


def sine(frequency_hz: float, amplitude_ms: float, span_s: float = 300, mean_ms: float = 700) -> tuple[Series, Series]:
    """Intervals that are samples of a sine at unevenly spaced times."""
    steps_s = mean_ms / 1000 * (1 + 0.1 * np.sin(np.arange(int(span_s / mean_ms * 1000)) * 2.4))
    time_s = steps_s.cumsum()
    return time_s, mean_ms + amplitude_ms * np.sin(2 * np.pi * frequency_hz * time_s + 1)


def test_resampling_equals_scipy_s_natural_cubic_spline_and_stays_between_the_first_and_last_beat() -> None:
    time_s, nn_ms = rest()
    grid_s = np.arange(time_s[0], time_s[-1], 0.25)
    samples = resample(time_s, nn_ms)
    assert samples.size == grid_s.size
    expected = scipy.interpolate.CubicSpline(time_s, nn_ms, bc_type="natural")(grid_s)
    assert samples == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("first_s", "last_s"), [(300, 600), (0, 960), (100, 160)])
def test_welch_equals_scipy_with_the_same_settings(first_s: float, last_s: float) -> None:
    time_s, nn_ms = rest(first_s, last_s)
    samples = resample(time_s, nn_ms)
    length = min(samples.size, 1200)
    frequency_hz, power = scipy.signal.welch(
        samples, 4.0, "hann", nperseg=length, noverlap=length // 2, nfft=2048, detrend="linear"
    )
    spectrum = welch(time_s, nn_ms)
    assert spectrum.frequency_hz == pytest.approx(frequency_hz, rel=1e-12)
    assert spectrum.power_ms2_per_hz == pytest.approx(power, rel=1e-9, abs=1e-9 * power.max())


def test_many_windows_at_once_give_what_each_alone_gives() -> None:
    spans_s = [(0, 3), (300, 600), (0, 960), (60, 64), (100, 160), (0, 0), (400, 402), (101, 161), (0, 240)]
    windows = [rest(*span_s) for span_s in spans_s]
    spectra = welch_of_each(*zip(*windows, strict=True))
    assert [spectrum.span_s > 0 for spectrum in spectra] == [nn_ms.size >= 8 for _, nn_ms in windows]
    for spectrum, window in zip(spectra, windows, strict=True):
        alone = welch(*window)
        assert spectrum.span_s == alone.span_s
        assert spectrum.power_ms2_per_hz == pytest.approx(alone.power_ms2_per_hz, rel=1e-9, abs=1e-9)
    assert welch_of_each([], []) == []


def test_lomb_scargle_equals_scipy() -> None:
    time_s, nn_ms = rest()
    spectrum = lomb_scargle(time_s, nn_ms)
    at_s = time_s - time_s[0]
    flat = nn_ms - np.polyval(np.polyfit(at_s, nn_ms, 1), at_s)
    power = scipy.signal.lombscargle(at_s, flat, 2 * np.pi * spectrum.frequency_hz[1:])
    scale = 2 * at_s[-1] / (nn_ms.size - 1)
    assert spectrum.power_ms2_per_hz[1:] == pytest.approx(scale * power, rel=1e-9, abs=1e-9 * scale * power.max())


@pytest.mark.parametrize("method", [welch, lomb_scargle])
@pytest.mark.parametrize(("frequency_hz", "band"), [(0.02, "vlf"), (0.1, "lf"), (0.27, "hf")])
def test_a_sine_has_half_its_squared_amplitude_in_its_band_and_its_peak_in_place(
    method: Callable[[Series, Series], Spectrum], frequency_hz: float, band: str
) -> None:
    powers = bands(method(*sine(frequency_hz, 40)))
    assert getattr(powers, f"{band}_ms2") == pytest.approx(800, rel=0.04)
    assert powers.total_ms2 == pytest.approx(800, rel=0.04)
    assert getattr(powers, f"{band}_peak_hz") == pytest.approx(frequency_hz, abs=0.0005)


def test_lomb_scargle_holds_the_variance_of_white_noise() -> None:
    # Even beats 1 s apart: everything lies below 0.5 Hz.
    nn_ms = 1000 + 30 * np.random.default_rng(1).standard_normal(1500)
    spectrum = lomb_scargle(np.arange(1500.0), nn_ms)
    total_ms2 = spectrum.power_ms2_per_hz.sum() * spectrum.frequency_hz[1]
    assert total_ms2 == pytest.approx(np.var(nn_ms), rel=0.01)


def test_five_minutes_of_rest_lie_among_the_values_of_other_packages() -> None:
    powers = bands(welch(*rest()))
    assert powers.lf_ms2 == pytest.approx(700, abs=0.5), "others: 710, 739, 784, 793 at 4 Hz with cubic splines"
    assert powers.hf_ms2 == pytest.approx(749, abs=0.5), "others: 752, 771, 786, 799"
    assert powers.lf_nu == pytest.approx(48.3, abs=0.05)
    assert powers.lf_nu + powers.hf_nu == pytest.approx(100)
    assert powers.lf_hf == pytest.approx(powers.lf_ms2 / powers.hf_ms2)


@given(st.floats(0.001, 0.002), st.integers(0, 2**32 - 1))
def test_each_frequency_belongs_to_one_band_and_the_total_is_their_sum(step_hz: float, seed: int) -> None:
    frequency_hz = np.arange(600, dtype=np.float64) * step_hz
    power = np.random.default_rng(seed).random(600)
    powers = bands(Spectrum(frequency_hz, power, 300))
    inside = (frequency_hz >= 0.0033) & (frequency_hz < 0.40)
    assert powers.total_ms2 == pytest.approx(power[inside].sum() * step_hz)
    assert powers.vlf_ms2 + powers.lf_ms2 + powers.hf_ms2 == pytest.approx(powers.total_ms2)
    assert 0.0033 <= powers.vlf_peak_hz <= 0.04 <= powers.lf_peak_hz <= 0.15 <= powers.hf_peak_hz <= 0.40


def test_a_minute_gives_hf_alone_and_less_gives_nothing() -> None:
    minute, short = bands(welch(*rest(300, 360))), bands(welch(*rest(300, 350)))
    assert minute.hf_ms2 > 0
    assert all(map(math.isnan, (minute.vlf_ms2, minute.lf_ms2, minute.total_ms2, minute.lf_nu, minute.lf_hf)))
    assert math.isnan(short.hf_ms2)
    assert math.isnan(bands(welch(np.arange(7.0), np.full(7, 800.0))).hf_ms2)
    assert math.isnan(bands(lomb_scargle(np.empty(0), np.empty(0))).hf_ms2)


def test_a_flat_series_has_no_power_and_no_ratio() -> None:
    time_s, nn_ms = beats(np.full(400, 800.0))
    powers = bands(welch(time_s, nn_ms))
    assert powers.total_ms2 == pytest.approx(0, abs=1e-12)
    assert bands(lomb_scargle(time_s, nn_ms)).total_ms2 == pytest.approx(0, abs=1e-9)


def test_unix_time_gives_what_time_from_zero_gives() -> None:
    time_s, nn_ms = rest()
    late, early = bands(welch(time_s + 1_764_000_000, nn_ms)), bands(welch(time_s, nn_ms))
    assert late.hf_ms2 == pytest.approx(early.hf_ms2, rel=1e-6)
    assert late.lf_nu == pytest.approx(early.lf_nu, rel=1e-6)


def test_times_that_do_not_rise_are_misuse() -> None:
    for method in (welch, lomb_scargle):
        with pytest.raises(ValueError, match="rise"):
            method(np.zeros(20), np.full(20, 800.0))
        with pytest.raises(ValueError, match="one-dimensional"):
            method(np.arange(21.0), np.full(20, 800.0))
