"""The live page in a real browser, fed by the demo."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest
from playwright.async_api import Browser, HttpCredentials, Page, expect

from ingest.bus import BusAddress, open_bus
from ingest.recording import demo_recording
from ingest.wire import decode_object
from tests.end_to_end.command import Running, running
from tests.support import free_port

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
