"""The Group run board: who runs how hard right now, and who has gone silent?"""

from __future__ import annotations

from functools import partial

from dashboards.influxql import DAY_S, Source, at_least, last_by, last_series, last_time_by, people, time_at, values
from dashboards.links import GROUP_RUN, LIVE_RUN, with_person
from dashboards.palette import BATTERY_PCT, BEAT_AGE_S, DFA_ALPHA1, ZONES, Colour
from dashboards.panels.card import Card, Column, Place, SdkObject
from dashboards.panels.frame import Board, Fold, render
from dashboards.panels.numbers import age_tiles, ranked_bars
from dashboards.panels.series import Line, states, time_lines, time_points
from dashboards.panels.tables import rows
from pipeline.schema import BEAT, EFFORT, HEART, HRV, STRAP

_BOARD = Board(
    uid=GROUP_RUN,
    title="Group run",
    description="Everyone's effort side by side while they run, and who has gone silent. Wellness, not medical.",
    time_from="now-30m",
    refresh="5s",
    people_query=people(BEAT),
    several_people=True,
)

_BEATS = Source(BEAT)
_HEART = Source(HEART)
_HRV_120 = Source(HRV, window="120s")
_EFFORT = Source(EFFORT)
_STRAP = Source(STRAP)

_BY = "person"
_BPM, _OF_MAX = "suffix:bpm", "suffix:% of max"
_EFFORT_EVERY = "10s"
_BRIDGE_MS = 30_000
_HARD = "zones 4 and 5"
_OWN_MAXIMUM = (
    "Mean heart rate of each 10 s of a run, in % of the runner's own maximum as told or estimated, so that runners can "
    "be compared; a wrong maximum shifts all of theirs. Only in a run: one that nobody started shows minutes late."
)

_card = partial(Card, no_data="nobody runs")


def _now() -> list[SdkObject]:
    return [
        ranked_bars(
            _card(
                "Effort now",
                f"{_OWN_MAXIMUM} Hardest first, up to 60 s old: who is silent for longer has no bar.",
                Place(0, 0, 12, 7),
                unit="percent",
                decimals=0,
                min_interval=_EFFORT_EVERY,
            ),
            last_by(_EFFORT, {"effort": "of_max_pct"}, by=_BY, max_age_s=60),
            "effort",
            Colour.STRAIN,
            by=_BY,
            max_value=100,
        ),
        age_tiles(
            _card(
                "Runners",
                "Everyone with a beat in the shown range, by the age of the last one at the range's end: below 3 s "
                "live, 3 to 10 s late, above 10 s silent. Out of reach, strap off, or at home.",
                Place(12, 0, 12, 7),
                unit="s",
                decimals=0,
                min_interval="1s",
            ),
            last_time_by(_BEATS, "rr_ms", by=_BY),
            BEAT_AGE_S,
            by=_BY,
        ),
    ]


def _over_time() -> list[SdkObject]:
    return [
        time_lines(
            _card(
                "Effort over time",
                f"{_OWN_MAXIMUM} A hole is a time without beats; in long ranges, the last value of each interval.",
                Place(0, 7, 24, 9),
                unit="percent",
                decimals=None,
                min_interval=_EFFORT_EVERY,
            ),
            [Line(last_series(_EFFORT, "of_max_pct", by=_BY), None)],
            bridge_ms=_BRIDGE_MS,
        ).axis_soft_min(50),
        states(
            _card(
                "Zones",
                "Zone 1 to 5 of each 10 s of a run, a lane for each runner, by the runner's own limits of the day (50, "
                "60, 70, 80, 90 % of the heart-rate reserve, or of the maximum). Nothing is drawn outside runs.",
                Place(0, 16, 24, 7),
                unit="none",
                decimals=0,
                min_interval=_EFFORT_EVERY,
            ),
            last_series(_EFFORT, "zone", by=_BY),
            ZONES,
        ),
    ]


