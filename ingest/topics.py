"""The MQTT topic grammar: names in, topics out, and back. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from ingest.errors import ConfigError, MalformedPayload

ROOT = "strapline/v1"
BEATS = f"{ROOT}/+/+/beats"
STATUS = f"{ROOT}/+/+/status"
STORED = f"{ROOT}/+/+/stored"
LIVE = f"{ROOT}/+/live"
SESSION = f"{ROOT}/+/session"
READINESS = f"{ROOT}/+/readiness"
COMMAND = f"{ROOT}/+/command"
COMMAND_ERROR = f"{COMMAND}/error"
HEALTH_ROOT = "strapline/health"
HEALTH = f"{HEALTH_ROOT}/+"
EVERYTHING = "strapline/#"
DISCOVERY_ROOT = "homeassistant/device"
DISCOVERY = f"{DISCOVERY_ROOT}/+/config"
"""Where Home Assistant looks for devices."""

PIPELINE = "pipeline"
"""The name under which the pipeline tells its health; no collector may bear it."""

_MAX_NAME_LENGTH = 64
# Separators and wildcards of MQTT; a backslash at the end of a tag can't be escaped in InfluxDB's line protocol.
_FORBIDDEN = re.compile(r"[/+#\\\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class StrapTopic(NamedTuple):
    """What a topic of one strap says."""

    person: str
    strap: str
    kind: str


def check_name(what: str, name: str) -> str:
    """The name, if it may stand in a topic and in a tag.

    Args:
        what: what bears the name, for the message ("person", "strap").
        name: 1 to 64 characters without `/`, `+`, `#`, backslash or control characters, with no space at
            either end, not starting with `$`.

    Raises:
        ConfigError: the name breaks the grammar.
    """
    found = _FORBIDDEN.search(name)
    if found:
        problem = f"holds {found.group()!r}"
    elif not name.strip():
        problem = "is empty"
    elif name != name.strip():
        problem = "has a space at an end"
    elif name.startswith("$"):
        problem = "starts with '$'"
    elif len(name) > _MAX_NAME_LENGTH:
        problem = f"is longer than {_MAX_NAME_LENGTH} characters"
    else:
        return name
    message = f"{what} {name!r} {problem}, which MQTT topics can't carry"
    raise ConfigError(message, advice=f"Choose a {what} name of letters, digits, '-', '_', '.' or inner spaces.")


def person_root(person: str) -> str:
    """What all topics of a person begin with."""
    return f"{ROOT}/{check_name('person', person)}/"


def strap_topic(person: str, strap: str, kind: str) -> str:
    """The topic of one strap's beats, status or stored batches."""
    return f"{ROOT}/{check_name('person', person)}/{check_name('strap', strap)}/{kind}"


def person_pattern(person: str, kind: str) -> str:
    """A subscription to one kind of topic of all of a person's straps."""
    return f"{ROOT}/{check_name('person', person)}/+/{kind}"


def live_topic(person: str) -> str:
    """The topic of a person's live values."""
    return f"{ROOT}/{check_name('person', person)}/live"


def session_topic(person: str) -> str:
    """The topic of a person's running or last session."""
    return f"{ROOT}/{check_name('person', person)}/session"


def readiness_topic(person: str) -> str:
    """The topic of a person's readiness."""
    return f"{ROOT}/{check_name('person', person)}/readiness"


def command_topic(person: str) -> str:
    """The topic on which a person's markers are sent."""
    return f"{ROOT}/{check_name('person', person)}/command"


def command_error_topic(person: str) -> str:
    """The topic on which a person's bad commands are answered."""
    return f"{command_topic(person)}/error"


def health_topic(process: str) -> str:
    """The topic of a process's health; `pipeline`, or a collector's name."""
    return f"{HEALTH_ROOT}/{check_name('process', process)}"


def check_collector_name(name: str) -> str:
    """The name, if a collector may bear it.

    Raises:
        ConfigError: see `check_name`; or it is the pipeline's.
    """
    if name == PIPELINE:
        raise ConfigError(f"a collector can't be called {name!r}", advice="That is the pipeline's name: take another.")
    return check_name("collector", name)


def as_collector_name(host: str) -> str:
    """A host's name made fit for a collector; `collector` where nothing of it is left."""
    name = _FORBIDDEN.sub("-", host).lstrip("$").strip()[:_MAX_NAME_LENGTH].strip()
    return "collector" if name in {"", PIPELINE} else name


def process_of(topic: str) -> str | None:
    """The process that a health topic is about; None if it is another topic."""
    root, _, process = topic.rpartition("/")
    return process if root == HEALTH_ROOT else None


def parse_strap_topic(topic: str) -> StrapTopic:
    """Person, strap and kind of a strap's topic.

    Raises:
        MalformedPayload: not a strap's topic, or names in it that no topic of ours may hold.
    """
    parts = topic.split("/")
    if len(parts) != len(BEATS.split("/")) or "/".join(parts[:2]) != ROOT:
        raise MalformedPayload(f"{topic!r} is not a strap's topic", topic=topic)
    person, strap, kind = parts[2:]
    return StrapTopic(_heard_name("person", person, topic), _heard_name("strap", strap, topic), kind)


def parse_command_topic(topic: str) -> str:
    """The person of a command topic.

    Raises:
        MalformedPayload: not a command topic, or a name in it that no topic of ours may hold.
    """
    if not matches(COMMAND, topic):
        raise MalformedPayload(f"{topic!r} is not a command topic", topic=topic)
    return _heard_name("person", topic.split("/")[2], topic)


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic fits a subscription with `+` and `#` wildcards (MQTT 5, section 4.7)."""
    want, have = pattern.split("/"), topic.split("/")
    if topic.startswith("$") and want[0] in {"+", "#"}:
        return False
    if want[-1] == "#":
        want.pop()
        have = have[: len(want)] if len(have) >= len(want) else have
    return len(want) == len(have) and all(w in {"+", h} for w, h in zip(want, have, strict=True))


def _heard_name(what: str, name: str, topic: str) -> str:
    """A name as it came with a message: whoever sent it, what we send under that name has to be sendable."""
    try:
        return check_name(what, name)
    except ConfigError as error:
        raise MalformedPayload(f"{topic!r}: {error}", topic=topic) from error
