"""The libraries that people use today, behind one face: each by its own recommended calls, without its printing.

None of them is needed to run the project or its tests. One that isn't installed is missing from `installed`, and
the benchmarks say so by name. They need numpy below 2.4, and nolds 0.6.3 does not start on Python 3.11:
pip install -e '.[peers]'.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.table import installed_version

Series = NDArray[np.float64]
Flags = NDArray[np.bool_]
Call = Callable[[Any], object]

INDICES = ("RMSSD", "SDNN", "pNN50", "SD1", "SD2", "LF", "HF", "LFnu", "DFA a1", "SampEn")

DISTRIBUTIONS = {
    "NeuroKit2": "neurokit2",
    "systole": "systole",
    "hrv-analysis": "hrv-analysis",
    "pyhrv": "pyhrv",
    "heartpy": "heartpy",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """One library's calls; what it doesn't offer is missing."""

    name: str
    prepare: Callable[[Series], Any]
    """NN intervals in ms as its calls take them; made before any clock starts."""
    rmssd: Call
    """The shortest call that gives RMSSD."""
    time_domain: Call
    """Its time-domain indices."""
    frequency: Call
    """Its band powers by Welch's method, as it sets that by default."""
    indices: Callable[[Series], dict[str, float]]
    """Its values by the names of `INDICES`, powers in ms² and shares in percent."""
    alpha1: dict[str, Call] = field(default_factory=dict)
    """Ways to DFA alpha 1, by name; on what `prepare` gives."""
    everything: Call | None = None
    """All indices at once, where there is such a call."""
    corrections: dict[str, Callable[[Series], Series]] = field(default_factory=dict)
    """Ways from RR to NN intervals, by name."""
    flags: Callable[[Series], Flags] | None = None
    """Which RR intervals it takes for artifacts."""


@contextmanager
def silence() -> Iterator[None]:
    """Neither warnings nor windows while a peer works."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def installed() -> list[Peer]:
    """The peers that are here, imported and ready."""
    loaders = {
        "NeuroKit2": _neurokit2,
        "systole": _systole,
        "hrv-analysis": _hrv_analysis,
        "pyhrv": _pyhrv,
        "heartpy": _heartpy,
    }
    with silence():
        return [load() for name, load in loaders.items() if installed_version(DISTRIBUTIONS[name])]


def absent() -> list[str]:
    """The names of those that aren't."""
    return [name for name, distribution in DISTRIBUTIONS.items() if not installed_version(distribution)]


def _no_windows() -> None:
    os.environ["MPLBACKEND"] = "Agg"


def _neurokit2() -> Peer:
    _no_windows()
    import neurokit2 as nk

    def peaks(nn_ms: Series) -> Any:
        return nk.intervals_to_peaks(nn_ms, sampling_rate=1000)

    def frequency(at: Any) -> Any:
        # Not normalised: by default it divides by the largest density, and the powers have no unit.
        return nk.hrv_frequency(at, sampling_rate=1000, normalize=False)

    def indices(nn_ms: Series) -> dict[str, float]:
        at = peaks(nn_ms)
        found = {**nk.hrv_time(at, sampling_rate=1000).iloc[0], **frequency(at).iloc[0]}
        found |= dict(nk.hrv_nonlinear(at, sampling_rate=1000).iloc[0])
        names = ("RMSSD", "SDNN", "pNN50", "SD1", "SD2", "LF", "HF", "DFA_alpha1", "SampEn")
        ours = ("RMSSD", "SDNN", "pNN50", "SD1", "SD2", "LF", "HF", "DFA a1", "SampEn")
        values = {our: float(found[f"HRV_{name}"]) for our, name in zip(ours, names, strict=True)}
        return values | {"LFnu": 100 * values["LF"] / (values["LF"] + values["HF"])}

    def corrected(*, iterative: bool) -> Callable[[Series], Series]:
        def correct(rr_ms: Series) -> Series:
            _, kept = nk.signal_fixpeaks(peaks(rr_ms), sampling_rate=1000, iterative=iterative, method="Kubios")
            return np.diff(np.asarray(kept, dtype=np.float64))

        return correct

    def flags(rr_ms: Series) -> Flags:
        # One pass: the lists of an iterative call are those of its last pass, numbered in the corrected series.
        info, _ = nk.signal_fixpeaks(peaks(rr_ms), sampling_rate=1000, iterative=False, method="Kubios")
        found = np.zeros(rr_ms.size + 1, dtype=np.bool_)
        for kind in ("ectopic", "missed", "extra", "longshort"):
            found[np.asarray(info[kind], dtype=np.intp)] = True
        return found[1:]  # peak i + 1 ends interval i

    def by_boxes(at: Any) -> object:
        return nk.fractal_dfa(np.diff(at), scale=np.arange(4, 17), overlap=False)[0]

    return Peer(
        "NeuroKit2",
        prepare=peaks,
        rmssd=lambda at: nk.hrv_time(at, sampling_rate=1000),
        time_domain=lambda at: nk.hrv_time(at, sampling_rate=1000),
        frequency=frequency,
        indices=indices,
        alpha1={
            "fractal_dfa, boxes 4..16, no overlap": by_boxes,
            "hrv_nonlinear": lambda at: nk.hrv_nonlinear(at, sampling_rate=1000),
        },
        everything=lambda at: nk.hrv(at, sampling_rate=1000),
        corrections={
            "NeuroKit2, iterative": corrected(iterative=True),
            "NeuroKit2, one pass": corrected(iterative=False),
        },
        flags=flags,
    )


