"""The live page: heart rate large enough to read from a treadmill. The only module that knows the web framework."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from functools import partial

from dashboards import texts
from dashboards.guard import PasswordGuard
from dashboards.live import TACHOGRAM_S, LiveView, PersonView
from ingest.errors import ConfigError, StraplineError
from ingest.model import Marker, MarkerAction, MarkerKind
from pipeline.scores.wording import NOT_MEDICAL

try:
    import uvicorn
    from fastapi import FastAPI
    from nicegui import ui
except ModuleNotFoundError as missing:
    raise ConfigError("the live page is not installed", advice="pip install 'strapline[page]'") from missing

_REFRESH_S = 0.25
_RR_COLOR, _ARTIFACT_COLOR = "#56B4E9", "#CC79A7"  # the boards' blue and purple, lighter for a dark page
_AXIS_COLOR = "#AAAAAA"
_ANSWER_S = 1.0
"""So long after a press the buttons take no other: a double tap means one, and by then the pipeline has answered."""

_STARTS = (MarkerKind.RUN, MarkerKind.REST, MarkerKind.BREATHING)

Say = Callable[[str, Marker], Awaitable[None]]
"""Sends what a person says; raises StraplineError where it can't."""


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
    listener: socket.socket, view: LiveView, now_ns: Callable[[], int], say: Say, *, password: str | None = None
) -> None:
    """Serve the page until cancelled or told to stop by a signal.

    Args:
        listener: from `bind`; closed on return.
        view: what to show; kept up to date by someone else.
        now_ns: the clock by which the age of a beat is told, and that dates what is said.
        say: what the buttons say goes here.
        password: of the page.
    """
    app = FastAPI(openapi_url=None)
    ui.page("/", title="Strapline", dark=True)(lambda: _Page(view, now_ns, say))
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
        with ui.column().classes("items-center gap-0"):
            ui.label(title).classes("text-sm text-grey-5")
            value = (
                ui.label(texts.NOTHING)
                .classes("text-4xl xl:text-3xl font-bold tabular-nums whitespace-nowrap")
                .props(f"data-testid={key}")
            )
            note = ui.label("").classes("text-xs text-grey-6 text-center")
        return cls(value, note)

    def show(self, text: str, note: str = "") -> None:
        self.value.set_text(text)
        self.note.set_text(note)


def _button(text: str, on_click: Callable[[], Awaitable[None]]) -> ui.button:
    button = ui.button(text, on_click=on_click).props("no-caps outline").classes("px-2")
    button.disable()  # until it is known whose it is
    return button


