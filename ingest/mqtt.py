"""The MQTT adapter of the bus: paho-mqtt 2, MQTT 5 first, 3.1.1 where the broker refuses it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.backoff import Backoff
from ingest.broker import embedded_broker
from ingest.broker_errors import unreachable, untrusted
from ingest.broker_tls import tls_context
from ingest.bus import BusAddress, Message, Will
from ingest.errors import BusError, BusRefused, BusUnavailable, ConfigError
from ingest.topics import matches

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

_log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
SUBSCRIBE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.5
KEEPALIVE_S = 30
SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long a broker keeps the messages of a durable client that is away."""

QUEUE_LIMIT = 10_000
"""QoS 1 messages held while the broker is away."""

_LOOK_AFTER_EVERY_S = 1.0
_BACKOFF = Backoff(first_s=1.0, max_s=30.0)
_UNSUPPORTED_PROTOCOL = "Unsupported protocol version"
_DEFAULT_PORTS = {"embedded": 1883, "mqtt": 1883, "mqtts": 8883}


@asynccontextmanager
async def mqtt_bus(address: BusAddress, client_id: str, will: Will | None, *, durable: bool) -> AsyncIterator[MqttBus]:
    """An open connection to the broker at the address; see `open_bus` for arguments and errors."""
    parts = urlsplit(address.url)
    host, port = _host_and_port(parts)
    protocols = [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311]
    async with AsyncExitStack() as stack:
        if parts.scheme == "embedded":
            await stack.enter_async_context(embedded_broker(host, port))
            protocols.remove(MQTTProtocolVersion.MQTTv5)
        bus = await _connect_with(protocols, address, client_id, will, durable=durable)
        try:
            yield bus
        finally:
            await bus.close()


async def _connect_with(
    protocols: Sequence[MQTTProtocolVersion], address: BusAddress, client_id: str, will: Will | None, *, durable: bool
) -> MqttBus:
    for protocol in protocols:
        bus = MqttBus(address, client_id, will, protocol=protocol, durable=durable)
        try:
            await bus.connect()
        except asyncio.CancelledError:
            await bus.close()
            raise
        except BusError as error:
            await bus.close()
            if not _is_of_protocol(error) or protocol is protocols[-1]:
                raise
            _log.info("broker does not take MQTT 5, trying 3.1.1 url=%s", address.url)
        else:
            return bus
    raise AssertionError("no protocol to try")  # pragma: no cover


def _is_of_protocol(error: BusError) -> bool:
    """Whether an older protocol may help: a broker that can't read a CONNECT says so, or says nothing at all."""
    if isinstance(error, BusRefused):
        return error.reason == _UNSUPPORTED_PROTOCOL
    return isinstance(error.__cause__, TimeoutError)


