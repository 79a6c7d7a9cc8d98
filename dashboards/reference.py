"""The tables of the docs that are made from code: settings, stored fields, live values, alerts, rights. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dashboards.alert_rules import RULES
from ingest.people import GoalSettings, PersonSettings
from ingest.settings import ENV_PREFIX, SECRETS, Settings, StrapSettings
from ingest.stack.access import COLLECTOR, household
from pipeline.live import UNITS
from pipeline.schema import MEASUREMENTS


def tables() -> dict[str, str]:
    """Markdown of each section, by the name that marks its place in the docs."""
    return {
        "settings": _settings(),
        "straps": _keys(StrapSettings),
        "people": _keys(PersonSettings),
        "goals": _keys(GoalSettings),
        "schema": _schema(),
        "live": _live(),
        "alerts": _alerts(),
        "access": _access(),
    }


def filled(text: str) -> str:
    """A page with each `<!-- table: NAME -->` … `<!-- end -->` holding the table as it is now.

    Raises:
        KeyError: the page names a table that there is not.
    """
    pieces = text.split("<!-- table: ")
    done = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition(" -->")
        _, _, after = rest.partition("<!-- end -->")
        done.append(f"{name} -->\n\n{tables()[name]}\n<!-- end -->{after}")
    return "<!-- table: ".join(done)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "" if default in (None, {}, ()) else f"`{default}`"


def _settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        variable = f"`{ENV_PREFIX}{name.upper()}`" + (" or `…_FILE`" if name in SECRETS else "")
        rows.append((f"`{name}`", _default(field), variable, field.description or ""))
    return _table(("setting", "default", "environment", "meaning"), rows)


def _keys(model: type[BaseModel]) -> str:
    fields = model.model_fields.items()
    return _table(
        ("key", "default", "meaning"), [(f"`{name}`", _default(f), f.description or "") for name, f in fields]
    )


def _schema() -> str:
    parts = []
    for measurement in MEASUREMENTS.values():
        rows = [(f"`{f.name}`", f.type, f.unit, f.meaning) for f in measurement.fields]
        tags = ", ".join(f"`{tag}`" for tag in measurement.tags)
        parts.append(f"### `{measurement.name}`\n\n{measurement.meaning.capitalize()}. Tags: {tags}.\n\n")
        parts.append(_table(("field", "type", "unit", "meaning"), rows) + "\n")
    return "".join(parts).rstrip("\n") + "\n"


def _live() -> str:
    return _table(("value", "unit"), [(f"`{name}`", unit) for name, unit in UNITS.items()])


def _alerts() -> str:
    rows = [(rule.title, rule.severity, rule.meaning, rule.advice) for rule in RULES]
    return _table(("alert", "severity", "fires when", "what to do"), rows)


def _access() -> str:
    return _table(
        ("user", "who", "may write", "may read"),
        [
            (f"`{user.name}`", user.purpose, _topics(user.writes), _topics(user.reads))
            for user in household({COLLECTOR: ["<person>"]})
        ],
    )


def _topics(patterns: Iterable[str]) -> str:
    return "<br>".join(f"`{pattern}`" for pattern in patterns)
