"""The errors that Strapline raises on purpose, each with advice for a person.

StraplineError (advice, exit_code)
├── ConfigError               3  settings that can't be used
├── RecordingError            2  a file that holds no usable recording
├── StrapError                4
│   ├── BluetoothUnavailable     the radio can't be used (reason)
│   ├── StrapNotFound            no such strap answered a scan
│   └── StrapLost                the link went away or fell silent
├── MalformedMeasurement         bytes that are no Heart Rate Measurement (payload)
├── WireError                    a message that can't be read
│   ├── UnknownVersion           written by a newer Strapline (version)
│   └── MalformedPayload         not of the documented form (topic)
├── BusError                  5
│   ├── BusUnavailable           no broker answers
│   └── BusRefused               the broker said no (reason)
├── StoreError                6
│   ├── StoreUnavailable         may work later: retried
│   │   ├── StoreBusy            another program holds the file
│   │   └── StoreDamaged         a file of ours is broken: moved away
│   ├── StoreTooNew              written by a newer Strapline: left as it is
│   └── StoreRejected            never retried: set aside with its reason
└── GrafanaError              3
    ├── GrafanaUnavailable       no Grafana answers
    ├── GrafanaDenied            a wrong login, or a permission that it lacks
    ├── GrafanaTooOld            older than the boards can do with
    ├── GrafanaNotOurs           what would be overwritten is someone else's
    └── GrafanaRefused           any other no; its data source's too
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class StraplineError(Exception):
    """Base of all errors; `str()` says what happened, `advice` what a person can do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class ConfigError(StraplineError):
    """Settings that can't be used; nothing has been started."""

    exit_code = 3


class RecordingError(StraplineError):
    """A file that holds no usable recording."""

    exit_code = 2


class StrapError(StraplineError):
    """Trouble between this machine and a strap."""

    exit_code = 4


class BluetoothUnavailable(StrapError):
    """The radio can't be used; `reason` is a short machine-readable word."""

    def __init__(self, message: str, *, reason: str, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.reason = reason


class StrapNotFound(StrapError):
    """No strap that fits answered a scan."""


class StrapLost(StrapError):
    """The link to a connected strap went away or fell silent."""


class MalformedMeasurement(StraplineError):
    """Bytes that are no Heart Rate Measurement; `payload` holds them."""

    def __init__(self, message: str, *, payload: bytes) -> None:
        super().__init__(
            message, advice="The packet was skipped; if this goes on, note the strap's model and report it."
        )
        self.payload = payload


class WireError(StraplineError):
    """An MQTT message that can't be read."""


class UnknownVersion(WireError):
    """A message of a wire version that this release does not know."""

    def __init__(self, message: str, *, version: object) -> None:
        super().__init__(message, advice="Bring collector and pipeline to the same release of Strapline.")
        self.version = version


class MalformedPayload(WireError):
    """A message that is not of the documented form; `topic` says where it came from."""

    def __init__(self, message: str, *, topic: str) -> None:
        super().__init__(message, advice="docs/mqtt.md shows what each topic carries.")
        self.topic = topic


class BusError(StraplineError):
    """Trouble between this process and the MQTT broker."""

    exit_code = 5


class BusUnavailable(BusError):
    """No broker answers, or the link to it is down."""


class BusRefused(BusError):
    """The broker answered no; `reason` is what it said."""

    def __init__(self, message: str, *, reason: str, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.reason = reason


class StoreError(StraplineError):
    """Trouble between this process and a store."""

    exit_code = 6


class StoreUnavailable(StoreError):
    """The store may take the same points later: retried."""


class StoreBusy(StoreUnavailable):
    """Another program holds the file."""


class StoreDamaged(StoreUnavailable):
    """A database file of ours is broken, or another program's; `path` names it."""

    def __init__(self, message: str, *, path: Path | None, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.path = path


class StoreTooNew(StoreError):
    """A newer release wrote the file: it is left as it is."""


class StoreRejected(StoreError):
    """The store will never take these points: not retried; `dropped` says how many, where the store says so."""

    def __init__(self, message: str, *, dropped: int | None = None, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.dropped = dropped


class GrafanaError(StraplineError):
    """Trouble between this process and a Grafana that boards are brought into."""

    exit_code = 3


class GrafanaUnavailable(GrafanaError):
    """No Grafana answers at its address."""


class GrafanaDenied(GrafanaError):
    """The login is wrong, or lacks a permission."""


class GrafanaTooOld(GrafanaError):
    """A Grafana that can't show the boards."""


class GrafanaNotOurs(GrafanaError):
    """Something stands where Strapline would write, and Strapline did not make it: nothing is overwritten."""


class GrafanaRefused(GrafanaError):
    """Grafana, or the database behind its data source, said no for another reason."""
