from __future__ import annotations

import pytest

from ingest.errors import ConfigError
from ingest.topics import BEATS, check_name, live_topic, matches, parse_strap_topic, strap_topic


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


@pytest.mark.parametrize("topic", [live_topic("anna"), "strapline/v2/anna/h10/beats", "a/b/c", ""])
def test_a_topic_of_no_strap_is_not_parsed(topic: str) -> None:
    with pytest.raises(ValueError, match="not a strap's topic"):
        parse_strap_topic(topic)


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
