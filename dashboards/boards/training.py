"""The Training log board: how much has this person run, how hard, and what has come of it?"""

from __future__ import annotations

from functools import partial

from dashboards.influxql import DAY_S, Source, last, people, share, stored, total, values
from dashboards.links import LIVE_RUN, TRAINING, at_range
from dashboards.palette import ARTIFACT_PCT, ZONE_COLOURS, Colour
from dashboards.panels.card import Card, Column, Place, SdkObject
from dashboards.panels.frame import Board, Fold, render
from dashboards.panels.numbers import figures
from dashboards.panels.series import Line, time_bars, time_lines, time_points
from dashboards.panels.shapes import lengths
from dashboards.panels.tables import rows
from ingest.model import MarkerKind
from pipeline.schema import DAY, SESSION, WEEK

_BOARD = Board(
    uid=TRAINING,
    title="Training log",
    description="Runs, load, zones and the resting heart of one person over months. Wellness, not medical.",
    time_from="now-26w",
    refresh="",
    people_query=people(DAY),
    annotated=False,
)

_DAYS = Source(DAY)
_WEEKS = Source(WEEK)
_RUNS = Source(SESSION, kind=MarkerKind.RUN)

_EVERY = "1d"
_BPM, _MIN = "suffix:bpm", "suffix:min"
_DAY_MS = 86_400_000
_WEEK, _MONTH = 7, 28
_LAST, _USUAL = "last 7 days", "28 days, a week"
_DAYS_COUNTED = (
    "Of the 7 days that end with the shown range, today in it, and of the 28 days that end there, divided by 4. A day "
    "of which nothing is known counts as one without a run."
)
_LOAD = "Load: Banister's training impulse (TRIMP) by heart-rate reserve: an hour at 70 % of it gives about 110."
_MONDAY = "Each bar stands at its week's Monday, by the person's own time zone; this week's is of the days so far."

_card = partial(Card, no_data="no runs in this range", min_interval=_EVERY)


def _of_the_last_days(
    card: Card, field: str, colour: Colour, *, each: float = 1, usual_decimals: int | None = None
) -> SdkObject:
    """The sum of a field of the last 7 days, and beside it that of a usual week."""
    queries = [
        total(_DAYS, {_LAST: field}, days=_WEEK, each=each),
        total(_DAYS, {_USUAL: field}, days=_MONTH, each=each * _MONTH / _WEEK),
    ]
    usual = Column(name=_USUAL, colour=Colour.MISSING, decimals=usual_decimals)
    return figures(card, queries, [Column(name=_LAST), usual], colour)


def _last_days() -> list[SdkObject]:
    return [
        _of_the_last_days(
            _card("Runs", f"Runs that began in these days. {_DAYS_COUNTED}", Place(0, 0, 6, 4)),
            "runs",
            Colour.RECOVERY,
            usual_decimals=1,
        ),
        _of_the_last_days(
            _card("Hours", f"Time running. {_DAYS_COUNTED}", Place(6, 0, 6, 4), unit="suffix:h", decimals=1),
            "run_minutes",
            Colour.RECOVERY,
            each=60,
        ),
        _of_the_last_days(
            _card("Load", f"{_LOAD} {_DAYS_COUNTED}", Place(12, 0, 6, 4)),
            "load",
            Colour.STRAIN,
        ),
        figures(
            _card(
                "Easy share and habit",
                "Time below zone 3, in % of the time running of the 28 days that end with the shown range: many "
                "runners train about 80 % so, which is a habit and no limit. Weeks in a row with a run, or with as "
                "many as the person's goal says; up to 2 days old.",
                Place(18, 0, 6, 4),
                unit="percent",
            ),
            [
                share(_DAYS, "easy_minutes", "run_minutes", "easy, 28 days", days=_MONTH),
                last(_DAYS, {"weeks in a row": "streak_weeks"}, max_age_s=2 * DAY_S),
            ],
            [Column(name="easy, 28 days"), Column(name="weeks in a row", unit="none", colour=Colour.RECOVERY)],
            Colour.GOOD,
        ),
    ]


