"""Which RR intervals count as NN intervals. Pure."""

from __future__ import annotations

from ingest.model import MS_PER_TICK

MIN_NN_MS = 300
MAX_NN_MS = 2000


def is_artifact(rr_ticks: int) -> bool:
    """Whether an interval lies outside the physiological range of 300 to 2000 ms."""
    return not MIN_NN_MS <= rr_ticks * MS_PER_TICK <= MAX_NN_MS
