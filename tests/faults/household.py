"""A whole installation under test: straps, collector, broker, pipeline and store, all real but the radio."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from ingest.errors import StoreError
from tests.ble.fake_bluez import FakeBluez
from tests.end_to_end.command import STRAPLINE, environment
from tests.faults.audit import Tally, compare_points, count_beats, derived, labelled
from tests.faults.parts import Program, says
from tests.faults.records import InfluxRecords, Records, SqliteRecords, journal_batches, rows
from tests.faults.wearer import Wearer
from tests.faults.wire import Wire
from tests.fixtures.bluez import PrivateBus
from tests.fixtures.influxd import InfluxDatabase, influxd_command
from tests.fixtures.mosquitto import configured_mosquitto
from tests.support import eventually, free_port

IN_HAND_S = 0.25
"""A beat sent less than this before its collector is killed may not have reached the disk: nobody promises it."""

RECOVERY_S = 90.0
"""How long a household may take to recover before a scenario gives up on it."""

_LOOK_EVERY_S = 0.1
_UNCHANGED_S = 30.0  # after so long without any progress nothing more is to be expected
_DATABASE = "strapline"
_NO_NUMBER = 0x10000  # beyond that of any packet


@dataclass(frozen=True)
class Plan:
    """How a household is set up."""

    straps: int = 2
    store: str = "influx"  # or "sqlite"
    wires: bool = False  # collector, pipeline and store on three hosts, with a faulty network between them
    collector_home: Path | None = None  # on a disk of its own
    pipeline_home: Path | None = None
    store_folder: Path | None = None
    collector_command: tuple[str, ...] = (STRAPLINE, "collect")
    collector_environment: Mapping[str, str] = field(default_factory=dict)
    toml: str | None = None  # in place of one table for each strap
    collector_meets: str = ""  # an address of ours: where a collector in a network of its own finds the broker


class Household:
    """The parts, what is worn, and the audit. Made by `household`."""

    def __init__(self, folder: Path, plan: Plan, random: Random, bus: PrivateBus, bluez: FakeBluez) -> None:
        self.plan = plan
        self.folder = folder
        self.began_s = time.monotonic()
        self.events: list[str] = []  # what was done when, for a person
        self.random = random
        self.bluez = bluez
        self.collector_home = _made(plan.collector_home or folder / "collector")
        self.pipeline_home = _made(plan.pipeline_home or folder / "pipeline")
        self.mosquitto = configured_mosquitto(_made(folder / "broker"))
        self.influx = InfluxDatabase(free_port(), _DATABASE)
        self.wearers = [Wearer(bluez, index, Random(random.random())) for index in range(plan.straps)]
        bluez.add(*(wearer.strap for wearer in self.wearers))
        self.wires = self._wires()
        self.store_folder = _made(plan.store_folder or folder / "store")
        command = influxd_command(self.store_folder, self.influx.port)
        self.broker = Program("broker", self.mosquitto.command, folder, port=self.mosquitto.port)
        self.store = Program("store", command, folder, port=self.influx.port)
        self.pipeline = Program(
            "pipeline", [STRAPLINE, "process"], folder, environment=environment(self.pipeline_home, **self._pipeline())
        )
        self.collector = Program(
            "collector",
            plan.collector_command,
            folder,
            environment=environment(self.collector_home, **self._login("collector"))
            | {"DBUS_SYSTEM_BUS_ADDRESS": bus.address, **plan.collector_environment},
        )
        self.records: Records = InfluxRecords(self.influx)
        if plan.store == "sqlite":
            self.records = SqliteRecords(self.store_folder / "points.db")
        self.write_straps()

    @property
    def parts(self) -> tuple[Program, ...]:
        """In the order in which a machine starts them."""
        return (self.broker, *((self.store,) if self.plan.store == "influx" else ()), self.pipeline, self.collector)

    def write_straps(self) -> None:
        tables = (
            f'[straps.{wearer.name}]\nperson = "{wearer.person}"\naddress = "{wearer.strap.address}"\n'
            for wearer in self.wearers
        )
        (self.collector_home / "strapline.toml").write_text(self.plan.toml or "\n".join(tables))

    async def start(self) -> None:
        """Start everything, and return when beats of every strap arrive in the store."""
        if self.plan.store == "influx":
            await self.store.start()
            await asyncio.to_thread(self.influx.query, f'CREATE DATABASE "{_DATABASE}"')
        await self.broker.start()
        await self.pipeline.start()
        # Nobody is promised that beats wait for a pipeline of which the broker has never heard.
        await says(self.broker, "Received SUBSCRIBE from strapline-pipeline")
        await self.collector.start()

    async def kill(self, *parts: Program) -> None:
        """A power cut for some programs, at one moment."""
        assert all(part.is_running for part in parts), "a part was not there to be killed"
        at_s = time.monotonic()
        self.note("kill", *(part.name for part in parts))
        for part in parts:
            part.send_kill()
        if self.collector in parts:
            self.bluez.client_left()
            for wearer in self.wearers:
                wearer.collector_died(at_s, IN_HAND_S)
        for part in parts:
            await part.ended()
        self.note("dead")

    def take_off(self) -> None:
        """No strap sends any more, though all stay connected."""
        for wearer in self.wearers:
            wearer.silent = True

    def put_on(self) -> None:
        """The straps send again."""
        for wearer in self.wearers:
            wearer.silent = False

    def note(self, *words: str) -> None:
        """Remember what is being done, for the list of what is missing."""
        self.events.append(f"{time.monotonic() - self.began_s:.2f} s: {' '.join(words)}")

    async def recovered(self) -> float:
        """Seconds until the store has every beat of before this moment, and one of every strap from after it."""
        began_s = time.monotonic()
        marks = [(wearer, _due(wearer), wearer.number) for wearer in self.wearers]
        for wearer, due, number in marks:
            while not await self._has_caught_up(wearer, due, number):
                if time.monotonic() - began_s > RECOVERY_S:
                    missing = f"{wearer.name}: {due} beats and one after number {number}"
                    raise AssertionError(f"not recovered after {RECOVERY_S} s: {missing}; {await self.describe()}")
                await asyncio.sleep(_LOOK_EVERY_S)
        self.note("recovered")
        return time.monotonic() - began_s

    async def _has_caught_up(self, wearer: Wearer, due: int, number: int) -> bool:
        try:
            before, after = range(wearer.audited_from, number + 1), range(number + 1, _NO_NUMBER)
            count, newer = await asyncio.to_thread(self.records.count, wearer.name, before, after)
        except (OSError, sqlite3.Error, AssertionError):  # the store is still away
            return False
        return count >= due and newer > 0

    async def settle(self) -> Tally:
        """Let all that is under way arrive, once no strap beats any more; what the audit then says."""
        before: object = None
        changed_s = time.monotonic()
        while True:
            tally = await asyncio.to_thread(self.audit)
            waiting = await asyncio.to_thread(self.waiting)
            if tally.is_clean and not waiting:
                return tally
            if (tally, waiting) != before:
                before, changed_s = (tally, waiting), time.monotonic()
            if time.monotonic() - changed_s > _UNCHANGED_S:
                assert tally.lost or not waiting, f"{waiting} rows wait for ever; {await self.describe()}"
                return tally
            await asyncio.sleep(5 * _LOOK_EVERY_S)

    def waiting(self) -> int:
        """Batches that the spool still holds, and points that the outbox does."""
        try:
            spooled = rows(self.collector_home / "spool.db", "batch")
            return spooled + rows(self.pipeline_home / "journal.db", "entry")
        except sqlite3.DatabaseError:  # copied while it was being written
            return -1

    def audit(self) -> Tally:
        """The books of every strap; see `audit.Tally`."""
        return sum((self._audit_one(wearer) for wearer in self.wearers), Tally())

    def _audit_one(self, wearer: Wearer) -> Tally:
        try:
            streams = journal_batches(self.pipeline_home, wearer.person, wearer.name)
            stored = self.records.points(wearer.person, wearer.name)
        except (OSError, sqlite3.Error, StoreError):  # not there yet, or busy: all is missing until it is read
            return Tally(wearer.beats_sent, lost=wearer.beats_sent)
        streams = [batches for batches in streams if labelled(batches)[0][0] >= wearer.audited_from]
        if wearer.audited_from:
            began_ns = min((batches[0].beats[0].time_ns for batches in streams), default=0)
            stored = {key: fields for key, fields in stored.items() if key[2] >= began_ns}
        journalled = [beat for batches in streams for beat in labelled(batches)]
        beats = sorted((key[2], fields) for key, fields in stored.items() if key[0] == "beat")
        kept = [(int(fields["heart_rate_bpm"]), int(fields["rr_ticks"])) for _, fields in beats]
        in_journal = count_beats(wearer.sent, journalled, wearer.in_hand)
        in_store = count_beats(wearer.sent, kept, wearer.in_hand, in_order=False)
        points = compare_points(derived(streams), stored)
        return replace(
            in_journal,
            lost=max(in_journal.lost, in_store.lost, points.lost),
            doubled=max(in_journal.doubled, in_store.doubled, points.doubled),
            strange=max(in_journal.strange, in_store.strange),
            differing=points.differing,
        )

    def missing(self) -> str:
        """Which packets the journal lacks, for whoever has to find out why: number, when sent, in hand or not."""
        lines = []
        for wearer in self.wearers:
            streams = journal_batches(self.pipeline_home, wearer.person, wearer.name)
            kept = {number for batches in streams for number, _ in labelled(batches)}
            for number in sorted(wearer.sent.keys() - kept):
                in_hand = " in hand" if number in wearer.in_hand else ""
                lines.append(f"{wearer.name} {number} at {wearer.sent[number].at_s - self.began_s:.2f} s{in_hand}")
        return "\n".join([*lines, *self.events]) + "\n"

    async def describe(self) -> str:
        """The state of the parts, for a message."""
        parts = ", ".join(f"{part.name} {'runs' if part.is_running else 'is down'}" for part in self.parts)
        waiting = await asyncio.to_thread(self.waiting)
        ends = "\n".join(f"{part.name} said: {part.said[-1500:]}" for part in (self.collector, self.pipeline))
        return f"{parts}; {waiting} rows wait\n{ends}"

    async def watch(self) -> None:
        """Start again what ends by itself, as systemd would."""
        while True:
            for part in self.parts:
                if part.revive() and part is self.collector:
                    self.bluez.client_left()
            await asyncio.sleep(5 * _LOOK_EVERY_S)

    def _wires(self) -> dict[str, Wire]:
        broker, store = self.mosquitto.port, self.influx.port
        if self.plan.collector_meets:
            return {"collector": Wire(broker, self.plan.collector_meets)}
        return {"collector": Wire(broker), "pipeline": Wire(broker), "store": Wire(store)} if self.plan.wires else {}

    def _login(self, name: str) -> dict[str, str]:
        wire = self.wires.get(name)
        where = f"{wire.host}:{wire.port}" if wire else f"127.0.0.1:{self.mosquitto.port}"
        return {"BUS_URL": f"mqtt://{where}", "BUS_USERNAME": "runner", "BUS_PASSWORD": "secret"}

    def _pipeline(self) -> dict[str, str]:
        port = self.wires["store"].port if "store" in self.wires else self.influx.port
        influx = f"influxdb1://127.0.0.1:{port}/{_DATABASE}"
        url = influx if self.plan.store == "influx" else f"sqlite:///{self.store_folder.absolute() / 'points.db'}"
        return {**self._login("pipeline"), "STORE_URL": url}


@asynccontextmanager
async def household(folder: Path, plan: Plan, random: Random) -> AsyncIterator[Household]:
    """A running household, whose straps beat and whose beats arrive in the store; nothing of it is left afterwards."""
    bus = PrivateBus(_made(folder))
    bus.start()
    try:
        bluez = FakeBluez(bus.address)
        await bluez.start()
        home = Household(folder, plan, random, bus, bluez)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(bluez.stop)
            for part in home.parts:
                stack.callback(part.end)
            for wire in home.wires.values():
                await stack.enter_async_context(wire.listening())
            await home.start()
            tasks = [asyncio.create_task(wearer.beat()) for wearer in home.wearers]
            tasks.append(asyncio.create_task(home.watch()))
            stack.push_async_callback(_cancel, tasks)
            await eventually(lambda: all(wearer.sent for wearer in home.wearers), "all straps are heard", RECOVERY_S)
            await home.recovered()
            yield home
        assert bluez.overlaps == [], bluez.overlaps
    finally:
        bus.kill()


async def finish(home: Household) -> Tally:
    """Take the straps off, wait for all beats to arrive, and audit."""
    home.take_off()
    home.note("straps off")
    tally = await home.settle()
    home.note("settled")
    (home.folder / "findings.txt").write_text(await asyncio.to_thread(home.missing))
    return tally


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


def _due(wearer: Wearer) -> int:
    """How many beats the store is to have by now."""
    return sum(len(packet.rr_ticks) for number, packet in wearer.sent.items() if number not in wearer.in_hand)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
