"""The way to straps: D-Bus, BlueZ, its adapters and their switches, and a scan."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.bluetooth_errors import unavailable
from ingest.errors import BluetoothUnavailable, StrapError
from ingest.settings import Settings
from pipeline.doctor.finding import Finding, finding_of, trouble_of

if TYPE_CHECKING:
    from ingest.bluez import Adapter, Block

_LISTEN_S = 3.0


async def examine_radio(settings: Settings) -> list[Finding]:
    """What stands between this machine and its straps; nothing where the settings name no real one."""
    if all(strap.simulate is not None for strap in settings.straps.values()):
        return []
    if sys.platform != "linux":
        return [await finding_of("radio", _listen)]
    from ingest.bluez import bluetooth_blocks, bluez_adapters

    try:
        adapters = await bluez_adapters()
    except BluetoothUnavailable as error:
        return [trouble_of("radio", error)]
    findings = adapter_findings(adapters, bluetooth_blocks())
    if any(finding.exit_code for finding in findings):
        return findings
    return [*findings, await finding_of("radio", _listen)]


def adapter_findings(adapters: Sequence[Adapter], blocks: Sequence[Block]) -> list[Finding]:
    """What is told of adapters; one that is off is trouble where no other is on.

    Args:
        adapters: as BlueZ has them.
        blocks: the kernel's switches that are off.
    """
    if not adapters:
        return [*_blocked(blocks), trouble_of("radio", unavailable("no_bluetooth"))]
    exit_code = 0 if any(adapter.powered for adapter in adapters) else StrapError.exit_code
    return [
        Finding(f"adapter {adapter.name}", f"{adapter.address}, switched on")
        if adapter.powered
        else Finding(f"adapter {adapter.name}", f"{adapter.address}, switched off", _how_to_power(blocks), exit_code)
        for adapter in adapters
    ]


def _blocked(blocks: Sequence[Block]) -> list[Finding]:
    return [Finding("radio switch", f"{block.name} is off", _how_to_power([block])) for block in blocks]


def _how_to_power(blocks: Sequence[Block]) -> str:
    if any(block.hard for block in blocks):
        return "A switch or key of the machine turns its radio off: turn it on, and run `bluetoothctl power on`."
    if blocks:
        return "The kernel blocks it: run `sudo rfkill unblock bluetooth`, and then `bluetoothctl power on`."
    return "Run `bluetoothctl power on`; `AutoEnable=true` in /etc/bluetooth/main.conf has it on after each start."


async def _listen() -> str:
    from ingest.radio import Radio

    straps = await Radio().scan(_LISTEN_S)
    return f"works; {len(straps)} heart-rate strap(s) answered in {_LISTEN_S:.0f} s"
