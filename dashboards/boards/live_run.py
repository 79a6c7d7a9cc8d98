"""The Live run board: how is this person's heart right now, and can the signal be trusted?"""

from __future__ import annotations

from dashboards.boards.live_run_rest import BEATS, HRV_60, HRV_120, MS, WITHHELD, at_rest, live_card
from dashboards.influxql import DAY_S, Source, equals, last, last_time, mean_series, people, points, stored, time_at
from dashboards.links import LIVE_RUN
from dashboards.palette import (
    ARTIFACT_PCT,
    BATTERY_PCT,
    BEAT_AGE_S,
    CONNECTED,
    COVERAGE_PCT,
    DFA_ALPHA1,
    ZONE_COLOURS,
    ZONES,
    Colour,
    Scale,
    Step,
)
from dashboards.palette import STRESS as STRESS_SCALE
from dashboards.panels.card import Column, Place, SdkObject
from dashboards.panels.frame import Board, Fold, render
from dashboards.panels.numbers import age_stat, bars, figures, judged_stat
from dashboards.panels.series import Line, time_lines, time_points
from dashboards.panels.tables import rows
from pipeline.schema import BEAT, EFFORT, EVENT, HEART, STRAP, STRESS

_BOARD = Board(
    uid=LIVE_RUN,
    title="Live run",
    description="Heart rate, intensity by DFA alpha 1, beat-to-beat variability and signal quality of one person. "
    "Wellness, not medical.",
    time_from="now-15m",
    refresh="5s",
    people_query=people(BEAT),
)

_HEART = Source(HEART)
_STRAP = Source(STRAP)
_STRESS = Source(STRESS)
_EFFORT = Source(EFFORT)

_BPM = "suffix:bpm"
# Of coverage and of artifacts: beyond them the pipeline gives no index.
LIMITS_PCT: Scale = (Step(None, Colour.MISSING, ""), Step(5, Colour.POOR, ""), Step(80, Colour.POOR, ""))
_LATE = "Shown only while it is recent: an old value is never shown as a live one."


def _heart_now() -> list[SdkObject]:
    return [_heart_rate_and_zone(), _alpha1(), _rmssd_and_stress(), _last_beat()]


def _heart_rate_and_zone() -> SdkObject:
    return figures(
        live_card(
            title="Heart rate and zone",
            description="60 000 / mean NN interval of the last 5 s, written each second; up to 15 s old. Zone 1 to "
            "5 of the last 10 s of a run, by the person's own limits (50, 60, 70, 80, 90 % of the heart-rate "
            f"reserve, or of the maximum); up to 60 s old, and only in a run. {_LATE}",
            unit=_BPM,
            decimals=0,
            no_data="no beats",
            min_interval="1s",
            place=Place(0, 0, 6, 4),
        ),
        [
            last(_HEART, {"heart rate": "heart_rate_bpm"}, max_age_s=15),
            last(_EFFORT, {"zone": "zone"}, max_age_s=60),
        ],
        [Column(name="heart rate"), Column(name="zone", unit="none", scale=ZONES, worded=True)],
        Colour.STRAIN,
    )


def _alpha1() -> SdkObject:
    return judged_stat(
        live_card(
            title="DFA alpha 1 (thresholds 0.75, 0.50)",
            description="How orderly the pattern of the beats is over 4 to 16 beats. Falls as effort rises; at "
            "rest it follows the breath and tells no effort. Easy: below the first threshold; between the two; "
            "hard. 0.75 and 0.50 are values of groups (Rogers 2021), and people differ widely. Mean of the 120 s "
            "windows of the last 30 s, since one window alone scatters by 0.05; up to 30 s old. Artifacts "
            f"falsify it most of all. {WITHHELD}",
            decimals=2,
            no_data="no value: too few clean beats",
            place=Place(6, 0, 6, 4),
        ),
        last(HRV_120, {"alpha 1": "dfa_alpha1_smoothed", "effort": "dfa_alpha1_smoothed"}, max_age_s=30),
        DFA_ALPHA1,
        {"effort": DFA_ALPHA1},
    )


