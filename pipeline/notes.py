"""What comes beside the beats, as points: states of straps, and what people tell by command. Pure."""

from __future__ import annotations

from ingest.errors import MalformedPayload
from ingest.model import Marker, StrapStatus
from ingest.topics import COMMAND, matches, parse_command_topic, parse_strap_topic
from ingest.wire import decode_marker, decode_status
from pipeline.schema import EVENT, STRAP, FieldValue, Point
from pipeline.storable import check_points


def point_of_note(topic: str, payload: bytes, received_ns: int) -> Point:
    """The point of a message that is no beat.

    Raises:
        WireError: it can't be read, or no store could keep it.
    """
    if matches(COMMAND, topic):
        point = event_point(parse_command_topic(topic), decode_marker(payload, topic), received_ns)
    else:
        person, strap, _ = parse_strap_topic(topic)
        point = status_point(person, strap, decode_status(payload, topic), received_ns)
    try:
        check_points([point])
    except ValueError as error:
        raise MalformedPayload(f"{topic}: {error}", topic=topic) from error
    return point


def status_point(person: str, strap: str, status: StrapStatus, received_ns: int) -> Point:
    """A strap's state as a point, at its own time or, without one, at that of its receipt."""
    known: dict[str, FieldValue | None] = {
        "connected": int(status.connected),
        "battery_pct": status.battery_pct,
        "rssi_dbm": status.rssi_dbm,
        "model": status.model,
        "reason": status.reason,
    }
    fields = {name: value for name, value in known.items() if value is not None}
    return Point(STRAP, (person, strap), fields, received_ns if status.time_ns is None else status.time_ns)


def event_point(person: str, marker: Marker, received_ns: int) -> Point:
    """A person's marker as a point, at its own time or, without one, at that of its receipt."""
    fields: dict[str, FieldValue] = {"action": str(marker.action), "text": marker.text}
    return Point(EVENT, (person, str(marker.kind)), fields, received_ns if marker.time_ns is None else marker.time_ns)
