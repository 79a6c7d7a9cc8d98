"""The beat clock: when each beat happened, decided here once. Pure: arrivals come in as arguments.

The Heart Rate Service carries no time stamps, and an interval may be 0.4 to 4 s old when it arrives (Physiol
Meas 2025;46:085001). So beat times are a running sum of RR intervals from an anchor. The anchor follows the
*lower envelope* of (arrival - sum): a packet that comes earlier than the clock says pulls the anchor back, one
that comes later is latency and hardly moves it. RR intervals themselves are never touched.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.model import TICKS_PER_SECOND, Beat, HeartRateMeasurement, ticks_to_ns

_SECOND_NS = 1_000_000_000

PHANTOM_BELOW_MS = 300
"""Shorter intervals are no beats (Garmin's HRM-Dual adds one of 52 ms); they must not advance the clock."""

HOLE_NS = 5 * _SECOND_NS
"""More than the latency of any strap: farther than this from the clock, beats were lost or invented."""

LATE_NS = 1 * _SECOND_NS
LATE_FOR_NS = 30 * _SECOND_NS
"""Latency comes in bursts; a clock that is never less than LATE_NS behind for LATE_FOR_NS has lost beats."""

REPEAT_WITHIN_NS = 100_000_000
"""A doubled notification follows its original at once."""

# The anchor moves back by at most an eighth of an interval, so times stay in order, and forward by at most
# 2000 ppm: faster than any strap's crystal drifts, slower than latency could pull it along in a burst.
_BACK_DIVISOR = 8
_FORWARD_DIVISOR = 500


def is_phantom(rr_ticks: int) -> bool:
    """Whether an interval is too short for a beat (under 300 ms, more than 200 bpm)."""
    return rr_ticks * 1000 < PHANTOM_BELOW_MS * TICKS_PER_SECOND


@dataclass(slots=True)
class BeatClock:
    """One connection's running clock: give it each measurement in order of arrival.

    Within a segment, beat times strictly increase. A new segment starts with a connection, after a hole, and
    when the arrival clock itself jumps. A phantom interval (under 300 ms) is kept in the record one nanosecond
    after the beat before it, and moves nothing.
    """

    segment: int = -1
    repeats: int = 0  # doubled notifications dropped
    _anchor_ns: int = 0
    _sum_ticks: int = 0
    _last_ns: int = 0
    _is_new: bool = True  # the connection: its first beat opens a segment
    _late_since_ns: int | None = None
    _previous: HeartRateMeasurement | None = None
    _previous_arrival_ns: int = 0
    _previous_repeated: bool = False
    _doubling: bool = False
    _in_burst: bool = False

    def restart(self) -> None:
        """Open a new segment with the next beat: the connection is new, so beats may be missing."""
        self._is_new = True
        self._previous = None
        self._previous_repeated = False

    def step(self, arrival_ns: int, measurement: HeartRateMeasurement) -> tuple[Beat, ...]:
        """The timed beats of one measurement, oldest first.

        Args:
            arrival_ns: Unix time at which the notification arrived.
            measurement: what it said.

        Returns:
            One beat for each RR interval above 0; none for a packet without intervals or a doubled one.
        """
        rr_ticks = [ticks for ticks in measurement.rr_ticks if ticks > 0]
        if not rr_ticks or self._is_repeat(arrival_ns, measurement):
            return ()
        span_ticks = sum(ticks for ticks in rr_ticks if not is_phantom(ticks))
        opens_segment = self._is_new or self._is_broken(arrival_ns, span_ticks)
        if opens_segment:
            self._open_segment(arrival_ns, span_ticks)
        beats = []
        for index, ticks in enumerate(rr_ticks):
            time_ns = self._advance(arrival_ns, ticks, span_ticks)
            span_ticks -= 0 if is_phantom(ticks) else ticks
            beats.append(
                Beat(
                    time_ns=time_ns,
                    rr_ticks=ticks,
                    heart_rate_bpm=measurement.heart_rate_bpm,
                    contact=measurement.contact,
                    segment=self.segment,
                    gap_before=opens_segment and index == 0,
                )
            )
        return tuple(beats)

    def _lag_ns(self, arrival_ns: int, span_ticks: int) -> int:
        """How much later than the clock says the beat after `span_ticks` more ticks has arrived."""
        return arrival_ns - self._anchor_ns - ticks_to_ns(self._sum_ticks + span_ticks)

    def _is_broken(self, arrival_ns: int, span_ticks: int) -> bool:
        lag_ns = self._lag_ns(arrival_ns, span_ticks)
        if abs(lag_ns) > HOLE_NS:
            return True
        if lag_ns <= LATE_NS:
            self._late_since_ns = None
        elif self._late_since_ns is None:
            self._late_since_ns = arrival_ns
        return self._late_since_ns is not None and arrival_ns - self._late_since_ns > LATE_FOR_NS

    def _open_segment(self, arrival_ns: int, span_ticks: int) -> None:
        """Anchor the newest beat at its arrival, or as soon after it as the old segment's end leaves room.

        A clock that stands more than LATE_NS ahead of the arrival was set back, or ran on invented beats; then
        arrival alone counts, and the segments may overlap.
        """
        start_ns = arrival_ns - ticks_to_ns(span_ticks)
        runs_ahead = self._last_ns - arrival_ns > LATE_NS
        self._anchor_ns = self._last_ns = start_ns if runs_ahead else max(start_ns, self._last_ns)
        self._sum_ticks = 0
        self._late_since_ns = None
        self._is_new = False
        self.segment += 1

    def _advance(self, arrival_ns: int, ticks: int, span_ticks: int) -> int:
        if is_phantom(ticks):
            self._last_ns += 1
            return self._last_ns
        rr_ns = ticks_to_ns(ticks)
        lag_ns = self._lag_ns(arrival_ns, span_ticks)
        self._anchor_ns += max(-(rr_ns // _BACK_DIVISOR), min(rr_ns // _FORWARD_DIVISOR, lag_ns))
        self._sum_ticks += ticks
        self._last_ns = self._anchor_ns + ticks_to_ns(self._sum_ticks)
        return self._last_ns

    def _is_repeat(self, arrival_ns: int, measurement: HeartRateMeasurement) -> bool:
        """Whether this is the packet before it once more, and not its twin.

        Two equal packets at once are a doubled notification, unless the strap is catching up after a stall:
        then they may be two real beats alike. What went on before the stall decides: a doubled subscription
        doubles every packet.
        """
        at_once = 0 <= arrival_ns - self._previous_arrival_ns < REPEAT_WITHIN_NS
        equal = at_once and measurement == self._previous
        if equal and (self._doubling or not self._is_behind(measurement)):
            self._previous_repeated = True
            self.repeats += 1
            return True
        if not equal:
            self._doubling = self._previous_repeated
            self._previous_repeated = False
        self._in_burst = at_once
        self._previous, self._previous_arrival_ns = measurement, arrival_ns
        return False

    def _is_behind(self, measurement: HeartRateMeasurement) -> bool:
        """Whether the strap, which sends about once a second, still owed packets when the last one came."""
        span_ns = ticks_to_ns(sum(ticks for ticks in measurement.rr_ticks if not is_phantom(ticks)))
        owed_ns = max(_SECOND_NS, span_ns)
        # In a burst the anchor has just been drawn forward a little by the stall itself.
        tolerance_ns = owed_ns // 16 if self._in_burst else 0
        return self._lag_ns(self._previous_arrival_ns, 0) >= owed_ns - tolerance_ns