def _rmssd_and_stress() -> SdkObject:
    return figures(
        live_card(
            title="RMSSD and stress",
            description="RMSSD: root mean square of successive NN differences over 60 s, up to 30 s old. Differs "
            "widely between people and falls with effort: compare it with your own, not with others. Stress: 0 to "
            "100 against your own rest, of the last full minute at rest, up to 3 min old; none in a run and for "
            f"half an hour after it. {_LATE}",
            unit=MS,
            decimals=1,
            no_data="too few clean beats",
            place=Place(12, 0, 6, 4),
        ),
        [
            last(HRV_60, {"RMSSD, 60 s": "rmssd_ms"}, max_age_s=30),
            last(_STRESS, {"stress": "stress", "band": "stress"}, max_age_s=180),
        ],
        [
            Column(name="RMSSD, 60 s"),
            Column(name="stress", unit="none", decimals=0, scale=STRESS_SCALE),
            Column(name="band", unit="none", scale=STRESS_SCALE, worded=True),
        ],
        Colour.RECOVERY,
    )


def _last_beat() -> SdkObject:
    return age_stat(
        live_card(
            title="Last beat",
            description="Time from the last stored beat to the end of the shown range: below 3 s live, 3 to 10 s "
            "late, above 10 s silent. Counts from this browser's clock, so a wrong clock shows here.",
            unit="suffix:s",
            decimals=1,
            no_data="no beat in the last 24\u00a0h",
            min_interval="1s",
            place=Place(18, 0, 6, 4),
        ),
        last_time(BEATS, "rr_ms", max_age_s=DAY_S),
        BEAT_AGE_S,
    )


def _signal_now() -> list[SdkObject]:
    return [
        figures(
            live_card(
                title="Signal, 60 s",
                description="Share of the beats of the last 60 s that were found to be artifacts, judged by the beats "
                "around them (below 2 % good, 2 to 5 % fair, from 5 % poor), and share of that time that NN intervals "
                "cover (from 95 % good, 80 to 95 % fair, below poor). Above 5 % artifacts or below 80 % coverage no "
                f"index is given. Beats lost on the radio lower the coverage. {_LATE}",
                unit="percent",
                decimals=1,
                no_data="no beats",
                place=Place(0, 4, 12, 3),
            ),
            [
                last(
                    HRV_60,
                    {
                        "artifacts": "artifact_pct",
                        "beats are": "artifact_pct",
                        "coverage": "coverage_pct",
                        "it is": "coverage_pct",
                    },
                    max_age_s=30,
                )
            ],
            [
                Column(name="artifacts", scale=ARTIFACT_PCT),
                Column(name="beats are", scale=ARTIFACT_PCT, worded=True),
                Column(name="coverage", decimals=0, scale=COVERAGE_PCT),
                Column(name="it is", scale=COVERAGE_PCT, worded=True),
            ],
            Colour.SIGNAL,
        ),
        judged_stat(
            live_card(
                title="Strap and battery",
                description="The last report of the strap that reported last, up to 24 h old: linked to its "
                "collector or not, and its battery (below 30 % low, below 15 % change it).",
                unit="percent",
                decimals=0,
                no_data="no report in the last 24\u00a0h",
                place=Place(12, 4, 12, 3),
            ),
            last(
                _STRAP,
                {"strap": "connected", "charge": "battery_pct", "battery": "battery_pct"},
                max_age_s=DAY_S,
            ),
            BATTERY_PCT,
            {"strap": CONNECTED, "battery": BATTERY_PCT},
        ),
    ]


def _beats_over_time() -> list[SdkObject]:
    return [
        time_lines(
            live_card(
                title="Heart rate over zones",
                description="60 000 / mean NN interval of the last 5 s, each second; the mean of each pixel's "
                "interval in long ranges. A hole is a time without beats: nothing is filled in. In a run the space "
                "below is coloured by the zone of each 10 s, by the limits of that day.",
                unit=_BPM,
                no_data="no beats in this range",
                min_interval="1s",
                place=Place(0, 7, 12, 8),
            ),
            [*_zone_areas(), Line(mean_series(_HEART, "heart_rate_bpm", alias="heart rate"), Colour.STRAIN)],
            bridge_ms=3_000,
        ).axis_soft_min(60),
        time_points(
            live_card(
                title="RR tachogram",
                description="Every RR interval as the strap sent it, at the time of its beat. Artifacts are purple "
                "and enter no index as they are: outside 300 to 2000 ms at once, ectopic, missed or extra beats once "
                "the next few beats have told. Every beat is drawn: slow for ranges above a few hours.",
                unit=MS,
                no_data="no beats in this range",
                min_interval="1s",
                place=Place(0, 15, 12, 12),
            ),
            [
                Line(points(BEATS, "rr_ms", flag="artifact", is_set=False, alias="RR interval"), Colour.RECOVERY),
                Line(points(BEATS, "rr_ms", flag="artifact", is_set=True, alias="artifact"), Colour.SIGNAL, dots=7),
            ],
        ),
    ]


