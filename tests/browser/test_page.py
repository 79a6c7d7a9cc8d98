"""The live page in a real browser, fed by the demo."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest
from playwright.async_api import Browser, HttpCredentials, Page, expect

from ingest.bus import Bus, BusAddress, open_bus
from ingest.model import Beat, BeatBatch, Contact, Marker, MarkerAction, MarkerKind
from ingest.recording import demo_recording
from ingest.topics import COMMAND, command_topic, live_topic, readiness_topic, strap_topic
from ingest.wire import decode_marker, decode_object, encode_batch, encode_object
from tests.end_to_end.command import Running, running
from tests.fixtures.mosquitto import Mosquitto
from tests.support import free_port, server

pytestmark = pytest.mark.browser

START_NS = 1_795_593_600_000_000_000  # 2026-11-25T08:00:00Z
DEMO = ("demo", "--start", "2026-11-25T08:00:00Z")
NUMBER = re.compile(r"^\d+$")


def address(demo: Running, kind: str) -> str:
    """The page's or the broker's address, as the demo's first lines say it."""
    demo.says("Ctrl-C ends")
    found = re.search(kind + r"://[^ /]+/?", demo.said)
    assert found, demo.said
    return found.group()


def recorded_heart_rate_bpm(elapsed_s: float) -> float:
    """60 000 / mean interval of the recording's beats in the 5 s before a moment of it."""
    ends = [ticks / 1024 for ticks in accumulate(demo_recording().rr_ticks)]
    rr_ms = [
        ticks / 1.024
        for ticks, end_s in zip(demo_recording().rr_ticks, ends, strict=True)
        if elapsed_s - 5 < end_s <= elapsed_s
    ]
    return 60_000 * len(rr_ms) / sum(rr_ms)


@pytest.fixture
def port() -> str:
    return str(free_port())


@pytest.fixture
def demo(tmp_path: Path, port: str) -> Iterator[Running]:
    with running(tmp_path, *DEMO, "--speed", "8", PAGE_PORT=port) as process:
        yield process


async def live_values(url: str, seen: list[tuple[float, float]]) -> None:
    """Collect what the bus says meanwhile: seconds into the recording, and heart rate."""
    async with open_bus(BusAddress(url), client_id="test") as bus:
        await bus.subscribe("strapline/v1/runner/live")
        while True:
            for message in await bus.receive():
                values = decode_object(message.payload, message.topic)
                if isinstance(values["heart_rate_bpm"], float) and isinstance(values["time_ns"], int):
                    seen.append(((values["time_ns"] - START_NS) / 1e9, values["heart_rate_bpm"]))
                message.ack()


async def shown(page: Page, key: str) -> str:
    return await page.get_by_test_id(key).inner_text()


async def test_the_page_shows_the_heart_rate_that_the_recording_holds_at_that_moment(
    demo: Running, chromium: Browser, screenshots: Path
) -> None:
    page = await chromium.new_page(viewport={"width": 1280, "height": 800})
    seen: list[tuple[float, float]] = []
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(live_values(address(demo, "mqtt"), seen))
        await page.goto(address(demo, "http"))
        await expect(page.get_by_test_id("rmssd")).to_have_text(re.compile(r"^\d+\.\d ms$"), timeout=30_000)
        for _ in range(5):
            await asyncio.sleep(1)
            before = len(seen)
            heart_rate = int(await shown(page, "heart-rate"))
            await asyncio.sleep(0.5)
            around = seen[max(0, before - 8) : before + 8]  # a second before and after, at 8 a second
            assert heart_rate in {round(bpm) for _, bpm in around}
        await page.screenshot(path=screenshots / "live-page.png")
        assert (await shown(page, "age")).endswith(" s")
        assert await shown(page, "strap") == "recording ramp_polar_08012805: connected"
        listening.cancel()
    # One beat at the edge of the 5 s may fall on either side of it.
    assert len(seen) > 60
    for elapsed_s, bpm in seen:
        if elapsed_s > 6:
            nearby = [recorded_heart_rate_bpm(elapsed_s + shift_s) for shift_s in (-0.2, 0, 0.2)]
            assert min(nearby) - 0.5 <= bpm <= max(nearby) + 0.5, elapsed_s


