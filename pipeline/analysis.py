"""A whole recording at once: its corrected series, its windows and their indices. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline import frequency, nonlinear, time_domain
from pipeline.artifacts import DELAY_BEATS, BeatKind, correct
from pipeline.indices import MAX_ARTIFACT_PCT, MIN_COVERAGE_PCT, Indices, Part, indices_of_each, reason_for_none
from pipeline.windows import Window

_WINDOWS_AT_ONCE = 16  # so few that what their spectra are made of stays in the cache


@dataclass(frozen=True, slots=True)
class NnSeries:
    """The beats of a recording after correction, as arrays of one length."""

    time_s: NDArray[np.float64]  # end of each interval, from the recording's start
    nn_ms: NDArray[np.float64]  # nan where no interval counts
    follows: NDArray[np.bool_]  # whether a difference to the one before it may be taken
    kinds: Sequence[BeatKind]
    touched: NDArray[np.bool_]  # whether the kind is not ok
    counts: Mapping[str, int]  # artifacts of each kind that there is, a pair as one
    is_corrected: bool

    @property
    def duration_s(self) -> float:
        """Time from the start of the first interval to the end of the last."""
        return float(self.time_s[-1])


@dataclass(frozen=True, slots=True)
class Stretch:
    """The indices of one stretch of a recording, and how far they can be trusted."""

    start_s: float
    end_s: float
    coverage_pct: float
    artifact_pct: float
    nn_count: int
    reason: str  # why there are no indices: coverage, artifacts; empty when there are
    indices: Indices


def corrected(rr_ms: NDArray[np.float64]) -> NnSeries:
    """The series as the corrector leaves it; see `artifacts.correct`.

    Args:
        rr_ms: RR intervals, shape (n,), ms, n >= 1.
    """
    result = correct(rr_ms)
    return NnSeries(
        time_s=(rr_ms.cumsum()[result.end] - result.before_end_ms) / 1000,
        nn_ms=result.nn_ms,
        follows=result.follows,
        kinds=result.kinds,
        touched=np.array([kind is not BeatKind.OK for kind in result.kinds], np.bool_),
        counts={str(kind): count for kind, count in result.counts().items()},
        is_corrected=True,
    )


def untouched(rr_ms: NDArray[np.float64]) -> NnSeries:
    """The series as it was recorded, every interval taken for good.

    Args:
        rr_ms: RR intervals, shape (n,), ms, n >= 1.
    """
    return NnSeries(
        time_s=rr_ms.cumsum() / 1000,
        nn_ms=rr_ms,
        follows=np.ones(rr_ms.size, np.bool_),
        kinds=[BeatKind.OK] * rr_ms.size,
        touched=np.zeros(rr_ms.size, np.bool_),
        counts={},
        is_corrected=False,
    )


def whole(series: NnSeries, parts: Sequence[Part]) -> Stretch:
    """The indices of a whole recording."""
    (stretch,) = _stretches(series, np.array([series.duration_s]), series.duration_s, parts)
    return stretch


def sliding(series: NnSeries, span_s: float, step_s: float, parts: Sequence[Part]) -> Iterator[Stretch]:
    """The indices of every window of `span_s` that lies in a recording, one each `step_s`; none if it is shorter.

    An interval belongs to the window that ends at T if T - span < its end <= T, as in the live windows.
    """
    count = max(0, math.floor((series.duration_s - span_s) / step_s) + 1)
    ends_s = span_s + step_s * np.arange(count, dtype=np.float64)
    return _stretches(series, ends_s, span_s, parts)


def _stretches(
    series: NnSeries, ends_s: NDArray[np.float64], span_s: float, parts: Sequence[Part]
) -> Iterator[Stretch]:
    windows = zip(ends_s.tolist(), _windows(series, ends_s, span_s), strict=True)
    while chunk := [*islice(windows, _WINDOWS_AT_ONCE)]:
        reasons = [reason_for_none(window) if series.is_corrected else "" for _, window in chunk]
        found = indices_of_each([window for _, window in chunk], [() if reason else parts for reason in reasons])
        for (end_s, window), reason, indices in zip(chunk, reasons, found, strict=True):
            yield Stretch(
                start_s=end_s - span_s,
                end_s=end_s,
                coverage_pct=window.coverage_pct,
                artifact_pct=window.artifact_pct,
                nn_count=window.time_domain.nn_count,
                reason=reason,
                indices=indices,
            )


def _windows(series: NnSeries, ends_s: NDArray[np.float64], span_s: float) -> Iterator[Window]:
    """What live windows hold of the same beats, for rising ends."""
    counts = ~np.isnan(series.nn_ms)
    time_s, nn_ms, follows = series.time_s[counts], series.nn_ms[counts], series.follows[counts]
    starts_s = ends_s - span_s
    firsts, lasts = (time_s.searchsorted(edges_s, side="right") for edges_s in (starts_s, ends_s))
    beats = series.time_s.searchsorted(np.stack((starts_s, ends_s)), side="right")
    touched = np.concatenate(([0], series.touched.cumsum()))[beats]
    beat_counts, touched_counts = (beats[1] - beats[0]).tolist(), (touched[1] - touched[0]).tolist()
    found = zip(
        firsts.tolist(),
        lasts.tolist(),
        beat_counts,
        touched_counts,
        time_domain.time_domains(nn_ms, follows, firsts, lasts),
        strict=True,
    )
    for first, last, beat_count, touched_count, indices in found:
        covered_ms = indices.nn_count * indices.mean_nn_ms if indices.nn_count else 0.0
        yield Window(
            span_s=span_s,
            beat_count=beat_count,
            coverage_pct=min(100.0, covered_ms / span_s / 10) if span_s > 0 else 0.0,
            artifact_pct=100 * touched_count / beat_count if beat_count else 0.0,
            time_domain=indices,
            time_s=time_s[first:last],
            nn_ms=nn_ms[first:last],
            follows=follows[first:last],
        )


SETTINGS: Mapping[str, object] = MappingProxyType(
    {
        "correction": f"after Lipponen and Tarvainen 2019, on intervals, at most {DELAY_BEATS} beats of look-ahead",
        "min_coverage_pct": MIN_COVERAGE_PCT,
        "max_artifact_pct": MAX_ARTIFACT_PCT,
        "spectrum": {
            "sample_hz": frequency.SAMPLE_HZ,
            "interpolation": "natural cubic spline",
            "segment_s": frequency.SEGMENT_SAMPLES / frequency.SAMPLE_HZ,
            "overlap": "half",
            "detrend": "linear, each segment",
            "window": "Hann",
            "bands_hz": [frequency.VLF_HZ, frequency.LF_HZ, frequency.HF_HZ, frequency.END_HZ],
        },
        "dfa_alpha1": {"boxes": [nonlinear.ALPHA1_BOXES[0], nonlinear.ALPHA1_BOXES[-1]], "detrend": "none"},
        "sample_entropy": {"m": 2, "r_sd": 0.2},
        "sqrt_si": {"bin_ms": time_domain.BIN_MS, "detrend": "none"},
    }
)
"""What the indices of this version were computed with; a figure without it means little."""