def _runs() -> SdkObject:
    zones = {f"zone {zone}": f"zone{zone}_minutes" for zone in range(1, 6)}
    return rows(
        _card(
            "Every run",
            "The last 500 runs that began in the shown range, newest first; click a start to see its beats. Mean and "
            "highest heart rate (of 5 s); load (TRIMP); minutes in each zone by the limits of that day; recovery: fall "
            "of heart rate in the 60 s after the effort; stress: at rest after the run less before it, so below 0 is "
            "relief; mean share of artifacts of its 60 s windows. An empty cell: too few clean beats, or no such part.",
            Place(0, 4, 24, 9),
        ),
        [
            stored(
                _RUNS,
                {
                    "length": "minutes",
                    "mean": "mean_heart_rate_bpm",
                    "highest": "max_heart_rate_bpm",
                    "load": "load",
                    **zones,
                    "recovery, 60 s": "heart_rate_recovery_60s_bpm",
                    "stress": "stress_change",
                    "artifacts": "artifact_pct",
                    "signal": "artifact_pct",
                    "place": "place",
                    "with": "together",
                    "person": "person",
                    "end_ms": "end_ms",
                },
                limit=500,
            )
        ],
        [
            Column(
                name="Time", title="start", width=165, link=at_range(LIVE_RUN, "Time", "end_ms"), link_title="Beats"
            ),
            Column(name="length", unit=_MIN, width=90),
            Column(name="mean", unit=_BPM, width=90),
            Column(name="highest", unit=_BPM, width=90),
            Column(name="load", width=70),
            *(Column(name=name, unit=_MIN, width=90) for name in zones),
            Column(name="recovery, 60 s", unit=_BPM, width=125),
            Column(name="stress", width=80),
            Column(name="artifacts", unit="percent", decimals=1, width=95),
            Column(name="signal", scale=ARTIFACT_PCT, worded=True, width=80),
            Column(name="place", width=110),
            Column(name="with"),
            Column(name="person", unit="string", hidden=True),
            Column(name="end_ms", hidden=True),
        ],
    )


def _by_week() -> list[SdkObject]:
    return [
        time_bars(
            _card("Load of each week", f"Sum of the loads of the week's runs. {_LOAD} {_MONDAY}", Place(0, 13, 12, 8)),
            [Line(values(_WEEKS, "load", alias="load"), Colour.STRAIN)],
            stacked=False,
        ),
        time_bars(
            _card(
                "Time in zones of each week",
                "Minutes of runs in the zones 1 to 5, by the person's own limits of each day (50, 60, 70, 80, 90 % of "
                f"the heart-rate reserve, or of the maximum); below zone 1 counts nowhere. {_MONDAY}",
                Place(12, 13, 12, 8),
                unit=_MIN,
            ),
            [
                Line(values(_WEEKS, f"zone{zone}_minutes", alias=f"zone {zone}"), colour)
                for zone, colour in enumerate(ZONE_COLOURS, 1)
            ],
            stacked=True,
        ),
    ]


