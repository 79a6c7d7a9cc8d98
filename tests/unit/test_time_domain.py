"""Time-domain indices against hand-worked figures, published rows and other packages' values."""

from __future__ import annotations

import csv
import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.time_domain import histogram_mode, sqrt_stress_index, stress_index, time_domain, time_domains
from tests.support import DATA

nn_series = st.lists(st.floats(300, 2000), min_size=3, max_size=120).map(np.array)


def column(name: str) -> NDArray[np.float64]:
    return np.loadtxt(DATA / name / "rr.csv", skiprows=1)


def rest_300_to_600_s() -> NDArray[np.float64]:
    rr_ms = column("rest_polar")
    time_s = rr_ms.cumsum() / 1000
    return rr_ms[(time_s > 300) & (time_s <= 600)]


def test_hand_worked_indices_of_five_intervals() -> None:
    indices = time_domain(np.array([800.0, 810.0, 870.0, 850.0, 800.0]))  # differences 10, 60, -20, -50
    assert indices.nn_count == 5
    assert indices.mean_nn_ms == pytest.approx(826)
    assert indices.mean_hr_bpm == pytest.approx(60_000 / 826)
    assert indices.sdnn_ms == pytest.approx(math.sqrt((26**2 + 16**2 + 44**2 + 24**2 + 26**2) / 4))
    assert indices.rmssd_ms == pytest.approx(math.sqrt((100 + 3600 + 400 + 2500) / 4))
    assert indices.ln_rmssd == pytest.approx(math.log(indices.rmssd_ms))
    assert (indices.pnn20_pct, indices.pnn50_pct) == (50, 25), "a difference of 20 or 50 ms itself does not count"
    assert indices.sd1_ms == pytest.approx(math.sqrt(6600 / 3 / 2))
    assert indices.sd2_ms == pytest.approx(math.sqrt(2 * indices.sdnn_ms**2 - 1100))


@given(
    st.lists(st.one_of(st.just(800.0), st.integers(300 * 128, 2000 * 128).map(lambda n: n / 128)), max_size=80),
    st.lists(st.booleans(), min_size=80, max_size=80),
    st.integers(1, 30),
)
def test_many_windows_at_once_give_what_each_alone_gives(nn: list[float], follow: list[bool], length: int) -> None:
    nn_ms, follows = np.array(nn, np.float64), np.array(follow[: len(nn)], np.bool_)
    lasts = np.arange(len(nn) + 1)
    firsts = np.maximum(lasts - length, 0)
    windows = list(time_domains(nn_ms, follows, firsts, lasts))
    assert len(windows) == len(nn) + 1
    for window, first, last in zip(windows, firsts, lasts, strict=True):
        alone = time_domain(nn_ms[first:last], follows[first:last])
        assert astuple(window) == pytest.approx(astuple(alone), rel=1e-9, abs=1e-9, nan_ok=True)


def test_too_little_data_is_nan_and_never_an_exception() -> None:
    empty, one, two = (time_domain(np.full(n, 800.0)) for n in range(3))
    assert empty.nn_count == 0
    assert math.isnan(empty.mean_nn_ms + empty.mean_hr_bpm)
    assert one.mean_nn_ms == 800
    assert all(map(math.isnan, (one.sdnn_ms, one.rmssd_ms, one.pnn20_pct, one.pnn50_pct, one.sd1_ms)))
    assert (two.sdnn_ms, two.rmssd_ms, two.pnn50_pct) == (0, 0, 0)
    assert all(map(math.isnan, (two.ln_rmssd, two.sd1_ms, two.sd2_ms)))
    assert all(map(math.isnan, (*histogram_mode(np.empty(0)), sqrt_stress_index(np.empty(0)))))


@pytest.mark.parametrize("follows", [np.ones(3, dtype=bool), np.ones((2, 1), dtype=bool)])
def test_unequal_lengths_and_tables_are_misuse(follows: NDArray[np.bool_]) -> None:
    with pytest.raises(ValueError, match="one-dimensional"):
        time_domain(np.array([800.0, 810.0]), follows)
    with pytest.raises(ValueError, match="one-dimensional"):
        sqrt_stress_index(np.ones((20, 2)))


@given(nn_series, st.floats(300, 2000))
def test_a_difference_across_a_gap_never_counts(nn_ms: NDArray[np.float64], level_ms: float) -> None:
    both = np.concatenate((nn_ms, np.full(nn_ms.size, level_ms)))
    follows = np.ones(both.size, dtype=bool)
    follows[[0, nn_ms.size]] = False
    indices = time_domain(both, follows)
    d = np.concatenate((np.diff(nn_ms), np.zeros(nn_ms.size - 1)))
    assert indices.rmssd_ms == pytest.approx(math.sqrt(np.mean(d**2)))
    assert indices.pnn50_pct == pytest.approx(100 * np.mean(np.abs(d) > 50))
    assert indices.sd1_ms == pytest.approx(float(np.std(d, ddof=1)) / math.sqrt(2))


