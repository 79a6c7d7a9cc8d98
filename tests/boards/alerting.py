"""What Grafana's backend makes of an alert rule: the closed set of expressions that the rules use, and no more."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.fixtures.influxd import InfluxDatabase

Labels = frozenset[tuple[str, str]]
Numbers = Mapping[Labels, float]

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "&&": lambda a, b: bool(a) and bool(b),
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
}


def firing(rule: Any, database: InfluxDatabase, now_ms: int) -> list[dict[str, str]]:
    """The labels of everyone and everything for whom a rule, as provisioned, fires now.

    Like Grafana 9.4: a query without an answer decides for the whole rule, and so does a condition without a value.
    """
    numbers: dict[str, Numbers] = {}
    for part in rule["data"]:
        model = part["model"]
        assert model["refId"] == part["refId"]
        if part["datasourceUid"] != "__expr__":
            numbers[part["refId"]] = _asked(part, database, now_ms)
        elif model["type"] == "reduce":
            assert model["reducer"] == "last"  # which `_asked` has taken already
            numbers[part["refId"]] = numbers[model["expression"]]
        else:
            assert model["type"] == "math"
            numbers[part["refId"]] = _math(model["expression"], numbers)
    if not all(numbers.values()):
        return [{}] if rule["noDataState"] == "Alerting" else []
    return [dict(labels) for labels, value in sorted(numbers[rule["condition"]].items()) if value]


def as_sent(part: Any, now_ms: int) -> str:
    """A rule's query with the one macro that Grafana's backend knows of those that boards use."""
    range_s = part["relativeTimeRange"]
    first_ms, last_ms = (now_ms - 1000 * range_s[edge] for edge in ("from", "to"))
    query = part["model"]["query"].replace("$timeFilter", f"time >= {first_ms}ms and time <= {last_ms}ms")
    assert "$" not in query
    return str(query)


def _asked(part: Any, database: InfluxDatabase, now_ms: int) -> Numbers:
    series = database.query(as_sent(part, now_ms))
    return {frozenset(one.get("tags", {}).items()): float(one["values"][-1][1]) for one in series}


def _math(expression: str, numbers: Mapping[str, Numbers]) -> Numbers:
    """Comparisons joined by `&&`, which binds less tightly."""
    terms = [_comparison(term, numbers) for term in expression.split("&&")]
    result = terms[0]
    for term in terms[1:]:
        result = _joined(result, "&&", term)
    return result


def _comparison(term: str, numbers: Mapping[str, Numbers]) -> Numbers:
    match = re.fullmatch(r"\s*(\S+) (==|>=|>|<) (\S+)\s*", term)
    assert match, term
    left, symbol, right = match.groups()
    return _joined(_operand(left, numbers), symbol, _operand(right, numbers))


def _operand(word: str, numbers: Mapping[str, Numbers]) -> Numbers:
    return numbers[word.removeprefix("$")] if word.startswith("$") else {frozenset(): float(word)}


def _joined(left: Numbers, symbol: str, right: Numbers) -> Numbers:
    """Each pair whose labels are the same, or of which one has no others than the other."""
    return {a | b: _OPERATORS[symbol](x, y) for a, x in left.items() for b, y in right.items() if a <= b or b <= a}