def _over_months() -> list[SdkObject]:
    return [
        time_lines(
            _card(
                "Load of each day, acute and chronic",
                f"Bars: each day's load. Lines: its exponential means, with time constants of 7 days (acute) and 42 "
                f"days (chronic). {_LOAD} The first weeks of anyone are uncertain.",
                Place(0, 21, 16, 9),
                decimals=None,
            ),
            [
                Line(values(_DAYS, "load", alias="each day"), Colour.STRAIN, bars=35),
                Line(values(_DAYS, "acute_load", alias="acute, 7 days"), Colour.STRAIN),
                Line(values(_DAYS, "chronic_load", alias="chronic, 42 days"), Colour.RECOVERY),
            ],
            bridge_ms=10 * _DAY_MS,
        ),
        lengths(
            _card(
                "How long the runs are",
                "How many runs of the shown range lasted so long, in steps of 10 min. A run still under way counts "
                "with its length so far.",
                Place(16, 21, 8, 9),
                unit=_MIN,
            ),
            values(_RUNS, "minutes", alias="runs"),
            bucket_size=10,
            colour=Colour.RECOVERY,
        ),
        time_lines(
            _card(
                "Acute to chronic load",
                "Mean daily load of the last 7 days over that of the last 28, which hold them: 1 is as usual. It "
                "describes a change of habit and is not to be read as more: no risk of injury, for which random "
                "numbers in its place do as well (Impellizzeri 2020), and no limits to keep.",
                Place(0, 30, 8, 7),
                decimals=None,
            ),
            [Line(values(_DAYS, "load_ratio_rolling", alias="7 days to 28 days"), Colour.STRAIN)],
            bridge_ms=10 * _DAY_MS,
        ),
        time_lines(
            _card(
                "Resting heart rate of each week",
                "Mean of the week's morning measurements, at its Monday. It often falls as fitness grows, and rises "
                "with strain, heat and illness. A week without a morning has no dot.",
                Place(8, 30, 8, 7),
                unit=_BPM,
                decimals=None,
            ),
            [Line(values(_WEEKS, "heart_rate_bpm", alias="resting heart rate"), Colour.STRAIN, marks=6)],
            bridge_ms=10 * _DAY_MS,
        ),
        time_lines(
            _card(
                "ln RMSSD of each week",
                "Mean of ln RMSSD of the week's morning measurements, at its Monday: a slow trend of the person's own. "
                "Not to be compared with others. A week without a morning has no dot.",
                Place(16, 30, 8, 7),
                decimals=None,
            ),
            [Line(values(_WEEKS, "ln_rmssd", alias="ln RMSSD"), Colour.RECOVERY, marks=6)],
            bridge_ms=10 * _DAY_MS,
        ),
    ]


def _run_by_run() -> list[SdkObject]:
    return [
        time_points(
            _card(
                "Heart-rate recovery of each run",
                "Fall of heart rate in the 60 s and 120 s after the effort of each run, as dots. Only where the run "
                "ended hard, and the strap stayed on: compare runs that ended alike.",
                Place(0, 38, 12, 8),
                unit=_BPM,
                decimals=None,
            ),
            [
                Line(values(_RUNS, "heart_rate_recovery_60s_bpm", alias="60 s"), Colour.RECOVERY, dots=6),
                Line(values(_RUNS, "heart_rate_recovery_120s_bpm", alias="120 s (large dots)"), Colour.GOOD, dots=9),
            ],
        ),
        time_points(
            _card(
                "Drift of each run",
                "Rise of mean heart rate from the first to the second half of each steady run, in %. Without speed or "
                "power the effort is only assumed constant; heat and thirst raise it too.",
                Place(12, 38, 12, 8),
                unit="percent",
                decimals=None,
            ),
            [Line(values(_RUNS, "drift_pct", alias="drift"), Colour.STRAIN, dots=6)],
        ),
        time_points(
            _card(
                "Heart rate at the thresholds",
                "Heart rate at which DFA alpha 1 passes 0.75 and 0.50, of runs in which effort rose as in a graded "
                "test; other runs have none. Values of groups (Rogers 2021): a person's own may lie well away.",
                Place(0, 46, 12, 8),
                unit=_BPM,
                decimals=None,
            ),
            [
                Line(values(_RUNS, "threshold_075_bpm", alias="alpha 1 at 0.75"), Colour.GOOD, dots=6),
                Line(values(_RUNS, "threshold_050_bpm", alias="alpha 1 at 0.50 (large dots)"), Colour.STRAIN, dots=9),
            ],
        ),
        time_lines(
            _card(
                "Monotony and strain",
                "Monotony: mean over standard deviation of the last 7 daily loads, high where all days are alike. "
                "Strain, dashed and at the right: the week's load times its monotony (Foster 1998). Both describe the "
                "week, and tell no risk.",
                Place(12, 46, 12, 8),
                decimals=None,
            ),
            [
                Line(values(_DAYS, "monotony", alias="monotony"), Colour.RECOVERY),
                Line(values(_DAYS, "strain", alias="strain (dashed)"), Colour.STRAIN, dashed=True, unit="none"),
            ],
            bridge_ms=10 * _DAY_MS,
        ),
    ]


def board() -> tuple[str, str]:
    """The board's uid and its JSON."""
    fold = Fold("Run by run: recovery, drift, thresholds; monotony and strain", 37, _run_by_run())
    return render(_BOARD, [*_last_days(), _runs(), *_by_week(), *_over_months()], fold)