class _Page:
    """One browser's page: built once, then its texts and dots are changed in place."""

    def __init__(self, view: LiveView, now_ns: Callable[[], int], say: Say) -> None:
        self._view = view
        self._now_ns = now_ns
        self._say = say
        self._zone: tzinfo | None = None  # of the browser, once it has told
        self._is_saying = False
        self._drawn: object = None
        ui.query(".nicegui-content").classes("w-full max-w-6xl mx-auto items-center gap-2 p-4")
        with ui.row().classes("w-full items-center justify-between"):
            ui.label("Strapline").classes("text-lg font-bold")
            self._who = ui.toggle([]).props("dense no-caps")
            self._strap = ui.label("no strap yet").classes("text-sm text-grey-5").props("data-testid=strap")
        with ui.row().classes("items-baseline justify-center no-wrap gap-4"):
            self._heart_rate = ui.label(texts.NOTHING).classes("font-bold leading-none tabular-nums")
            self._heart_rate.style("font-size: min(44vw, 36vh); color: #FF7A2F").props("data-testid=heart-rate")
            ui.label("bpm").classes("text-3xl text-grey-5")
        with ui.row().classes("w-full items-center justify-center gap-2"):
            self._session = (
                ui.label().classes("w-full sm:w-auto sm:pr-2 text-lg text-center").props("data-testid=session")
            )
            self._build_buttons()
        with ui.element().classes("w-full grid grid-cols-2 sm:grid-cols-4 xl:grid-cols-8 gap-2"):
            self._build_tiles()
        self._readiness = ui.label().classes("text-center").props("data-testid=readiness")
        self._chart = ui.echart(_tachogram_options()).classes("w-full h-56").props("data-testid=tachogram")
        ui.label(NOT_MEDICAL).classes("max-w-4xl text-xs text-grey-7 text-center")
        ui.timer(_REFRESH_S, self._refresh)
        ui.timer(0, self._ask_zone, once=True)

    def _build_buttons(self) -> None:
        self._starts = {kind: _button(f"start {kind}", partial(self._start, kind)) for kind in _STARTS}
        self._stop = _button("stop", self._stop_session)

    def _build_tiles(self) -> None:
        self._zone_tile = _Tile.build("heart-rate zone", "zone")
        self._tiles = [(index.texts, _Tile.build(index.title, index.key)) for index in texts.INDICES]
        for tell, title, key in (
            (texts.stress_texts, "stress, 60 s", "stress"),
            (texts.quality_texts, "bad beats, 120 s", "artifacts"),
            (texts.age_texts, "last beat", "age"),
        ):
            self._tiles.append((tell, _Tile.build(title, key)))

    async def _ask_zone(self) -> None:
        """Tell times of day as the clock beside the browser does: this machine may live by another."""
        with contextlib.suppress(TimeoutError):
            behind_utc_min = await ui.run_javascript("new Date().getTimezoneOffset()")
            self._zone = timezone(timedelta(minutes=-behind_utc_min))

    async def _start(self, kind: MarkerKind) -> None:
        await self._say_once(kind, MarkerAction.START)

    async def _stop_session(self) -> None:
        going = _going(self._view.people[self._who.value], self._now_ns())
        if going is not None:
            await self._say_once(going, MarkerAction.STOP)

    async def _say_once(self, kind: MarkerKind, action: MarkerAction) -> None:
        if self._is_saying:
            return
        self._is_saying = True
        self._allow(None)
        person = self._who.value
        try:
            await self._say(person, Marker(kind, action, time_ns=self._now_ns()))
        except StraplineError as error:
            ui.notify(f"{error}. {error.advice}", type="negative", multi_line=True, timeout=10_000)
        else:
            ui.notify(f"{person}: {kind} {action}")
            await asyncio.sleep(_ANSWER_S)
        finally:
            self._is_saying = False

    def _refresh(self) -> None:
        people = sorted(self._view.people)
        if people != self._who.options:
            self._who.set_options(people, value=self._who.value if self._who.value in people else people[0])
            self._who.set_visibility(len(people) > 1)
        if self._who.value is not None:
            self._show(self._view.people[self._who.value], self._now_ns())

    def _show(self, person: PersonView, now_ns: int) -> None:
        self._heart_rate.set_text(texts.number_text(person.number("heart_rate_bpm", now_ns)))
        self._zone_tile.show(texts.zone_text(person, now_ns))
        for tell, tile in self._tiles:
            tile.show(*tell(person, now_ns))
        self._strap.set_text(texts.strap_text(person))
        self._session.set_text(texts.session_text(person, now_ns, self._zone))
        self._readiness.set_text(texts.readiness_text(person, now_ns, self._zone))
        self._allow(_going(person, now_ns))
        self._draw(person)

    def _allow(self, going: MarkerKind | None) -> None:
        """Enable the buttons that mean something while this session, or none, goes on."""
        for kind, button in self._starts.items():
            button.set_enabled(kind is not going and not self._is_saying)
        self._stop.set_enabled(going is not None and not self._is_saying)

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


def _going(person: PersonView, now_ns: int) -> MarkerKind | None:
    """The session that the person can stop, if one goes on."""
    session = person.session
    return session.kind if session is not None and session.is_said and session.goes_on(now_ns) else None


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
