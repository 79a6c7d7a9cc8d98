"""The live page: heart rate large enough to read from a treadmill. The only module that knows the web framework."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass

from dashboards.guard import PasswordGuard
from dashboards.live import TACHOGRAM_S, LiveView, PersonView
from dashboards.palette import DFA_ALPHA1, Scale, word
from ingest.errors import ConfigError

try:
    import uvicorn
    from fastapi import FastAPI
    from nicegui import ui
except ModuleNotFoundError as missing:
    raise ConfigError("the live page is not installed", advice="pip install 'strapline[page]'") from missing

_REFRESH_S = 0.25
_RR_COLOR, _ARTIFACT_COLOR = "#56B4E9", "#CC79A7"  # the boards' blue and purple, lighter for a dark page
_AXIS_COLOR = "#AAAAAA"
_FRESH_S, _LATE_S = 3.0, 10.0
_NOTHING = "\u2013"
_EFFORTS = {"easy": "easy (below first threshold)", "between": "between the thresholds"}
_REASONS = {
    "coverage": "not enough beats yet",
    "artifacts": "too many bad beats",
}


def bind(host: str, port: int, *, password: str | None, any_port: bool = False) -> socket.socket:
    """A listening socket for the page.

    Args:
        host: an address of this machine.
        port: 0 takes a free one.
        password: of the page; without one, only this machine may see it.
        any_port: take a free port where the wanted one is taken.

    Raises:
        ConfigError: the address can be reached from elsewhere and there is no password, or it can't be had.
    """
    if password is None and not _is_loopback(host):
        message = f"the page would be open to everyone who reaches {host}"
        raise ConfigError(message, advice="Set page_password, or page_host = 127.0.0.1.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # whoever is told the address may come before the server is up, and waits
    except OSError as error:
        listener.close()
        if any_port and port:
            return bind(host, 0, password=password)
        message = f"the page can't listen on {host}:{port}: {error.strerror}"
        raise ConfigError(message, advice="Choose another page_port or page_host.") from error
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_of(listener: socket.socket) -> str:
    """What to type into a browser."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"


async def serve_page(
    listener: socket.socket, view: LiveView, now_ns: Callable[[], int], *, password: str | None = None
) -> None:
    """Serve the page until cancelled or told to stop by a signal.

    Args:
        listener: from `bind`; closed on return.
        view: what to show; kept up to date by someone else.
        now_ns: the clock by which the age of a beat is told.
        password: of the page.
    """
    app = FastAPI(openapi_url=None)
    ui.page("/", title="Strapline", dark=True)(lambda: _Page(view, now_ns))
    ui.run_with(app, show_welcome_message=False, reconnect_timeout=10)
    guarded = PasswordGuard(app, password) if password is not None else app
    config = uvicorn.Config(guarded, log_level="warning", timeout_graceful_shutdown=1, ws="websockets-sansio")
    server = uvicorn.Server(config)
    with listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True  # cancelling it would leave its connections open, and a traceback in the log
            await serving


@dataclass(frozen=True, slots=True)
class _Tile:
    """A number with its name, unit and, where there is none, the reason."""

    value: ui.label
    note: ui.label

    @classmethod
    def build(cls, title: str, key: str) -> _Tile:
        with ui.column().classes("items-center gap-0 w-[9.4rem]"):
            ui.label(title).classes("text-sm text-grey-5")
            value = (
                ui.label(_NOTHING)
                .classes("text-4xl font-bold tabular-nums whitespace-nowrap")
                .props(f"data-testid={key}")
            )
            note = ui.label("").classes("text-xs text-grey-6 text-center")
        return cls(value, note)

    def show(self, text: str, note: str = "") -> None:
        self.value.set_text(text)
        self.note.set_text(note)


@dataclass(frozen=True, slots=True)
class _Index:
    """One index of one window, and how it is told."""

    title: str
    key: str
    name: str
    window: str
    unit: str = ""
    digits: int = 0
    scale: Scale = ()
    none_yet: str = ""  # why it may be missing where the window gives other values

    def texts(self, person: PersonView, now_ns: int) -> tuple[str, str]:
        """The number, and below it the scale's word for it, or why there is none."""
        number = person.number(f"{self.name}_{self.window}", now_ns)
        if number is not None:
            effort = word(number, self.scale) if self.scale else ""
            return _text(number, self.unit, self.digits), _EFFORTS.get(effort, effort)
        reason = person.values.get(f"reason_{self.window}")
        return _NOTHING, self.none_yet if reason == "" else _REASONS.get(str(reason), "")


_INDICES = (
    _Index(
        "DFA alpha 1, 120 s",
        "alpha1",
        "dfa_alpha1_smoothed",
        "120s",
        digits=2,
        scale=DFA_ALPHA1,
        none_yet="not settled yet",
    ),
    _Index("RMSSD, 60 s", "rmssd", "rmssd_ms", "60s", " ms", 1),
    _Index("SDNN, 300 s", "sdnn", "sdnn_ms", "300s", " ms", 1),
    _Index("respiration, 120 s", "respiration", "respiration_per_min", "120s", " /min", none_yet="no clear rhythm"),
)


