"""The Morning readiness board: am I recovered, and against what is that said?"""

from __future__ import annotations

from functools import partial

from dashboards.influxql import TODAY_S, Source, count, equals, last, people, stored, values
from dashboards.links import LIVE_RUN, MORNING, at_range
from dashboards.palette import ADVICE, ARTIFACT_PCT, CONFIDENCE, FLAGS, READINESS, STATES, Colour
from dashboards.panels.card import Card, Column, Place, SdkObject
from dashboards.panels.frame import Board, render
from dashboards.panels.numbers import figures
from dashboards.panels.series import Line, band, states, time_bars, time_lines
from dashboards.panels.shapes import words
from dashboards.panels.tables import rows
from pipeline.schema import READINESS as READINESS_POINTS
from pipeline.scores.score import Confidence
from pipeline.scores.wording import NOT_MEDICAL

_BOARD = Board(
    uid=MORNING,
    title="Morning readiness",
    description="Readiness of the morning against the person's own mornings, with all that it is made of.",
    time_from="now-60d",
    refresh="15m",
    annotated=False,
    people_query=people(READINESS_POINTS),
)

_ALL = Source(READINESS_POINTS)
_HAS_SCORE = equals(READINESS_POINTS, "reason", "")
_SCORED = Source(READINESS_POINTS, condition=_HAS_SCORE)
# A morning counts while it calibrates, too; on a later day that has none, an old value may stand beside the reason.
_CALIBRATES = equals(READINESS_POINTS, "confidence", Confidence.CALIBRATING)
_MEASURED = Source(READINESS_POINTS, condition=f"({_HAS_SCORE} OR {_CALIBRATES})")

_WEEK_DAYS = 7
_ACROSS_MS = 3 * 86_400_000  # two mornings in a row may be missing before a line breaks
_LN_MS = "suffix:ln ms"
_BPM = "suffix:bpm"
_OWN = "The band is the person's own normal range: mean ± 0.75 SD of the mornings of 60 days (from 4 on)."
_NONE_TODAY = "none today"

_card = partial(Card, no_data="no mornings in this range", min_interval="1m")


def _today() -> list[SdkObject]:
    return [_readiness(), _advice(), _measurement(), _ln_rmssd_today(), _heart_rate_today()]


def _readiness() -> SdkObject:
    return figures(
        _card(
            "Readiness today",
            "0 to 100 from this morning's ln RMSSD, its 7-day mean, resting heart rate and load, each against the "
            "person's own mornings: below 33 strained, from 66 recovered. Calibrating below 4 mornings, trusted "
            "from 14 on. Without a score, the reason stands here. docs/scores.md has the formula.",
            Place(0, 0, 8, 5),
            no_data=_NONE_TODAY,
        ),
        [
            last(_SCORED, {"readiness": "readiness", "state": "state"}, max_age_s=TODAY_S),
            last(_ALL, {"confidence": "confidence", "why none": "reason"}, max_age_s=TODAY_S),
        ],
        [
            Column(name="readiness", scale=READINESS),
            Column(name="state", words=STATES),
            Column(name="confidence", words=CONFIDENCE),
            Column(name="why none", colour=Colour.MISSING),
        ],
        Colour.RECOVERY,
    )


def _advice() -> SdkObject:
    return figures(
        _card(
            "Advice",
            "What the readiness suggests, with the rule that said so, and a flag where the readings look like the "
            "start of an illness or like overload. A short night, alcohol or heat look the same. A suggestion for "
            "training, nothing medical.",
            Place(8, 0, 8, 5),
            no_data=_NONE_TODAY,
        ),
        [last(_SCORED, {"advice": "advice", "because": "rule", "flag": "flag"}, max_age_s=TODAY_S)],
        [
            Column(name="advice", words=ADVICE),
            Column(name="because", colour=Colour.MISSING),
            Column(name="flag", words=FLAGS),
        ],
        Colour.MISSING,
    )


