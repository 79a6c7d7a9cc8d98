"""What an alert rule of Grafana is, and the file that Grafana reads rules from. Pure.

A rule asks for numbers, each of a person, a strap or a process, and compares those that belong together. What has no
number fires nothing, so a person without a ceiling has no alert, but where the rule says that no answer is a bad one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dashboards import data_source

EVALUATED_EACH_S = 30


class Severity(StrEnum):
    """How soon to look: at once, since beats may be lost; soon; today."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class State(StrEnum):
    """What Grafana makes of a rule whose queries have no answer, or fail."""

    OK = "OK"
    ALERTING = "Alerting"


@dataclass(frozen=True, slots=True)
class Number:
    """One number for each person, strap or process, out of a range of time that ends now or a little before."""

    name: str  # as the condition calls it
    query: str
    from_s: int  # before now
    to_s: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert.

    Raises:
        ValueError: the condition speaks of other numbers than the rule has.
    """

    uid: str
    title: str
    severity: Severity
    summary: str  # a template of Grafana: whom it concerns
    meaning: str  # when it fires
    advice: str  # what to do then
    numbers: tuple[Number, ...]
    condition: str  # Grafana's math expression
    for_s: int = 0  # how long the condition must hold
    without_answer: State = State.OK

    def __post_init__(self) -> None:
        if set(re.findall(r"\$(\w+)", self.condition)) != {number.name for number in self.numbers}:
            message = f"{self.uid}: the condition does not speak of the rule's numbers, and only of them"
            raise ValueError(message)


def provisioning(rules: Iterable[Rule]) -> str:
    """The text of the file that Grafana reads the rules from: JSON, which it takes beside YAML.

    Grafana replaces variables of the environment in these files, but for queries and annotations, whose `$` stays.
    """
    group = {
        "orgId": 1,
        "name": "strapline",
        "folder": "Strapline",
        "interval": f"{EVALUATED_EACH_S}s",
        "rules": [_rule(rule) for rule in rules],
    }
    return json.dumps({"apiVersion": 1, "groups": [group]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    numbers = [part for number in rule.numbers for part in (_asked(number), _reduced(number))]
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "fires",
        "data": [*numbers, _expression("fires", {"type": "math", "expression": rule.condition})],
        "noDataState": rule.without_answer,
        "execErrState": rule.without_answer,
        "for": f"{rule.for_s}s",
        "isPaused": "${STRAPLINE_ALERTS_PAUSED}",
        "annotations": {"summary": rule.summary, "description": f"{rule.meaning} {rule.advice}"},
        "labels": {"severity": rule.severity},
    }


def _asked(number: Number) -> dict[str, Any]:
    name = f"{number.name}_query"
    return {
        "refId": name,
        "relativeTimeRange": {"from": number.from_s, "to": number.to_s},
        "datasourceUid": data_source.UID,
        "model": {"refId": name, "query": number.query, "rawQuery": True, "resultFormat": "time_series"},
    }


def _reduced(number: Number) -> dict[str, Any]:
    """The number itself: Grafana takes an answer for a series, also where it is one value."""
    model = {"type": "reduce", "reducer": "last", "expression": f"{number.name}_query"}
    return _expression(number.name, model)


def _expression(name: str, model: dict[str, Any]) -> dict[str, Any]:
    uid = "__expr__"
    return {
        "refId": name,
        "datasourceUid": uid,
        "model": {"refId": name, "datasource": {"type": uid, "uid": uid}, **model},
    }
