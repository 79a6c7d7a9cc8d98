"""The page's password on the level of the protocol; the browser tests show it at work."""

from __future__ import annotations

import base64

from dashboards.guard import Event, PasswordGuard, Receive, Scope, Send


class Visit:
    """One connection to a guarded page, and what it was answered."""

    def __init__(self, guard: PasswordGuard, kind: str, **headers: str) -> None:
        self._guard = guard
        self._scope: Scope = {"type": kind, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
        self.sent: list[Event] = []

    async def answered(self) -> list[Event]:
        async def send(event: Event) -> None:
            self.sent.append(event)

        async def receive() -> Event:
            return {"type": f"{self._scope['type']}.connect"}

        await self._guard(self._scope, receive, send)
        return self.sent


async def page(scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept" if scope["type"] == "websocket" else "http.response.start", "headers": []})


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


async def test_the_cookie_that_the_password_earns_opens_the_web_socket() -> None:
    guard = PasswordGuard(page, "pässword")
    (answer,) = await Visit(guard, "http", authorization=basic("pässword")).answered()
    (_, cookie) = answer["headers"][-1]
    assert b"HttpOnly" in cookie
    assert (await Visit(guard, "websocket", cookie=cookie.decode()).answered())[0]["type"] == "websocket.accept"


async def test_without_password_or_cookie_page_and_web_socket_stay_shut() -> None:
    guard = PasswordGuard(page, "password")
    for headers in (
        {},
        {"authorization": basic("wrong")},
        {"authorization": "Basic ?"},
        {"cookie": "strapline_page=x"},
    ):
        assert (await Visit(guard, "http", **headers).answered())[0]["status"] == 401
        assert (await Visit(guard, "websocket", **headers).answered())[0]["type"] == "websocket.close"


async def test_a_cookie_of_an_earlier_start_is_worth_nothing() -> None:
    (answer,) = await Visit(PasswordGuard(page, "password"), "http", authorization=basic("password")).answered()
    cookie = answer["headers"][-1][1].decode()
    assert (await Visit(PasswordGuard(page, "password"), "http", cookie=cookie).answered())[0]["status"] == 401
