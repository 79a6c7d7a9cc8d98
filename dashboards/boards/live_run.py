"""The Live run board: how is this person's heart right now, and can the signal be trusted?"""

from __future__ import annotations

from dashboards.influxql import Source, last, last_time, mean_series, pairs, people, points
from dashboards.palette import (
    ARTIFACT_PCT,
    BATTERY_PCT,
    BEAT_AGE_S,
    CONNECTED,
    COVERAGE_PCT,
    DFA_ALPHA1,
    Colour,
    Scale,
    Step,
)
from dashboards.panels import (
    Board,
    Card,
    Fold,
    Line,
    Place,
    SdkObject,
    age_stat,
    judged_stat,
    plain_stat,
    render,
    scatter,
    time_lines,
    time_points,
)
from pipeline.schema import BEAT, HEART, HRV, STRAP

_BOARD = Board(
    uid="strapline-live-run",
    title="Live run",
    description="Heart rate, intensity by DFA alpha 1, beat-to-beat variability and signal quality of one person. "
    "Wellness, not medical.",
    time_from="now-15m",
    refresh="5s",
    people_query=people(BEAT),
)

_BEATS = Source(BEAT)
_HEART = Source(HEART)
_HRV_60 = Source(HRV, window_s=60)
_HRV_120 = Source(HRV, window_s=120)
_HRV_300 = Source(HRV, window_s=300)
_STRAP = Source(STRAP)

_BPM = "suffix:bpm"
# Grafana's own "ms" turns 1000 into 1 s, which an RR interval must not.
_MS = "suffix:ms"
_DAY_S = 86_400
_PREVIOUS, _THIS = "previous RR interval, ms", "RR interval, ms"
# Of coverage and of artifacts: beyond them the pipeline gives no index.
LIMITS_PCT: Scale = (Step(None, Colour.MISSING, ""), Step(5, Colour.POOR, ""), Step(80, Colour.POOR, ""))
_WITHHELD = "No value below 80 % coverage or above 5 % artifacts."
_LATE = "Shown only while it is recent: an old value is never shown as a live one."


def _heart_now() -> list[SdkObject]:
    return [
        plain_stat(
            Card(
                title="Heart rate",
                description=f"60 000 / mean NN interval of the last 5 s, written each second; up to 15 s old. {_LATE}",
                unit=_BPM,
                decimals=0,
                no_data="no beats",
                min_interval="1s",
                place=Place(0, 0, 6, 4),
            ),
            last(_HEART, {"heart rate": "heart_rate_bpm"}, max_age_s=15),
            Colour.STRAIN,
        ),
        judged_stat(
            Card(
                title="DFA alpha 1 (thresholds 0.75, 0.50)",
                description="How orderly the pattern of the beats is over 4 to 16 beats. Falls as effort rises; at "
                "rest it follows the breath and tells no effort. Easy: below the first threshold; between the two; "
                "hard. 0.75 and 0.50 are values of groups (Rogers 2021), and people differ widely. Mean of the 120 s "
                "windows of the last 30 s, since one window alone scatters by 0.05; up to 30 s old. Artifacts "
                f"falsify it most of all. {_WITHHELD}",
                unit="none",
                decimals=2,
                no_data="no value: too few clean beats",
                min_interval="5s",
                place=Place(6, 0, 6, 4),
            ),
            last(_HRV_120, {"alpha 1": "dfa_alpha1_smoothed", "effort": "dfa_alpha1_smoothed"}, max_age_s=30),
            DFA_ALPHA1,
            {"effort": DFA_ALPHA1},
        ),
        plain_stat(
            Card(
                title="RMSSD, 60 s",
                description="Root mean square of successive NN differences over 60 s, up to 30 s old. Differs widely "
                f"between people and falls with effort: compare it with your own, not with others. {_LATE}",
                unit=_MS,
                decimals=1,
                no_data="no value: too few clean beats",
                min_interval="5s",
                place=Place(12, 0, 6, 4),
            ),
            last(_HRV_60, {"RMSSD": "rmssd_ms"}, max_age_s=30),
            Colour.RECOVERY,
        ),
        age_stat(
            Card(
                title="Last beat",
                description="Time from the last stored beat to the end of the shown range: below 3 s live, 3 to 10 s "
                "late, above 10 s silent. Counts from this browser's clock, so a wrong clock shows here.",
                unit="suffix:s",
                decimals=1,
                no_data="no beat in the last 24\u00a0h",
                min_interval="1s",
                place=Place(18, 0, 6, 4),
            ),
            last_time(_BEATS, "rr_ms", max_age_s=_DAY_S),
            BEAT_AGE_S,
        ),
    ]


