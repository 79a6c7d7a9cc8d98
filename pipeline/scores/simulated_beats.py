"""The beats of a simulated person's days: RR intervals of the hours in which the strap is on. Pure.

Each interval is that of the heart-rate course, and a fluctuation that is scaled to the RMSSD aimed at: noise that
remembers (1/f) and breathing at rest, bluer and smaller the harder the run, so that DFA alpha 1 falls with intensity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.model import TICKS_PER_SECOND, Marker, MarkerAction, MarkerKind
from pipeline.scores.simulated_person import MORNING, SLOTS, Life
from pipeline.scores.simulated_runs import (
    PLACES,
    RECOVERY_S,
    Floats,
    alpha1_of,
    bpm_of,
    reserve_share,
    respiration_of,
)
from pipeline.scores.trace import MINUTE_NS, SECOND_NS

ARTIFACTS = 0.002
"""Share of the beats that are missed or come early."""

_RMSSD_REST_MS, _RMSSD_LEAST_MS, _RMSSD_FALL = 49.0, 2.0, 5.5
"""RMSSD over the share of the reserve, on runs: exp(3.9) at rest, about 4 ms at the first threshold."""

_RED, _BLUE = 1.4, -0.5  # exponents of the two noises
_BLUE_SHARES = (
    (0.39, 0.47, 0.56, 0.67, 0.75, 0.83, 0.92, 0.98, 1.09, 1.2),
    (1, 0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.4, 0),
)
"""DFA alpha 1 of their sum, and the blue one's part of the differences' variance, over 60 windows of 280 beats."""

_EARLY, _EARLY_SHARE = 0.25, 0.5  # by how much of an interval, and of how many artifacts; the others are missed
_BEATS_SEED = 2  # the life takes the children 0 and 1 of the seed


class Worn(NamedTuple):
    """A time without a break in which the strap was on."""

    start_ns: int
    rr_ticks: NDArray[np.int64]  # 1/1024 s, oldest first


def rr_ticks_of_day(life: Life, index: int) -> list[Worn]:
    """The times of a day in which the strap was on, in order: the rests of the readings, and the run.

    Args:
        life: of which the readings' `live` is the maker, so that the minutes at rest have the same levels.
        index: of the day, from 0.

    Returns:
        RR intervals whose sum does not reach beyond the end of the time; 0.2 % of the beats are missed or early.
    """
    random = np.random.default_rng(np.random.SeedSequence(life.plan.seed, spawn_key=(_BEATS_SEED, index)))
    worn = [_rest(life, index, slot, random) for slot in np.flatnonzero(life.worn[index]).tolist()]
    run = int(life.run_of_day[index])
    if run >= 0:
        worn.append(_run(life, run, random))
    return sorted(worn, key=lambda part: part.start_ns)


def markers_of_day(life: Life, index: int) -> Iterator[Marker]:
    """What the person tells of a day, in order: the morning measurement, and the run with its place."""
    start_ns = int(life.slot_ns[index, MORNING])
    yield Marker(MarkerKind.MORNING, MarkerAction.START, time_ns=start_ns)
    yield Marker(MarkerKind.MORNING, MarkerAction.STOP, time_ns=start_ns + SLOTS[MORNING].minutes * MINUTE_NS)
    run = int(life.run_of_day[index])
    if run >= 0:
        start_ns, seconds = int(life.runs.start_ns[run]), int(life.runs.seconds[run])
        yield Marker(MarkerKind.RUN, MarkerAction.START, PLACES[life.runs.place[run]], start_ns)
        yield Marker(MarkerKind.RUN, MarkerAction.STOP, time_ns=start_ns + seconds * SECOND_NS)


def _rest(life: Life, index: int, slot: int, random: np.random.Generator) -> Worn:
    seconds = 60 * SLOTS[slot].minutes
    heart_rate_bpm, ln_rmssd = life.slot_levels[index, slot]
    course_bpm = np.full(seconds + 1, heart_rate_bpm)
    base_ms, _ = _intervals_ms(course_bpm)
    share = np.zeros_like(base_ms)
    fluctuation_ms = _fluctuations(share, base_ms, random)
    rmssd_ms = np.sqrt(np.mean(np.diff(fluctuation_ms) ** 2))
    return Worn(
        int(life.slot_ns[index, slot]),
        _as_sent(base_ms + fluctuation_ms * np.exp(ln_rmssd) / rmssd_ms, seconds, random),
    )


def _run(life: Life, run: int, random: np.random.Generator) -> Worn:
    runs = life.runs
    seconds = int(runs.seconds[run]) + RECOVERY_S
    time_s = np.arange(seconds + 1, dtype=float)
    share_of_second = reserve_share(time_s, np.array(float(runs.seconds[run])), runs.level[run], runs.kind[run])
    base_ms, ends_s = _intervals_ms(bpm_of(share_of_second))
    share = np.interp(ends_s, time_s, share_of_second)
    rmssd_ms = _RMSSD_LEAST_MS + (_RMSSD_REST_MS - _RMSSD_LEAST_MS) * np.exp(-_RMSSD_FALL * share)
    return Worn(
        int(runs.start_ns[run]),
        _as_sent(base_ms + rmssd_ms * _fluctuations(share, base_ms, random), seconds, random),
    )


def _intervals_ms(course_bpm: Floats) -> tuple[Floats, Floats]:
    """The intervals of a heart rate given for each second, and their ends in s: where its integral is whole."""
    beats = np.concatenate([[0.0], np.cumsum((course_bpm[1:] + course_bpm[:-1]) / 120)])
    ends_s = np.interp(np.arange(int(beats[-1]) + 1), beats, np.arange(len(beats)))
    return 1000 * np.diff(ends_s), ends_s[1:]


def _fluctuations(share: Floats, base_ms: Floats, random: np.random.Generator) -> Floats:
    """Fluctuations with an RMSSD of about 1 everywhere, whose DFA alpha 1 follows the share of the reserve."""
    n = len(share)
    breaths = np.cumsum(base_ms / 60_000 * respiration_of(share) * np.exp(0.02 * random.standard_normal(n)))
    sine = np.sin(2 * np.pi * (breaths + random.random()))
    slope = np.sqrt(np.mean(np.diff(sine) ** 2))
    # Of the differences' variance, breathing has a part that is large at rest; the rest is noise, red to white.
    breathing = 0.25 * (1 - share) ** 2
    blue_share = np.interp(alpha1_of(share), *_BLUE_SHARES)
    red, blue = _coloured(n, _RED, random), _coloured(n, _BLUE, random)
    noise = np.sqrt(1 - blue_share) * red + np.sqrt(blue_share) * blue
    fluctuations: Floats = np.sqrt(breathing) * sine / slope + np.sqrt(1 - breathing) * noise
    return fluctuations


def _coloured(n: int, exponent: float, random: np.random.Generator) -> Floats:
    """Noise with the spectrum f^-exponent and an RMSSD of 1, of mean 0."""
    frequency = np.fft.rfftfreq(n)
    spectrum = np.fft.rfft(random.standard_normal(n))
    spectrum[0] = 0.0
    spectrum[1:] *= frequency[1:] ** (-exponent / 2)
    noise: Floats = np.fft.irfft(spectrum, n)
    noise /= np.sqrt(np.mean(np.diff(noise) ** 2))
    return noise


def _as_sent(rr_ms: Floats, seconds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Intervals as a strap sends them: in ticks, up to the end of the time, a few beats early or missed."""
    rr_ms = np.maximum(rr_ms, 310.0)
    at = 1 + np.flatnonzero(random.random(len(rr_ms) - 2) < ARTIFACTS)
    is_early = random.random(len(at)) < _EARLY_SHARE
    early, missed = at[is_early], at[~is_early]
    moved_ms = _EARLY * rr_ms[early]
    rr_ms[early] -= moved_ms
    rr_ms[early + 1] += moved_ms
    rr_ms[missed + 1] += rr_ms[missed]
    kept = np.delete(rr_ms, missed)
    ends_ticks = np.rint(np.cumsum(kept) * TICKS_PER_SECOND / 1000).astype(np.int64)
    rr_ticks = np.diff(ends_ticks, prepend=0)
    return rr_ticks[ends_ticks <= seconds * TICKS_PER_SECOND]
