"""What BlueZ tells of its adapters, and the five ways in which it can't be asked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.bluez import bluez_adapters
from ingest.errors import BluetoothUnavailable
from tests.ble.fake_bluez import FakeBluez
from tests.fixtures.bluez import PrivateBus
from tests.support import require

pytestmark = pytest.mark.ble

# As Debian's own policy has it for users outside the group `bluetooth`.
_DENYING = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
    <deny send_destination="org.bluez"/>
  </policy>
</busconfig>
"""


@pytest.fixture
def system_bus(private_bus: PrivateBus, monkeypatch: pytest.MonkeyPatch) -> PrivateBus:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", private_bus.address)
    return private_bus


@pytest.fixture
def denying_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bus that lets nobody speak to BlueZ."""
    address = f"unix:path={tmp_path}/denying"
    config = tmp_path / "denying.conf"
    config.write_text(_DENYING.format(address=address))
    command = [require("dbus-daemon", "dbus"), f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog"]
    with subprocess.Popen(
        [*command, "--print-address=1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield address
        process.kill()


async def trouble() -> tuple[str, str]:
    with pytest.raises(BluetoothUnavailable) as caught:
        await bluez_adapters()
    return caught.value.reason, caught.value.advice


@pytest.mark.usefixtures("system_bus")
async def test_an_adapter_is_told_with_its_power(bluez: FakeBluez) -> None:
    (adapter,) = await bluez_adapters()
    assert (adapter.name, adapter.powered) == ("hci0", True)
    await bluez.power(on=False)
    assert [adapter.powered for adapter in await bluez_adapters()] == [False]


@pytest.mark.usefixtures("system_bus")
async def test_a_bus_without_bluez_says_to_start_it() -> None:
    reason, advice = await trouble()
    assert (reason, "enable --now bluetooth" in advice) == ("no_bluez", True)


async def test_without_a_bus_a_container_is_told_what_to_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    reason, advice = await trouble()
    assert (reason, "/run/dbus" in advice) == ("no_dbus", True)


async def test_a_user_whom_the_bus_s_policy_keeps_from_bluez_is_told_of_the_group(denying_bus: str) -> None:
    fake = FakeBluez(denying_bus)
    await fake.start()
    reason, advice = await trouble()
    await fake.stop()
    assert (reason, "group `bluetooth`" in advice) == ("denied", True)


@pytest.mark.usefixtures("system_bus")
async def test_a_bluez_that_hangs_is_not_waited_for(bluez: FakeBluez, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.bluez._ANSWER_S", 0.3)
    bluez.hangs = True
    reason, advice = await trouble()
    assert (reason, "restart bluetooth" in advice) == ("hangs", True)
