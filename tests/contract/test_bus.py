"""What every bus adapter must do, run on memory, on the embedded amqtt and on a real mosquitto."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler

from ingest.broker import embedded_broker
from ingest.bus import Bus, BusAddress, Message, Will, open_bus
from ingest.errors import BusRefused, BusUnavailable, ConfigError
from tests.fixtures.mosquitto import Mosquitto
from tests.support import eventually, free_port, server

pytestmark = pytest.mark.mosquitto


@pytest.fixture(params=["memory", "embedded", "mosquitto"])
def address(request: pytest.FixtureRequest) -> Iterator[BusAddress]:
    if request.param == "memory":
        yield BusAddress("memory:contract")
    elif request.param == "embedded":
        yield BusAddress(f"embedded://127.0.0.1:{free_port()}")
    else:
        yield request.getfixturevalue("mosquitto").address()


@pytest.fixture(params=["memory", "mosquitto"])
def durable_address(request: pytest.FixtureRequest) -> BusAddress:
    """The embedded broker keeps nothing for a client that is away: it goes with the process that it serves."""
    if request.param == "memory":
        return BusAddress("memory:contract")
    broker: Mosquitto = request.getfixturevalue("mosquitto")
    return broker.address()


async def receive(bus: Bus, count: int) -> list[Message]:
    """The next `count` messages, acknowledged."""
    messages: list[Message] = []
    async with asyncio.timeout(5):
        while len(messages) < count:
            arrived = await bus.receive(count - len(messages))
            for message in arrived:
                message.ack()
            messages.extend(arrived)
    return messages


async def hears_nothing(bus: Bus) -> bool:
    """Whether no message comes within a moment."""
    try:
        async with asyncio.timeout(0.3):
            await bus.receive()
    except TimeoutError:
        return True
    return False


async def test_a_message_reaches_a_subscriber_byte_for_byte_and_in_order(address: BusAddress) -> None:
    payloads = [bytes([number, 0, 255]) for number in range(100)]
    async with open_bus(address, client_id="hears") as hears, open_bus(address, client_id="says") as says:
        await hears.subscribe("test/+/beats")
        for payload in payloads:
            await says.publish("test/anna/beats", payload)
        messages = await receive(hears, len(payloads))
    assert [message.payload for message in messages] == payloads
    assert {message.topic for message in messages} == {"test/anna/beats"}


async def test_messages_published_at_once_keep_the_order_of_the_calls(address: BusAddress) -> None:
    payloads = [str(number).encode() for number in range(200)]
    async with open_bus(address, client_id="hears") as hears, open_bus(address, client_id="says") as says:
        await hears.subscribe("test/#")
        await asyncio.gather(*(says.publish("test/x", payload) for payload in payloads))
        messages = await receive(hears, len(payloads))
    assert [message.payload for message in messages] == payloads


async def test_only_topics_that_fit_the_pattern_are_delivered(address: BusAddress) -> None:
    async with open_bus(address, client_id="hears") as hears, open_bus(address, client_id="says") as says:
        await hears.subscribe("test/+/beats")
        await says.publish("test/anna/status", b"other kind")
        await says.publish("test/anna/h10/beats", b"deeper")
        await says.publish("test/anna/beats", b"wanted")
        assert [message.payload for message in await receive(hears, 1)] == [b"wanted"]
        assert await hears_nothing(hears)


async def test_a_retained_message_greets_whoever_comes_later(address: BusAddress) -> None:
    async with open_bus(address, client_id="says") as says:
        await says.publish("test/anna/status", b"old", retain=True)
        await says.publish("test/anna/status", b"new", retain=True)
        async with open_bus(address, client_id="late") as late:
            await late.subscribe("test/+/status")
            (message,) = await receive(late, 1)
            assert (message.payload, message.retained) == (b"new", True)
            assert await hears_nothing(late)


async def test_what_is_retained_for_another_subscriber_is_not_delivered(address: BusAddress) -> None:
    async with open_bus(address, client_id="says") as says, open_bus(address, client_id="other") as other:
        await other.subscribe("test/+/status")
        await says.publish("test/anna/status", b"not for late", retain=True)
        await receive(other, 1)
        async with open_bus(address, client_id="late") as late:
            await late.subscribe("test/+/beats")
            assert await hears_nothing(late)


async def test_what_was_not_acknowledged_comes_again_to_a_durable_client(durable_address: BusAddress) -> None:
    async with open_bus(durable_address, client_id="keeper") as says:  # the memory broker lives as long as it
        async with open_bus(durable_address, client_id="durable", durable=True) as first:
            await first.subscribe("test/#")
            for payload in (b"1", b"2", b"3"):
                await says.publish("test/x", payload)
            messages: list[Message] = []
            async with asyncio.timeout(5):
                while len(messages) < 3:
                    messages.extend(await first.receive())
            messages[0].ack()
            await asyncio.sleep(0.2)  # the acknowledgement is on its way to the broker
        async with open_bus(durable_address, client_id="durable", durable=True) as second:
            again = [message.payload for message in await receive(second, 2)]
            assert sorted(again) == [b"2", b"3"]
            assert await hears_nothing(second)


async def test_a_durable_client_gets_what_was_published_while_it_was_away(durable_address: BusAddress) -> None:
    async with open_bus(durable_address, client_id="keeper") as says:
        async with open_bus(durable_address, client_id="durable", durable=True) as bus:
            await bus.subscribe("test/#")
        await says.publish("test/x", b"while away")
        async with open_bus(durable_address, client_id="durable", durable=True) as bus:
            assert [message.payload for message in await receive(bus, 1)] == [b"while away"]


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
async def test_a_missing_broker_is_reported_with_advice(scheme: str) -> None:
    with pytest.raises(BusUnavailable, match="no MQTT broker answers") as caught:
        async with open_bus(BusAddress(f"{scheme}://127.0.0.1:{free_port()}"), client_id="x"):
            pass
    assert "bus_url" in caught.value.advice


@pytest.mark.parametrize("durable", [True, False])
async def test_a_broker_that_knows_only_mqtt_3_1_1_is_spoken_to_in_that(durable: bool, tmp_path: Path) -> None:
    port = free_port()
    # In a process of its own: amqtt leaves the socket of a client open that it refuses.
    broker = f"""
