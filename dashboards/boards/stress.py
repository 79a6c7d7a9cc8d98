"""The Stress and recovery board: what does running do to this person's stress?"""

from __future__ import annotations

from functools import partial

from dashboards.influxql import TODAY_S, Source, at_least, equals, last, people, stored, values
from dashboards.links import LIVE_RUN, STRESS, at_range
from dashboards.palette import CONFIDENCE, GOAL_PCT, Colour, Scale, Step
from dashboards.palette import STRESS as STRESS_SCALE
from dashboards.panels.card import Card, Column, Place, SdkObject
from dashboards.panels.frame import Board, render
from dashboards.panels.numbers import bars, figures
from dashboards.panels.series import Line, band, time_bars, time_lines, time_points
from dashboards.panels.tables import rows
from pipeline.schema import DAY, RELIEF, SESSION
from pipeline.schema import STRESS as STRESS_POINTS

_BOARD = Board(
    uid=STRESS,
    title="Stress and recovery",
    description="Stress through the day, before and after each run, and on run days against other days.",
    time_from="now-28d",
    refresh="5m",
    annotated=False,
    people_query=people(DAY),
)

_DAYS = Source(DAY)
_HAS_STRESS = equals(DAY, "stress_reason", "")
_STRESS_DAYS = Source(DAY, condition=_HAS_STRESS)
_RUN_DAYS = Source(DAY, condition=f"{at_least(DAY, 'runs', 1)} AND {_HAS_STRESS}")
_OTHER_DAYS = Source(DAY, condition=f"{equals(DAY, 'runs', 0)} AND {_HAS_STRESS}")
_RUNS = Source(SESSION, kind="run")
_COMPARED = Source(SESSION, kind="run", condition=equals(SESSION, "relief_reason", ""))
_BREATHING = Source(SESSION, kind="breathing")
_BANDS = (("rest", Colour.GOOD), ("low", Colour.MISSING), ("medium", Colour.CAUTION), ("high", Colour.POOR))

_ACROSS_MS = 3 * 86_400_000
_SCALE = "0 to 100, against the person's own minutes at rest: up to 25 rest, to 50 low, to 75 medium, above high."
_HONEST = "A comparison of days, no proof of cause: who runs may also sleep or work otherwise on that day."
ZERO: Scale = (Step(None, Colour.MISSING, ""), Step(0, Colour.MISSING, ""))

_card = partial(Card, no_data="no values in this range", min_interval="1m")


def _in_band(name: str) -> Source:
    return Source(STRESS_POINTS, condition=equals(STRESS_POINTS, "band", name))


def _effect(window: str, place: Place) -> SdkObject:
    return figures(
        _card(
            f"Run days against other days, {window.removesuffix('d')} days",
            "Mean stress of days with a run less that of days without, compared within fortnights, with its 95 % "
            "interval (bootstrap over spells of three days). Less or more stress is said only where the interval "
            f"excludes 0, and nothing below a stated number of days. {_HONEST}",
            place,
            decimals=1,
            no_data="not yet",
        ),
        [
            last(
                Source(RELIEF, window=window),
                {
                    "verdict": "verdict",
                    "difference": "difference",
                    "from": "low",
                    "to": "high",
                    "run days": "run_days",
                    "other days": "other_days",
                },
                max_age_s=TODAY_S,
            )
        ],
        [
            Column(name="verdict"),
            Column(name="difference"),
            *(Column(name=name, colour=Colour.MISSING) for name in ("from", "to")),
            *(Column(name=name, decimals=0, colour=Colour.MISSING) for name in ("run days", "other days")),
        ],
        Colour.RECOVERY,
    )


def _now() -> list[SdkObject]:
    return [
        _stress_today(),
        _routine(),
        _goals(),
        _effect("28d", Place(0, 5, 12, 5)),
        _effect("90d", Place(12, 5, 12, 5)),
    ]


