"""What a process tells of itself, and what the pipeline and doctor make of it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.bus import BusAddress, Message, open_bus
from ingest.collect import figures
from ingest.errors import ConfigError, MalformedPayload
from ingest.health import Delays, Health, last_will
from ingest.metrics import COUNTERS, GAUGES, QUANTILES, serve_metrics
from ingest.model import Figures, ProcessHealth
from ingest.settings import load_settings
from ingest.spool import SpoolHealth
from ingest.topics import PIPELINE, as_collector_name, health_topic
from ingest.wire import decode_health, encode_health
from pipeline.doctor.finding import TROUBLE
from pipeline.doctor.processes import process_findings
from pipeline.health import ClockWatch, health_points
from pipeline.schema import HEALTH
from pipeline.storable import check_points

NOW_NS = 1_795_593_600_000_000_000
S = 1_000_000_000
PI = ProcessHealth(process="pi", online=True, release="1.2.3", started_ns=NOW_NS - 100 * S, time_ns=NOW_NS, beats_in=7)
changed: Callable[..., ProcessHealth] = dataclasses.replace
HUB = dataclasses.replace(PI, process=PIPELINE, beats_in=None)


def message(health: ProcessHealth, *, retained: bool = False, topic: str = "") -> Message:
    return Message(topic or health_topic(health.process), encode_health(health), retained, ack=lambda: None)


async def test_a_process_tells_at_once_and_again_and_says_goodbye_when_it_stops() -> None:
    counts = iter(range(5, 100))
    async with open_bus(BusAddress("memory:health"), client_id="a") as bus:
        await bus.subscribe("strapline/health/+")
        health = Health("pi", lambda: Figures(beats_in=next(counts)), now_ns=lambda: NOW_NS, every_s=0.01)
        telling = asyncio.create_task(health.run(bus))
        told: list[Message] = []
        async with asyncio.timeout(10):
            while len(told) < 3:
                told += await bus.receive()
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            while not telling.done() or b'"online":false' not in told[-1].payload:
                told += await bus.receive()
    first, goodbye = (decode_health(one.payload, one.topic) for one in (told[0], told[-1]))
    assert (first.process, first.state, first.beats_in, first.time_ns) == ("pi", "ok", 5, NOW_NS)
    assert (goodbye.online, goodbye.state, goodbye.beats_in) == (False, "stopped", None)


def test_what_a_process_does_not_count_is_absent_and_not_0() -> None:
    told = json.loads(encode_health(PI))
    assert told["beats_in"] == 7
    assert told["v"] == 1
    assert "beats_stored" not in told
    assert decode_health(encode_health(PI), "t") == PI
    assert decode_health(last_will("pi").payload, "t").time_ns is None


def test_quantiles_are_of_the_last_minute_and_of_a_bounded_number_of_delays() -> None:
    delays = Delays()
    assert delays.quantiles(0.5, at_s=0) == [None]
    delays.add(500.0, at_s=0)
    for number in range(1, 101):
        delays.add(number / 100, at_s=50)
    assert delays.quantiles(0.5, 0.95, 0.99, at_s=61) == [0.5, 0.95, 0.99]
    for _ in range(5000):
        delays.add(2.0, at_s=61)
    assert delays.quantiles(0.01, at_s=61) == [2.0]


@pytest.mark.parametrize(
    ("host", "name"),
    [("pi.home", "pi.home"), ("a/b+c#", "a-b-c-"), ("$SYS", "SYS"), ("", "collector"), ("pipeline", "collector")],
)
def test_a_host_s_name_is_made_fit_for_a_topic(host: str, name: str) -> None:
    assert as_collector_name(host) == name
    assert health_topic(name)


@pytest.mark.parametrize("name", ["pipeline", "a/b", ""])
def test_a_collector_may_not_bear_the_pipeline_s_name_or_one_that_no_topic_carries(
    tmp_path: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAPLINE_COLLECTOR_NAME", name)
    with pytest.raises(ConfigError, match="collector"):
        load_settings(tmp_path)  # type: ignore[arg-type]


class TestClock:
    """The pipeline's own message comes first each time: it tells that none waits."""

    @staticmethod
    def hear(clocks: ClockWatch, behind_s: list[float], own_s: float = 0.01) -> float | None:
        for seconds in behind_s:
            clocks.take(PIPELINE, own_s)
            clocks.take("pi", seconds)
        return clocks.offsets_s.get("pi")

    def test_the_offset_is_the_least_of_the_last_six_so_that_a_late_message_does_not_count(self) -> None:
        assert self.hear(ClockWatch(), [-3600.0, 9.0, 0.2, 5.0, 7.0, 8.0, 6.0, 9.0]) == 0.2
        assert self.hear(ClockWatch(), [0.1, 0.1]) is None

    def test_messages_that_waited_for_the_pipeline_say_nothing_of_a_clock(self) -> None:
        clocks = ClockWatch()
        assert self.hear(clocks, [300.0, 290.0, 280.0, 270.0], own_s=285.0) is None
        assert self.hear(clocks, [0.1, 0.1, 0.1]) == 0.1

    def test_a_clock_that_is_off_is_logged_once_until_it_is_right_again(self, caplog: pytest.LogCaptureFixture) -> None:
        clocks = ClockWatch()
        with caplog.at_level(logging.WARNING):
            self.hear(clocks, [3600.0] * 10)
            assert len(caplog.records) == 1
            self.hear(clocks, [0.1] * 6)
            self.hear(clocks, [-5.0] * 6)
        assert len(caplog.records) == 2
        assert "NTP" in caplog.text

    def test_a_thousand_names_leave_the_memory_bounded(self) -> None:
        clocks = ClockWatch()
        clocks.take(PIPELINE, 0.0)
        for number in range(1000):
            for _ in range(3):
                clocks.take(f"pi{number}", 5.0)
        assert len(clocks.offsets_s) == 64