def _measurement() -> SdkObject:
    return figures(
        _card(
            "Measurement",
            "How good this morning's measurement is: seconds recorded after settling (180 at best, 60 are enough) "
            "and share of artifacts in them (below 2 % good, 2 to 5 % fair, from 5 % poor); and on how many of the "
            "last 7 days there was one.",
            Place(16, 0, 8, 5),
            unit="percent",
            decimals=1,
            no_data=_NONE_TODAY,
        ),
        [
            last(
                _MEASURED,
                {
                    "recorded": "measured_s",
                    "artifacts": "measured_artifact_pct",
                    "beats are": "measured_artifact_pct",
                },
                max_age_s=TODAY_S,
            ),
            count(_MEASURED, "ln_rmssd", "days of the last 7", days=_WEEK_DAYS),
        ],
        [
            Column(name="recorded", unit="s", decimals=0, colour=Colour.SIGNAL),
            Column(name="artifacts", scale=ARTIFACT_PCT),
            Column(name="beats are", scale=ARTIFACT_PCT, worded=True),
            Column(name="days of the last 7", unit="none", decimals=0),
        ],
        Colour.SIGNAL,
    )


def _ln_rmssd_today() -> SdkObject:
    return figures(
        _card(
            "ln RMSSD against your range",
            "Natural logarithm of this morning's RMSSD, its 7-day mean, and the person's own normal range. People "
            f"differ widely: compare it with your own range alone. {_OWN}",
            Place(0, 5, 12, 4),
            unit=_LN_MS,
            decimals=2,
            no_data=_NONE_TODAY,
        ),
        [
            last(
                _MEASURED,
                {"today": "ln_rmssd", "7 days": "ln_rmssd_7day", "range from": "band_low", "to": "band_high"},
                max_age_s=TODAY_S,
            )
        ],
        [Column(name="today"), Column(name="7 days"), *_range_columns()],
        Colour.RECOVERY,
    )


def _heart_rate_today() -> SdkObject:
    return figures(
        _card(
            "Resting heart rate against your range",
            "Mean heart rate of this morning's recording and the person's own normal range. Heat, alcohol, a late "
            f"meal and the beginning of an illness raise it. {_OWN}",
            Place(12, 5, 12, 4),
            unit=_BPM,
            decimals=0,
            no_data=_NONE_TODAY,
        ),
        [
            last(
                _MEASURED,
                {
                    "today": "heart_rate_bpm",
                    "range from": "heart_rate_band_low_bpm",
                    "to": "heart_rate_band_high_bpm",
                },
                max_age_s=TODAY_S,
            )
        ],
        [Column(name="today"), *_range_columns()],
        Colour.STRAIN,
    )


def _range_columns() -> list[Column]:
    return [Column(name=name, colour=Colour.MISSING) for name in ("range from", "to")]


def _over_weeks() -> list[SdkObject]:
    return [
        _ln_rmssd_over_weeks(),
        _heart_rate_over_weeks(),
        _readiness_over_weeks(),
        _variation_over_weeks(),
        _contributions(),
    ]


def _ln_rmssd_over_weeks() -> SdkObject:
    return time_lines(
        _card(
            "ln RMSSD of the mornings",
            "Each morning as a dot, the mean of the last 7 days as the line: one morning alone scatters, the week "
            f"tells. {_OWN} A week that leaves it, to either side, is worth a thought.",
            Place(0, 9, 12, 9),
            unit=_LN_MS,
            decimals=None,
        ),
        [
            *band(
                values(_MEASURED, "band_low", alias="range from"),
                values(_MEASURED, "band_high", alias="to"),
                Colour.RECOVERY,
            ),
            Line(values(_MEASURED, "ln_rmssd", alias="morning (dots)"), Colour.RECOVERY, dots=5),
            Line(values(_MEASURED, "ln_rmssd_7day", alias="mean of 7 days"), Colour.RECOVERY),
        ],
        bridge_ms=_ACROSS_MS,
    )


