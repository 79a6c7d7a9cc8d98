"""The Health board: does every process run, is it keeping up, and has a beat been lost?"""

from __future__ import annotations

from functools import partial

from dashboards.influxql import (
    DAY_S,
    TODAY_S,
    Query,
    Source,
    equals,
    last,
    last_by,
    last_series,
    mean_series,
    people,
    rate_series,
)
from dashboards.links import HEALTH as HEALTH_BOARD
from dashboards.links import LIVE_RUN, with_person
from dashboards.palette import BATTERY_PCT, CONNECTED, DELAY_S, ONLINE, READINESS, Colour, Scale, Step
from dashboards.panels.card import Card, Column, Place, SdkObject
from dashboards.panels.frame import Board, Fold, render
from dashboards.panels.numbers import judged_stat, plain_stat
from dashboards.panels.series import Line, states, time_lines, time_points
from dashboards.panels.tables import rows
from ingest.topics import PIPELINE
from pipeline.schema import HEALTH, HEART, STRAP
from pipeline.schema import READINESS as READINESS_POINTS

_BOARD = Board(
    uid=HEALTH_BOARD,
    title="Overview and health",
    description="Whether every process runs, keeps up and loses nothing; strap battery and signal.",
    time_from="now-6h",
    refresh="30s",
    people_query=people(STRAP),
    several_people=True,
)

_PROCESSES = Source(HEALTH)
_PIPELINE = Source(HEALTH, kind=PIPELINE)
_STRAPS = Source(STRAP)
_SCORED = Source(READINESS_POINTS, condition=equals(READINESS_POINTS, "reason", ""))

_EVERY = "30s"  # each process tells its health every 10 s, so that none is missed between two
_BRIDGE_MS = 90_000
_FRESH_S = 60
_NONE = "nothing told in this range"
_SINCE = "Counts since the process's start, so a new start begins at 0."
OFFSET_S: Scale = (Step(None, Colour.POOR, ""), Step(-1, Colour.GOOD, ""), Step(1, Colour.POOR, ""))


def _by_process(field: str, alias: str = "") -> Query:
    return last_series(_PROCESSES, field, by="kind", alias=alias)


_card = partial(Card, no_data=_NONE, min_interval=_EVERY)


def _now() -> list[SdkObject]:
    return [_delay(), _points_waiting(), _people(), _processes(), _versions(), _straps()]


def _delay() -> SdkObject:
    return judged_stat(
        Card(
            title="Delay, strap to pipeline",
            description="95 % of the last minute's batches were in the pipeline's journal within it, from their "
            "arrival at the collector: below 3 s good, 3 to 10 s late, above 10 s very late. Beats held while "
            "broker or pipeline was away come late by as much; a collector's wrong clock shows here too.",
            unit="suffix:s",
            decimals=1,
            no_data="no beats stored in the last minute",
            min_interval=_EVERY,
            place=Place(0, 0, 6, 5),
        ),
        last(_PIPELINE, {"delay": "delay_p95_s", "judged": "delay_p95_s"}, max_age_s=_FRESH_S),
        DELAY_S,
        {"judged": DELAY_S},
    )


def _points_waiting() -> SdkObject:
    return plain_stat(
        Card(
            title="Points waiting for a store",
            description="Points of the pipeline that a store has not confirmed yet, up to 60 s old. A few are "
            "usual; a number that keeps growing means that a store is away or too slow.",
            unit="none",
            decimals=0,
            no_data="the pipeline does not tell",
            min_interval=_EVERY,
            place=Place(6, 0, 6, 5),
        ),
        last(_PIPELINE, {"points": "points_waiting"}, max_age_s=_FRESH_S),
        Colour.SIGNAL,
    )


def _people() -> SdkObject:
    return rows(
        _card(
            "People",
            "Each person's heart rate of the last 15 s and today's readiness. A click on a name opens the Live run "
            "board.",
            Place(12, 0, 12, 5),
        ),
        [
            last_by(Source(HEART), {"bpm": "heart_rate_bpm"}, by="person", max_age_s=15),
            last_by(_SCORED, {"readiness": "readiness", "state": "readiness"}, by="person", max_age_s=TODAY_S),
        ],
        [
            Column(name="person", link=with_person(LIVE_RUN), link_title="Live run"),
            Column(name="bpm"),
            Column(name="readiness", scale=READINESS),
            Column(name="state", scale=READINESS, worded=True),
        ],
        joined_by="person",
    )


def _processes() -> SdkObject:
    return states(
        _card(
            "Processes",
            "Each process as it told every 10 s: online or offline. Where nothing is drawn, nothing was told: the "
            "process, its network, the broker or the pipeline was away. `strapline doctor` says which.",
            Place(0, 5, 12, 6),
        ),
        _by_process("online"),
        ONLINE,
    )


def _versions() -> SdkObject:
    return rows(
        _card(
            "Versions and states",
            "What each process told last, up to 24 h ago: version of Strapline, online or offline, and what is "
            "wrong where something is. Two versions side by side work, but should not stay.",
            Place(12, 5, 12, 6),
        ),
        [last_by(_PROCESSES, {"online": "online", "version": "release", "says": "state"}, by="kind", max_age_s=DAY_S)],
        [
            Column(name="kind", title="process"),
            Column(name="online", title="is", scale=ONLINE, worded=True, width=90),
            Column(name="version", width=110),
            Column(name="says"),
        ],
    )


