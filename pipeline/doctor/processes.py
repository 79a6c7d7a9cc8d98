"""What each process last told of itself, as doctor reads it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ingest.bus import Message
from ingest.errors import WireError
from ingest.health import EVERY_S
from ingest.model import ProcessHealth
from ingest.topics import PIPELINE, process_of
from ingest.wire import decode_health
from pipeline.doctor.finding import TROUBLE, Finding
from pipeline.health import ADVICE, MAX_OFFSET_S

_SILENT_AFTER_S = 6 * EVERY_S

_COUNTED = (
    *("beats_in", "beats_stored", "beats_duplicated", "batches_waiting", "points_waiting"),
    *("points_rejected", "reconnects", "clock_jumps"),
)


def process_findings(messages: Iterable[Message], now_ns: int) -> list[Finding]:
    """One finding for each process that has told its health, by name.

    Args:
        messages: the last one of each process.
        now_ns: Unix time.
    """
    findings, told = [], {}
    for message in messages:
        name = process_of(message.topic) or message.topic
        try:
            told[name] = decode_health(message.payload, message.topic)
        except WireError as error:
            findings.append(Finding(f"process {name}", str(error), error.advice, TROUBLE))
    offsets_s = (told[PIPELINE].clock_offsets_s if PIPELINE in told else None) or {}
    findings += [_process_finding(name, health, offsets_s.get(name), now_ns) for name, health in told.items()]
    return sorted(findings, key=lambda finding: finding.what)


def _process_finding(name: str, health: ProcessHealth, offset_s: float | None, now_ns: int) -> Finding:
    what = f"process {name}"
    if health.time_ns is None:
        forget = f"mosquitto_pub -r -n -t strapline/health/{name}"
        advice = f"Start it again; its log says why it ended. If it is gone for good, make the broker forget: {forget}"
        return Finding(what, f"{health.state}; it had started {_when(health.started_ns)}", advice, TROUBLE)
    if not health.online:
        return Finding(what, f"stopped {_when(health.time_ns)}")
    age_s = (now_ns - health.time_ns) / 1e9 - (offset_s or 0.0)
    facts = [f"runs since {_when(health.started_ns)}, release {health.release}"]
    hints: list[str] = []
    exit_code = 0
    if health.state != "ok":
        facts.append(health.state)
        exit_code = TROUBLE if name == PIPELINE else 0  # a strap that nobody wears is no trouble
    if age_s > _SILENT_AFTER_S:
        hints.append("It hangs, or its machine is off: look at its log and start it again.")
    if health.beats_dropped:
        facts.append(f"beats dropped {health.beats_dropped}")
        hints.append("Beats were lost for want of space or age: bring broker and pipeline back sooner.")
    if offset_s is not None and abs(offset_s) > MAX_OFFSET_S:
        facts.append(f"its clock is {abs(offset_s):.1f} s {'behind' if offset_s > 0 else 'ahead'}")
        hints.append(ADVICE)
    facts += [f"{counted.replace('_', ' ')} {count}" for counted in _COUNTED if (count := getattr(health, counted))]
    if health.delay_p95_s is not None:
        facts.append(f"delay p95 {health.delay_p95_s:.1f} s")
    facts.append(f"told {age_s:.0f} s ago")
    return Finding(what, "; ".join(facts), " ".join(hints), TROUBLE if hints else exit_code)


def _when(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().isoformat(sep=" ", timespec="seconds")
