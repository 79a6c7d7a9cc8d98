"""The recordings that the benchmarks read: those in this repository, and those in a folder that the caller names."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.recording import demo_recording
from tests.bench import bases
from tests.bench.bases import read_rr_ms
from tests.support import DATA

Series = NDArray[np.float64]

RUN_LOG = Path("run_h10_fatmaxxer") / "FatMaxOptimiser.20210606_161059.rr.csv"
RUN_FEATURES = Path("run_h10_fatmaxxer") / "FatMaxOptimiser.20210606_161059.rr.csv_python_features.csv"

_EXTERNAL = (
    Path("exercise_polar_2008") / "rr.csv",
    Path("run_fit_garmin_2017") / "rr.csv",
    Path("run_fit_dirty_2017") / "rr.csv",
    Path("walkrun_fit_suunto_2020") / "rr.csv",
    Path("holter24_healthy_000") / "rr.csv.gz",
    Path("holter24_healthy_006") / "rr.csv.gz",
    Path("holter24_annotated_nsr001") / "rr_labels.csv.gz",
    Path("holter24_annotated_nsr004") / "rr_labels.csv.gz",
    Path("mitbih_100_ectopic") / "rr_labels.csv",
)
_LABELLED = ("mitbih_100_ectopic", "holter24_annotated_nsr001", "holter24_annotated_nsr004")

_REST_OFF_PCT = 20.0


@dataclass(frozen=True, slots=True)
class Base:
    """A series without artifacts, and how far correction may be off when some are put into it."""

    name: str
    nn_ms: Series
    rmssd_within_pct: float
    specificity_pct: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series whose beats cardiologists have labelled."""

    name: str
    rr_ms: Series
    is_ectopic: NDArray[np.bool_]  # the beat that ends the interval is premature, atrial or ventricular
    is_unsure: NDArray[np.bool_]  # a mark of poor signal lies in the interval


def rest() -> Series:
    """Supine rest, 16 min (rest_polar)."""
    return read_rr_ms(DATA / "rest_polar" / "rr.csv")


def rest_5_min() -> Series:
    """Its minutes 5 to 10: 282 beats without artifacts."""
    rr_ms = rest()
    time_s = rr_ms.cumsum() / 1000
    return rr_ms[(time_s > 300) & (time_s <= 600)]


def everything(data_dir: Path | None) -> dict[str, Series]:
    """All recordings, as they are, by name."""
    found = {
        "rest_polar": rest(),
        "oracle_pyhrv_short": read_rr_ms(DATA / "oracle_pyhrv_short" / "rr.csv"),
        "ramp_polar_08012805": np.array(demo_recording().rr_ticks) / 1.024,
    }
    if data_dir is not None:
        found |= {path.parts[0]: read_rr_ms(data_dir / path) for path in _EXTERNAL}
        found["run_h10_fatmaxxer"] = read_rr_ms(data_dir / RUN_LOG, column=1)
        found["oracle_hrvanalysis_1000nn"] = bases.awake(data_dir)
    return found


def clean_bases(data_dir: Path | None) -> list[Base]:
    """Night, awake and run; without a folder, the rest that lies in this repository."""
    if data_dir is None:
        return [Base("rest", bases.without_outliers(rest(), _REST_OFF_PCT), 5.0, 99.9)]
    made: tuple[tuple[str, Callable[[Path], Series], float, float], ...] = (
        ("night", bases.night, 5.0, 99.9),
        ("awake", bases.awake, 5.0, 99.9),
        ("run", bases.run, 3.0, 99.5),
    )
    return [Base(name, make(data_dir), within_pct, specific_pct) for name, make, within_pct, specific_pct in made]


def labelled(data_dir: Path) -> list[Labelled]:
    """The three records with labels of beats."""
    return [_labelled(data_dir / next(path for path in _EXTERNAL if path.parts[0] == name)) for name in _LABELLED]


def _labelled(path: Path) -> Labelled:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines()[1:] if line]
    return Labelled(
        path.parent.name,
        np.array([float(row[0]) for row in rows]),
        np.array([row[1] in {"A", "V"} for row in rows], np.bool_),
        np.array([len(row) > 2 and row[2] == "1" for row in rows], np.bool_),
    )