def _systole() -> Peer:
    _no_windows()
    from systole.correction import correct_rr
    from systole.detection import rr_artefacts
    from systole.hrv import frequency_domain, poincare, rmssd, time_domain

    def indices(nn_ms: Series) -> dict[str, float]:
        of_time = time_domain(nn_ms).set_index("Metric")["Values"]
        of_frequency = frequency_domain(nn_ms).set_index("Metric")["Values"]
        sd1_ms, sd2_ms = poincare(nn_ms)
        return {
            "RMSSD": float(of_time["RMSSD"]),
            "SDNN": float(of_time["SDNN"]),
            "pNN50": float(of_time["pnn50"]),
            "SD1": float(sd1_ms),
            "SD2": float(sd2_ms),
            "LF": float(of_frequency["lf_power"]),
            "HF": float(of_frequency["hf_power"]),
            "LFnu": float(of_frequency["lf_power_nu"]),
        }

    def flags(rr_ms: Series) -> Flags:
        found = rr_artefacts(rr_ms)
        kinds = [found[kind] for kind in ("ectopic", "long", "short", "missed", "extra")]
        flagged: Flags = np.any(np.array(kinds, dtype=np.bool_), axis=0)
        return flagged

    return Peer(
        "systole",
        prepare=lambda nn_ms: nn_ms,
        rmssd=rmssd,
        time_domain=time_domain,
        frequency=frequency_domain,
        indices=indices,
        corrections={"systole": lambda rr_ms: np.asarray(correct_rr(rr_ms, verbose=False)[0], dtype=np.float64)},
        flags=flags,
    )


def _hrv_analysis() -> Peer:
    _no_windows()
    import hrvanalysis as ha

    def indices(nn_ms: Series) -> dict[str, float]:
        found = ha.get_time_domain_features(nn_ms) | ha.get_frequency_domain_features(nn_ms)
        found |= ha.get_poincare_plot_features(nn_ms) | ha.get_sampen(nn_ms)
        names = ("rmssd", "sdnn", "pnni_50", "sd1", "sd2", "lf", "hf", "lfnu", "sampen")
        ours = ("RMSSD", "SDNN", "pNN50", "SD1", "SD2", "LF", "HF", "LFnu", "SampEn")
        return {our: float(found[name]) for our, name in zip(ours, names, strict=True)}

    def without_outliers(rr_ms: Series) -> Any:
        return ha.remove_outliers(rr_ms.tolist(), low_rri=300, high_rri=2000, verbose=False)

    def without_ectopics(rr_ms: Series) -> Any:
        filled = ha.interpolate_nan_values(without_outliers(rr_ms), interpolation_method="linear")
        return ha.remove_ectopic_beats(filled, method="malik", verbose=False)

    def correct(rr_ms: Series) -> Series:
        nn_ms = np.array(ha.interpolate_nan_values(without_ectopics(rr_ms), interpolation_method="linear"))
        finite: Series = nn_ms[np.isfinite(nn_ms)]
        return finite

    def flags(rr_ms: Series) -> Flags:
        flagged: Flags = np.isnan(without_outliers(rr_ms)) | np.isnan(without_ectopics(rr_ms))
        return flagged

    return Peer(
        "hrv-analysis",
        prepare=lambda nn_ms: nn_ms,
        rmssd=ha.get_time_domain_features,
        time_domain=ha.get_time_domain_features,
        frequency=ha.get_frequency_domain_features,
        indices=indices,
        corrections={"hrv-analysis": correct},
        flags=flags,
    )