async def test_alpha_1_comes_with_its_word_once_two_minutes_are_known_and_until_then_with_the_reason(
    demo: Running, chromium: Browser
) -> None:
    page = await chromium.new_page()
    await page.goto(address(demo, "http"))
    await expect(page.get_by_test_id("alpha1")).to_have_text("\u2013")
    await expect(page.get_by_text("not enough beats yet").first).to_be_visible(timeout=10_000)
    await expect(page.get_by_test_id("alpha1")).to_have_text(re.compile(r"^\d\.\d\d$"), timeout=30_000)
    await expect(page.get_by_text("easy (below first threshold)")).to_be_visible()
    await expect(page.get_by_text("100 % of 120 s covered")).to_be_visible(timeout=10_000)


async def test_numbers_move_within_five_seconds_of_the_first_lines(demo: Running, chromium: Browser) -> None:
    page = await chromium.new_page()
    url = address(demo, "http")
    async with asyncio.timeout(5):
        await page.goto(url)
        await expect(page.get_by_test_id("heart-rate")).to_have_text(NUMBER, timeout=5_000)


async def test_on_a_phone_everything_fits_without_scrolling_sideways(
    demo: Running, chromium: Browser, screenshots: Path
) -> None:
    page = await chromium.new_page(viewport={"width": 390, "height": 844})
    await page.goto(address(demo, "http"))
    await expect(page.get_by_test_id("heart-rate")).to_have_text(NUMBER, timeout=15_000)
    await page.screenshot(path=screenshots / "live-page-phone.png")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_when_the_strap_falls_silent_no_old_value_stays(tmp_path: Path, port: str, chromium: Browser) -> None:
    recording = tmp_path / "short.txt"
    recording.write_text("800\n" * 60)
    with running(tmp_path, "demo", str(recording), "--speed", "8", PAGE_PORT=port) as demo:
        page = await chromium.new_page()
        await page.goto(address(demo, "http"))
        await expect(page.get_by_test_id("heart-rate")).to_have_text("75", timeout=15_000)
        await expect(page.get_by_test_id("heart-rate")).to_have_text("\u2013", timeout=20_000)
        await expect(page.get_by_test_id("strap")).to_contain_text("not connected (end of the recording)")
        await expect(page.get_by_text("silent: values are not shown")).to_be_visible(timeout=20_000)


async def test_a_page_with_a_password_shows_nothing_without_it_and_works_with_it(
    tmp_path: Path, port: str, chromium: Browser
) -> None:
    with running(tmp_path, *DEMO, PAGE_PORT=port, PAGE_HOST="0.0.0.0", PAGE_PASSWORD="treadmill") as demo:
        address(demo, "http")
        url = f"http://127.0.0.1:{port}/"
        for credentials in (None, HttpCredentials(username="", password="wrong")):
            stranger = await chromium.new_context(http_credentials=credentials)
            assert (await stranger.request.get(url)).status == 401
        owner = await chromium.new_page(http_credentials={"username": "", "password": "treadmill"})
        await owner.goto(url)
        await expect(owner.get_by_test_id("heart-rate")).to_have_text(NUMBER, timeout=15_000)


def test_a_page_open_to_others_needs_a_password(tmp_path: Path, port: str) -> None:
    with running(tmp_path, *DEMO, PAGE_PORT=port, PAGE_HOST="0.0.0.0") as demo:
        assert demo.process.wait(30) == 3
        assert "Set page_password" in demo.said


async def next_marker(bus: Bus) -> tuple[str, Marker]:
    """Topic and marker of the next command on the bus; fails where another came with it."""
    async with asyncio.timeout(10):
        (message,) = await bus.receive()
    message.ack()
    return message.topic, decode_marker(message.payload, message.topic)