def _stress_today() -> SdkObject:
    return figures(
        _card(
            "Stress today",
            f"Mean of today's minutes at rest, ten or more. {_SCALE} Calibrating until enough days are known. It "
            "follows heart rate and RMSSD at rest: coffee, heat and talking raise it, too.",
            Place(0, 0, 8, 5),
            no_data="too few minutes at rest",
        ),
        [
            last(
                _STRESS_DAYS,
                {"stress": "stress", "band": "stress", "confidence": "stress_confidence"},
                max_age_s=TODAY_S,
            )
        ],
        [
            Column(name="stress", scale=STRESS_SCALE),
            Column(name="band", scale=STRESS_SCALE, worded=True),
            Column(name="confidence", words=CONFIDENCE),
        ],
        Colour.RECOVERY,
    )


def _routine() -> SdkObject:
    return figures(
        _card(
            "Routine",
            "Runs a week over the last 28 days, the hour of the day at which runs usually begin, how regular that "
            "hour is (mean resultant length: 1 always the same, 0 spread over the day), and weeks in a row with a "
            "run, or with as many as the goal says.",
            Place(8, 0, 8, 5),
            decimals=1,
            no_data="no runs yet",
        ),
        [
            last(
                _DAYS,
                {
                    "runs a week": "runs_per_week",
                    "usual hour": "usual_hour",
                    "regularity": "regularity",
                    "weeks in a row": "streak_weeks",
                },
                max_age_s=TODAY_S,
            )
        ],
        [
            Column(name="runs a week"),
            Column(name="usual hour"),
            Column(name="regularity", decimals=2),
            Column(name="weeks in a row", decimals=0),
        ],
        Colour.RECOVERY,
    )


def _goals() -> SdkObject:
    return bars(
        _card(
            "Goals of this week",
            "How much of each of the week's goals is reached so far, in %; the week begins on Monday. Goals come "
            "from the settings (people.NAME.goals); one that is not set has no bar.",
            Place(16, 0, 8, 5),
            unit="percent",
            no_data="no goals are set",
        ),
        [
            last(
                _DAYS,
                {
                    "runs": "runs_goal_pct",
                    "minutes": "minutes_goal_pct",
                    "load": "load_goal_pct",
                    "easy minutes": "easy_minutes_goal_pct",
                },
                max_age_s=TODAY_S,
            )
        ],
        [Column(name=name, scale=GOAL_PCT) for name in ("runs", "minutes", "load", "easy minutes")],
        max_value=100,
    )


def _through_the_day() -> list[SdkObject]:
    return [
        time_points(
            _card(
                "Stress of each minute at rest",
                "The last 24 hours, or the range that is chosen, each minute as a dot in the colour of its band. "
                f"{_SCALE} No dot in a run, in the half hour after it, while moving, and where the signal is too poor.",
                Place(0, 10, 12, 9),
                decimals=None,
                no_data="no minutes at rest in the last 24\u00a0h",
                time_from="24h",
            ),
            [
                Line(
                    values(Source(STRESS_POINTS, condition=equals(STRESS_POINTS, "band", name)), "stress", alias=name),
                    colour,
                )
                for name, colour in _BANDS
            ],
        )
        .min(0)
        .max(100),
        time_bars(
            _card(
                "Minutes at rest by band",
                "Minutes at rest of each day with a stress up to 25 (rest), to 50 (low), to 75 (medium) and above "
                "(high). Days differ in how long the strap was worn: compare shares, not heights.",
                Place(12, 10, 12, 9),
                unit="suffix:min",
                decimals=None,
            ),
            [Line(values(_DAYS, f"{name}_minutes", alias=name), colour) for name, colour in _BANDS],
            stacked=True,
        ),
    ]


def _over_weeks() -> list[SdkObject]:
    return [_days(), _effect_over_weeks(), _before_and_after(), _runs()]


def _days() -> SdkObject:
    return (
        time_points(
            _card(
                "Stress of run days and of other days",
                "Mean stress of each day with ten or more minutes at rest: days with a run as large dots, the others "
                f"as small ones. {_HONEST} The verdicts above say whether the difference is more than chance.",
                Place(0, 19, 12, 9),
                decimals=None,
            ),
            [
                Line(
                    values(_RUN_DAYS, "stress", alias="run days (large)"),
                    Colour.RECOVERY,
                    dots=9,
                ),
                Line(
                    values(_OTHER_DAYS, "stress", alias="other days (small)"),
                    Colour.MISSING,
                    dots=5,
                ),
            ],
        )
        .min(0)
        .max(100)
    )