def test_a_health_message_becomes_a_point_that_every_store_takes() -> None:
    full = changed(PI, **{f.name: 1 for f in dataclasses.fields(Figures) if "Count" in str(f.type)})
    (point,) = health_points(message(dataclasses.replace(full, delay_p50_s=0.5)), NOW_NS, ClockWatch())
    check_points([point])
    assert (point.measurement, point.tags, point.time_ns) == (HEALTH, ("pi",), NOW_NS)
    assert point.fields["online"] == 1
    assert {"beats_in", "reconnects", "delay_p50_s"} <= point.fields.keys()
    assert "clock_offset_s" not in point.fields


def test_a_collector_with_a_wrong_clock_is_shown_at_the_pipeline_s_time() -> None:
    clocks = ClockWatch()
    for number in range(4):
        now_ns = NOW_NS + number * 10 * S
        clocks.take(PIPELINE, 0.0)
        slow = dataclasses.replace(PI, time_ns=now_ns - 3600 * S)
        (point,) = health_points(message(slow), now_ns, clocks)
    assert point.fields["clock_offset_s"] == 3600.0
    assert point.time_ns == now_ns


def test_a_last_will_is_a_point_only_if_it_has_just_come() -> None:
    will = ProcessHealth(process="pi", online=False, release="1", started_ns=1, state="died")
    (point,) = health_points(message(will), NOW_NS, ClockWatch())
    assert (point.fields["online"], point.time_ns) == (0, NOW_NS)
    assert health_points(message(will, retained=True), NOW_NS, ClockWatch()) == []
    assert health_points(message(dataclasses.replace(will, process=PIPELINE)), NOW_NS, ClockWatch()) == []


def test_nobody_speaks_for_another_process() -> None:
    with pytest.raises(MalformedPayload, match="names pi inside"):
        health_points(message(PI, topic="strapline/health/other"), NOW_NS, ClockWatch())


