"""What the radio, the strap and BlueZ do to a link."""

from __future__ import annotations

from tests.faults.household import Household, Plan
from tests.faults.parts import pause
from tests.faults.scenario import Found, Proof, Trial, disturbed, scenario
from tests.support import eventually

_PLAN = Plan(straps=2)
_BURST_S = 4.0
_OFF_BODY_S = 7.0
_LONGEST_SILENCE_S = 90.0


async def _lose_link(home: Household) -> Proof:
    proof = _were_connected_anew(home)
    for wearer in home.wearers:
        assert wearer.strap.connected, "there was no link to lose"
        await home.bluez.lose(wearer.strap)
    return proof


async def _silence(home: Household) -> Proof:
    connects = _connects(home)
    proof = _were_connected_anew(home)
    home.take_off()
    await eventually(lambda: _connects(home) != connects, "the first link was given up", _LONGEST_SILENCE_S)
    home.put_on()
    return proof


async def _take_slot(home: Household) -> None:
    """Another device holds the strap's only connection: two attempts fail, the third finds it free."""
    strap = home.wearers[0].strap
    strap.refusals += ["le-connection-abort-by-local"] * 2
    await home.bluez.lose(strap)
    await eventually(lambda: not strap.refusals and strap.notifying, "the strap is back", _LONGEST_SILENCE_S)


async def _double(home: Household) -> None:
    copies = [wearer.extra_copies for wearer in home.wearers]
    for wearer in home.wearers:
        wearer.copies = 2
    await pause(home.random.uniform(2, 4))
    for wearer, before in zip(home.wearers, copies, strict=True):
        wearer.copies = 1
        assert wearer.extra_copies > before, "no notification was doubled"


async def _burst(home: Household) -> None:
    for wearer in home.wearers:
        wearer.holding = True
    await pause(_BURST_S)
    for wearer in home.wearers:
        assert await wearer.release() > _BURST_S, "the burst held hardly anything"


async def _phantoms(home: Household) -> None:
    for wearer in home.wearers:
        wearer.phantoms = True
    await pause(home.random.uniform(4, 6))
    for wearer in home.wearers:
        wearer.phantoms = False
        assert any(len(packet.rr_ticks) > 1 for packet in wearer.sent.values()), "there was no phantom"


async def _off_body(home: Household) -> None:
    zeros = [wearer.zero_packets for wearer in home.wearers]
    for wearer in home.wearers:
        wearer.off_body = True
    await pause(_OFF_BODY_S)
    for wearer, before in zip(home.wearers, zeros, strict=True):
        wearer.off_body = False
        assert wearer.zero_packets > before, "no zeros were sent"


async def _restart_bluez(home: Household) -> Proof:
    proof = _were_connected_anew(home)
    await home.bluez.stop()
    await pause(home.random.uniform(0.5, 2))
    await home.bluez.start()
    return proof


def _connects(home: Household) -> list[int]:
    return [wearer.strap.connects for wearer in home.wearers]


def _were_connected_anew(home: Household) -> Proof:
    before = _connects(home)

    def proof() -> None:
        assert all(now > then for now, then in zip(_connects(home), before, strict=True)), "a link was never lost"

    return proof


@scenario("ble-loss", "the links of all straps are lost and found again", 20)
async def ble_loss(trial: Trial) -> Found:
    return await disturbed(trial, _PLAN, _lose_link)


@scenario("ble-doubled", "every notification comes twice, for some seconds", 10)
async def ble_doubled(trial: Trial) -> Found:
    return await disturbed(trial, _PLAN, _double)


@scenario("ble-burst", "nothing comes for 4 s, then all of it at once", 10)
async def ble_burst(trial: Trial) -> Found:
    return await disturbed(trial, _PLAN, _burst)


@scenario("ble-phantom", "packets hold an interval of 52 ms beside the true one", 10)
async def ble_phantom(trial: Trial) -> Found:
    return await disturbed(trial, _PLAN, _phantoms)


@scenario("ble-off-body", "the strap sends zeros for 7 s", 5)
async def ble_off_body(trial: Trial) -> Found:
    return await disturbed(trial, _PLAN, _off_body)


@scenario("bluez-restart", "bluetoothd dies without a word and comes back", 5)
async def bluez_restart(trial: Trial) -> Found:
    return await disturbed(trial, _PLAN, _restart_bluez)


@scenario("ble-silent", "the link stands, but no data comes, until the collector connects anew", 3)
async def ble_silent(trial: Trial) -> Found:
    return await disturbed(trial, _PLAN, _silence)


@scenario("ble-slot-taken", "a lost strap refuses to connect twice: another device has its only connection", 5)
async def ble_slot_taken(trial: Trial) -> Found:
    return await disturbed(trial, _PLAN, _take_slot)
