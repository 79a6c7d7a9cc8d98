"""A broker that can't be reached or trusted: each reason has a remedy of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest.bus import BusAddress, open_bus
from ingest.errors import BusUnavailable
from tests.fixtures.certificates import Authority, new_authority
from tests.support import free_port, require, server

pytestmark = pytest.mark.mosquitto

Signed = tuple[Path, Path]


class Brokers:
    """Starts brokers that greet with a certificate, or with none."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def start(self, signed: Signed | None) -> int:
        """The port of a new one."""
        port = free_port()
        lines = ["user root", f"listener {port} 127.0.0.1", "allow_anonymous true"]
        lines += [] if signed is None else [f"certfile {signed[0]}", f"keyfile {signed[1]}"]
        config = self._folder / f"{port}.conf"
        config.write_text("\n".join(lines))
        command = [require("mosquitto", "mosquitto"), "-c", str(config)]
        self._stack.enter_context(server(command, port, self._folder / f"{port}.log"))
        return port


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[Brokers]:
    with ExitStack() as stack:
        yield Brokers(tmp_path, stack)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"), "home")


async def trouble(port: int, authority: Authority, scheme: str = "mqtts", host: str = "127.0.0.1") -> BusUnavailable:
    address = BusAddress(f"{scheme}://{host}:{port}", ca_file=str(authority.certificate))
    with pytest.raises(BusUnavailable) as caught:
        async with open_bus(address, client_id="asks"):
            pass
    return caught.value


async def test_a_certificate_of_our_authority_is_trusted(brokers: Brokers, authority: Authority) -> None:
    port = brokers.start(authority.sign("broker"))
    async with open_bus(BusAddress(f"mqtts://127.0.0.1:{port}", ca_file=str(authority.certificate)), client_id="asks"):
        pass


async def test_an_unknown_authority_names_the_setting(brokers: Brokers, authority: Authority, tmp_path: Path) -> None:
    error = await trouble(brokers.start(new_authority(tmp_path, "other").sign("broker")), authority)
    assert "can't be trusted" in str(error)
    assert "bus_ca_file" in error.advice


async def test_an_expired_certificate_is_to_be_renewed(brokers: Brokers, authority: Authority) -> None:
    error = await trouble(brokers.start(authority.sign("expired", days=-1)), authority)
    assert "expired" in str(error)
    assert "Renew" in error.advice


async def test_a_certificate_of_another_host_names_the_one_that_was_asked_for(
    brokers: Brokers, authority: Authority
) -> None:
    error = await trouble(brokers.start(authority.sign("elsewhere", address="192.0.2.1")), authority)
    assert "names 127.0.0.1" in error.advice


async def test_tls_to_a_broker_without_it_says_so(brokers: Brokers, authority: Authority) -> None:
    error = await trouble(brokers.start(None), authority)
    assert "mqtt://" in error.advice


async def test_nobody_there_and_no_such_host_are_told_apart(authority: Authority) -> None:
    assert "nothing listens" in (await trouble(free_port(), authority, "mqtt")).advice
    assert "No machine of that name" in (await trouble(1883, authority, "mqtt", "nobody.invalid")).advice
