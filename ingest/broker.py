"""The embedded MQTT broker: amqtt, in this process, on the loopback address.

It speaks MQTT 3.1.1 and keeps nothing for clients that are away: for the demo, and for a single machine where
collector and pipeline share this process.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ingest.errors import BusUnavailable, ConfigError

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Shared:
    broker: Any
    users: int = 0


_running: dict[tuple[str, int], _Shared] = {}
_starting = asyncio.Lock()


@asynccontextmanager
async def embedded_broker(host: str, port: int) -> AsyncIterator[None]:
    """Have a broker listening while the block runs; users of one address in a process share one broker.

    Raises:
        ConfigError: amqtt is not installed, or the address can be reached from other machines.
        BusUnavailable: something else listens there.
    """
    if not ipaddress.ip_address(host).is_loopback:
        message = f"the embedded broker has no passwords, so it must not listen on {host}"
        raise ConfigError(message, advice="Use 127.0.0.1, or run mosquitto with a password and set bus_url to mqtt://.")
    key = (host, port)
    async with _starting:
        if key not in _running:
            _running[key] = _Shared(await _start(host, port))
        shared = _running[key]
        shared.users += 1
    try:
        yield
    finally:
        shared.users -= 1
        if shared.users == 0:
            del _running[key]
            await shared.broker.shutdown()


async def _start(host: str, port: int) -> Any:
    try:
        from amqtt.broker import Broker
        from amqtt.errors import BrokerError
    except ModuleNotFoundError as error:
        advice = "pip install 'strapline[embedded]', or set bus_url to the broker that you run (mqtt://host:1883)."
        raise ConfigError("the embedded broker is not installed", advice=advice) from error
    # They log each packet's journey, and what they raise.
    for library in ("amqtt", "transitions"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = Broker(config)
    try:
        await broker.start()
    except BrokerError as error:
        message = f"the embedded broker can't listen on {host}:{port}: {error}"
        advice = f"If another broker runs there, set bus_url = mqtt://{host}:{port}; else choose another port."
        raise BusUnavailable(message, advice=advice) from error
    _log.info("embedded broker started host=%s port=%d", host, port)
    return broker
