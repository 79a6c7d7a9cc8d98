"""The alert rules: what is asked of the store, when each fires, and what to do then. Pure."""

from __future__ import annotations

from dashboards.alerts import Number, Rule, Severity, State
from dashboards.influxql import Function, Source, equals, figure
from dashboards.palette import BATTERY_PCT, DELAY_S, READINESS, Scale
from ingest.topics import PIPELINE
from pipeline import schema
from pipeline.scores.readings import Origin

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


def _begin(scale: Scale, word: str) -> float:
    """The value from which on a scale uses a word."""
    (value,) = [step.from_value for step in scale if step.word == word and step.from_value is not None]
    return value


SILENT_S = 60
"""So long without a word is silence; processes tell their health every 10 s, and a heart beats."""
SILENCE_ENDS_S = _HOUR_S
"""After so long a strap or a collector is no longer silent but switched off, and the alert goes."""
SESSION_RANGE_S = 7 * _HOUR_S
"""The longest session, which is a run of 6 h, and the silence after it."""
CEILING_S, CEILING_COUNTED_S = 60, 50
"""Heart rate is above the ceiling in every second for so long, and known in so many of them."""
CEILING_RANGE_S = 26 * _HOUR_S
"""Today's point stands at local midnight, up to 25 h ago on the day on which the clocks go back."""
BATTERY_BELOW_PCT = _begin(BATTERY_PCT, "low")
WAITING_POINTS, WAITING_RANGE_S, WAITING_FOR_S = 100, 120, 180
"""A store that takes points has fewer waiting now and then, also with a strap on that makes some four a second."""
DELAY_ABOVE_S, DELAY_RANGE_S = _begin(DELAY_S, "very late"), 60
READINESS_BELOW = _begin(READINESS, "as usual")
READINESS_DAYS = 2

_BEATS = figure(Source(schema.BEAT, everyone=True), Function.COUNT, "rr_ms", by="person")
_COMMANDED = Source(schema.SESSION, condition=equals(schema.SESSION, "origin", Origin.COMMAND), everyone=True)

_STRAP_SILENT = Rule(
    uid="strapline-strap-silent",
    title="Strap silent in an open session",
    severity=Severity.CRITICAL,
    summary="The strap of {{ $labels.person }} is silent in an open session.",
    meaning=(
        f"A session that the person started goes on, and no beat has come for {SILENT_S} s. It ends with the next "
        f"beat, with the session, or after {SILENCE_ENDS_S // 60} minutes. A run that shows by itself does not "
        "count: nobody can tell a silent strap from one taken off after it."
    ),
    advice=(
        "See that the strap sits and its electrodes are wet, and that the runner is in reach of the collector. "
        "If the session is over, stop it: strapline session stop."
    ),
    numbers=(
        Number("beats", _BEATS, SILENCE_ENDS_S),
        Number("beats_before", _BEATS, SILENCE_ENDS_S, SILENT_S),
        Number("is_open", figure(_COMMANDED, Function.LAST, "is_open", by="person"), SESSION_RANGE_S),
    ),
    condition="$beats == $beats_before && $is_open == 1",
)

_IS_ONLINE = equals(schema.HEALTH, "online", 1)
_TOLD = figure(Source(schema.HEALTH, condition=_IS_ONLINE), Function.COUNT, "online", by="kind")
_PIPELINE_TOLD = figure(Source(schema.HEALTH, kind=PIPELINE, condition=_IS_ONLINE), Function.COUNT, "online")

_COLLECTOR_SILENT = Rule(
    uid="strapline-collector-silent",
    title="Collector silent",
    severity=Severity.CRITICAL,
    summary="The collector {{ $labels.kind }} is silent.",
    meaning=(
        f"A collector that was there within the hour has not told for {SILENT_S} s that it runs, or was stopped, while "
        f"the pipeline runs. It ends after {SILENCE_ENDS_S // 60} minutes."
    ),
    advice=(
        "If you stopped it, all is well. Otherwise see that its machine has power and network, and run "
        "strapline doctor there. What a strap sends meanwhile is lost; what the collector already holds is not."
    ),
    numbers=(
        Number("told", _TOLD, SILENCE_ENDS_S),
        Number("told_before", _TOLD, SILENCE_ENDS_S, SILENT_S),
        Number("pipeline", _PIPELINE_TOLD, SILENT_S),
    ),
    condition="$told == $told_before && $pipeline > 0",
)

_HEART = Source(schema.HEART, everyone=True)
_DAYS = Source(schema.DAY, everyone=True)

