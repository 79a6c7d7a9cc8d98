"""The corrector on made-up cases of every kind, on arbitrary input, and on recordings with artifacts put in."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.artifacts import DELAY_BEATS, BeatKind, Corrected, Corrector, NnBeat, correct
from tests.bench.bases import read_rr_ms, without_outliers
from tests.bench.injection import KINDS, Injected, inject
from tests.support import DATA

OK, MISSED, EXTRA, ECTOPIC = BeatKind.OK, BeatKind.MISSED, BeatKind.EXTRA, BeatKind.ECTOPIC
RAMP = Path(__file__).parents[2] / "ingest" / "recordings" / "ramp_polar_08012805" / "rr.csv"

intervals_ms = st.lists(st.one_of(st.floats(1, 65535), st.floats(250, 2100), st.floats(780, 820)), max_size=60)


def at_rest(n: int = 40) -> list[float]:
    """60 bpm with a breath every five beats: successive differences of up to 48 ms."""
    return [1000 + 40 * math.sin(2 * math.pi * k / 5) for k in range(n)]


def running(n: int = 40) -> list[float]:
    return [400.0 + (k * 7 % 5) for k in range(n)]


def corrected(rr_ms: list[float]) -> Corrected:
    return correct(np.array(rr_ms, dtype=np.float64))


def touched(result: Corrected) -> dict[int, BeatKind]:
    """Raw intervals that did not stay as they were."""
    beats = zip(result.first.tolist(), result.end.tolist(), result.kinds, strict=True)
    return {i: kind for first, end, kind in beats for i in range(first, end + 1) if kind is not OK}


def rmssd_ms(result: Corrected) -> float:
    differences = np.diff(result.nn_ms)[result.follows[1:]]
    return float(np.sqrt(np.mean(differences**2)))


def plain_rmssd_ms(nn_ms: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.diff(nn_ms) ** 2)))


def alpha1(nn_ms: NDArray[np.float64]) -> float:
    """Plain DFA over boxes of 4 to 16 beats that do not overlap."""
    profile, logs = np.cumsum(nn_ms - nn_ms.mean()), []
    for size in range(4, 17):
        boxes = profile[: profile.size // size * size].reshape(-1, size)
        place = np.arange(size)
        fits = np.polynomial.polynomial.polyfit(place, boxes.T, 1)
        residuals = boxes - np.polynomial.polynomial.polyval(place, fits)
        logs.append((math.log(size), math.log(np.mean(residuals**2)) / 2))
    return float(np.polyfit([x for x, _ in logs], [y for _, y in logs], 1)[0])


def steady_exercise() -> NDArray[np.float64]:
    return without_outliers(read_rr_ms(DATA / "exercise_polar_2008" / "rr.csv"), 5.0)[600:3600]


def rest() -> NDArray[np.float64]:
    return without_outliers(read_rr_ms(DATA / "rest_polar" / "rr.csv"), 20.0)


def test_a_missed_beat_is_put_in_and_lies_before_the_end_of_its_interval() -> None:
    rr_ms = at_rest()
    result = corrected([*rr_ms[:20], rr_ms[20] + rr_ms[21], *rr_ms[22:]])
    assert touched(result) == {20: MISSED}
    assert result.first.tolist()[20:22] == [20, 20]
    assert result.before_end_ms[20] == pytest.approx(result.nn_ms[21])
    assert result.before_end_ms[21] == 0
    assert result.nn_ms[20:22].sum() == pytest.approx(rr_ms[20] + rr_ms[21])
    assert not result.follows[20:23].any()
    assert result.follows[23]


def test_up_to_three_missed_beats_are_put_in_and_a_longer_hole_is_a_gap() -> None:
    rr_ms = running()
    for parts in (2, 3, 4):
        result = corrected([*rr_ms[:20], sum(rr_ms[20 : 20 + parts]), *rr_ms[20 + parts :]])
        assert touched(result) == {20: MISSED}
        assert result.nn_ms.size == 40
    result = corrected([*rr_ms[:20], 6337.0, *rr_ms[20:]])
    assert touched(result) == {20: BeatKind.GAP}
    assert math.isnan(result.nn_ms[20])
    assert not result.follows[20:22].any()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_split_interval_is_made_whole_and_keeps_its_differences(share: float) -> None:
    rr_ms = running()
    result = corrected([*rr_ms[:20], share * rr_ms[20], (1 - share) * rr_ms[20], *rr_ms[21:]])
    assert touched(result) == {20: EXTRA, 21: EXTRA}
    assert result.nn_ms == pytest.approx(rr_ms)
    assert result.follows.tolist() == [False] + [True] * 39


def test_a_premature_pair_is_evened_out_along_the_trend_and_its_sum_stays() -> None:
    rr_ms = [900.0 - 5 * k for k in range(40)]
    result = corrected([*rr_ms[:20], rr_ms[20] - 250, rr_ms[21] + 250, *rr_ms[22:]])
    assert touched(result) == {20: ECTOPIC, 21: ECTOPIC}
    assert result.nn_ms == pytest.approx(rr_ms, abs=0.01)
    assert np.flatnonzero(~result.follows).tolist() == [0, 20, 21, 22]


@pytest.mark.parametrize(("off_ms", "kind"), [(32.0, BeatKind.LONG), (-32.0, BeatKind.SHORT)])
def test_in_a_run_a_single_interval_eight_percent_off_is_replaced(off_ms: float, kind: BeatKind) -> None:
    rr_ms = running(80)
    result = corrected([*rr_ms[:60], rr_ms[60] + off_ms, *rr_ms[61:]])
    assert touched(result) == {60: kind}
    assert result.nn_ms[60] == pytest.approx((rr_ms[59] + rr_ms[61]) / 2)


def test_a_phantom_interval_takes_no_time_and_the_beats_around_it_stay_whole() -> None:
    for at in range(10, 30):
        rr_ms = at_rest()
        result = corrected([*rr_ms[:at], 52.0, *rr_ms[at:]])
        assert touched(result) == {at: BeatKind.RANGE}
        assert not result.follows[at : at + 2].any()


def test_flat_and_steadily_changing_series_stay_as_they_are() -> None:
    sprint = [800.0] * 20 + [800 * 0.95**k for k in range(1, 11)] + [800 * 0.95**10] * 20
    standing_up = at_rest() + [700.0 + 10 * k for k in range(25)]
    for rr_ms in ([833.0] * 300, sprint, sprint[::-1], standing_up):
        result = corrected(rr_ms)
        assert result.nn_ms.tolist() == rr_ms
        assert result.counts() == {}
        assert result.follows.tolist() == [False] + [True] * (len(rr_ms) - 1)


@pytest.mark.parametrize("beats_per_breath", [4, 5, 6, 8])
def test_the_respiratory_swing_of_a_young_athlete_stays(beats_per_breath: int) -> None:
    jitter = np.random.default_rng(1).normal(0, 30, 300)
    rr_ms = 1100 + 180 * np.sin(2 * math.pi * np.arange(300) / beats_per_breath) + jitter
    assert plain_rmssd_ms(rr_ms) > 100
    assert correct(rr_ms).counts() == {}


def test_a_start_in_the_middle_of_artifacts_finds_the_level() -> None:
    rr_ms = at_rest()
    assert touched(corrected([300.0, rr_ms[0] - 300, rr_ms[1] + rr_ms[2], *rr_ms[3:]])) == {
        0: EXTRA,
        1: EXTRA,
        2: MISSED,
    }


def test_a_lasting_jump_of_the_heart_rate_is_taken_for_true_at_the_latest_after_a_while() -> None:
    for before_ms, after_ms in ((500.0, 1000.0), (1000.0, 500.0), (880.0, 1500.0)):
        result = corrected([before_ms] * 40 + [after_ms] * 80)
        assert set(result.kinds[-40:]) == {OK}
        assert set(result.nn_ms[-40:].tolist()) == {after_ms}


def test_a_gap_settles_what_was_before_it_and_no_difference_crosses_it() -> None:
    corrector = Corrector()
    before = [beat for rr in [800.0, 810.0, 500.0] for beat in corrector.step(rr)]
    before += corrector.step(650.0, gap_before=True)
    assert [beat.end for beat in before] == [0, 1, 2]
    after = [beat for rr in [655.0] * 20 for beat in corrector.step(rr)] + corrector.flush()
    assert [beat.follows for beat in after] == [False] + [True] * 20
    assert {beat.kind for beat in after} == {OK}


@settings(deadline=None)
@given(intervals_ms, st.sets(st.integers(0, 60)))
def test_on_any_input_the_stream_equals_the_batch_and_keeps_its_delay(rr_ms: list[float], gaps: set[int]) -> None:
    corrector, settled = Corrector(), list[NnBeat]()
    for i, rr in enumerate(rr_ms):
        settled += corrector.step(rr, gap_before=i in gaps)
        last = settled[-1].end if settled else -1
        assert last >= i - DELAY_BEATS
        assert i not in gaps or last >= i - 1
    settled += corrector.flush()
    batch = correct(np.array(rr_ms, dtype=np.float64), np.array([i in gaps for i in range(len(rr_ms))], dtype=np.bool_))
    assert batch.nn_ms.tolist() == pytest.approx([beat.nn_ms for beat in settled], abs=0, nan_ok=True)
    assert [beat.kind for beat in settled] == list(batch.kinds)
    assert [(beat.first, beat.end, beat.before_end_ms, beat.follows) for beat in settled] == list(
        zip(batch.first.tolist(), batch.end.tolist(), batch.before_end_ms.tolist(), batch.follows.tolist(), strict=True)
    )


@settings(deadline=None)
@given(intervals_ms, st.sets(st.integers(0, 60)))
def test_every_interval_is_accounted_for_once_and_time_is_kept(rr_ms: list[float], gaps: set[int]) -> None:
    result = correct(
        np.array(rr_ms, dtype=np.float64), np.array([i in gaps for i in range(len(rr_ms))], dtype=np.bool_)
    )
    spans = [*zip(result.first.tolist(), result.end.tolist(), strict=True)]
    runs = [*dict.fromkeys(spans)]
    assert [i for first, end in runs for i in range(first, end + 1)] == list(range(len(rr_ms)))
    artifacts = Counter(
        kind for kind in dict(zip(spans, result.kinds, strict=True)).values() if kind is not BeatKind.OK
    )
    artifacts[BeatKind.ECTOPIC] //= 2
    assert result.counts() == {kind: count for kind, count in artifacts.items() if count}
    for (first, end), kind, nn, follows in zip(spans, result.kinds, result.nn_ms, result.follows, strict=True):
        assert math.isnan(nn) == (kind in {BeatKind.RANGE, BeatKind.GAP})
        assert math.isnan(nn) or nn > 0
        assert not (follows and (first in gaps or first == 0 or math.isnan(nn)))
        if kind in {OK, EXTRA}:
            assert nn == pytest.approx(sum(rr_ms[first : end + 1]))
    for kind in (MISSED, ECTOPIC):
        of_kind = [span for span, found in zip(spans, result.kinds, strict=True) if found is kind]
        raw_ms = sum(rr_ms[i] for i in {i for first, end in of_kind for i in range(first, end + 1)})
        kept_ms = sum(nn for nn, found in zip(result.nn_ms.tolist(), result.kinds, strict=True) if found is kind)
        assert kept_ms == pytest.approx(raw_ms)
    for (_, nn), (follows, _) in pairwise(zip(result.follows.tolist(), result.nn_ms.tolist(), strict=True)):
        assert not (follows and math.isnan(nn))


def test_clean_recordings_lose_hardly_anything() -> None:
    for clean_ms in (rest(), steady_exercise(), without_outliers(read_rr_ms(RAMP), 20.0)):
        result = correct(clean_ms)
        assert sum(kind is not BeatKind.OK for kind in result.kinds) < 0.005 * clean_ms.size
        assert rmssd_ms(result) == pytest.approx(plain_rmssd_ms(clean_ms), rel=0.01)
    assert touched(correct(read_rr_ms(DATA / "exercise_polar_2008" / "rr.csv"))) == dict.fromkeys(
        [0, 1560, 1945, 2699, 3575, 4066], MISSED
    )


@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
@pytest.mark.parametrize("clustered", [False, True])
def test_artifacts_put_into_recordings_are_found_and_the_indices_come_back(kind: str, *, clustered: bool) -> None:
    for clean_ms, limit in ((rest(), 0.05), (steady_exercise(), 0.03)):
        errors, shifts = [], []
        for seed in range(3):
            injected: Injected = inject(clean_ms, kind, 5.0, seed, clustered=clustered)
            result = correct(injected.rr_ms)
            errors.append(rmssd_ms(result) / plain_rmssd_ms(clean_ms) - 1)
            found = np.isin(np.flatnonzero(injected.touched), [*touched(result)])
            assert found.mean() > 0.95
            assert np.isfinite(result.nn_ms).mean() > 0.99
            shifts.append(alpha1(result.nn_ms[np.isfinite(result.nn_ms)]) - alpha1(clean_ms))
        assert abs(np.mean(errors)) < limit
        assert np.max(np.abs(errors)) < 2 * limit
        assert abs(np.mean(shifts)) < 0.05
        assert np.max(np.abs(shifts)) < 0.1


def test_no_interval_and_arrays_that_do_not_fit() -> None:
    empty = corrected([])
    assert empty.nn_ms.size == 0
    assert empty.counts() == {}
    assert corrected([math.nan, 0.0, 800.0]).kinds == (BeatKind.RANGE, BeatKind.RANGE, OK)
    with pytest.raises(ValueError, match="one length"):
        correct(np.ones(3), np.zeros(2, dtype=np.bool_))