import asyncio
from ingest.broker import embedded_broker
async def main():
    async with embedded_broker("127.0.0.1", {port}):
        await asyncio.Event().wait()
asyncio.run(main())
"""
    with server([sys.executable, "-c", broker], port, tmp_path / "log"):
        async with open_bus(BusAddress(f"mqtt://127.0.0.1:{port}"), client_id="guest", durable=durable) as guest:
            await guest.subscribe("test/#")
            await guest.publish("test/x", b"hello")
            assert [message.payload for message in await receive(guest, 1)] == [b"hello"]


async def test_an_unknown_scheme_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="names no bus"):
        async with open_bus(BusAddress("amqp://localhost"), client_id="x"):
            pass


async def test_the_embedded_broker_refuses_to_listen_where_others_could_reach_it() -> None:
    with pytest.raises(ConfigError, match="no passwords"):
        async with open_bus(BusAddress("embedded://0.0.0.0:1883"), client_id="x"):
            pass


async def test_an_embedded_broker_whose_port_is_taken_says_so(mosquitto: Mosquitto) -> None:
    with pytest.raises(BusUnavailable, match="can't listen") as caught:
        async with open_bus(BusAddress(f"embedded://127.0.0.1:{mosquitto.port}"), client_id="x"):
            pass
    assert "mqtt://" in caught.value.advice


@pytest.mark.parametrize(
    "first_packet", [b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01x", b""], ids=["a client", "no client"]
)
async def test_the_embedded_broker_ends_though_a_connection_was_reset_in_its_goodbye_or_never_spoke(
    monkeypatch: pytest.MonkeyPatch, first_packet: bytes
) -> None:
    port, stop, is_stopping = free_port(), BrokerProtocolHandler.stop, asyncio.Event()

    async def stop_what_was_reset(handler: BrokerProtocolHandler) -> None:
        client.close()
        is_stopping.set()
        await stop(handler)

    monkeypatch.setattr(BrokerProtocolHandler, "stop", stop_what_was_reset)
    async with asyncio.timeout(10):
        async with embedded_broker("127.0.0.1", port):
            client = socket.create_connection(("127.0.0.1", port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() resets it
            if first_packet:
                client.sendall(first_packet)
                await asyncio.to_thread(client.recv, 4)
                client.shutdown(socket.SHUT_WR)
                await is_stopping.wait()
    client.close()


async def test_a_wrong_password_is_refused_without_naming_the_password(mosquitto: Mosquitto) -> None:
    with pytest.raises(BusRefused, match="Not authorized") as caught:
        async with open_bus(mosquitto.address(password="wrong-one"), client_id="x"):
            pass
    assert "bus_password" in caught.value.advice
    assert "wrong-one" not in str(caught.value) + repr(mosquitto.address(password="wrong-one"))


async def test_a_publish_that_the_acl_denies_is_refused_and_not_silently_lost(mosquitto: Mosquitto) -> None:
    async with open_bus(mosquitto.address("guest"), client_id="x") as bus:
        with pytest.raises(BusRefused, match="Not authorized"):
            await bus.publish("test/x", b"not allowed")


async def test_the_will_is_published_when_a_client_dies_and_not_when_it_leaves(mosquitto: Mosquitto) -> None:
    will = Will("test/anna/status", b"offline")
    async with open_bus(mosquitto.address(), client_id="hears") as hears:
        await hears.subscribe("test/+/status")
        async with open_bus(mosquitto.address(), client_id="leaves", will=will):
            pass
        assert await hears_nothing(hears)
        async with (
            open_bus(mosquitto.address(), client_id="dies", will=will),
            open_bus(mosquitto.address(), client_id="dies"),  # takes the connection over: no goodbye
        ):
            (message,) = await receive(hears, 1)
    assert message.payload == b"offline"


async def test_messages_published_while_the_broker_is_away_arrive_when_it_is_back(stopped_mosquitto: Mosquitto) -> None:
    broker = stopped_mosquitto
    log = broker.folder / "log"
    with server(broker.command, broker.port, log) as first:
        async with open_bus(broker.address(), client_id="says") as says:
            await says.publish("test/x", b"before")
            first.terminate()
            first.wait()
            waiting = asyncio.create_task(says.publish("test/x", b"during", retain=True))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            with server(broker.command, broker.port, log):
                await asyncio.wait_for(waiting, 10)
                async with open_bus(broker.address(), client_id="hears") as hears:
                    await hears.subscribe("test/#")
                    assert [message.payload for message in await receive(hears, 1)] == [b"during"]


async def test_a_subscriber_hears_again_after_the_broker_was_restarted(stopped_mosquitto: Mosquitto) -> None:
    broker = stopped_mosquitto
    log = broker.folder / "log"
    with server(broker.command, broker.port, log) as first:
        async with open_bus(broker.address(), client_id="hears") as hears:
            await hears.subscribe("test/#")
            assert hears.is_connected
            again = asyncio.create_task(hears.reconnected())
            first.kill()
            first.wait()
            await eventually(lambda: not hears.is_connected, "the loss is seen")
            with server(broker.command, broker.port, log):
                async with asyncio.timeout(10):
                    await again
                assert hears.is_connected
                async with open_bus(broker.address(), client_id="says") as says:
                    async with asyncio.timeout(10):
                        while await hears_nothing(hears):
                            await says.publish("test/x", b"hello")