def _signal_now() -> list[SdkObject]:
    return [
        judged_stat(
            Card(
                title="Artifacts, 60 s",
                description="Share of the beats of the last 60 s that were found to be artifacts, judged by the "
                "beats around them: ectopic, missed, extra, too long or too short. Below 2 % good, 2 to 5 % fair, "
                f"from 5 % poor, and above 5 % no index is given. {_LATE}",
                unit="percent",
                decimals=1,
                no_data="no beats",
                min_interval="5s",
                place=Place(0, 4, 8, 4),
            ),
            last(_HRV_60, {"share": "artifact_pct", "quality": "artifact_pct"}, max_age_s=30),
            ARTIFACT_PCT,
            {"quality": ARTIFACT_PCT},
        ),
        judged_stat(
            Card(
                title="Coverage, 60 s",
                description="Share of the last 60 s that NN intervals cover: from 95 % good, 80 to 95 % fair, below "
                f"80 % poor, and then no index is given. Beats lost on the radio lower it. {_LATE}",
                unit="percent",
                decimals=0,
                no_data="no beats",
                min_interval="5s",
                place=Place(8, 4, 8, 4),
            ),
            last(_HRV_60, {"share": "coverage_pct", "quality": "coverage_pct"}, max_age_s=30),
            COVERAGE_PCT,
            {"quality": COVERAGE_PCT},
        ),
        judged_stat(
            Card(
                title="Strap and battery",
                description="The last report of the strap that reported last, up to 24 h old: linked to its "
                "collector or not, and its battery (below 30 % low, below 15 % change it).",
                unit="percent",
                decimals=0,
                no_data="no report in the last 24\u00a0h",
                min_interval="5s",
                place=Place(16, 4, 8, 4),
            ),
            last(
                _STRAP,
                {"strap": "connected", "charge": "battery_pct", "battery": "battery_pct"},
                max_age_s=_DAY_S,
            ),
            BATTERY_PCT,
            {"strap": CONNECTED, "battery": BATTERY_PCT},
        ),
    ]


def _beats_over_time() -> list[SdkObject]:
    return [
        time_lines(
            Card(
                title="Heart rate",
                description="60 000 / mean NN interval of the last 5 s, each second; the mean of each pixel's "
                "interval in long ranges. A hole is a time without beats: nothing is filled in.",
                unit=_BPM,
                decimals=None,
                no_data="no beats in this range",
                min_interval="1s",
                place=Place(0, 8, 12, 8),
            ),
            [Line(mean_series(_HEART, "heart_rate_bpm", alias="heart rate"), Colour.STRAIN)],
            bridge_ms=3_000,
        ),
        time_points(
            Card(
                title="RR tachogram",
                description="Every RR interval as the strap sent it, at the time of its beat. Artifacts are purple "
                "and enter no index as they are: outside 300 to 2000 ms at once, ectopic, missed or extra beats once "
                "the next few beats have told. Every beat is drawn: slow for ranges above a few hours.",
                unit=_MS,
                decimals=None,
                no_data="no beats in this range",
                min_interval="1s",
                place=Place(0, 16, 12, 12),
            ),
            [
                Line(points(_BEATS, "rr_ms", flag="artifact", is_set=False, alias="RR interval"), Colour.RECOVERY),
                Line(points(_BEATS, "rr_ms", flag="artifact", is_set=True, alias="artifact"), Colour.SIGNAL, dots=7),
            ],
        ),
    ]


