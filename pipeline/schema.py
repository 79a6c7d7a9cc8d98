"""The one table of what is stored: stores, boards and docs are all built from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

FieldValue = float | int | str


class FieldType(StrEnum):
    """How a field is stored; a flag is an integer 0 or 1, since InfluxQL's booleans are a trap."""

    FLOAT = "float"
    INTEGER = "integer"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Field:
    """One stored quantity."""

    name: str
    type: FieldType
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True, eq=False)  # there is one object of each kind, looked up for each point
class Measurement:
    """One kind of point: its tags, in order, and its fields."""

    name: str
    meaning: str
    tags: tuple[str, ...]
    fields: tuple[Field, ...]  # the first is in every point, so that points can be counted by it

    def field(self, name: str) -> Field:
        """The field of that name; KeyError if the measurement has none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


_F, _I, _S = FieldType.FLOAT, FieldType.INTEGER, FieldType.STRING

BEAT = Measurement(
    "beat",
    "one heart beat, at its own time",
    ("person", "strap"),
    (
        Field("rr_ms", _F, "ms", "RR interval that ends at this beat, 1000/1024 of the raw ticks"),
        Field("rr_prev_ms", _F, "ms", "RR interval before it; absent across a gap (for the Poincaré plot)"),
        Field("rr_ticks", _I, "1/1024 s", "RR interval exactly as the strap sent it"),
        Field("heart_rate_bpm", _I, "bpm", "the strap's own smoothed heart rate"),
        Field("artifact", _I, "0/1", "1: outside 300 to 2000 ms, or found to be an artifact a few beats later"),
        Field("artifact_before", _I, "0/1", "1: the interval before it is an artifact (for the Poincaré plot)"),
        Field("kind", _S, "", "what the artifact is: missed, extra, ectopic, long, short, range, gap"),
        Field("gap", _I, "0/1", "1: beats are missing before it"),
        Field("segment", _I, "count", "unbroken stretch of the stream"),
    ),
)

HEART = Measurement(
    "heart",
    "heart rate at each full second",
    ("person", "strap"),
    (Field("heart_rate_bpm", _F, "bpm", "60 000 / mean NN interval of the last 5 s"),),
)

HRV = Measurement(
    "hrv",
    "indices of a sliding window, each 5 s, stamped at the window's end",
    ("person", "strap", "window"),
    (
        Field("coverage_pct", _F, "%", "share of the window's time that NN intervals cover"),
        Field("artifact_pct", _F, "%", "share of the window's beats that the corrector touched"),
        Field("nn_count", _I, "count", "NN intervals in the window"),
        Field("reason", _S, "", "why there are no values: coverage, artifacts; empty when there are"),
        Field("mean_nn_ms", _F, "ms", "mean NN interval"),
        Field("mean_hr_bpm", _F, "bpm", "60 000 / mean NN interval"),
        Field("rmssd_ms", _F, "ms", "root mean square of successive NN differences"),
        Field("ln_rmssd", _F, "ln ms", "natural logarithm of RMSSD"),
        Field("sdnn_ms", _F, "ms", "standard deviation of NN intervals (n - 1)"),
        Field("pnn20_pct", _F, "%", "share of successive NN differences above 20 ms"),
        Field("pnn50_pct", _F, "%", "share of successive NN differences above 50 ms"),
        Field("sd1_ms", _F, "ms", "width of the Poincaré plot's cloud"),
        Field("sd2_ms", _F, "ms", "length of the Poincaré plot's cloud"),
        Field("coherence", _F, "", "power of the largest slow peak over all the rest (60s)"),
        Field("dfa_alpha1", _F, "", "DFA alpha 1, boxes of 4 to 16 beats (120s)"),
        Field("dfa_alpha1_smoothed", _F, "", "mean of the DFA alpha 1 values of the last 30 s (120s)"),
        Field("respiration_per_min", _F, "1/min", "breaths a minute, from the rhythm they give the heart (120s)"),
        Field("respiration_prominence", _F, "", "how far the peak of breathing stands out, 0 to 1 (120s)"),
        Field("sqrt_si", _F, "", "square root of Baevsky's stress index, bins of 50 ms (300s)"),
        Field("vlf_ms2", _F, "ms²", "power in 0.0033 to 0.04 Hz (300s)"),
        Field("lf_ms2", _F, "ms²", "power in 0.04 to 0.15 Hz (300s)"),
        Field("hf_ms2", _F, "ms²", "power in 0.15 to 0.40 Hz (300s)"),
        Field("total_ms2", _F, "ms²", "power in 0.0033 to 0.40 Hz (300s)"),
        Field("lf_nu", _F, "%", "LF / (LF + HF) (300s)"),
        Field("hf_nu", _F, "%", "HF / (LF + HF) (300s)"),
        Field("lf_hf", _F, "", "LF / HF; for experts, no measure of stress (300s)"),
        Field("vlf_peak_hz", _F, "Hz", "frequency of the largest VLF density (300s)"),
        Field("lf_peak_hz", _F, "Hz", "frequency of the largest LF density (300s)"),
        Field("hf_peak_hz", _F, "Hz", "frequency of the largest HF density (300s)"),
        Field("sample_entropy", _F, "", "sample entropy, m 2, r 0.2 SD, each full minute (300s)"),
    ),
)

STRAP = Measurement(
    "strap",
    "state of a strap, at each change",
    ("person", "strap"),
    (
        Field("connected", _I, "0/1", "1: linked to its collector"),
        Field("battery_pct", _I, "%", "battery charge that the strap reports"),
        Field("rssi_dbm", _I, "dBm", "signal strength of its last advertisement"),
        Field("model", _S, "", "model name that the strap reports"),
        Field("reason", _S, "", "why it is not connected"),
    ),
)

HEALTH = Measurement(
    "health",
    "how a process is, each 10 s; counts are since its start, and what a process does not count is absent",
    ("kind",),
    (
        Field("online", _I, "0/1", "1: it runs"),
        Field("state", _S, "", "ok, or what is wrong"),
        Field("release", _S, "", "version of Strapline that it runs"),
        Field("beats_in", _I, "count", "beats received"),
        Field("beats_stored", _I, "count", "beats stored for good"),
        Field("beats_dropped", _I, "count", "beats given up, for want of space or age"),
        Field("beats_duplicated", _I, "count", "beats that came again and were passed over"),
        Field("batches_waiting", _I, "count", "batches that wait to be confirmed or processed"),
        Field("points_waiting", _I, "count", "points that wait for a store"),
        Field("points_rejected", _I, "count", "points that a store refused"),
        Field("delay_p50_s", _F, "s", "median of the last minute, from a batch's arrival until the pipeline has it"),
        Field("delay_p95_s", _F, "s", "95 % of the last minute's batches were stored within it"),
        Field("delay_p99_s", _F, "s", "99 % of the last minute's batches were stored within it"),
        Field("reconnects", _I, "count", "times that the connection to the broker was lost and came back"),
        Field("clock_jumps", _I, "count", "times that the machine's clock was set back or forward"),
        Field("clock_offset_s", _F, "s", "how far the collector's clock is behind the pipeline's"),
    ),
)
"""Its tag `kind` is the process: `pipeline`, or a collector's name."""


