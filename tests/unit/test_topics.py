from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest.errors import ConfigError, MalformedPayload
from ingest.topics import (
    BEATS,
    COMMAND,
    LIVE,
    READINESS,
    SESSION,
    check_name,
    command_error_topic,
    command_topic,
    live_topic,
    matches,
    parse_command_topic,
    parse_strap_topic,
    readiness_topic,
    session_topic,
    strap_topic,
)


@pytest.mark.parametrize(
    "name", ["a/b", "+", "#", "a+b", "", "  ", " anna", "anna ", "a\\b", "a\nb", "\x00", "$SYS", "x" * 65]
)
def test_a_name_that_topics_or_tags_cannot_carry_is_refused_with_advice(name: str) -> None:
    with pytest.raises(ConfigError, match="person") as caught:
        check_name("person", name)
    assert "Choose a person name" in caught.value.advice


@pytest.mark.parametrize("name", ["anna", "Jürgen K.", "runner-2", "h10,left=1", "姚"])
def test_a_name_that_topics_can_carry_is_taken_as_it_is(name: str) -> None:
    topic = strap_topic(name, "h10", "beats")
    assert parse_strap_topic(topic) == (name, "h10", "beats")
    assert matches(BEATS, topic)
    assert parse_command_topic(command_topic(name)) == name
    assert matches(COMMAND, command_topic(name))


@pytest.mark.parametrize(
    ("pattern", "topic_of"), [(LIVE, live_topic), (SESSION, session_topic), (READINESS, readiness_topic)]
)
def test_what_is_told_of_a_person_is_no_strap_called_so(pattern: str, topic_of: Callable[[str], str]) -> None:
    assert matches(pattern, topic_of("anna"))
    assert not matches(pattern, strap_topic("anna", "h10", topic_of("anna").rpartition("/")[2]))
    assert not matches(BEATS, topic_of("anna"))


@pytest.mark.parametrize("topic", [live_topic("anna"), "strapline/v2/anna/h10/beats", "a/b/c", ""])
def test_a_topic_of_no_strap_is_not_parsed(topic: str) -> None:
    with pytest.raises(MalformedPayload, match="not a strap's topic"):
        parse_strap_topic(topic)


@pytest.mark.parametrize(
    "topic", [command_error_topic("anna"), live_topic("anna"), "strapline/v2/anna/command", "command", ""]
)
def test_an_answer_to_a_command_is_no_command(topic: str) -> None:
    with pytest.raises(MalformedPayload, match="not a command topic"):
        parse_command_topic(topic)


@pytest.mark.parametrize("name", [" anna", "", "$SYS", "a\\b", "x" * 65])
def test_a_name_under_which_no_answer_could_be_sent_is_refused_where_it_comes_in(name: str) -> None:
    with pytest.raises(MalformedPayload, match="person"):
        parse_strap_topic(f"strapline/v1/{name}/h10/status")
    with pytest.raises(MalformedPayload, match="strap"):
        parse_strap_topic(f"strapline/v1/anna/{name}/status")
    with pytest.raises(MalformedPayload, match="person"):
        parse_command_topic(f"strapline/v1/{name}/command")


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("#", "a/b", True),
        ("+/b", "a/b", True),
        ("#", "$SYS/x", False),
        ("a/b", "a/B", False),
    ],
)
def test_wildcards_match_as_mqtt_says(pattern: str, topic: str, expected: bool) -> None:
    assert matches(pattern, topic) is expected
