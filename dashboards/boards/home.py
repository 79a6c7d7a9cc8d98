"""The Home board: who is live, how is everybody today, and where do I look further?"""

from __future__ import annotations

from functools import partial

from dashboards.influxql import DAY_S, TODAY_S, Source, equals, last_by, last_series, mean_series_by, people, stored
from dashboards.links import HOME, LIVE_RUN, MORNING, STRESS, at_range, with_person
from dashboards.palette import ADVICE, BATTERY_PCT, DFA_ALPHA1, FLAGS, ONLINE, READINESS, STATES, ZONES
from dashboards.palette import STRESS as STRESS_SCALE
from dashboards.panels.card import Card, Column, Place, SdkObject
from dashboards.panels.frame import Board, render
from dashboards.panels.series import Line, states, time_lines, time_points
from dashboards.panels.shapes import board_list, words
from dashboards.panels.tables import rows
from pipeline.schema import BEAT, DAY, EFFORT, HEALTH, HEART, HRV, SESSION, STRAP
from pipeline.schema import READINESS as READINESS_POINTS
from pipeline.schema import STRESS as STRESS_POINTS

_BOARD = Board(
    uid=HOME,
    title="Home",
    description="Everybody at a glance, and the way to the boards that tell more.",
    time_from="now-24h",
    refresh="1m",
    people_query=people(BEAT),
    several_people=True,
)

_WELCOME = """\
**Strapline** keeps every beat of your strap and makes numbers of it, at home.

A run: *Live run*, or *Group run* for several. In the morning: *Morning readiness*. What running does to your stress:
*Stress and recovery*. Over months: *Training log*. Does it all work: *Overview and health*.

Wellness, not medical.
"""

_card = partial(Card, no_data="nothing in this range", min_interval="1m")


def _live() -> SdkObject:
    return rows(
        _card(
            "Live",
            "Who has had a heartbeat in the last minute: heart rate, zone in a run, DFA alpha 1 with its word (easy, "
            "between the thresholds, hard) and the strap's battery as it was last told. A click on a name opens the "
            "Live run board.",
            Place(8, 0, 16, 9),
            no_data="nobody is live",
        ),
        [
            last_by(Source(HEART), {"bpm": "heart_rate_bpm"}, by="person", max_age_s=60),
            last_by(Source(EFFORT), {"zone": "zone"}, by="person", max_age_s=60),
            last_by(
                Source(HRV, window="120s"),
                {"alpha1": "dfa_alpha1_smoothed", "effort": "dfa_alpha1_smoothed"},
                by="person",
                max_age_s=60,
            ),
            last_by(Source(STRAP), {"battery": "battery_pct"}, by="person", max_age_s=DAY_S),
        ],
        [
            Column(name="person", link=with_person(LIVE_RUN), link_title="Live run"),
            Column(name="bpm"),
            Column(name="zone", scale=ZONES, worded=True),
            Column(name="alpha1", title="DFA alpha 1", decimals=2),
            Column(name="effort", scale=DFA_ALPHA1, worded=True),
            Column(name="battery", unit="percent", scale=BATTERY_PCT),
        ],
        joined_by="person",
    )


def _today() -> SdkObject:
    return rows(
        _card(
            "Today",
            "Each person's readiness with its advice, a flag where the morning looks like illness or overload, mean "
            "stress of today's minutes at rest, and today's runs. A click on a name opens Morning readiness.",
            Place(0, 9, 24, 6),
            no_data="nothing is known of today yet",
        ),
        [
            last_by(
                Source(READINESS_POINTS, condition=equals(READINESS_POINTS, "reason", "")),
                {"readiness": "readiness", "state": "state", "advice": "advice", "flag": "flag"},
                by="person",
                max_age_s=TODAY_S,
            ),
            last_by(
                Source(DAY),
                {"stress": "stress", "band": "stress", "runs": "runs", "minutes": "run_minutes", "load": "load"},
                by="person",
                max_age_s=TODAY_S,
            ),
        ],
        [
            Column(name="person", link=with_person(MORNING), link_title="Morning readiness"),
            Column(name="readiness", scale=READINESS),
            Column(name="state", words=STATES),
            Column(name="advice", words=ADVICE),
            Column(name="flag", words=FLAGS),
            Column(name="stress", scale=STRESS_SCALE, link=with_person(STRESS), link_title="Stress and recovery"),
            Column(name="band", scale=STRESS_SCALE, worded=True),
            Column(name="runs"),
            Column(name="minutes", title="minutes of running"),
            Column(name="load"),
        ],
        joined_by="person",
    )


def _last_days() -> list[SdkObject]:
    return [_heart_rate(), _stress(), _sessions(), _process_states()]


def _heart_rate() -> SdkObject:
    return time_lines(
        _card(
            "Heart rate of the last 24 hours",
            "Mean heart rate of each minute, a line for each person. A hole is a time without beats: nothing is "
            "filled in.",
            Place(0, 15, 12, 8),
            unit="suffix:bpm",
            decimals=None,
        ),
        [Line(mean_series_by(Source(HEART), "heart_rate_bpm", by="person"), None)],
        bridge_ms=180_000,
    )


def _stress() -> SdkObject:
    return (
        time_points(
            _card(
                "Stress of the last 24 hours",
                "Stress of each minute at rest, 0 to 100 against each person's own rest, so two people's values can't "
                "be compared. No dot in a run and for half an hour after it.",
                Place(12, 15, 12, 8),
                decimals=None,
            ),
            [Line(mean_series_by(Source(STRESS_POINTS), "stress", by="person"), None)],
        )
        .min(0)
        .max(100)
    )


def _sessions() -> SdkObject:
    return rows(
        _card(
            "Sessions of the last week",
            "The newest 50 runs, mornings, breathing and rest sessions of the last 7 days. A click on the start "
            "opens the beats on the Live run board.",
            Place(0, 23, 16, 8),
            time_from="7d",
            no_data="no session in the last 7 days",
        ),
        [
            stored(
                Source(SESSION),
                {
                    "person": "person",
                    "kind": "kind",
                    "min": "minutes",
                    "bpm": "mean_heart_rate_bpm",
                    "load": "load",
                    "words": "text",
                    "end": "end_ms",
                },
                limit=50,
            )
        ],
        [
            Column(
                name="Time",
                title="start",
                width=165,
                link=at_range(LIVE_RUN, "Time", "end"),
                link_title="Beats of this session",
            ),
            Column(name="person"),
            Column(name="kind"),
            Column(name="min"),
            Column(name="bpm", title="mean bpm"),
            Column(name="load"),
            Column(name="words"),
            Column(name="end", hidden=True),
        ],
    )


def _process_states() -> SdkObject:
    return states(
        _card(
            "Processes",
            "Collectors and pipeline as they told every 10 s. Where nothing is drawn, nothing was told: Overview "
            "and health, or `strapline doctor`, says more.",
            Place(16, 23, 8, 8),
            no_data="no process has told anything",
        ),
        last_series(Source(HEALTH), "online", by="kind"),
        ONLINE,
    )


def board() -> tuple[str, str]:
    """The board's uid and its JSON."""
    welcome = words("Strapline", "What each board is for, in a few words.", _WELCOME, Place(0, 0, 4, 9))
    boards = board_list("Boards", "All boards of Strapline; each opens with its own range.", Place(4, 0, 4, 9))
    return render(_BOARD, [welcome, boards, _live(), _today(), *_last_days()])