EVENT = Measurement(
    "event",
    "what a person said of a moment, at its own time",
    ("person", "kind"),
    (
        Field(
            "action", _S, "", "start or stop of a run, morning, breathing or rest; note, which begins and ends nothing"
        ),
        Field("text", _S, "", "what was said with it; empty when nothing"),
    ),
)

SESSION = Measurement(
    "session",
    "a run, morning, breathing or rest session, stamped at its start",
    ("person", "kind"),
    (
        Field("valid", _I, "0/1", "0: it was moved or dropped, and what else this point says is void"),
        Field("is_open", _I, "0/1", "1: it goes on; figures that need its end are absent until then"),
        Field("end_ms", _I, "ms", "Unix time of its end, so far"),
        Field("minutes", _F, "min", "how long it lasted"),
        Field("origin", _S, "", "command or detected"),
        Field("place", _S, "", "outdoors, treadmill or track, where a marker said so"),
        Field("text", _S, "", "what was said of it"),
        Field("together", _S, "", "who ran at the same time"),
        Field("coverage_pct", _F, "%", "share of its seconds with a heart rate"),
        Field("artifact_pct", _F, "%", "mean share of artifacts in the 60 s windows of a run"),
        Field("mean_heart_rate_bpm", _F, "bpm", "mean heart rate"),
        Field("max_heart_rate_bpm", _F, "bpm", "highest heart rate of 5 s"),
        *(Field(f"zone{zone}_minutes", _F, "min", f"time in zone {zone}") for zone in range(1, 6)),
        Field("load", _F, "", "Banister TRIMP"),
        Field("edwards_load", _F, "", "Edwards' zone minutes times zone"),
        Field("easy_minutes", _F, "min", "time below zone 3"),
        Field("energy_kj", _F, "kJ", "energy by heart rate (Keytel 2005)"),
        Field("respiration_per_min", _F, "1/min", "median respiration rate"),
        Field("drift_pct", _F, "%", "rise of heart rate from half to half at assumed constant effort"),
        Field("drift_reason", _S, "", "why there is no drift"),
        Field("heart_rate_recovery_60s_bpm", _F, "bpm", "fall of heart rate in the 60 s after the effort"),
        Field("heart_rate_recovery_120s_bpm", _F, "bpm", "fall of heart rate in the 120 s after the effort"),
        Field("heart_rate_recovery_reason", _S, "", "why there is no recovery"),
        Field("alpha1_minutes", _F, "min", "time with a DFA alpha 1"),
        Field("alpha1_above_075_minutes", _F, "min", "time with DFA alpha 1 above 0.75"),
        Field("alpha1_below_050_minutes", _F, "min", "time with DFA alpha 1 below 0.5"),
        Field("threshold_075_bpm", _F, "bpm", "heart rate where DFA alpha 1 passes 0.75, of a ramp-like run"),
        Field("threshold_075_spread_bpm", _F, "bpm", "how uncertain that is"),
        Field("threshold_050_bpm", _F, "bpm", "heart rate where DFA alpha 1 passes 0.5, of a ramp-like run"),
        Field("threshold_050_spread_bpm", _F, "bpm", "how uncertain that is"),
        Field("threshold_reason", _S, "", "why there are no thresholds"),
        Field("stress_before", _F, "", "mean stress at rest in the hour before the run"),
        Field("stress_after", _F, "", "mean stress at rest after the run"),
        Field("stress_change", _F, "", "after minus before: below 0 is relief"),
        Field("relief_reason", _S, "", "why there is no change of stress"),
        Field("coherence", _F, "", "mean coherence of a breathing session"),
        Field("resonance_per_min", _F, "1/min", "pace of breathing with the widest swing of heart rate"),
        Field("resonance_swing_bpm", _F, "bpm", "that swing"),
    ),
)