def _everyone() -> SdkObject:
    return rows(
        _card(
            "Everyone",
            "One row for each; click a name for that person's Live run. Heart rate of 5 s, up to 15 s old; effort and "
            "zone of 10 s of a run, up to 60 s old; DFA alpha 1 of 120 s, mean of 30 s, up to 30 s old, none with too "
            "few clean beats (easy, between, hard: by values of groups); time in zone 4 and 5 within the shown range; "
            "age of the last beat of the range; battery, up to 24 h old.",
            Place(0, 23, 24, 9),
            unit="none",
            decimals=0,
            min_interval="5s",
        ),
        [
            last_time_by(_BEATS, "rr_ms", by=_BY),
            last_by(_HEART, {"heart rate": "heart_rate_bpm"}, by=_BY, max_age_s=15),
            last_by(_EFFORT, {"effort": "of_max_pct", "zone": "zone"}, by=_BY, max_age_s=60),
            last_by(
                _HRV_120, {"alpha 1": "dfa_alpha1_smoothed", "intensity": "dfa_alpha1_smoothed"}, by=_BY, max_age_s=30
            ),
            time_at(Source(EFFORT, condition=at_least(EFFORT, "zone", 4)), "zone", _HARD, each_s=10, by=_BY),
            last_by(_STRAP, {"battery": "battery_pct", "charge": "battery_pct"}, by=_BY, max_age_s=DAY_S),
        ],
        [
            Column(name=_BY, title="runner", unit="string", link=with_person(LIVE_RUN), link_title="Live run"),
            Column(name="signal", scale=BEAT_AGE_S, worded=True, none="no beats"),
            Column(name="heart rate", unit=_BPM),
            Column(name="effort", unit=_OF_MAX),
            Column(name="zone", scale=ZONES, worded=True),
            Column(name="alpha 1", decimals=2),
            Column(name="intensity", scale=DFA_ALPHA1, worded=True),
            Column(name=_HARD, unit="dthms"),
            Column(name="last beat", unit="suffix:s ago"),
            Column(name="battery", unit="percent"),
            Column(name="charge", scale=BATTERY_PCT, worded=True),
        ],
        joined_by=_BY,
        ages=("last beat", "signal"),
    )


def _beats() -> list[SdkObject]:
    return [
        time_lines(
            _card(
                "DFA alpha 1 of all, 120 s",
                "Mean of the 120 s windows of the last 30 s, every 5 s. It falls as effort rises. Lines at 0.75 and "
                "0.50: values of groups at the first and second threshold (Rogers 2021), and people differ widely. No "
                "value below 80 % coverage or above 5 % artifacts.",
                Place(0, 33, 12, 9),
                unit="none",
                decimals=2,
                min_interval="5s",
            ),
            [Line(last_series(_HRV_120, "dfa_alpha1_smoothed", by=_BY), None)],
            bridge_ms=15_000,
            scale=DFA_ALPHA1,
        )
        .axis_soft_min(0.25)
        .axis_soft_max(1.25),
        time_lines(
            _card(
                "Artifacts of all, 60 s",
                "Share of the last 60 s of beats that were found to be artifacts, every 5 s: below 2 % good, above 5 % "
                "no index is given. A dry, loose or shifted strap shows here first.",
                Place(12, 33, 12, 9),
                unit="percent",
                decimals=None,
                min_interval="5s",
            ),
            [Line(last_series(Source(HRV, window="60s"), "artifact_pct", by=_BY), None)],
            bridge_ms=15_000,
        ).axis_soft_max(10),
        time_points(
            _card(
                "RR tachogram of all",
                "Every RR interval as each strap sent it, at the time of its beat, artifacts too. Every beat is drawn: "
                "slow for ranges above an hour, or for many runners.",
                Place(0, 42, 24, 10),
                unit="suffix:ms",
                decimals=None,
                min_interval="1s",
            ),
            [Line(values(_BEATS, "rr_ms", alias="", by=_BY), None)],
        ),
    ]


def board() -> tuple[str, str]:
    """The board's uid and its JSON."""
    panels = [*_now(), *_over_time(), _everyone()]
    return render(_BOARD, panels, Fold("Beat by beat: DFA alpha 1, artifacts, tachogram", 32, _beats()))