def _straps() -> SdkObject:
    return rows(
        _card(
            "Straps",
            "What each strap told last, up to 24 h ago: linked to its collector or not, and why not; battery "
            "charge (below 30 % low, below 15 % change it), signal of its last advertisement in dBm (nearer 0 is "
            "stronger; below about -85 links are lost often), and its model.",
            Place(0, 11, 24, 6),
        ),
        [
            last_by(
                _STRAPS,
                {
                    "link": "connected",
                    "why": "reason",
                    "charge": "battery_pct",
                    "battery": "battery_pct",
                    "signal": "rssi_dbm",
                    "model": "model",
                },
                by="strap",
                max_age_s=DAY_S,
            )
        ],
        [
            Column(name="strap"),
            Column(name="link", scale=CONNECTED, worded=True),
            Column(name="why", title="why not", colour=Colour.CAUTION),
            Column(name="charge", unit="percent", scale=BATTERY_PCT),
            Column(name="battery", scale=BATTERY_PCT, worded=True),
            Column(name="signal", unit="suffix:dBm", colour=Colour.SIGNAL),
            Column(name="model", colour=Colour.MISSING),
        ],
    )


def _flow() -> list[SdkObject]:
    return [
        time_lines(
            _card(
                "Beats a minute",
                "Beats that each process received (solid) and stored for good (dashed), in a minute. They lie on each "
                "other while it keeps up; after an outage the stored ones catch up.",
                Place(0, 17, 12, 8),
            ),
            [
                Line(rate_series(_PROCESSES, "beats_in", by="kind", alias="in"), Colour.STRAIN),
                Line(
                    rate_series(_PROCESSES, "beats_stored", by="kind", alias="stored (dashed)"),
                    Colour.RECOVERY,
                    dashed=True,
                ),
            ],
            bridge_ms=_BRIDGE_MS,
        ),
        time_lines(
            _card(
                "Delay, strap to pipeline",
                "Of the batches of the last minute: median, 95th and 99th percentile (dashed) of the time from "
                "arrival at the collector until it is in the pipeline's journal. Lines at 3 s and 10 s.",
                Place(12, 17, 12, 8),
                unit="suffix:s",
                decimals=None,
            ),
            [
                Line(mean_series(_PIPELINE, "delay_p50_s", alias="median"), Colour.RECOVERY),
                Line(mean_series(_PIPELINE, "delay_p95_s", alias="95 %"), Colour.SIGNAL),
                Line(mean_series(_PIPELINE, "delay_p99_s", alias="99 % (dashed)"), Colour.SIGNAL, dashed=True),
            ],
            bridge_ms=_BRIDGE_MS,
            scale=DELAY_S,
        ),
    ]


def _losses_and_straps() -> list[SdkObject]:
    return [
        time_lines(
            _card(
                "Waiting",
                "Batches that a process holds until they are confirmed or processed (solid), and points that wait for "
                "a store (dashed). They grow while the next one in the line is away, and then fall to near 0.",
                Place(0, 25, 12, 8),
            ),
            [
                Line(_by_process("batches_waiting", "batches"), Colour.RECOVERY),
                Line(_by_process("points_waiting", "points (dashed)"), Colour.SIGNAL, dashed=True),
            ],
            bridge_ms=_BRIDGE_MS,
        ),
        time_lines(
            _card(
                "Dropped, refused, duplicated",
                "Beats given up for want of space or age, points that a store refused (dashed), and beats that came "
                f"again and were passed over, which is harmless (dots). {_SINCE}",
                Place(12, 25, 12, 8),
            ),
            [
                Line(_by_process("beats_dropped", "beats dropped"), Colour.POOR),
                Line(_by_process("points_rejected", "points refused (dashed)"), Colour.CAUTION, dashed=True),
                Line(_by_process("beats_duplicated", "beats duplicated (dots)"), Colour.MISSING, dots=4),
            ],
            bridge_ms=_BRIDGE_MS,
        ),
        time_points(
            _card(
                "Strap battery",
                "Battery charge that each strap of the chosen person reported, at each change of its state. Below 30 % "
                "it is low; below 15 % change it.",
                Place(0, 33, 12, 7),
                unit="percent",
            ),
            [Line(last_series(_STRAPS, "battery_pct", by="strap"), Colour.SIGNAL)],
        )
        .min(0)
        .max(105),
        time_points(
            _card(
                "Strap signal",
                "Signal strength of each strap's last advertisement before it was linked, in dBm: nearer to 0 is "
                "stronger. Below about -85 dBm links are lost often.",
                Place(12, 33, 12, 7),
                unit="suffix:dBm",
            ),
            [Line(last_series(_STRAPS, "rssi_dbm", by="strap"), Colour.SIGNAL)],
        ),
    ]


def _clocks_and_connections() -> list[SdkObject]:
    return [
        time_lines(
            _card(
                "Clock offset",
                "How far each collector's clock is behind the pipeline's: the least of a minute's (arrival - time), "
                "so with a message's own way in it. Lines at 1 s and -1 s: farther off, set up NTP.",
                Place(0, 41, 12, 8),
                unit="suffix:s",
                decimals=None,
            ),
            [Line(_by_process("clock_offset_s"), Colour.SIGNAL)],
            bridge_ms=_BRIDGE_MS,
            scale=OFFSET_S,
        ),
        time_lines(
            _card(
                "Reconnects and clock jumps",
                "Times that the connection to the broker was lost and came back (solid), and that a machine's clock "
                f"was set back or forward (dashed). {_SINCE}",
                Place(12, 41, 12, 8),
            ),
            [
                Line(_by_process("reconnects", "reconnects"), Colour.CAUTION),
                Line(_by_process("clock_jumps", "clock jumps (dashed)"), Colour.POOR, dashed=True),
            ],
            bridge_ms=_BRIDGE_MS,
        ),
    ]


def board() -> tuple[str, str]:
    """The board's uid and its JSON."""
    fold = Fold("Clocks and connections", 40, _clocks_and_connections())
    return render(_BOARD, [*_now(), *_flow(), *_losses_and_straps()], fold)