def _effect_over_weeks() -> SdkObject:
    return time_lines(
        _card(
            "Effect of run days as it became known",
            "Difference of run days and other days over the 90 days before each day, with its 95 % interval; below "
            "the line at 0 there is less stress on run days. The interval narrows as days add up.",
            Place(12, 19, 12, 9),
            decimals=None,
            no_data="too few days yet",
        ),
        [
            *band(
                values(Source(RELIEF, window="90d"), "low", alias="interval from"),
                values(Source(RELIEF, window="90d"), "high", alias="to"),
                Colour.RECOVERY,
            ),
            Line(values(Source(RELIEF, window="90d"), "difference", alias="difference"), Colour.RECOVERY),
        ],
        bridge_ms=_ACROSS_MS,
        scale=ZERO,
    )


def _before_and_after() -> SdkObject:
    return (
        time_points(
            _card(
                "Before and after each run",
                "Mean stress at rest in the hour before a run (small) and from 30 minutes to 3 hours after it (large); "
                "a run without three minutes at rest on both sides is not shown.",
                Place(0, 28, 12, 9),
                decimals=None,
                no_data="no run with rest on both sides",
            ),
            [
                Line(values(_COMPARED, "stress_before", alias="before (small)"), Colour.STRAIN, dots=5),
                Line(values(_COMPARED, "stress_after", alias="after (large)"), Colour.GOOD, dots=9),
            ],
        )
        .min(0)
        .max(100)
    )


def _runs() -> SdkObject:
    return rows(
        _card(
            "What each run changed",
            "The last 50 runs of the shown range, newest first: stress before and after, and the change; below 0 is "
            "relief. Where there is no change to tell, the reason. A click on the start opens the run's beats.",
            Place(12, 28, 12, 9),
            decimals=0,
            no_data="no run in this range",
        ),
        [
            stored(
                _RUNS,
                {
                    "person": "person",
                    "min": "minutes",
                    "load": "load",
                    "before": "stress_before",
                    "after": "stress_after",
                    "change": "stress_change",
                    "why": "relief_reason",
                    "place": "place",
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
                link_title="Beats of this run",
            ),
            Column(name="min", width=60),
            Column(name="load", width=60),
            Column(name="before", width=65),
            Column(name="after", width=65),
            Column(name="change", decimals=1, width=75),
            Column(name="place", width=90),
            Column(name="why", title="why no change"),
            *(Column(name=name, hidden=True) for name in ("person", "end")),
        ],
    )


def _breathing() -> SdkObject:
    return rows(
        _card(
            "Breathing sessions",
            "The last 20 breathing sessions of the shown range: mean coherence (power of the largest slow peak over "
            "all the rest), breaths a minute, and the pace with the widest swing of heart rate, which is the person's "
            "own resonance pace.",
            Place(0, 37, 24, 6),
            decimals=1,
            no_data="no breathing session in this range",
        ),
        [
            stored(
                _BREATHING,
                {
                    "person": "person",
                    "min": "minutes",
                    "coherence": "coherence",
                    "breaths": "respiration_per_min",
                    "pace": "resonance_per_min",
                    "swing": "resonance_swing_bpm",
                    "end": "end_ms",
                },
                limit=20,
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
            Column(name="min"),
            Column(name="coherence", decimals=2),
            Column(name="breaths", title="breaths a minute"),
            Column(name="pace", title="resonance pace, a minute"),
            Column(name="swing", title="swing, bpm"),
            *(Column(name=name, hidden=True) for name in ("person", "end")),
        ],
    )


def board() -> tuple[str, str]:
    """The board's uid and its JSON."""
    return render(_BOARD, [*_now(), *_through_the_day(), *_over_weeks(), _breathing()])