def _variability_over_time() -> list[SdkObject]:
    return [
        time_lines(
            Card(
                title="DFA alpha 1, 120 s",
                description="Each window of 120 s as a dot, every 5 s, and the mean of the last 30 s as the line. "
                "Lines at 0.75 and 0.50: values of groups at the first and second threshold (Rogers 2021). People "
                "differ widely, and one window alone scatters by 0.05. Coverage and artifacts tell how far to "
                "believe it.",
                unit="none",
                decimals=2,
                no_data="no values in this range",
                min_interval="5s",
                place=Place(12, 8, 12, 8),
            ),
            [
                Line(mean_series(_HRV_120, "dfa_alpha1", alias="one window (dots)"), Colour.RECOVERY, dots=3),
                Line(mean_series(_HRV_120, "dfa_alpha1_smoothed", alias="mean of 30 s"), Colour.RECOVERY),
            ],
            bridge_ms=15_000,
            scale=DFA_ALPHA1,
        )
        .axis_soft_min(0.25)
        .axis_soft_max(1.25),
        time_lines(
            Card(
                title="Coverage and artifacts, 120 s",
                description="Share of the last 120 s that NN intervals cover, and share of its beats that were found "
                "to be artifacts (dashed), every 5 s. Lines where the indices of this window end: at 80 % and at 5 "
                "%.",
                unit="percent",
                decimals=0,
                no_data="no values in this range",
                min_interval="5s",
                place=Place(12, 16, 12, 5),
            ),
            [
                Line(mean_series(_HRV_120, "coverage_pct", alias="coverage"), Colour.SIGNAL),
                Line(mean_series(_HRV_120, "artifact_pct", alias="artifacts (dashed)"), Colour.SIGNAL, dashed=True),
            ],
            bridge_ms=15_000,
            scale=LIMITS_PCT,
        )
        .min(0)
        .max(105),  # so that a full 100 % does not hide under the frame
        time_lines(
            Card(
                title="RMSSD and SDNN",
                description="RMSSD over 60 s (solid) and SDNN over 300 s (dashed), every 5 s, at the window's end. A "
                f"trend across the windows also counts as variation. {_WITHHELD}",
                unit=_MS,
                decimals=None,
                no_data="no values in this range",
                min_interval="5s",
                place=Place(12, 21, 12, 7),
            ),
            [
                Line(mean_series(_HRV_60, "rmssd_ms", alias="RMSSD, 60 s"), Colour.RECOVERY),
                Line(mean_series(_HRV_300, "sdnn_ms", alias="SDNN, 300 s (dashed)"), Colour.RECOVERY, dashed=True),
            ],
            bridge_ms=15_000,
        ),
    ]


def _at_rest() -> list[SdkObject]:
    return [
        time_points(
            Card(
                title="Respiration, 120 s",
                description="Breaths a minute, from the rhythm that breathing gives to the heart in 120 s, every 5 "
                "s. Best at rest. A dot stands only where one rhythm is clear, so in hard exercise often none does. "
                f"{_WITHHELD}",
                unit="suffix:/min",
                decimals=None,
                no_data="no trusted values in this range",
                min_interval="5s",
                place=Place(0, 29, 12, 8),
            ),
            [Line(mean_series(_HRV_120, "respiration_per_min", alias="respiration"), Colour.RECOVERY)],
        )
        .axis_soft_min(0)
        .axis_soft_max(30),
        time_lines(
            Card(
                title="Stress index, 300 s",
                description="Square root of Baevsky's stress index over 300 s: about 7 to 12 at rest. Sitting or "
                "lying still only: in exercise and while the heart rate drifts it does not mean stress. Compare it "
                f"with your own, not with others. {_WITHHELD}",
                unit="none",
                decimals=None,
                no_data="no values in this range: needs 5 min of clean beats",
                min_interval="5s",
                place=Place(0, 37, 12, 8),
            ),
            [Line(mean_series(_HRV_300, "sqrt_si", alias="square root of SI"), Colour.RECOVERY)],
            bridge_ms=15_000,
        ),
        time_lines(
            Card(
                title="LF and HF power, 300 s",
                description="For experts: power of the NN intervals in 0.04 to 0.15 Hz (LF) and 0.15 to 0.40 Hz (HF, "
                "dashed) over 300 s. At rest only; breathing slower than 9 a minute counts as LF. Neither is a "
                f"measure of stress. {_WITHHELD}",
                unit="suffix:ms²",
                decimals=None,
                no_data="no values in this range: needs 5 min of clean beats",
                min_interval="5s",
                place=Place(12, 37, 12, 8),
            ),
            [
                Line(mean_series(_HRV_300, "lf_ms2", alias="LF"), Colour.RECOVERY),
                Line(mean_series(_HRV_300, "hf_ms2", alias="HF (dashed)"), Colour.RECOVERY, dashed=True),
            ],
            bridge_ms=15_000,
        ),
        _poincare_plot(),
    ]


def _poincare_plot() -> SdkObject:
    return scatter(
        Card(
            title="Poincaré plot",
            description="Each RR interval against the one before it, never across a gap; artifacts and the "
            "beats after them are left out. The width of the cloud is short-term variability, its length the "
            "long-term one.",
            unit=_MS,
            decimals=0,
            no_data="no beats in this range",
            min_interval="1s",
            place=Place(12, 29, 12, 8),
        ),
        pairs(
            _BEATS,
            (_PREVIOUS, "rr_prev_ms"),
            (_THIS, "rr_ms"),
            unless=("artifact", "artifact_before"),
        ),
        _PREVIOUS,
        _THIS,
        Colour.RECOVERY,
    )


def board() -> tuple[str, str]:
    """The board's uid and its JSON."""
    panels = [*_heart_now(), *_signal_now(), *_beats_over_time(), *_variability_over_time()]
    return _BOARD.uid, render(_BOARD, panels, Fold("At rest: breathing, stress, power, Poincaré plot", 28, _at_rest()))