class _Page:
    """One browser's page: built once, then its texts and dots are changed in place."""

    def __init__(self, view: LiveView, now_ns: Callable[[], int]) -> None:
        self._view = view
        self._now_ns = now_ns
        self._drawn: object = None
        ui.query(".nicegui-content").classes("w-full max-w-5xl mx-auto items-center gap-2 p-4")
        with ui.row().classes("w-full items-center justify-between"):
            ui.label("Strapline").classes("text-lg font-bold")
            self._who = ui.toggle([]).props("dense no-caps")
            self._strap = ui.label("no strap yet").classes("text-sm text-grey-5").props("data-testid=strap")
        with ui.row().classes("items-baseline justify-center no-wrap gap-4"):
            self._heart_rate = ui.label(_NOTHING).classes("font-bold leading-none tabular-nums")
            self._heart_rate.style("font-size: min(44vw, 42vh); color: #FF7A2F").props("data-testid=heart-rate")
            ui.label("bpm").classes("text-3xl text-grey-5")
        with ui.row().classes("w-full justify-evenly"):
            self._indices = [(index, _Tile.build(index.title, index.key)) for index in _INDICES]
            self._quality = _Tile.build("bad beats, 120 s", "artifacts")
            self._age = _Tile.build("last beat", "age")
        self._chart = ui.echart(_tachogram_options()).classes("w-full h-64").props("data-testid=tachogram")
        ui.label("For wellness, not a medical device.").classes("text-xs text-grey-7")
        ui.timer(_REFRESH_S, self._refresh)

    def _refresh(self) -> None:
        people = sorted(self._view.people)
        if people != self._who.options:
            self._who.set_options(people, value=self._who.value if self._who.value in people else people[0])
            self._who.set_visibility(len(people) > 1)
        if self._who.value is not None:
            self._show(self._view.people[self._who.value], self._now_ns())

    def _show(self, person: PersonView, now_ns: int) -> None:
        self._heart_rate.set_text(_text(person.number("heart_rate_bpm", now_ns)))
        for index, tile in self._indices:
            tile.show(*index.texts(person, now_ns))
        artifact_pct = person.number("artifact_pct_120s", now_ns)
        coverage_pct = person.number("coverage_pct_120s", now_ns)
        self._quality.show(_text(artifact_pct, " %", 1), f"{_text(coverage_pct, ' %')} of 120 s covered")
        age_s = person.age_s(now_ns)
        self._age.show(_text(age_s, " s", 1), _freshness(age_s))
        self._strap.set_text("  ·  ".join(_strap_text(name, person) for name in sorted(person.straps)))
        self._draw(person)

    def _draw(self, person: PersonView) -> None:
        newest = person.beats[-1] if person.beats else None
        if newest is None or newest is self._drawn:
            return
        self._drawn = newest
        dots: tuple[list[list[float]], list[list[float]]] = ([], [])
        for beat in person.beats:
            dots[beat.artifact].append([round((beat.time_ns - newest.time_ns) / 1e9, 2), round(beat.rr_ms, 1)])
        self._chart.options["series"][0]["data"], self._chart.options["series"][1]["data"] = dots
        self._chart.update()


def _text(number: float | None, unit: str = "", digits: int = 0) -> str:
    return _NOTHING if number is None else f"{number:.{digits}f}{unit}"


def _freshness(age_s: float | None) -> str:
    if age_s is None:
        return "waiting for the first beat"
    if age_s <= _FRESH_S:
        return "live"
    return "late" if age_s <= _LATE_S else "silent: values are not shown"


def _strap_text(name: str, person: PersonView) -> str:
    status = person.straps[name]
    battery = f", battery {status.battery_pct} %" if status.battery_pct is not None else ""
    state = "connected" if status.connected else f"not connected ({status.reason or 'unknown'})"
    return f"{status.model or name}: {state}{battery}"


def _tachogram_options() -> dict[str, object]:
    axis = {
        "nameLocation": "middle",
        "nameTextStyle": {"color": _AXIS_COLOR},
        "axisLabel": {"color": _AXIS_COLOR},
        "splitLine": {"lineStyle": {"color": "#333333"}},
    }
    dots = {"type": "scatter", "symbolSize": 6, "data": []}
    return {
        "animation": False,
        "title": {"text": "RR intervals", "textStyle": {"color": _AXIS_COLOR, "fontSize": 13}, "left": "center"},
        "grid": {"left": 60, "right": 20, "top": 30, "bottom": 45},
        "legend": {"top": 0, "right": 10, "textStyle": {"color": _AXIS_COLOR}},
        "xAxis": {
            **axis,
            "type": "value",
            "min": -TACHOGRAM_S,
            "max": 0,
            "name": "s before the last beat",
            "nameGap": 25,
        },
        "yAxis": {**axis, "type": "value", "scale": True, "name": "ms", "nameGap": 40},
        "series": [
            {**dots, "name": "RR", "itemStyle": {"color": _RR_COLOR}},
            {**dots, "name": "bad beat", "itemStyle": {"color": _ARTIFACT_COLOR}},
        ],
    }
