"""Records to MQTT payloads and back: JSON, one version number, validated at both ends. Pure."""

from __future__ import annotations

import reprlib
from typing import TypeVar

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from ingest.errors import MalformedPayload, UnknownVersion, WireError
from ingest.model import BeatBatch, Marker, ProcessHealth, Stored, StrapStatus

WIRE_VERSION = 1
"""Raised when a field changes its meaning or goes away; readers ignore fields that they don't know."""

T = TypeVar("T")

_BATCH = TypeAdapter(BeatBatch)
_STATUS = TypeAdapter(StrapStatus)
_STORED = TypeAdapter(Stored)
_HEALTH = TypeAdapter(ProcessHealth)
_MARKER = TypeAdapter(Marker)


def encode_batch(batch: BeatBatch) -> bytes:
    """The payload of a `beats` topic.

    Raises:
        ValueError: a field is out of its range; nothing should be sent.
    """
    return _encode(_BATCH, batch)


def with_held_from(payload: bytes, held_from: int) -> bytes:
    """An encoded batch that says, at the moment of its sending, below which sequence nothing is held any more."""
    return b'%b"held_from":%d}' % (payload.rpartition(b'"held_from":')[0], held_from)


def encode_status(status: StrapStatus) -> bytes:
    """The payload of a `status` topic.

    Raises:
        ValueError: a field is out of its range; nothing should be sent.
    """
    return _encode(_STATUS, status)


def decode_batch(payload: bytes, topic: str) -> BeatBatch:
    """The beats that a `beats` topic carried.

    Raises:
        UnknownVersion: a newer collector wrote it.
        MalformedPayload: not JSON, a field missing, of the wrong type or out of range.
    """
    return _decode(_BATCH, payload, topic)


def decode_status(payload: bytes, topic: str) -> StrapStatus:
    """The state that a `status` topic carried; the same errors as `decode_batch`."""
    return _decode(_STATUS, payload, topic)


def encode_stored(stored: Stored) -> bytes:
    """The payload of a `stored` topic."""
    return _encode(_STORED, stored)


def decode_stored(payload: bytes, topic: str) -> Stored:
    """What a `stored` topic confirms; the same errors as `decode_batch`."""
    return _decode(_STORED, payload, topic)


def encode_health(health: ProcessHealth) -> bytes:
    """The payload of a `health` topic, without the figures that the process does not have.

    Raises:
        ValueError: a field is out of its range; nothing should be sent.
    """
    return _encode(_HEALTH, health, exclude_none=True)


def decode_health(payload: bytes, topic: str) -> ProcessHealth:
    """What a process told of itself; the same errors as `decode_batch`."""
    return _decode(_HEALTH, payload, topic)


def encode_marker(marker: Marker) -> bytes:
    """The payload of a `command` topic.

    Raises:
        ValueError: a field is out of its range, or text that is no Unicode; nothing should be sent.
    """
    return _encode(_MARKER, marker)


def decode_marker(payload: bytes, topic: str) -> Marker:
    """What a `command` topic asks for; the same errors as `decode_batch`."""
    return _decode(_MARKER, payload, topic)


def encode_refusal(error: WireError) -> bytes:
    """The payload of a `command/error` topic: why a command was not taken, and what to do about it."""
    return encode_object({"reason": str(error), "advice": error.advice})


def decode_object(payload: bytes, topic: str) -> dict[str, object]:
    """The JSON object that a payload of our wire version holds, its fields unchecked; the errors of `decode_batch`."""
    try:
        message = pydantic_core.from_json(payload, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedPayload(f"{topic}: not JSON ({error})", topic=topic) from error
    if not isinstance(message, dict):
        raise MalformedPayload(f"{topic}: not a JSON object", topic=topic)
    version = message.get("v")
    if type(version) is not int or version != WIRE_VERSION:  # true equals 1 in Python
        shown = reprlib.repr(version)  # whatever the sender wrote, the message stays short
        raise UnknownVersion(f"{topic}: wire version {shown}, this release reads {WIRE_VERSION}", version=version)
    return message


def encode_object(fields: dict[str, object]) -> bytes:
    """A JSON object as a payload, with the wire version in front; values that are no number become null."""
    return pydantic_core.to_json({"v": WIRE_VERSION, **fields}, inf_nan_mode="null")


def encode_foreign(fields: dict[str, object]) -> bytes:
    """A JSON object for a reader whose form is not ours, without a wire version."""
    return pydantic_core.to_json(fields)


def _encode(adapter: TypeAdapter[T], record: T, *, exclude_none: bool = False) -> bytes:
    fields = adapter.dump_python(record, mode="json", exclude_none=exclude_none)
    payload = encode_object(fields)
    adapter.validate_json(payload, strict=True)
    return payload


def _decode(adapter: TypeAdapter[T], payload: bytes, topic: str) -> T:
    decode_object(payload, topic)
    try:
        return adapter.validate_json(payload, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise MalformedPayload(
            f"{topic}: {where}: {first['msg'].removeprefix('Value error, ')}", topic=topic
        ) from error