EFFORT = Measurement(
    "effort",
    "effort of each 10 s of a run, stamped at their end",
    ("person",),
    (
        Field("valid", _I, "0/1", "0: it is no part of a run after all, and what else this point says is void"),
        Field("heart_rate_bpm", _F, "bpm", "mean heart rate"),
        Field("of_max_pct", _F, "%", "that of the person's maximum"),
        Field("zone", _I, "count", "zone 1 to 5; 0 below"),
    ),
)

STRESS = Measurement(
    "stress",
    "stress of each full minute at rest, stamped at its end; a minute that tells of none has no point",
    ("person",),
    (
        Field("valid", _I, "0/1", "0: the minute belongs to a run after all, and what else this point says is void"),
        Field("stress", _F, "", "0 to 100, against the person's own resting reference"),
        Field("band", _S, "", "rest, low, medium, high"),
        Field("confidence", _S, "", "calibrating, provisional, trusted"),
        Field("sqrt_si", _F, "", "square root of Baevsky's stress index of the 300 s before"),
    ),
)

READINESS = Measurement(
    "readiness",
    "readiness of a day, stamped at the person's local midnight",
    ("person",),
    (
        Field("valid", _I, "0/1", "0: the day's midnight is another one, and what else this point says is void"),
        Field("reason", _S, "", "why there is no readiness; empty where there is, and other values count only then"),
        Field("readiness", _F, "", "0 to 100"),
        Field("state", _S, "", "strained, as usual, recovered"),
        Field("confidence", _S, "", "calibrating, provisional, trusted"),
        Field("advice", _S, "", "rest, easy, as planned"),
        Field("rule", _S, "", "the rule that gave the advice"),
        Field("flag", _S, "", "illness or overload, where the readings look like it"),
        Field("ln_rmssd", _F, "ln ms", "of the morning"),
        Field("ln_rmssd_7day", _F, "ln ms", "mean of the last 7 days"),
        Field("cv_7day_pct", _F, "%", "coefficient of variation of ln RMSSD over the last 7 days"),
        Field("ln_rmssd_mean", _F, "ln ms", "mean of the person's last 60 days"),
        Field("band_low", _F, "ln ms", "lower end of the normal range"),
        Field("band_high", _F, "ln ms", "upper end of the normal range"),
        Field("heart_rate_bpm", _F, "bpm", "resting heart rate of the morning"),
        Field("heart_rate_mean_bpm", _F, "bpm", "mean of the person's last 60 days"),
        Field("heart_rate_band_low_bpm", _F, "bpm", "lower end of its normal range"),
        Field("heart_rate_band_high_bpm", _F, "bpm", "upper end of its normal range"),
        Field("standing_rise_bpm", _F, "bpm", "heart rate standing less lying (orthostatic variant)"),
        Field("measured_from_ms", _I, "ms", "Unix time at which the morning's measurement began"),
        Field("measured_to_ms", _I, "ms", "Unix time of the end of what was recorded of it"),
        Field("measured_s", _F, "s", "how long was recorded after settling: up to 180 s"),
        Field("measured_artifact_pct", _F, "%", "share of artifacts in what was recorded"),
        Field("contribution_today", _F, "", "what today's ln RMSSD adds to the score's z"),
        Field("contribution_7day", _F, "", "what the 7-day mean adds"),
        Field("contribution_heart_rate", _F, "", "what the resting heart rate adds"),
        Field("contribution_load", _F, "", "what the load adds"),
    ),
)

