"""Processes that tell how they are: to the broker, to Prometheus, to systemd, to doctor; and how they stop."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.bus import open_bus
from ingest.model import ProcessHealth
from ingest.wire import decode_health
from pipeline.journal import FILE_NAME as JOURNAL
from pipeline.schema import HEALTH, FieldValue
from pipeline.sqlite import SqliteStore
from tests.end_to_end.command import Running, running, strapline
from tests.end_to_end.test_processes import login
from tests.fixtures.mosquitto import Mosquitto
from tests.support import eventually, free_port, server, wait_until

pytestmark = pytest.mark.mosquitto

_STOPS_WITHIN_S = 5.0
_RUNNER = '[straps.chest]\nperson = "anna"\nsimulate = 7\n'


async def told(broker: Mosquitto, *, online: bool, process: str) -> ProcessHealth:
    """The first health of a process that says that it is online, or that it is not."""
    async with open_bus(broker.address(), client_id="listener") as bus, asyncio.timeout(30):
        await bus.subscribe(f"strapline/health/{process}")
        while True:
            for message in await bus.receive():
                message.ack()
                health = decode_health(message.payload, message.topic)
                if health.online is online:
                    return health


async def test_processes_tell_of_their_work_and_doctor_tells_it_on(tmp_path: Path, mosquitto: Mosquitto) -> None:
    (tmp_path / "strapline.toml").write_text(_RUNNER)
    port = free_port()
    settings = {**login(mosquitto), "COLLECTOR_NAME": "pi"}
    with (
        running(tmp_path, "process", **settings, METRICS_PORT=str(port)) as pipeline,
        running(tmp_path, "collect", **settings) as collector,
    ):
        assert (await told(mosquitto, online=True, process="pipeline")).state == "ok"
        assert (await told(mosquitto, online=True, process="pi")).process == "pi"
        await eventually(lambda: scraped(port).get("strapline_beats_stored_total", 0) > 0, pipeline.said, 30)
        found = scraped(port)
        assert found["strapline_ok"] == 1
        assert 0 <= found["strapline_delay_seconds"] < 30
        well = await asyncio.to_thread(strapline, tmp_path, "doctor", "--json", **settings)
        findings = {finding["what"]: finding for finding in json.loads(well.stdout)}
        assert well.returncode == 0, findings
        assert "runs since" in findings["process pi"]["detail"]
        assert "runs since" in findings["process pipeline"]["detail"]
        collector.process.kill()
        died = await told(mosquitto, online=False, process="pi")
        assert died.time_ns is None
        await eventually(lambda: onlines(tmp_path, "pi")[-1:] == [0], "its death is stored", 30)
        ill = await asyncio.to_thread(strapline, tmp_path, "doctor", "--json", **settings)
        assert ill.returncode == 1
        assert await asyncio.to_thread(pipeline.stop) == 0
    assert (await told(mosquitto, online=False, process="pipeline")).state == "stopped"
    assert onlines(tmp_path, "pi")[0] == 1
    assert onlines(tmp_path, "pipeline")[0] == 1
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as journal:  # which keeps what it keeps for ever
        notes = [topic for (topic,) in journal.execute("SELECT topic FROM note")]
    assert not [topic for topic in notes if "health" in topic]


def onlines(home: Path, process: str) -> list[FieldValue]:
    """What is stored of whether a process runs, in order of time."""
    with closing(SqliteStore(home / "strapline.db")) as store:
        return [online for _, online in store.series(HEALTH, "online", kind=process)]


def scraped(port: int) -> dict[str, float]:
    """The last sample of each name that a process shows to Prometheus; none before it listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            text = response.read().decode()
    except OSError:
        return {}
    return {sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples}


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "500000")
        yield receiver


def hear(systemd: socket.socket, word: str) -> None:
    """Return when systemd has heard it."""
    while word not in systemd.recv(4096).decode():
        pass


def test_systemd_hears_a_pipeline_and_misses_one_that_hangs(
    tmp_path: Path, mosquitto: Mosquitto, systemd: socket.socket
) -> None:
    with running(tmp_path, "process", **login(mosquitto)) as pipeline:
        hear(systemd, "READY=1")
        hear(systemd, "WATCHDOG=1\nSTATUS=pipeline: ok")
        pipeline.process.send_signal(signal.SIGSTOP)
        systemd.settimeout(2.0)  # four times as long as it may be silent
        with pytest.raises(TimeoutError):
            hear(systemd, "what never comes")
        pipeline.process.send_signal(signal.SIGCONT)
        systemd.settimeout(30)
        assert pipeline.stop() == 0
        hear(systemd, "STOPPING=1")


@pytest.mark.parametrize(("verb", "status"), [("process", "no broker answers"), ("collect", "pi: ")])
def test_while_no_broker_answers_a_process_is_ready_all_the_same_so_that_systemd_does_not_end_it(
    tmp_path: Path, systemd: socket.socket, verb: str, status: str
) -> None:
    (tmp_path / "strapline.toml").write_text(_RUNNER)
    nowhere = f"mqtt://127.0.0.1:{free_port()}"
    with running(tmp_path, verb, BUS_URL=nowhere, COLLECTOR_NAME="pi") as process:
        hear(systemd, "READY=1")
        hear(systemd, status)
        assert seconds_to_stop(process) < _STOPS_WITHIN_S, process.said


@pytest.mark.parametrize("verb", ["process", "collect"])
@pytest.mark.parametrize("broker", ["there", "gone", "frozen"])
def test_a_process_that_is_asked_to_stop_ends_within_five_seconds(
    tmp_path: Path, stopped_mosquitto: Mosquitto, systemd: socket.socket, verb: str, broker: str
) -> None:
    (tmp_path / "strapline.toml").write_text(_RUNNER)
    with ExitStack() as stack:
        daemon = stack.enter_context(
            server(stopped_mosquitto.command, stopped_mosquitto.port, stopped_mosquitto.folder / "log")
        )
        process = stack.enter_context(running(tmp_path, verb, **login(stopped_mosquitto)))
        hear(systemd, "READY=1")
        log = stopped_mosquitto.folder / "log"
        wait_until(lambda: "'strapline/health/" in log.read_text(), "it tells its health")
        if broker == "gone":
            daemon.kill()
            process.says("lost url=")
        elif broker == "frozen":
            daemon.send_signal(signal.SIGSTOP)
        assert seconds_to_stop(process) < _STOPS_WITHIN_S, process.said


def seconds_to_stop(process: Running) -> float:
    began_s = time.monotonic()
    assert process.stop() == 0, process.said
    return time.monotonic() - began_s
