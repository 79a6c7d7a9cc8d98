"""The broker: whether it lets us in, what it lets us do, and what it retains of processes and straps.

Rights are tried out, since no broker tells them. A message with an empty payload, sent where the role sends, is what
Strapline's readers pass over, so that nothing that is real is touched; nothing of it is retained.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ingest.bus import Bus, BusAddress, Message, is_in_process, open_bus
from ingest.errors import BusError, BusRefused, StraplineError
from ingest.settings import Settings
from ingest.stack.access import COLLECTOR, PARTS
from ingest.topics import HEALTH, PIPELINE, STATUS, health_topic, strap_topic
from pipeline.doctor.finding import Finding, trouble_of
from pipeline.home_assistant import discovery_topic
from pipeline.journal import FILE_NAME as JOURNAL

_HEAR_S = 1.0  # retained messages follow a subscription at once
_ANSWER_S = 5.0
_VERSION = "$SYS/broker/version"
_NOBODY = "strapline-doctor"
"""A person and a strap that nobody is."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a broker retains, as far as our user may read it."""

    health: tuple[Message, ...] = ()
    strap_topics: tuple[str, ...] = ()
    version: str | None = None  # of the broker, where it tells


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that a role has to be allowed."""

    role: str
    topic: str  # where it is tried out
    pattern: str  # what an ACL has to allow


async def examine_broker(settings: Settings, home: Path) -> tuple[list[Finding], Heard]:
    """What is found of the broker, and what it has told; one inside the process has only to start."""
    address = settings.bus_address
    try:
        async with open_bus(address, client_id=f"strapline-doctor-{secrets.token_hex(4)}") as bus:
            if is_in_process(address.url):
                return [Finding("broker", f"{address.url} answers")], Heard()
            heard = await _hear(bus)
            return [_answers(bus, address, heard), *await _rights(bus, address, settings, home, heard)], heard
    except StraplineError as error:
        return [trouble_of("broker", error)], Heard()


def _answers(bus: Bus, address: BusAddress, heard: Heard) -> Finding:
    who = f"user {address.username!r}" if address.username else "without a user name"
    facts = [f"{address.url} answers", who, "MQTT 5" if bus.tells_refusals else "MQTT 3.1.1"]
    return Finding("broker", ", ".join([*facts, *([heard.version] if heard.version else [])]))


async def _hear(bus: Bus) -> Heard:
    """Everything retained of processes and straps, and the broker's version if this user may know it."""
    await bus.subscribe(HEALTH, STATUS)
    with contextlib.suppress(BusRefused):
        await bus.subscribe(_VERSION)
    messages: dict[str, Message] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HEAR_S):
            while True:
                for message in await bus.receive():
                    message.ack()
                    messages[message.topic] = message
    version = messages.pop(_VERSION, None)
    health = {topic: message for topic, message in messages.items() if topic.startswith(f"{HEALTH[:-1]}")}
    return Heard(
        tuple(message for message in health.values() if message.payload),
        tuple(sorted(messages.keys() - health.keys())),
        None if version is None else version.payload.decode(errors="replace"),
    )


async def _rights(bus: Bus, address: BusAddress, settings: Settings, home: Path, heard: Heard) -> list[Finding]:
    """Whether this user may do what the processes that run here do: those with straps, with a journal, or both.

    One that is a part's alone, as `strapline init --stack` makes them, need not do what another part does.
    """
    own = {address.username} & PARTS or {COLLECTOR, PIPELINE}
    rights = [
        *(_of_collector(settings) if COLLECTOR in own else []),
        *(_of_pipeline(settings) if PIPELINE in own and (home / JOURNAL).exists() else []),
    ]
    if not rights:
        return []
    findings = [finding for right in rights if (finding := await _tried(bus, address, right)) is not None]
    if not findings and not bus.tells_refusals:
        detail = "what this user may publish is not known: MQTT 3.1.1 acknowledges also what is refused"
        return [Finding("broker rights", detail, "A broker that speaks MQTT 5, such as mosquitto 2, tells.")]
    return [*(findings or [_granted(rights)]), *_hears_pipeline(settings, heard)]


def _of_collector(settings: Settings) -> list[Right]:
    return [
        Right("a collector", strap_topic(strap.person, name, "beats"), f"strapline/v1/{strap.person}/+/beats")
        for name, strap in settings.straps.items()
    ]


def _of_pipeline(settings: Settings) -> list[Right]:
    rights = [Right("the pipeline", strap_topic(_NOBODY, _NOBODY, "stored"), "strapline/v1/+/+/stored")]
    if settings.home_assistant:
        # To Home Assistant an empty message takes a device away, and this one it never had.
        rights.append(Right("the pipeline", discovery_topic(_NOBODY), "homeassistant/device/#"))
    return rights


async def _tried(bus: Bus, address: BusAddress, right: Right) -> Finding | None:
    """What is wrong with a right; None if nothing is."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            await bus.publish(right.topic, b"")
    except TimeoutError:
        detail = f"no answer to a message on {right.topic}"
        return Finding("broker rights", detail, "The broker's log says more: some close the connection.", _FAILED)
    except BusRefused as error:
        who = f"user {address.username}" if address.username else "clients without a user name (before any `user` line)"
        detail = f"{right.role} may not publish on {right.topic}: {error.reason}"
        return Finding(
            "broker rights", detail, f"Add to the broker's ACL, for {who}: topic write {right.pattern}", _FAILED
        )
    return None


def _granted(rights: Iterable[Right]) -> Finding:
    roles = dict.fromkeys(right.role for right in rights)
    return Finding("broker rights", f"this user may publish what {' and '.join(roles)} must")


def _hears_pipeline(settings: Settings, heard: Heard) -> list[Finding]:
    """A collector that hears nothing of the pipeline keeps its beats: brokers grant such a subscription in silence."""
    if not settings.straps or any(message.topic == health_topic(PIPELINE) for message in heard.health):
        return []
    advice = (
        "If `strapline process` has run with this broker, this user may not read what it must: add to the ACL "
        "`topic read strapline/health/pipeline` and `topic read strapline/v1/+/+/stored`."
    )
    return [Finding("pipeline", "nothing is heard of it, so beats wait in the spool", advice)]


_FAILED = BusError.exit_code