@given(nn_series, st.sampled_from([0.25, 0.5, 2.0]))
def test_lengths_scale_with_the_intervals(nn_ms: NDArray[np.float64], factor: float) -> None:
    one, scaled = time_domain(nn_ms), time_domain(factor * nn_ms)
    for name in ("mean_nn_ms", "sdnn_ms", "rmssd_ms", "sd1_ms", "sd2_ms"):
        assert getattr(scaled, name) == factor * getattr(one, name)


@given(nn_series)
def test_running_sums_give_the_same_to_nine_digits(nn_ms: NDArray[np.float64]) -> None:
    d = np.diff(nn_ms)
    n, n_d = nn_ms.size, d.size
    indices = time_domain(nn_ms)
    variance = ((nn_ms**2).sum() - nn_ms.sum() ** 2 / n) / (n - 1)
    spread = ((d**2).sum() - d.sum() ** 2 / n_d) / (n_d - 1) / 2
    assert indices.sdnn_ms**2 == pytest.approx(variance, rel=1e-9, abs=1e-8)
    assert indices.sd1_ms**2 == pytest.approx(spread, rel=1e-9, abs=1e-8)
    assert indices.sd2_ms**2 == pytest.approx(max(2 * variance - spread, 0), rel=1e-9, abs=1e-7)


def test_all_447_published_mornings_are_met_to_the_digits_given() -> None:
    amplitude_errors = []
    with (DATA / "mornings_welltory" / "measurements.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        rr_ms = np.array(row["rr_data"].split(","), dtype=np.float64)
        indices = time_domain(rr_ms)
        mode_s, amplitude_pct = histogram_mode(rr_ms)
        assert indices.mean_nn_ms == pytest.approx(float(row["meanrr"]), abs=0.0051)
        assert indices.sdnn_ms == pytest.approx(float(row["sdnn"]), abs=0.00051)
        assert indices.rmssd_ms == pytest.approx(float(row["rmssd"]), abs=0.00051)
        assert indices.pnn50_pct == pytest.approx(float(row["pnn50"]), abs=0.0051)
        assert mode_s == pytest.approx(float(row["mode"]), abs=1e-9)
        amplitude_errors.append(abs(amplitude_pct - float(row["amo"])))
    assert len(rows) == 447
    assert np.median(amplitude_errors) == 0
    assert max(amplitude_errors) < 0.34, "of 300 intervals one more or less"


def test_another_package_s_sample_gives_its_values() -> None:
    indices = time_domain(column("oracle_pyhrv_short"))
    assert indices.nn_count == 337
    assert indices.mean_nn_ms == pytest.approx(888.955, abs=0.0005)
    assert indices.sdnn_ms == pytest.approx(95.690, abs=0.0005)
    assert indices.rmssd_ms == pytest.approx(101.301, abs=0.0005)
    assert indices.pnn50_pct == pytest.approx(48.512, abs=0.0005)


def test_five_minutes_of_rest_give_the_values_that_five_packages_agree_on() -> None:
    indices = time_domain(rest_300_to_600_s())
    assert indices.rmssd_ms == pytest.approx(47.48, abs=0.005)
    assert indices.sdnn_ms == pytest.approx(49.37, abs=0.005)
    assert indices.pnn50_pct == pytest.approx(26.69, abs=0.005)
    assert indices.sd1_ms == pytest.approx(33.63, abs=0.005)
    assert indices.sd2_ms == pytest.approx(61.19, abs=0.005)


def test_hand_worked_stress_index() -> None:
    # Half of the intervals in [750, 800); longest less shortest 300 ms: 50 / (2 · 0.775 · 0.3).
    nn_ms = np.array([750.0] * 10 + [610.0] * 3 + [699.0] * 3 + [830.0] * 3 + [910.0])
    assert histogram_mode(nn_ms) == (0.775, 50)
    assert sqrt_stress_index(nn_ms) == pytest.approx(math.sqrt(50 / (2 * 0.775 * 0.3)))
    assert math.isnan(sqrt_stress_index(nn_ms[:19]))
    assert math.isnan(sqrt_stress_index(np.full(100, 800.0)))


def test_the_stress_index_has_its_published_check_value_and_scale() -> None:
    assert stress_index(50, 0.8, 0.3) == pytest.approx(104.2, abs=0.05)
    assert math.sqrt(stress_index(50, 0.8, 0.3)) == pytest.approx(10.21, abs=0.005)


def test_of_two_equally_full_bins_the_lower_is_the_mode() -> None:
    assert histogram_mode(np.array([900.0, 949.9, 850.0, 899.9, 700.0])) == (0.875, 40)