def _pyhrv() -> Peer:
    _no_windows()
    import pyhrv.frequency_domain as of_frequency
    import pyhrv.time_domain as of_time
    from pyhrv import nonlinear

    def alpha1(nn_ms: Series) -> object:
        return nonlinear.dfa(nn_ms, show=False, mode="dev")["dfa_alpha1"]

    def frequency(nn_ms: Series) -> Any:
        return of_frequency.welch_psd(nn_ms, mode="dev")[0]

    def indices(nn_ms: Series) -> dict[str, float]:
        _, lf_ms2, hf_ms2 = frequency(nn_ms)["fft_abs"]
        sd1_ms, sd2_ms = list(nonlinear.poincare(nn_ms, mode="dev"))[:2]
        return {
            "RMSSD": float(of_time.rmssd(nn_ms)["rmssd"]),
            "SDNN": float(of_time.sdnn(nn_ms)["sdnn"]),
            "pNN50": float(of_time.nn50(nn_ms)["pnn50"]),
            "SD1": float(sd1_ms),
            "SD2": float(sd2_ms),
            "LF": float(lf_ms2),
            "HF": float(hf_ms2),
            "LFnu": float(100 * lf_ms2 / (lf_ms2 + hf_ms2)),
            # Its line is fitted by RANSAC, with chance: the median of many calls.
            "DFA a1": float(np.median([alpha1(nn_ms) for _ in range(11)])),
            "SampEn": float(nonlinear.sample_entropy(nn_ms)["sampen"]),
        }

    return Peer(
        "pyhrv",
        prepare=lambda nn_ms: nn_ms,
        rmssd=of_time.rmssd,
        time_domain=lambda nn_ms: of_time.time_domain(nn_ms, plot=False, show=False),
        frequency=frequency,
        indices=indices,
        alpha1={"dfa": alpha1},
    )


def _heartpy() -> Peer:
    _no_windows()
    import heartpy as hp
    from heartpy.analysis import calc_fd_measures, calc_ts_measures

    def process(nn_ms: Series, **options: bool) -> Any:
        # Its defaults for the dictionaries are mutable and shared between calls.
        return hp.process_rr(nn_ms, measures={}, working_data={}, **options)

    def time_domain(nn_ms: Series) -> object:
        differences = np.abs(np.diff(nn_ms))
        return calc_ts_measures(nn_ms, differences, np.power(differences, 2), measures={}, working_data={})

    def indices(nn_ms: Series) -> dict[str, float]:
        found = process(nn_ms, calc_freq=True)[1]
        names = ("rmssd", "sdnn", "sd1", "sd2", "lf", "hf", "lf_nu")
        ours = ("RMSSD", "SDNN", "SD1", "SD2", "LF", "HF", "LFnu")
        values = {our: float(found[name]) for our, name in zip(ours, names, strict=True)}
        return values | {"pNN50": 100 * float(found["pnn50"])}

    return Peer(
        "heartpy",
        prepare=lambda nn_ms: nn_ms,
        rmssd=time_domain,
        time_domain=time_domain,
        frequency=lambda nn_ms: calc_fd_measures(measures={}, working_data={"RR_list_cor": nn_ms}),
        indices=indices,
    )