class MqttBus:
    """A bus over one paho client, whose socket the event loop serves; only a connect, which blocks, has a thread.

    paho sends unacknowledged messages again after a reconnect, and holds up to QUEUE_LIMIT while the broker is away.
    """

    def __init__(
        self, address: BusAddress, client_id: str, will: Will | None, *, protocol: MQTTProtocolVersion, durable: bool
    ) -> None:
        self._address = address
        self._durable = durable
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._published: dict[int, asyncio.Future[None]] = {}
        self._subscribed: dict[int, asyncio.Future[None]] = {}
        self._patterns: set[str] = set()
        self._received: asyncio.Queue[Message] = asyncio.Queue()  # bounded by the broker: it stops at unacknowledged
        self._reconnected = asyncio.Event()  # replaced by a new one each time it has happened
        self._session = 0  # counts the broker's sessions: packet ids of an old one mean nothing in a new one
        self._is_served = False  # here, and not in the hands of the thread that connects
        self._lost = asyncio.Event()  # set while there is no socket, once there was one
        self._packets = 0  # received, of those that say something to us
        self._delays_s = _BACKOFF.delays_s(random.random)
        self._keeping: asyncio.Task[None] | None = None
        self._client = self._make_client(client_id, will, protocol)

    def _make_client(self, client_id: str, will: Will | None, protocol: MQTTProtocolVersion) -> Client:
        is_v5 = protocol is MQTTProtocolVersion.MQTTv5
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=protocol,
            clean_session=None if is_v5 else not self._durable,
            manual_ack=True,
            reconnect_on_failure=False,  # `_keep` does that
        )
        client.username_pw_set(self._address.username, self._address.password)
        client.max_queued_messages_set(QUEUE_LIMIT)
        client.connect_timeout = CONNECT_TIMEOUT_S
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        if urlsplit(self._address.url).scheme == "mqtts":
            client.tls_set_context(tls_context(self._address.ca_file))
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_socket_register_write
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    async def connect(self) -> None:
        """Open the connection; see `open_bus` for what is raised."""
        host, port = _host_and_port(urlsplit(self._address.url))
        try:
            await self._serve_socket_of(self._open, host, port)
        except ssl.SSLError as error:
            raise untrusted(error, host, port) from error
        except OSError as error:
            raise unreachable(error, host, port) from error
        self._keeping = self._loop.create_task(self._keep())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.shield(self._connected)
        except TimeoutError as error:
            message = f"{host}:{port} accepts connections but does not answer as an MQTT broker"
            raise BusUnavailable(message, advice="Check host, port and TLS (mqtts://) in bus_url.") from error

    def _open(self, host: str, port: int) -> None:
        if self._client.protocol is not MQTTProtocolVersion.MQTTv5:
            self._client.connect(host, port, KEEPALIVE_S)
            return
        properties = None
        if self._durable:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it so
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
        self._client.connect(host, port, KEEPALIVE_S, clean_start=not self._durable, properties=properties)

    @property
    def is_connected(self) -> bool:
        """Whether the broker has answered and the connection stands."""
        return self._client.is_connected()

    @property
    def tells_refusals(self) -> bool:
        """Whether it is MQTT 5; see `Bus.tells_refusals`."""
        return self._client.protocol is MQTTProtocolVersion.MQTTv5

    async def reconnected(self) -> None:
        """Return at the next reconnect; see `Bus.reconnected`."""
        await self._reconnected.wait()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Send, and with QoS 1 await the broker's word; see `Bus.publish`."""
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc is MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            message = f"the broker is away and {QUEUE_LIMIT} messages wait for it already"
            raise BusUnavailable(message, advice="Bring the broker back; newer messages are being dropped.")
        if qos == 0:
            return
        # The broker can't have answered yet: the event loop has been here since publish().
        acknowledged = self._published[info.mid] = self._loop.create_future()
        await acknowledged

    async def subscribe(self, *patterns: str) -> None:
        """Subscribe at QoS 1, now and after every reconnect; see `Bus.subscribe`."""
        self._patterns.update(patterns)
        rc, mid = self._client.subscribe([(pattern, 1) for pattern in patterns])
        if rc is not MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise BusUnavailable(f"can't subscribe: {rc.name}", advice="Is the broker still running?")
        granted = self._subscribed[mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):  # wait_for of Python 3.11 can swallow a cancellation
                await granted
        except TimeoutError as error:
            raise BusUnavailable("the broker did not confirm a subscription in time") from error

    async def receive(self, limit: int = 500) -> Sequence[Message]:
        """All waiting messages; see `Bus.receive`."""
        messages = [await self._received.get()]
        while len(messages) < limit and not self._received.empty():
            messages.append(self._received.get_nowait())
        return messages

    async def close(self) -> None:
        """Say goodbye (no will is published), close the socket, fail what still waits."""
        if self._keeping is not None:
            self._keeping.cancel()
        self._client.disconnect()
        if self._is_served:
            await self._socket_is_closed()
        for waiting in (*self._published.values(), *self._subscribed.values()):
            if not waiting.done():
                waiting.set_exception(BusUnavailable("the bus was closed before the broker answered"))
                waiting.exception()  # nobody may be waiting any more
        if self._connected.done() and not self._connected.cancelled():
            self._connected.exception()

    async def _serve_socket_of(self, connect: Callable[..., object], *arguments: object) -> None:
        """Connect in a thread, since that blocks, and serve the socket here from then on."""
        self._is_served = False
        await _in_daemon(connect, *arguments)
        self._is_served = True
        sock = self._client.socket()
        if sock is not None:  # else it stays lost, and `_keep` tries again
            self._lost.clear()
            self._loop.add_reader(sock, self._read)
            self._write()

    async def _keep(self) -> None:
        """Look after the connection, and bring it back when it was lost, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_AFTER_EVERY_S):
                    await self._lost.wait()
            except TimeoutError:
                self._client.loop_misc()
                continue
            await asyncio.sleep(next(self._delays_s))
            with contextlib.suppress(OSError):  # the next attempt is made a little later
                await self._serve_socket_of(self._client.reconnect)

    async def _socket_is_closed(self) -> None:
        """Return when the broker has our goodbye, or does not take it."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._lost.wait()
        except TimeoutError:
            _log.info("the broker does not take our goodbye url=%s", self._address.url)
            left = self._client.socket()
            if isinstance(left, socket.socket):
                left.shutdown(socket.SHUT_RDWR)
                self._client.loop_write()  # fails, and closes it

    def _read(self) -> None:
        """Take in all that is there; what TLS has read ahead shows at the socket no more."""
        before = -1
        while self._packets != before or (isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending()):
            before = self._packets
            self._client.loop_read()

    def _write(self) -> None:
        self._client.loop_write()
        sock = self._client.socket()
        if sock is not None and self._client.want_write():  # the broker takes no more at this moment
            self._loop.add_writer(sock, self._write_on, sock)

    def _write_on(self, sock: SocketLike) -> None:
        self._loop.remove_writer(sock)
        self._write()

    # What follows is called by paho, in the event loop but for what a connect causes.

    def _on_socket_register_write(self, _client: Client, _data: object, _sock: SocketLike) -> None:
        if self._is_served:
            self._loop.call_soon(self._write)

    def _on_socket_close(self, _client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)
        self._lost.set()

    def _on_disconnect(
        self, _client: Client, _data: object, flags: DisconnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            _log.warning("connection to the broker lost url=%s reason=%s", self._address.url, reason)
        if flags.is_disconnect_packet_from_server:
            _log.warning("the broker closed the connection url=%s reason=%s", self._address.url, reason)

    def _on_publish(self, _client: Client, _data: object, mid: int, reason: ReasonCode, _properties: object) -> None:
        self._packets += 1
        _answer(self._published, mid, str(reason) if reason.is_failure else None)

    def _on_subscribe(
        self, _client: Client, _data: object, mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        self._packets += 1
        refusals = [str(reason) for reason in reasons if reason.is_failure]
        _answer(self._subscribed, mid, refusals[0] if refusals else None)

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused(str(reason))
            return
        self._delays_s = _BACKOFF.delays_s(random.random)
        if not flags.session_present:
            self._session += 1
        if self._connected.done():
            _log.info("connected to the broker again url=%s", self._address.url)
            if self._patterns:
                self._client.subscribe([(pattern, 1) for pattern in self._patterns])
            self._reconnected.set()
            self._reconnected = asyncio.Event()
        else:
            self._connected.set_result(None)

    def _refused(self, reason: str) -> None:
        if self._connected.done():
            _log.error("the broker refuses to have us back url=%s reason=%s", self._address.url, reason)
            return
        who = f"user {self._address.username!r}" if self._address.username else "a client without user name"
        message = f"the broker at {self._address.url} refuses {who}: {reason}"
        self._connected.set_exception(
            BusRefused(message, reason=reason, advice="Check bus_username and bus_password, and the broker's ACL.")
        )

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._packets += 1
        mid, qos = message.mid, message.qos
        if message.retain and not any(matches(pattern, message.topic) for pattern in self._patterns):
            # amqtt greets a new client with what is retained for the subscriptions of the others.
            self._client.ack(mid, qos)
            return
        session = self._session

        def ack() -> None:
            if session == self._session:
                self._client.ack(mid, qos)

        self._received.put_nowait(Message(message.topic, bytes(message.payload), message.retain, ack))


async def _in_daemon(function: Callable[..., object], *arguments: object) -> None:
    """Like asyncio.to_thread, but a thread in which the network hangs does not keep the process from ending."""
    done: Future[object] = Future()

    def work() -> None:
        done.set_running_or_notify_cancel()
        try:
            done.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
            done.set_exception(error)

    Thread(target=work, daemon=True).start()
    await asyncio.wrap_future(done)


def _answer(waiting: dict[int, asyncio.Future[None]], mid: int, refusal: str | None) -> None:
    future = waiting.pop(mid, None)
    if future is None or future.done():
        return
    if refusal is None:
        future.set_result(None)
    else:
        message = f"the broker refused a message or subscription: {refusal}"
        future.set_exception(
            BusRefused(message, reason=refusal, advice="Check this user's rights in the broker's ACL.")
        )


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"bus_url has no valid port: {error}", advice="For example mqtt://localhost:1883.") from error
    if not host:
        raise ConfigError("bus_url names no host", advice="For example mqtt://localhost:1883.")
    return host, port or _DEFAULT_PORTS[parts.scheme]
