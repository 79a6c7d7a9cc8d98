"""A password before the page: ASGI middleware, HTTP Basic, then a cookie that the web socket carries too."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_COOKIE = "strapline_page"


class PasswordGuard:
    """Lets a request through that knows the password (any user name), or holds the cookie given to one that did.

    The cookie is bound to this process's start, so a restart asks again.
    """

    def __init__(self, app: App, password: str) -> None:
        self._app = app
        self._password = password
        self._cookie = hmac.new(secrets.token_bytes(32), password.encode(), hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection: pass it on, or turn it away."""
        if scope["type"] == "lifespan" or self._has_cookie(scope):
            await self._app(scope, receive, send)
        elif self._knows_password(scope):
            await self._app(scope, receive, self._giving_cookie(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"www-authenticate", b'Basic realm="Strapline", charset="UTF-8"')]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b"A password is needed: page_password."})

    def _has_cookie(self, scope: Scope) -> bool:
        try:
            cookies = SimpleCookie(_header(scope, b"cookie"))
        except CookieError:
            return False
        return _COOKIE in cookies and hmac.compare_digest(cookies[_COOKIE].value.encode(), self._cookie.encode())

    def _knows_password(self, scope: Scope) -> bool:
        kind, _, credentials = _header(scope, b"authorization").partition(" ")
        try:
            _, _, password = base64.b64decode(credentials, validate=True).partition(b":")
        except binascii.Error:
            return False
        return kind.lower() == "basic" and hmac.compare_digest(password, self._password.encode())

    def _giving_cookie(self, send: Send) -> Send:
        cookie = f"{_COOKIE}={self._cookie}; HttpOnly; SameSite=Strict; Path=/".encode()

        async def send_with_cookie(event: Event) -> None:
            if event["type"] in {"http.response.start", "websocket.accept"}:
                event = {**event, "headers": [*event.get("headers", []), (b"set-cookie", cookie)]}
            await send(event)

        return send_with_cookie


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
