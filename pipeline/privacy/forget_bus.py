"""What a broker keeps of a person: retained messages, and those that wait for the pipeline."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping

from ingest.bus import Bus, BusAddress, Message, open_bus
from ingest.database import Database
from ingest.topics import BEATS, COMMAND, HEALTH, ROOT, SESSION, STATUS, matches, person_root
from pipeline.days import Days, Profiles
from pipeline.home_assistant import discovery_topic
from pipeline.intake import Intake
from pipeline.privacy.forget_journal import record_without
from pipeline.process import CLIENT_ID

_DISCOVERY = "homeassistant/device/+/config"
_SILENT_FOR_S = 1.5  # a broker sends what it keeps at once


async def take_in_what_waits(address: BusAddress, database: Database, profiles: Profiles, person: str) -> None:
    """Take what a broker holds for the pipeline, but for what is of a person: that is dropped.

    Otherwise the next start of the pipeline would bring the person back.

    Args:
        address: the broker.
        database: the journal, with its tables, which nobody else writes.
        profiles: of the people that are known.
        person: who is to be forgotten.

    Raises:
        BusError: the broker does not answer, or refuses.
    """
    intake, root = Intake(database, days=Days(profiles)), person_root(person)
    async with open_bus(address, client_id=CLIENT_ID, durable=True) as bus:
        await bus.subscribe(BEATS, STATUS, COMMAND, HEALTH)
        while messages := await _next(bus):
            wanted = [
                message
                for message in messages
                if not message.retained and not message.topic.startswith(root) and not matches(HEALTH, message.topic)
            ]
            await asyncio.to_thread(intake.take, wanted, time.time_ns())
            for message in messages:
                message.ack()


async def retained_of(address: BusAddress, person: str) -> dict[str, bytes]:
    """What a broker retains of a person, or of others with the person's name: by topic, what is to be there instead.

    Raises:
        BusError: the broker does not answer, or refuses.
    """
    async with open_bus(address, client_id="strapline-forget") as bus:
        await bus.subscribe(f"{ROOT}/#", _DISCOVERY)
        found: dict[str, bytes] = {}
        while messages := await _next(bus):
            found.update(_replacements((message for message in messages if message.retained), person))
            for message in messages:
                message.ack()
        return found


async def replace_retained(address: BusAddress, replacements: Mapping[str, bytes]) -> None:
    """Publish retained messages; an empty one has the broker forget what was there.

    Raises:
        BusError: the broker does not answer, or refuses.
    """
    async with open_bus(address, client_id="strapline-forget") as bus:
        for topic, payload in replacements.items():
            await bus.publish(topic, payload, retain=True)


def _replacements(messages: Iterable[Message], person: str) -> dict[str, bytes]:
    root = person_root(person)
    in_json = json.dumps(root, ensure_ascii=False)[1:-1].encode()
    found = {}
    for message in messages:
        topic, payload = message.topic, message.payload
        is_discovery = topic == discovery_topic(person) or (matches(_DISCOVERY, topic) and in_json in payload)
        if topic.startswith(root) or is_discovery:
            found[topic] = b""
        elif matches(SESSION, topic):
            told = json.loads(payload)
            kept = record_without(told, person)
            if kept != told:
                found[topic] = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
    return found


async def _next(bus: Bus) -> list[Message]:
    """The next messages; none when there were none for a while."""
    try:
        async with asyncio.timeout(_SILENT_FOR_S):
            return list(await bus.receive())
    except TimeoutError:
        return []
