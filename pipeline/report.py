"""What `strapline analyze` says of a recording, as JSON, as tables and as a file of NN intervals."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from ingest.errors import RecordingError
from pipeline.analysis import SETTINGS, NnSeries, Stretch, corrected, sliding, untouched, whole
from pipeline.indices import ALL_PARTS, spectral_indices, spectral_indices_by_lomb

_WINDOW_COLUMNS = {
    "mean_hr_bpm": "bpm",
    "rmssd_ms": "RMSSD",
    "dfa_alpha1": "alpha 1",
    "respiration_per_min": "breaths",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A recording's indices, of the whole and of windows."""

    name: str
    beats: int
    series: NnSeries
    whole: Stretch
    windows: Sequence[Stretch]
    settings: dict[str, object]


def analyze_rr(
    name: str,
    rr_ms: Sequence[float],
    *,
    window_s: float | None = None,
    step_s: float = 5.0,
    correct: bool = True,
    lomb: bool = False,
) -> Report:
    """Every index of a recording and, with `window_s`, of each of its windows.

    Args:
        name: what to call the recording.
        rr_ms: RR intervals in ms, oldest first, at least one.
        window_s: span of the windows, above 0; None: no windows.
        step_s: time from one window's end to the next, above 0.
        correct: whether artifacts are corrected first; without, every interval counts, whatever it is.
        lomb: whether the spectrum is Lomb and Scargle's rather than Welch's.
    """
    rr = np.asarray(rr_ms, np.float64)
    series = corrected(rr) if correct else untouched(rr)
    parts = tuple(spectral_indices_by_lomb if lomb and part is spectral_indices else part for part in ALL_PARTS)
    windows = [] if window_s is None else list(sliding(series, window_s, step_s, parts))
    settings = dict(SETTINGS) | {"spectrum_method": "lomb" if lomb else "welch"}
    if not correct:
        settings["correction"] = "none"
    return Report(name, rr.size, series, whole(series, parts), windows, settings)


def as_record(report: Report) -> dict[str, object]:
    """The report as JSON's types; a value that there is not is None."""
    return {
        "recording": report.name,
        "beats": report.beats,
        "duration_s": round(report.series.duration_s, 3),
        "artifacts": dict(report.series.counts),
        **_stretch_record(report.whole),
        "settings": report.settings,
        "windows": [_stretch_record(stretch) for stretch in report.windows],
    }


def write_nn(series: NnSeries, path: Path) -> None:
    """Write the corrected series: time of each beat in s, NN interval in ms (empty where none counts), kind.

    Raises:
        RecordingError: the file can't be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["time_s", "nn_ms", "kind"])
            for time_s, nn_ms, kind in zip(series.time_s.tolist(), series.nn_ms.tolist(), series.kinds, strict=True):
                writer.writerow([f"{time_s:.3f}", "" if math.isnan(nn_ms) else f"{nn_ms:.3f}", str(kind)])
    except OSError as error:
        message = f"can't write {path}: {error.strerror or error}"
        raise RecordingError(message, advice="Name a file in a folder that you may write to.") from error


def show(report: Report, console: Console) -> None:
    """Print the report as tables."""
    whole_part = report.whole
    artifacts = ", ".join(f"{count} {kind}" for kind, count in report.series.counts.items()) or "none"
    console.print(f"{report.name}: {report.beats} beats in {report.series.duration_s / 60:.1f} min")
    console.print(
        f"artifacts: {artifacts}; share {whole_part.artifact_pct:.2f} %, coverage {whole_part.coverage_pct:.1f} %"
        if report.series.is_corrected
        else "nothing corrected: artifacts, if any, are in every figure"
    )
    if whole_part.reason:
        console.print(f"no indices of the whole: {whole_part.reason}")
    if whole_part.indices:
        table = Table("index", "of the whole", box=None)
        for name, value in whole_part.indices.items():
            table.add_row(name, _shown(name, value))
        console.print(table)
    if report.windows:
        console.print(_windows_table(report.windows))


def _windows_table(windows: Sequence[Stretch]) -> Table:
    table = Table("end, s", *_WINDOW_COLUMNS.values(), "cover, %", "bad, %", "reason", box=None)
    for stretch in windows:
        values = (_shown(name, stretch.indices.get(name, math.nan)) for name in _WINDOW_COLUMNS)
        quality = (f"{stretch.coverage_pct:.0f}", f"{stretch.artifact_pct:.1f}", stretch.reason)
        table.add_row(f"{stretch.end_s:g}", *values, *quality)
    return table


def _shown(name: str, value: float) -> str:
    """A value with the digits that mean something: alpha 1 scatters by 0.05 and never gets a third."""
    if math.isnan(value):
        return "\u2013"
    if name.endswith("_hz"):
        return f"{value:.3f}"
    return f"{value:.2f}" if name == "dfa_alpha1" or abs(value) < 10 else f"{value:.1f}"  # noqa: PLR2004 - digits


def _stretch_record(stretch: Stretch) -> dict[str, object]:
    return {
        "start_s": round(stretch.start_s, 3),
        "end_s": round(stretch.end_s, 3),
        "coverage_pct": stretch.coverage_pct,
        "artifact_pct": stretch.artifact_pct,
        "nn_count": stretch.nn_count,
        "reason": stretch.reason,
        "indices": {name: None if math.isnan(value) else value for name, value in stretch.indices.items()},
    }
