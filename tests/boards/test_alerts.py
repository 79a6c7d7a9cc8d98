"""Every alert rule, as provisioned, on a real InfluxDB in which its condition is there, or just not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from dashboards.alert_rules import RULES, SESSION_RANGE_S, SILENCE_ENDS_S
from dashboards.alerts import provisioning
from dashboards.build import ALERTS_FILE, stale_alerts
from pipeline.influx import open_influx
from pipeline.schema import BEAT, DAY, HEALTH, HEART, READINESS, SESSION, STRAP, FieldValue, Measurement, Point
from pipeline.scores.sessions import LONGEST_MINUTES
from tests.boards.alerting import as_sent, firing
from tests.fixtures.influxd import InfluxDatabase

NOW_MS = 1_760_000_000_000
_HOUR_S = 3600

RULES_AS_PROVISIONED: dict[str, Any] = {
    rule["uid"]: rule for group in json.loads(provisioning(RULES))["groups"] for rule in group["rules"]
}
_QUERIES = [
    pytest.param(part, id=f"{uid}-{part['refId']}")
    for uid, rule in RULES_AS_PROVISIONED.items()
    for part in rule["data"]
    if "query" in part["model"]
]


def _at(ago_s: float, measurement: Measurement, tags: tuple[str, ...], **fields: FieldValue) -> Point:
    return Point(measurement, tags, fields, round((NOW_MS / 1000 - ago_s) * 1e9))


def beats(person: str, from_s: int, to_s: int = 0) -> Iterator[Point]:
    """A beat each second, between two moments before now."""
    return (_at(ago_s, BEAT, (person, f"{person}'s strap"), rr_ms=1000.0) for ago_s in range(to_s, from_s))


def session(person: str, *, began_s: int = 1200, **fields: FieldValue) -> Iterator[Point]:
    yield _at(began_s, SESSION, (person, "run"), **{"valid": 1, "is_open": 1, "origin": "command", **fields})


def told(process: str, from_s: int, to_s: int = 0, **figures: FieldValue) -> Iterator[Point]:
    """Health each 10 s, between two moments before now."""
    fields = {"online": 1, "state": "ok", **figures}
    return (_at(ago_s, HEALTH, (process,), **fields) for ago_s in range(to_s, from_s, 10))


def heart(person: str, bpm: float, from_s: int, to_s: int = 0) -> Iterator[Point]:
    return (
        _at(ago_s, HEART, (person, f"{person}'s strap"), heart_rate_bpm=float(bpm)) for ago_s in range(to_s, from_s)
    )


def day(person: str, midnight_s: int = 20 * _HOUR_S, **fields: FieldValue) -> Iterator[Point]:
    yield _at(midnight_s, DAY, (person,), **{"valid": 1, "max_heart_rate_bpm": 190.0, **fields})


def battery(strap: str, percent: int, ago_s: int = _HOUR_S) -> Iterator[Point]:
    yield _at(ago_s, STRAP, ("anna", strap), connected=1, battery_pct=percent)


def readiness(person: str, days_ago: int, value: float, **fields: FieldValue) -> Iterator[Point]:
    """Of a day, told at half past nine in the morning."""
    ago_s = 9.5 * _HOUR_S + days_ago * 24 * _HOUR_S
    yield _at(ago_s, READINESS, (person,), **{"valid": 1, "reason": "", "readiness": float(value), **fields})


def case(uid: str, name: str, *points: Iterable[Point], fires: list[dict[str, str]] | None = None) -> Any:
    return pytest.param(f"strapline-{uid}", list(chain(*points)), fires or [], id=f"{uid}: {name}")


FIRES = (
    case(
        "strap-silent",
        "anna's strap is silent for 70 s, ben's beats",
        *(beats("anna", 600, 70), session("anna"), beats("ben", 600), session("ben")),
        fires=[{"person": "anna"}],
    ),
    case(
        "strap-silent",
        "the end of an earlier session hides nothing",
        *(beats("anna", 600, 70), session("anna", began_s=5000, is_open=0), session("anna")),
        fires=[{"person": "anna"}],
    ),
    case(
        "collector-silent",
        "one pi of two has died",
        *(told("pipeline", 600), told("pi", 600), told("attic", 600, 70)),
        fires=[{"kind": "attic"}],
    ),
    case(
        "collector-silent",
        "it said good-bye",
        *(told("pipeline", 600), told("pi", 600, 70), told("pi", 70, 60, online=0)),
        fires=[{"kind": "pi"}],
    ),
    case(
        "over-ceiling",
        "anna's heart is over her ceiling for a minute, ben's is as fast and has a higher one",
        *(heart("anna", 151, 70), day("anna", heart_rate_ceiling_bpm=150.0)),
        *(heart("ben", 151, 70), day("ben", heart_rate_ceiling_bpm=160.0)),
        fires=[{"person": "anna"}],
    ),
    case(
        "battery-low",
        "the last word of one strap of two",
        *(battery("H10", 60, 7200), battery("H10", 14), battery("H9", 90)),
        fires=[{"strap": "H10"}],
    ),
    case("store-silent", "points wait for two minutes", told("pipeline", 300, points_waiting=101), fires=[{}]),
    case("store-silent", "the pipeline has stopped", told("pipeline", 600, 130, points_waiting=0), fires=[{}]),
    case(
        "delay-high",
        "for a minute, and not that of the collector",
        *(told("pipeline", 70, delay_p95_s=10.5), told("pi", 70, delay_p95_s=0.2)),
        fires=[{"kind": "pipeline"}],
    ),
    case(
        "readiness-low",
        "anna's today and yesterday, ben's today",
        *(readiness("anna", 0, 32), readiness("anna", 1, 20), readiness("anna", 2, 80)),
        *(readiness("ben", 0, 32), readiness("ben", 1, 34)),
        fires=[{"person": "anna"}],
    ),
)

DOES_NOT_FIRE = (
    case("strap-silent", "silent for 50 s only", beats("anna", 600, 50), session("anna")),
    case("strap-silent", "the session is over", beats("anna", 600, 70), session("anna", is_open=0)),
    case("strap-silent", "the session is void", beats("anna", 600, 70), session("anna", valid=0)),
    case("strap-silent", "somebody else's session is open", beats("anna", 600, 70), session("ben")),
    case("strap-silent", "the run may be over", beats("anna", 600, 70), session("anna", origin="detected")),
    case("strap-silent", "it is put on for the first time", beats("anna", 20), session("anna", began_s=30)),
    case("strap-silent", "more than an hour ago", beats("anna", 4000, 3700), session("anna", began_s=5000)),
    case("collector-silent", "told 50 s ago", told("pipeline", 600), told("pi", 600, 50)),
    case("collector-silent", "the pipeline is silent too", told("pipeline", 600, 70), told("pi", 600, 70)),
    case("collector-silent", "switched off long ago", told("pipeline", 600), told("pi", 4000, 3700)),
    case(
        "over-ceiling",
        "too short",
        *(heart("anna", 160, 50), heart("anna", 149, 61, 50), day("anna", heart_rate_ceiling_bpm=150.0)),
    ),
    case(
        "over-ceiling",
        "too few seconds are known",
        *(heart("anna", 160, 40), day("anna", heart_rate_ceiling_bpm=150.0)),
    ),
    case("over-ceiling", "just at it", heart("anna", 150, 70), day("anna", heart_rate_ceiling_bpm=150.0)),
    case("over-ceiling", "there is none", heart("anna", 200, 70), day("anna")),
    case(
        "over-ceiling",
        "it was taken away since",
        *(heart("anna", 200, 70), day("anna", 44 * _HOUR_S, heart_rate_ceiling_bpm=150.0), day("anna")),
    ),
    case("battery-low", "at the limit", battery("H10", 15)),
    case("battery-low", "changed since", battery("H10", 5, 7200), battery("H10", 100)),
    case("battery-low", "not used since yesterday", battery("H10", 5, 25 * _HOUR_S)),
    case(
        "store-silent",
        "the queue was empty once",
        *(told("pipeline", 300, 60, points_waiting=900), told("pipeline", 60, points_waiting=0)),
    ),
    case("delay-high", "at the limit", told("pipeline", 70, delay_p95_s=10.0)),
    case("delay-high", "back again", told("pipeline", 70, 20, delay_p95_s=30.0), told("pipeline", 20, delay_p95_s=1.0)),
    case("readiness-low", "one day only", readiness("anna", 0, 20)),
    case("readiness-low", "the day between is missing", readiness("anna", 0, 20), readiness("anna", 2, 20)),
    case(
        "readiness-low",
        "one of the days has none",
        *(readiness("anna", 0, 20), readiness("anna", 1, 20, reason="baseline")),
    ),
)


@pytest.mark.influxd
@pytest.mark.parametrize(("uid", "points", "fires"), [*FIRES, *DOES_NOT_FIRE])
def test_an_alert_fires_for_whom_it_concerns_and_for_nobody_else(
    influx_database: InfluxDatabase, uid: str, points: list[Point], fires: list[dict[str, str]]
) -> None:
    with closing(open_influx(f"influxdb1://127.0.0.1:{influx_database.port}/{influx_database.name}", None)) as store:
        store.write(points)

    assert firing(RULES_AS_PROVISIONED[uid], influx_database, NOW_MS) == fires


def test_every_alert_is_seen_to_fire() -> None:
    assert {str(one.values[0]) for one in FIRES} == RULES_AS_PROVISIONED.keys()


@pytest.mark.influxd
@pytest.mark.parametrize("uid", RULES_AS_PROVISIONED)
def test_in_an_empty_database_only_the_silence_of_the_store_fires(influx_database: InfluxDatabase, uid: str) -> None:
    fires = firing(RULES_AS_PROVISIONED[uid], influx_database, NOW_MS)

    assert fires == ([{}] if uid == "strapline-store-silent" else [])


def test_only_the_rule_of_the_store_takes_no_answer_for_a_bad_one() -> None:
    states = {uid: (rule["noDataState"], rule["execErrState"]) for uid, rule in RULES_AS_PROVISIONED.items()}

    assert {uid for uid, both in states.items() if both == ("Alerting", "Alerting")} == {"strapline-store-silent"}
    assert set(states.values()) == {("Alerting", "Alerting"), ("OK", "OK")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.uid)
def test_a_rule_says_whom_it_concerns_what_it_means_and_what_to_do(rule: Any) -> None:
    built = RULES_AS_PROVISIONED[rule.uid]

    assert re.fullmatch(r"strapline(-[a-z]+)+", rule.uid)
    assert len(rule.uid) <= 40  # Grafana takes no longer one
    assert re.fullmatch(r"\d+s", built["for"])
    assert built["labels"].keys() == {"severity"}
    assert built["annotations"]["summary"]
    assert built["annotations"]["description"] == f"{rule.meaning} {rule.advice}"
    for text in (rule.summary, rule.meaning, rule.advice):
        assert re.fullmatch(r"[A-Z].*\.", text)


def test_no_two_rules_have_the_same_name() -> None:
    assert len({rule.uid for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.uid)
def test_a_summary_names_only_labels_and_numbers_that_there_are(rule: Any) -> None:
    labels = set(re.findall(r'GROUP BY "(\w+)"', " ".join(number.query for number in rule.numbers)))

    assert set(re.findall(r"\$labels\.(\w+)", rule.summary)) == labels
    assert set(re.findall(r"\$values\.(\w+)\.Value", rule.summary)) <= {number.name for number in rule.numbers}


def test_a_condition_on_a_number_that_is_not_asked_for_can_t_be_written() -> None:
    with pytest.raises(ValueError, match="strapline-battery-low"):
        replace(next(rule for rule in RULES if "battery" in rule.uid), condition="$batery < 15")


@pytest.mark.parametrize("part", _QUERIES)
def test_a_query_asks_for_everyone_and_uses_nothing_that_a_version_of_influxdb_lacks(part: Any) -> None:
    form = r'SELECT (count|last|max|min)\("\w+"\) FROM "\w+" WHERE ([^$~]+ AND )?\$timeFilter( GROUP BY "\w+")?'

    assert re.fullmatch(form, part["model"]["query"])
    assert part["model"]["rawQuery"] is True
    assert re.search(r"time >= \d+ms and time <= \d+ms", as_sent(part, NOW_MS))


def test_grafana_finds_one_variable_of_the_environment_and_leaves_queries_and_templates_as_they_are() -> None:
    # It replaces variables in every text but models, where nothing is, and annotations, where only ${NAME} is.
    for rule in RULES_AS_PROVISIONED.values():
        rest = {name: value for name, value in rule.items() if name not in {"data", "annotations"}}
        assert re.findall(r"\$\S*", json.dumps(rest)) == ['${STRAPLINE_ALERTS_PAUSED}",']
        assert not re.search(r"\$\{|\$\$", json.dumps([rule["annotations"], rule["data"]]))


def test_a_session_that_is_open_is_found_however_long_it_is() -> None:
    assert max(LONGEST_MINUTES.values()) * 60 + SILENCE_ENDS_S <= SESSION_RANGE_S


def test_the_committed_file_is_what_the_code_builds() -> None:
    assert stale_alerts(ALERTS_FILE) == {}
    assert stale_alerts(ALERTS_FILE.with_name("missing.json")).keys() == {ALERTS_FILE.with_name("missing.json")}