DAY = Measurement(
    "day",
    "a day in figures, stamped at the person's local midnight",
    ("person",),
    (
        Field("valid", _I, "0/1", "0: the day's midnight is another one, and what else this point says is void"),
        Field("max_heart_rate_bpm", _F, "bpm", "the person's maximum heart rate, told or estimated"),
        Field("resting_heart_rate_bpm", _F, "bpm", "the person's resting heart rate, told, measured or assumed"),
        Field("heart_rate_ceiling_bpm", _F, "bpm", "what the person wants to stay below; absent where nothing is told"),
        *(Field(f"zone{zone}_from_bpm", _F, "bpm", f"heart rate at which zone {zone} begins") for zone in range(1, 6)),
        Field("runs", _I, "count", "runs that began on it"),
        Field("run_minutes", _F, "min", "time running"),
        Field("easy_minutes", _F, "min", "time running below zone 3"),
        *(Field(f"zone{zone}_minutes", _F, "min", f"time running in zone {zone}") for zone in range(1, 6)),
        Field("load", _F, "", "Banister TRIMP of the runs"),
        Field("edwards_load", _F, "", "Edwards' load of the runs"),
        Field("acute_load", _F, "", "exponential mean of daily load, 7 days"),
        Field("chronic_load", _F, "", "exponential mean of daily load, 42 days"),
        Field("load_balance", _F, "", "yesterday's chronic minus acute load"),
        Field("load_ratio_rolling", _F, "", "mean load of 7 days over that of 28; a description of change, no risk"),
        Field("load_ratio_ewma", _F, "", "the same with exponential means (Williams 2017)"),
        Field("monotony", _F, "", "mean over SD of the last 7 daily loads (Foster)"),
        Field("strain", _F, "", "the week's load times its monotony"),
        Field("stress", _F, "", "mean stress of the minutes at rest that tell of the day, 0 to 100"),
        Field("stress_reason", _S, "", "why there is no stress of the day"),
        Field("stress_confidence", _S, "", "calibrating, provisional, trusted"),
        Field("rest_minutes", _F, "min", "minutes at rest with a stress up to 25"),
        Field("low_minutes", _F, "min", "minutes at rest with a stress of 25 to 50"),
        Field("medium_minutes", _F, "min", "minutes at rest with a stress of 50 to 75"),
        Field("high_minutes", _F, "min", "minutes at rest with a stress above 75"),
        Field("runs_per_week", _F, "1/week", "runs of the last 28 days, a week"),
        Field("usual_hour", _F, "h", "circular mean of the hours at which runs began"),
        Field("regularity", _F, "", "mean resultant length of these hours, 0 to 1"),
        Field("streak_weeks", _I, "count", "weeks in a row with a run, or with as many as the goal says"),
        Field("runs_goal_pct", _F, "%", "runs of this week, of the goal"),
        Field("minutes_goal_pct", _F, "%", "minutes of this week, of the goal"),
        Field("load_goal_pct", _F, "%", "load of this week, of the goal"),
        Field("easy_minutes_goal_pct", _F, "%", "easy minutes of this week, of the goal"),
    ),
)