def _variability_over_time() -> list[SdkObject]:
    return [
        time_lines(
            live_card(
                title="DFA alpha 1, 120 s",
                description="Each window of 120 s as a dot, every 5 s, and the mean of the last 30 s as the line. "
                "Lines at 0.75 and 0.50: values of groups at the first and second threshold (Rogers 2021). People "
                "differ widely, and one window alone scatters by 0.05. Coverage and artifacts tell how far to "
                "believe it.",
                decimals=2,
                place=Place(12, 7, 12, 8),
            ),
            [
                Line(mean_series(HRV_120, "dfa_alpha1", alias="one window (dots)"), Colour.RECOVERY, dots=3),
                Line(mean_series(HRV_120, "dfa_alpha1_smoothed", alias="mean of 30 s"), Colour.RECOVERY),
            ],
            bridge_ms=15_000,
            scale=DFA_ALPHA1,
        )
        .axis_soft_min(0.25)
        .axis_soft_max(1.25),
        time_lines(
            live_card(
                title="Coverage and artifacts, 120 s",
                description="Share of the last 120 s that NN intervals cover, and share of its beats that were found "
                "to be artifacts (dashed), every 5 s. Lines where the indices of this window end: at 80 % and at 5 "
                "%.",
                unit="percent",
                decimals=0,
                place=Place(12, 15, 12, 12),
            ),
            [
                Line(mean_series(HRV_120, "coverage_pct", alias="coverage"), Colour.SIGNAL),
                Line(mean_series(HRV_120, "artifact_pct", alias="artifacts (dashed)"), Colour.SIGNAL, dashed=True),
            ],
            bridge_ms=15_000,
            scale=LIMITS_PCT,
        )
        .min(0)
        .max(105),  # so that a full 100 % does not hide under the frame
    ]


def _zone_areas() -> list[Line]:
    """The heart rate of each 10 s of a run, in the colour of its zone."""
    return [
        Line(
            mean_series(Source(EFFORT, condition=equals(EFFORT, "zone", zone)), "heart_rate_bpm", alias=f"zone {zone}"),
            colour,
            area=25,
            bridge_ms=15_000,  # a value each 10 s
        )
        for zone, colour in enumerate(ZONE_COLOURS, 1)
    ]


def _run_so_far() -> list[SdkObject]:
    return [
        bars(
            live_card(
                title="Time in zone",
                description="Time of runs within the shown range in each zone 1 to 5, each 10 s by its mean heart "
                "rate, by the limits of that day. Below zone 1 counts nowhere.",
                unit="dthms",
                decimals=0,
                no_data="no run in this range",
                min_interval="10s",
                place=Place(0, 27, 12, 7),
            ),
            [
                time_at(Source(EFFORT, condition=equals(EFFORT, "zone", zone)), "zone", f"zone {zone}", each_s=10)
                for zone in range(1, 6)
            ],
            [Column(name=f"zone {zone}", colour=colour) for zone, colour in enumerate(ZONE_COLOURS, 1)],
            max_value=None,
        ),
        rows(
            live_card(
                title="What was said",
                description="The last 50 commands and notes of the shown range, by command line, page, MQTT or Home "
                "Assistant, at the moment that they speak of. They also stand on the time panels.",
                decimals=0,
                no_data="nothing was said in this range",
                min_interval="1s",
                place=Place(12, 27, 12, 7),
            ),
            [stored(Source(EVENT), {"of": "kind", "said": "action", "words": "text"}, limit=50)],
            [
                Column(name="Time", title="when", width=180),
                Column(name="of", width=110),
                Column(name="said", width=90),
                Column(name="words"),
            ],
        ),
    ]


def board() -> tuple[str, str]:
    """The board's uid and its JSON."""
    panels = [*_heart_now(), *_signal_now(), *_beats_over_time(), *_variability_over_time(), *_run_so_far()]
    return render(_BOARD, panels, Fold("At rest: breathing, stress index, power, RMSSD, Poincaré plot", 34, at_rest()))
