"""Why Bluetooth can't be used, in words, and what to do about it. Pure."""

from __future__ import annotations

from ingest.errors import BluetoothUnavailable

_UNAVAILABLE = {
    "no_bluetooth": ("this machine has no Bluetooth adapter", "Plug one in; `bluetoothctl list` shows it."),
    "no_ble_central_role": ("the Bluetooth adapter knows no Low Energy", "Use an adapter of Bluetooth 4.0 or newer."),
    "powered_off": ("Bluetooth is switched off", "Run `rfkill unblock bluetooth` and `bluetoothctl power on`."),
    "denied": (
        "this user may not use Bluetooth",
        "Add the user to the group `bluetooth`; in a container, check AppArmor.",
    ),
    "no_bluez": ("the Bluetooth service BlueZ does not run", "Run `sudo systemctl enable --now bluetooth`."),
    "hangs": (
        "the Bluetooth service BlueZ does not answer",
        "Run `sudo systemctl restart bluetooth`; if that does not help, unplug the adapter or restart the machine.",
    ),
    "no_dbus": (
        "no system D-Bus, so no way to BlueZ",
        "Install BlueZ (apt install bluez); in a container, mount the host's /run/dbus.",
    ),
    "unknown": ("Bluetooth can't be used", "Run `bluetoothctl show` and `systemctl status bluetooth`."),
}

_DBUS_REASONS = {
    "org.bluez.Error.NotReady": "powered_off",
    "org.freedesktop.DBus.Error.AccessDenied": "denied",
    "org.freedesktop.DBus.Error.NameHasNoOwner": "no_bluez",
    "org.freedesktop.DBus.Error.NoReply": "no_bluez",
    "org.freedesktop.DBus.Error.ServiceUnknown": "no_bluez",
    "org.freedesktop.DBus.Error.TimedOut": "no_bluez",
    "org.freedesktop.systemd1.NoSuchUnit": "no_bluez",
}


def unavailable(reason: str) -> BluetoothUnavailable:
    """The error for a reason, one of the words above."""
    message, advice = _UNAVAILABLE[reason]
    return BluetoothUnavailable(message, reason=reason, advice=advice)


def dbus_reason(error_name: str) -> str | None:
    """The reason behind a D-Bus error; None for one that concerns a single strap."""
    is_spawn = error_name.startswith("org.freedesktop.DBus.Error.Spawn.")
    return "no_bluez" if is_spawn else _DBUS_REASONS.get(error_name)