WEEK = Measurement(
    "week",
    "a week in figures, so far, stamped at the person's local midnight of its Monday",
    ("person",),
    (
        Field("valid", _I, "0/1", "0: the week's midnight is another one, and what else this point says is void"),
        Field("runs", _I, "count", "runs that began in it"),
        Field("run_minutes", _F, "min", "time running"),
        Field("easy_minutes", _F, "min", "time running below zone 3"),
        *(Field(f"zone{zone}_minutes", _F, "min", f"time running in zone {zone}") for zone in range(1, 6)),
        Field("load", _F, "", "Banister TRIMP of the runs"),
        Field("ln_rmssd", _F, "ln ms", "mean of the mornings"),
        Field("heart_rate_bpm", _F, "bpm", "mean resting heart rate of the mornings"),
        Field("stress", _F, "", "mean stress of the days, 0 to 100"),
    ),
)

RELIEF = Measurement(
    "relief",
    "stress of days with a run against other days, over a window of days, stamped at the person's local midnight",
    ("person", "window"),
    (
        Field("valid", _I, "0/1", "0: the day's midnight is another one, and what else this point says is void"),
        Field("verdict", _S, "", "what the interval says; why it says nothing, where days are too few"),
        Field("run_days", _I, "count", "days with a run and a stress"),
        Field("other_days", _I, "count", "days without a run and with a stress"),
        Field("difference", _F, "", "stress of run days minus other days: below 0 is relief"),
        Field("low", _F, "", "lower end of its 95 % interval"),
        Field("high", _F, "", "upper end of its 95 % interval"),
    ),
)

MEASUREMENTS: Mapping[str, Measurement] = MappingProxyType(
    {m.name: m for m in (BEAT, HEART, HRV, STRAP, EVENT, HEALTH, SESSION, EFFORT, STRESS, READINESS, DAY, WEEK, RELIEF)}
)


@dataclass(frozen=True, slots=True)
class Point:
    """One row to store; the same measurement, tags and time overwrite field by field.

    A field without a value is left out, never written as 0 or NaN.
    """

    measurement: Measurement
    tags: tuple[str, ...]  # values, in the measurement's order
    fields: Mapping[str, FieldValue]
    time_ns: int  # Unix time, UTC
