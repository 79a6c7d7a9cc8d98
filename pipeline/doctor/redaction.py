"""Secrets, names and addresses out of text: each name becomes the same placeholder wherever it stands. Pure."""

from __future__ import annotations

import ipaddress
import json
import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from ingest.settings import Settings
from pipeline.home_assistant import device_id

SECRET = "(secret)"  # noqa: S105 - what stands in its place

_WHOLE_WORD_BELOW = 4
"""Shorter names are looked for as whole words only: `me` is in `time` and in much else."""

# A name that is a part of these is looked for as a whole word too, or nothing could be read any more.
_OURS = " ".join(
    (*Settings.model_fields, "strapline replay collector pipeline process health status beats stored live")
)

_TOPIC = re.compile(r"strapline/v1/([^/'\"\n+#<]+)/([^/'\"\n+#<]+)(/\w+)?")
_LOGGED = re.compile(r"\b(person|strap)=('[^']*'|\"[^\"]*\"|\S+)")
_OF_A_PERSON = frozenset({"live", "session", "readiness", "command"})

_TOKEN = re.compile(r"\b(bearer|basic|token)\s+[\w+/=.~-]{8,}", re.IGNORECASE)
_ASSIGNED = re.compile(r"((?:password|passwd|token|secret)[\"']?\s*[=:]\s*)[\"']?[^\s\"',;]+", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?<=://)[^/\s'\"?#,;)]+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_DEVICE = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[:_-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])")
_IP_LIKE = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)(?![\w:])")
_PLACEHOLDER = re.compile(r"(?:host|ip|user)-\d+")
_HERE = frozenset({"localhost", ""})


class Kind(StrEnum):
    """What a name is of; the word that its placeholder begins with."""

    PERSON = "person"
    STRAP = "strap"
    ADDRESS = "address"
    ADVERTISED = "advertised"
    HOST = "host"
    IP = "ip"
    USER = "user"
    DATABASE = "database"
    ORGANISATION = "organisation"
    EMAIL = "email"


_PEOPLE = frozenset({Kind.PERSON, Kind.STRAP})
_OF_NOBODY = frozenset({"strapline", "root", "admin", "collector", "pipeline", "reader"})
_OF_NOBODY |= {"mosquitto", "influxdb", "grafana", "broker"}
"""Users, hosts and databases that are called so in our own examples."""


class Redactor:
    """Replaces what it has been told of, and what has the shape of an address or a login."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._placeholders: dict[str, str] = {}  # by the name as it is compared
        self._looked_for: set[str] = set()
        self._counts: dict[Kind, int] = {}
        self._pattern: re.Pattern[str] | None = None

    def add_secret(self, secret: str) -> None:
        """Have a secret replaced, in whatever spelling."""
        if secret.strip():
            self._secrets.update((secret, secret.strip()))

    def add(self, kind: Kind, name: str) -> None:
        """Have a name replaced, in whatever case and spelling; the first kind that it is told as counts."""
        if not name.strip() or _is_here(name) or (kind not in _PEOPLE and name.lower() in _OF_NOBODY):
            return
        own = self._placeholders.get(_key(name)) or self._next(kind)
        spellings = {*_spellings(name), device_id(name).removeprefix("strapline_")}
        for spelling in spellings:
            self._placeholders.setdefault(_key(spelling), own)
        self._looked_for |= spellings
        self._pattern = None

    def learn(self, text: str) -> None:
        """Add the people and straps of the topics and log lines in a text."""
        for person, second, third in _TOPIC.findall(text):
            self.add(Kind.PERSON, person)
            if third and second not in _OF_A_PERSON:
                self.add(Kind.STRAP, second)
        for what, name in _LOGGED.findall(text):
            self.add(Kind(what), name.strip("'\""))

    def text(self, text: str) -> str:
        """A text without any of it."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            for spelling in sorted(_spellings(secret), key=len, reverse=True):
                text = text.replace(spelling, SECRET)
        text = _TOKEN.sub(rf"\1 {SECRET}", text)
        text = _ASSIGNED.sub(rf"\1{SECRET}", text)
        text = self._names().sub(self._of_name, unicodedata.normalize("NFC", text))
        text = _AUTHORITY.sub(self._of_authority, text)
        text = _EMAIL.sub(lambda found: self._of(Kind.EMAIL, found.group()), text)
        text = _DEVICE.sub(lambda found: self._of(Kind.ADDRESS, found.group()), text)
        return _IP_LIKE.sub(self._of_ip, text)

    def tree(self, record: Any) -> Any:
        """The same for everything in a JSON document, keys included."""
        if isinstance(record, str):
            return self.text(record)
        if isinstance(record, Mapping):
            return {self.text(str(key)): self.tree(value) for key, value in record.items()}
        return [self.tree(one) for one in record] if isinstance(record, (list, tuple)) else record

    def _next(self, kind: Kind) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}-{self._counts[kind]}"

    def _of(self, kind: Kind, name: str) -> str:
        key = _key(name)
        if key not in self._placeholders:
            self._placeholders[key] = self._next(kind)
        return self._placeholders[key]

    def _names(self) -> re.Pattern[str]:
        if self._pattern is None:
            longest_first = sorted(self._looked_for, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(_wanted, longest_first)) or r"(?!)", re.IGNORECASE)
        return self._pattern

    def _of_name(self, found: re.Match[str]) -> str:
        # Python's rules for capitals differ from those of its regular expressions in some letters.
        return self._placeholders.get(_key(found.group()), "(name)")

    def _of_authority(self, found: re.Match[str]) -> str:
        user, at, place = found.group().rpartition("@")
        host, colon, port = place.rpartition(":") if re.search(r":\d+$", place) else (place, "", "")
        if not _PLACEHOLDER.fullmatch(host) and not _is_here(host.strip("[]")):
            host = self._of(Kind.HOST, host)
        if user and not _PLACEHOLDER.fullmatch(user):
            user = self._of(Kind.USER, user)
        return f"{user}{at}{host}{colon}{port}"

    def _of_ip(self, found: re.Match[str]) -> str:
        try:
            ipaddress.ip_address(found.group())
        except ValueError:  # a time of day, a version, the end of a sentence
            return found.group()
        return found.group() if _is_here(found.group()) else self._of(Kind.IP, found.group())


def _wanted(name: str) -> str:
    if len(name) >= _WHOLE_WORD_BELOW and name.lower() not in _OURS:
        return re.escape(name)
    return rf"(?<![^\W_]){re.escape(name)}(?![^\W_])"


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _spellings(text: str) -> set[str]:
    """A text as it is, decomposed, and as it stands in JSON, in a URL and in Python's messages."""
    plain = {text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}
    escaped = {form(one) for one in plain for form in (_json, _ascii_json, quote, _quote_all, _repr)}
    return plain | escaped


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _ascii_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _quote_all(text: str) -> str:
    return quote(text, safe="")


def _repr(text: str) -> str:
    return repr(text)[1:-1]


def _is_here(host: str) -> bool:
    """Whether a host is this machine, whichever that is."""
    if host.lower() in _HERE:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
