"""The closed row of the Live run board: what means something at rest only."""

from __future__ import annotations

from functools import partial

from dashboards.influxql import Source, mean_series, pairs
from dashboards.palette import Colour
from dashboards.panels.card import Card, Place, SdkObject
from dashboards.panels.series import Line, time_lines, time_points
from dashboards.panels.shapes import scatter
from pipeline.schema import BEAT, HRV

HRV_60 = Source(HRV, window="60s")
HRV_120 = Source(HRV, window="120s")
HRV_300 = Source(HRV, window="300s")
BEATS = Source(BEAT)

# Grafana's own "ms" turns 1000 into 1 s, which an RR interval must not.
MS = "suffix:ms"
_PREVIOUS, _THIS = "previous RR interval, ms", "RR interval, ms"
WITHHELD = "No value below 80 % coverage or above 5 % artifacts."

# The indices come every 5 s.
live_card = partial(Card, no_data="no values in this range", min_interval="5s", decimals=None)


def at_rest() -> list[SdkObject]:
    """Respiration, stress index, power, RMSSD and SDNN, and the Poincaré plot."""
    return [
        time_points(
            live_card(
                title="Respiration, 120 s",
                description="Breaths a minute, from the rhythm that breathing gives to the heart in 120 s, every 5 "
                "s. Best at rest. A dot stands only where one rhythm is clear, so in hard exercise often none does. "
                f"{WITHHELD}",
                unit="suffix:/min",
                no_data="no trusted values in this range",
                place=Place(0, 35, 12, 8),
            ),
            [Line(mean_series(HRV_120, "respiration_per_min", alias="respiration"), Colour.RECOVERY)],
        )
        .axis_soft_min(0)
        .axis_soft_max(30),
        time_lines(
            live_card(
                title="Stress index, 300 s",
                description="Square root of Baevsky's stress index over 300 s: about 7 to 12 at rest. Sitting or "
                "lying still only: in exercise and while the heart rate drifts it does not mean stress. Compare it "
                f"with your own, not with others. {WITHHELD}",
                no_data="no values in this range: needs 5 min of clean beats",
                place=Place(0, 43, 12, 8),
            ),
            [Line(mean_series(HRV_300, "sqrt_si", alias="square root of SI"), Colour.RECOVERY)],
            bridge_ms=15_000,
        ),
        time_lines(
            live_card(
                title="LF and HF power, 300 s",
                description="For experts: power of the NN intervals in 0.04 to 0.15 Hz (LF) and 0.15 to 0.40 Hz (HF, "
                "dashed) over 300 s. At rest only; breathing slower than 9 a minute counts as LF. Neither is a "
                f"measure of stress. {WITHHELD}",
                unit="suffix:ms²",
                no_data="no values in this range: needs 5 min of clean beats",
                place=Place(12, 43, 12, 8),
            ),
            [
                Line(mean_series(HRV_300, "lf_ms2", alias="LF"), Colour.RECOVERY),
                Line(mean_series(HRV_300, "hf_ms2", alias="HF (dashed)"), Colour.RECOVERY, dashed=True),
            ],
            bridge_ms=15_000,
        ),
        _poincare_plot(),
        time_lines(
            live_card(
                title="RMSSD and SDNN",
                description="RMSSD over 60 s (solid) and SDNN over 300 s (dashed), every 5 s, at the window's end. A "
                f"trend across the windows also counts as variation. {WITHHELD}",
                unit=MS,
                place=Place(0, 51, 24, 7),
            ),
            [
                Line(mean_series(HRV_60, "rmssd_ms", alias="RMSSD, 60 s"), Colour.RECOVERY),
                Line(mean_series(HRV_300, "sdnn_ms", alias="SDNN, 300 s (dashed)"), Colour.RECOVERY, dashed=True),
            ],
            bridge_ms=15_000,
        ),
    ]


def _poincare_plot() -> SdkObject:
    return scatter(
        live_card(
            title="Poincaré plot",
            description="Each RR interval against the one before it, never across a gap; artifacts and the "
            "beats after them are left out. The width of the cloud is short-term variability, its length the "
            "long-term one.",
            unit=MS,
            decimals=0,
            no_data="no beats in this range",
            min_interval="1s",
            place=Place(12, 35, 12, 8),
        ),
        pairs(
            BEATS,
            (_PREVIOUS, "rr_prev_ms"),
            (_THIS, "rr_ms"),
            unless=("artifact", "artifact_before"),
        ),
        _PREVIOUS,
        _THIS,
        Colour.RECOVERY,
    )