def scrape(port: int) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        text = response.read().decode()
    families = text_string_to_metric_families(text)
    return {
        sample.name: {tuple(sorted(s.labels.items())): s.value for s in family.samples if s.name == sample.name}
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_the_figures_of_every_part_under_conventional_names() -> None:
    offsets = {"pi": -2.5}
    hub = dataclasses.replace(HUB, state="a store is away", delay_p95_s=0.25, points_waiting=3, clock_offsets_s=offsets)
    with serve_metrics("127.0.0.1", 0, lambda: PI) as port, serve_metrics("127.0.0.1", 0, lambda: hub) as same:
        assert same == port
        found = scrape(port)
    pi, pipeline = (("process", "pi"),), (("process", "pipeline"),)
    assert found["strapline_beats_in_total"] == {pi: 7}
    assert found["strapline_points_waiting"] == {pipeline: 3}
    assert found["strapline_delay_seconds"] == {(*pipeline, ("quantile", "0.95")): 0.25}
    assert found["strapline_clock_offset_seconds"] == {(("collector", "pi"), *pipeline): -2.5}
    assert found["strapline_ok"] == {pi: 1, pipeline: 0}
    assert found["strapline_start_time_seconds"][pi] == 1795593500
    assert "strapline_beats_stored_total" not in found


def test_a_metrics_port_that_is_taken_is_a_mistake_in_the_settings() -> None:
    with (
        serve_metrics("127.0.0.1", 0, lambda: PI) as port,
        pytest.raises(ConfigError, match="can't listen"),
        serve_metrics("127.0.0.1", port, lambda: PI),
    ):
        pass


def test_the_bus_the_points_and_prometheus_have_the_same_figures() -> None:
    told = {field.name for field in dataclasses.fields(Figures)} - {"state", "clock_offsets_s"}
    assert {*COUNTERS, *GAUGES, *QUANTILES} == told
    assert {field.name for field in HEALTH.fields} == told | {"online", "state", "release", "clock_offset_s"}


@pytest.mark.parametrize(
    ("change", "exit_code", "word"),
    [
        ({}, 0, "runs since"),
        ({"state": "no link to h10"}, 0, "no link to h10"),
        ({"online": False, "state": "stopped"}, 0, "stopped 20"),
        ({"online": False, "time_ns": None, "state": "died"}, TROUBLE, "died"),
        ({"time_ns": NOW_NS - 120 * S}, TROUBLE, "told 120 s ago"),
        ({"beats_dropped": 3}, TROUBLE, "beats dropped 3"),
        ({"process": PIPELINE, "state": "a store is away"}, TROUBLE, "a store is away"),
    ],
)
def test_doctor_calls_trouble_what_is_trouble(change: dict[str, object], exit_code: int, word: str) -> None:
    (finding,) = process_findings([message(changed(PI, **change))], NOW_NS)
    assert finding.exit_code == exit_code
    assert word in finding.detail
    assert finding.advice or not exit_code or "store" in word


def test_doctor_tells_a_wrong_clock_and_does_not_take_its_owner_for_silent() -> None:
    hub = dataclasses.replace(HUB, clock_offsets_s={"pi": 3600.2})
    slow = dataclasses.replace(PI, time_ns=NOW_NS - 3600 * S)
    pi, pipeline = process_findings([message(hub), message(slow)], NOW_NS)
    assert (pi.what, pi.exit_code, pipeline.exit_code) == ("process pi", TROUBLE, 0)
    assert "3600.2 s behind" in pi.detail
    assert "hangs" not in pi.advice


def test_a_collector_tells_the_beats_dropped_since_its_start_though_the_spool_s_file_counts_for_ever() -> None:
    spool = SpoolHealth(4, 9, 900, NOW_NS, dropped_batches=2, dropped_beats=7, in_memory=1, trouble="disk full")
    told = figures([], spool, dropped_before=5)
    assert (told.beats_dropped, told.batches_waiting, told.state) == (2, 5, "disk full")