async def test_a_run_is_started_and_stopped_by_buttons_and_the_page_says_so(demo: Running, chromium: Browser) -> None:
    page = await chromium.new_page(timezone_id="Europe/Berlin")
    await page.goto(address(demo, "http"))
    session, stop = page.get_by_test_id("session"), page.get_by_role("button", name="stop")
    await expect(session).to_have_text("no session today", timeout=15_000)
    await expect(stop).to_be_disabled()
    async with open_bus(BusAddress(address(demo, "mqtt")), client_id="test") as bus:
        await bus.subscribe(command_topic("runner"))

        await page.get_by_role("button", name="start run").dblclick()

        _, started = await next_marker(bus)  # a double click starts no second one
        assert (started.kind, started.action) == (MarkerKind.RUN, MarkerAction.START)
        assert started.time_ns is not None
        assert 0 < started.time_ns - START_NS < 600e9, "dated by the recording's clock, not by this machine's"
        await expect(session).to_have_text(re.compile(r"^run since 09:0\d, \d min$"), timeout=10_000)
        await expect(page.get_by_role("button", name="start run")).to_be_disabled()

        await stop.click()

        _, stopped = await next_marker(bus)
        assert (stopped.kind, stopped.action) == (MarkerKind.RUN, MarkerAction.STOP)
        await expect(session).to_have_text(re.compile(r"^last session: run 09:0\d to 09:\d\d, \d min$"), timeout=10_000)
        await expect(stop).to_be_disabled()


async def tell_of(person: str, bus: Bus) -> None:
    """Say of a person what a pipeline would: a heart rate of 128 bpm, in zone 2, and a day to train as planned."""
    ready: dict[str, object] = {"day": time.strftime("%Y-%m-%d"), "value": 57.1, "state": "as usual"}
    ready |= {"confidence": "trusted", "reason": "", "advice_text": "Train as planned."}
    time_ns = time.time_ns() + 60_000_000_000  # so that it does not grow old before it is looked at
    beat = Beat(time_ns, 480, 128, Contact.GOOD, 0, gap_before=True)
    await bus.publish(readiness_topic(person), encode_object(ready), retain=True)
    live: dict[str, object] = {"heart_rate_bpm": 128.0, "zone": 2, "stress": None, "stress_reason": "not at rest"}
    await bus.publish(live_topic(person), encode_object(live), retain=True)
    batch = BeatBatch(person, "h10", "stream", 0, time_ns, (beat,))
    await bus.publish(strap_topic(person, "h10", "beats"), encode_batch(batch))


@pytest.mark.mosquitto
async def test_a_button_speaks_for_the_person_shown_and_says_what_to_do_when_no_broker_hears_it(
    tmp_path: Path, port: str, stopped_mosquitto: Mosquitto, chromium: Browser
) -> None:
    broker = stopped_mosquitto
    login = {"BUS_URL": broker.address().url, "BUS_USERNAME": "runner", "BUS_PASSWORD": "secret"}
    page = await chromium.new_page(viewport={"width": 390, "height": 844})
    with (
        server(broker.command, broker.port, tmp_path / "log") as daemon,
        running(tmp_path, "serve", PAGE_PORT=port, **login) as serving,
    ):
        serving.says("Open ")
        await page.goto(f"http://127.0.0.1:{port}/")
        async with open_bus(broker.address(), client_id="test") as bus:
            await tell_of("anna", bus)
            await tell_of("ben", bus)
            await bus.subscribe(COMMAND)
            await page.get_by_role("button", name="ben").click()
            await expect(page.get_by_test_id("zone")).to_have_text("zone 2")
            await expect(page.get_by_text("not at rest")).to_be_visible()
            ready = page.get_by_test_id("readiness")
            await expect(ready).to_have_text("readiness 57, as usual: Train as planned.")

            await page.get_by_role("button", name="start breathing").click()

            topic, marker = await next_marker(bus)
            assert topic == command_topic("ben")
            assert (marker.kind, marker.action) == (MarkerKind.BREATHING, MarkerAction.START)
            await expect(page.get_by_text("ben: breathing start")).to_be_visible()
        daemon.kill()
        daemon.wait()
        rest = page.get_by_role("button", name="start rest")
        await expect(rest).to_be_enabled()
        await rest.click()
        await expect(page.get_by_text("When it is back, press again.")).to_be_visible(timeout=10_000)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