_OVER_CEILING = Rule(
    uid="strapline-over-ceiling",
    title="Heart rate over the ceiling",
    severity=Severity.WARNING,
    summary=(
        'The heart rate of {{ $labels.person }} is over {{ printf "%.0f" $values.ceiling.Value }} bpm, '
        f"for {CEILING_S} s."
    ),
    meaning=(
        f"Each second of the last {CEILING_S} s was above the person's own heart_rate_ceiling_bpm. Without that "
        "setting there is no alert. It is a limit that you set for your training, and no medical one."
    ),
    advice="Slow down, or walk. If the number can't be true, see that the strap sits and its electrodes are wet.",
    numbers=(
        Number("heart_rate", figure(_HEART, Function.MIN, "heart_rate_bpm", by="person"), CEILING_S),
        Number("seconds", figure(_HEART, Function.COUNT, "heart_rate_bpm", by="person"), CEILING_S),
        Number("ceiling", figure(_DAYS, Function.LAST, "heart_rate_ceiling_bpm", by="person"), CEILING_RANGE_S),
    ),
    condition=f"$heart_rate > $ceiling && $seconds >= {CEILING_COUNTED_S}",
)

_BATTERY_LOW = Rule(
    uid="strapline-battery-low",
    title="Strap battery low",
    severity=Severity.INFO,
    summary='The battery of {{ $labels.strap }} is at {{ printf "%.0f" $values.battery.Value }} %.',
    meaning=f"A strap told within the last 24 h that its battery is below {BATTERY_BELOW_PCT:g} %.",
    advice="Change the battery (mostly a CR2025) before the next run.",
    numbers=(
        Number(
            "battery", figure(Source(schema.STRAP, everyone=True), Function.LAST, "battery_pct", by="strap"), _DAY_S
        ),
    ),
    condition=f"$battery < {BATTERY_BELOW_PCT:g}",
)

_STORE_SILENT = Rule(
    uid="strapline-store-silent",
    title="Store not confirming",
    severity=Severity.CRITICAL,
    summary="Nothing new is confirmed by the store.",
    meaning=(
        f"For {WAITING_FOR_S // 60} minutes on end the store does not answer Grafana, or has no word of the pipeline "
        f"from the last {WAITING_RANGE_S // 60} minutes, or more than {WAITING_POINTS} points wait for it."
    ),
    advice=(
        "Run strapline doctor on the pipeline's machine: it tells which part is away. Nothing is lost: collector and "
        "pipeline keep what is not confirmed. After a long pause the points that waited may take some minutes."
    ),
    numbers=(
        Number(
            "waiting", figure(Source(schema.HEALTH, kind=PIPELINE), Function.MIN, "points_waiting"), WAITING_RANGE_S
        ),
    ),
    condition=f"$waiting > {WAITING_POINTS}",
    for_s=WAITING_FOR_S,
    without_answer=State.ALERTING,
)

_DELAY_HIGH = Rule(
    uid="strapline-delay-high",
    title="Delay high",
    severity=Severity.WARNING,
    summary='Beats come {{ printf "%.0f" $values.delay.Value }} s late at the {{ $labels.kind }}.',
    meaning=(
        f"For {DELAY_RANGE_S} s the delay that 95 % of the last minute's batches kept was above {DELAY_ABOVE_S:g} s."
    ),
    advice=(
        "After a pause of broker, collector or network this passes by itself. Otherwise see on the board Overview and "
        "health what waits, and where; a small computer may be too busy, or its disk too slow."
    ),
    numbers=(Number("delay", figure(Source(schema.HEALTH), Function.MIN, "delay_p95_s", by="kind"), DELAY_RANGE_S),),
    condition=f"$delay > {DELAY_ABOVE_S:g}",
)

_MEASURED = Source(schema.READINESS, condition=equals(schema.READINESS, "reason", ""), everyone=True)

_READINESS_LOW = Rule(
    uid="strapline-readiness-low",
    title="Readiness low two days running",
    severity=Severity.INFO,
    summary="The readiness of {{ $labels.person }} is low for the second day.",
    meaning=(
        f"Today's and yesterday's readiness are below {READINESS_BELOW:g}. A day without a measurement breaks the row."
    ),
    advice="Take it easy today, and sleep. strapline report tells what it rests on; it is no medical finding.",
    numbers=(
        Number("days", figure(_MEASURED, Function.COUNT, "readiness", by="person"), READINESS_DAYS * _DAY_S),
        Number("highest", figure(_MEASURED, Function.MAX, "readiness", by="person"), READINESS_DAYS * _DAY_S),
    ),
    condition=f"$days >= {READINESS_DAYS} && $highest < {READINESS_BELOW:g}",
)

RULES = (
    _STRAP_SILENT,
    _COLLECTOR_SILENT,
    _OVER_CEILING,
    _BATTERY_LOW,
    _STORE_SILENT,
    _DELAY_HIGH,
    _READINESS_LOW,
)