def _heart_rate_over_weeks() -> SdkObject:
    return time_lines(
        _card(
            "Resting heart rate of the mornings",
            f"Each morning's mean heart rate as a dot, and the mean of the person's last 60 days. {_OWN}",
            Place(12, 9, 12, 9),
            unit=_BPM,
            decimals=None,
        ),
        [
            *band(
                values(_MEASURED, "heart_rate_band_low_bpm", alias="range from"),
                values(_MEASURED, "heart_rate_band_high_bpm", alias="to"),
                Colour.STRAIN,
            ),
            Line(values(_MEASURED, "heart_rate_bpm", alias="morning (dots)"), Colour.STRAIN, dots=5),
            Line(values(_MEASURED, "heart_rate_mean_bpm", alias="mean of 60 days"), Colour.STRAIN, dashed=True),
        ],
        bridge_ms=_ACROSS_MS,
    )


def _readiness_over_weeks() -> SdkObject:
    return states(
        _card(
            "Readiness day by day",
            "Each day's readiness in words: strained below 33, as usual, recovered from 66. A day without a score "
            "keeps the colour of the day before; the table below tells which days were measured.",
            Place(0, 18, 12, 6),
        ),
        values(_SCORED, "readiness", alias="readiness"),
        READINESS,
    )


def _variation_over_weeks() -> SdkObject:
    return time_lines(
        _card(
            "Coefficient of variation of ln RMSSD",
            "SD by mean of ln RMSSD over the last 7 days, in %. A rise together with a falling mean is a sign of "
            "strain (Plews 2012); alone it says little, and there is no common limit.",
            Place(12, 18, 12, 6),
            unit="percent",
            decimals=None,
        ),
        [Line(values(_MEASURED, "cv_7day_pct", alias="variation over 7 days"), Colour.RECOVERY)],
        bridge_ms=_ACROSS_MS,
    )


def _contributions() -> SdkObject:
    return time_bars(
        _card(
            "What moved it",
            "What each part adds to the score's z: above 0 it speaks for readiness, below against it. Parts are "
            "clipped, so that one bad reading can't decide alone; the sum is mapped to 0 to 100.",
            Place(0, 24, 12, 8),
            decimals=None,
        ),
        [
            Line(values(_SCORED, "contribution_today", alias="ln RMSSD today"), Colour.RECOVERY),
            Line(values(_SCORED, "contribution_7day", alias="ln RMSSD 7 days"), Colour.GOOD),
            Line(values(_SCORED, "contribution_heart_rate", alias="resting heart rate"), Colour.STRAIN),
            Line(values(_SCORED, "contribution_load", alias="load"), Colour.CAUTION),
        ],
        stacked=True,
    ).min(None)


def _mornings() -> SdkObject:
    return rows(
        _card(
            "The last mornings",
            "The last 14 days of the shown range, newest first; a day without a score says why. A click on the day "
            "opens that morning's beats on the Live run board.",
            Place(12, 24, 12, 8),
            no_data="no days in this range",
        ),
        [
            stored(
                _ALL,
                {
                    "person": "person",
                    "readiness": "readiness",
                    "state": "state",
                    "ln_rmssd": "ln_rmssd",
                    "bpm": "heart_rate_bpm",
                    "flag": "flag",
                    "why": "reason",
                    "start": "measured_from_ms",
                    "end": "measured_to_ms",
                },
                limit=14,
            )
        ],
        [
            Column(
                name="Time",
                title="day",
                unit="time:YYYY-MM-DD",
                width=110,
                link=at_range(LIVE_RUN, "start", "end"),
                link_title="Beats of this morning",
            ),
            Column(name="readiness", scale=READINESS, width=90),
            Column(name="state", words=STATES, width=100),
            Column(name="ln_rmssd", title="ln RMSSD", decimals=2, width=90),
            Column(name="bpm", title="resting bpm", width=95),
            Column(name="flag", words=FLAGS, width=80),
            Column(name="why", title="why no score"),
            *(Column(name=name, hidden=True) for name in ("person", "start", "end")),
        ],
    )


def board() -> tuple[str, str]:
    """The board's uid and its JSON."""
    note = words(
        "What this is not",
        "A word on what these scores are for, and what they are not.",
        NOT_MEDICAL,
        Place(0, 32, 24, 3),
    )
    return render(_BOARD, [*_today(), *_over_weeks(), _mornings(), note])
