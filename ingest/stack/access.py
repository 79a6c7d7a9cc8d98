"""Who may say and hear what at the broker, derived from the topics, and mosquitto's list of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ingest.errors import ConfigError
from ingest.topics import (
    BEATS,
    COMMAND,
    COMMAND_ERROR,
    DISCOVERY,
    EVERYTHING,
    HEALTH,
    LIVE,
    PIPELINE,
    READINESS,
    SESSION,
    STATUS,
    STORED,
    health_topic,
    person_pattern,
)

COLLECTOR = "collector"
"""The collector beside the broker; one on another machine has a name of its own."""

_COLLECTOR_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class User:
    """A user of the broker; it may do what is listed, and nothing else."""

    name: str
    purpose: str
    writes: tuple[str, ...]
    reads: tuple[str, ...]


_PIPELINE = User(
    PIPELINE,
    "the pipeline",
    # It writes `status` only to take away what is retained of a person who is forgotten.
    writes=(LIVE, SESSION, READINESS, STORED, COMMAND_ERROR, health_topic(PIPELINE), STATUS, DISCOVERY),
    reads=(EVERYTHING, DISCOVERY),
)
_PAGE = User(
    "page",
    "the live page, and commands of people",
    writes=(COMMAND,),
    reads=(BEATS, STATUS, LIVE, SESSION, READINESS, COMMAND_ERROR, HEALTH),
)
_READER = User(
    "reader",
    "Home Assistant, Node-RED, Telegraf",
    writes=(COMMAND,),
    reads=(STATUS, LIVE, SESSION, READINESS, COMMAND_ERROR, HEALTH, DISCOVERY),
)
_SHARED = (_PIPELINE, _PAGE, _READER)

PARTS = frozenset({COLLECTOR, *(user.name for user in _SHARED)})
"""Users that are one part's alone: what another part may do is none of their business."""


def household(collectors: Mapping[str, Sequence[str]]) -> tuple[User, ...]:
    """Every user of a broker.

    Args:
        collectors: for each collector by name, the people whose straps it reads.

    Raises:
        ConfigError: a name that a user or a topic can't bear.
    """
    return (*(_collector(name, people) for name, people in collectors.items()), *_SHARED)


def check_collector_user(name: str) -> str:
    """The name, if a collector can have a user of it: lower-case letters, digits, `-`, and no other user's.

    Raises:
        ConfigError: it can't.
    """
    if not _COLLECTOR_NAME.fullmatch(name):
        message = f"a collector with a user of its own can't be called {name!r}"
        raise ConfigError(message, advice="Take up to 32 of a to z, 0 to 9 and '-', with a letter in front.")
    if name in {user.name for user in _SHARED}:
        raise ConfigError(f"{name!r} is a user of the broker already", advice="Give the collector another name.")
    return name


def acl(users: Iterable[User]) -> str:
    """The text of mosquitto's `acl_file`: what no line allows is refused."""
    return "\n".join(
        "\n".join(
            [
                f"# {user.purpose}",
                f"user {user.name}",
                *(f"topic write {topic}" for topic in user.writes),
                *(f"topic read {topic}" for topic in user.reads),
                "",
            ]
        )
        for user in users
    )


def _collector(name: str, people: Sequence[str]) -> User:
    check_collector_user(name)
    own_health = health_topic(name)
    return User(
        name,
        "a collector, for its own people",
        writes=(*(person_pattern(person, kind) for person in people for kind in ("beats", "status")), own_health),
        reads=(*(person_pattern(person, "stored") for person in people), health_topic(PIPELINE), own_health),
    )
