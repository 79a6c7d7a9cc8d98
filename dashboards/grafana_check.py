"""What `strapline doctor` finds in the Grafana that the settings name: login, data source, boards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboards import data_source
from dashboards.push import Change, Grafana, board_changes, check_version, data_source_changes
from ingest.errors import ConfigError, GrafanaError, StraplineError
from ingest.settings import Settings
from pipeline.doctor.finding import Finding, trouble_of
from pipeline.schema import BEAT

_PUSH = "Run `strapline boards push`; with --dry-run it first shows what would change."
_LINES_SHOWN = 6
_NEWEST_BEAT = f'SELECT "{BEAT.fields[0].name}" FROM "{BEAT.name}" ORDER BY time DESC LIMIT 1'  # noqa: S608 - schema


def examine_grafana(settings: Settings) -> list[Finding]:
    """What is found, nothing where no Grafana is named; blocking, and nothing is written to it."""
    if settings.grafana_url is None:
        return []
    try:
        from dashboards.configured import built_boards, configured_data_source, configured_grafana

        grafana = configured_grafana(settings)
        source = configured_data_source(settings)
    except ConfigError as error:
        return [trouble_of("grafana", error)]
    return list(grafana_findings(grafana, settings.grafana_url, source, built_boards()))


def grafana_findings(
    grafana: Grafana, url: str, source: dict[str, Any] | None, boards: list[dict[str, Any]]
) -> Iterator[Finding]:
    """The same, of any Grafana; what can't be asked before something else is right is left out.

    Args:
        grafana: the one.
        url: where it is.
        source: the data source that it is to have; None: whatever is there.
        boards: the boards that it is to have.
    """
    try:
        check_version(grafana)
        version = grafana.version()
        yield Finding("grafana", f"{url} answers{f', Grafana {version}' if version else ''}")
    except StraplineError as error:
        yield trouble_of("grafana", error)
        return
    yield _data_source(grafana, source)
    yield _boards(grafana, boards)


def _data_source(grafana: Grafana, wanted: dict[str, Any] | None) -> Finding:
    what = "grafana data source"
    try:
        changes = data_source_changes(grafana, wanted)
        there = grafana.data_source(data_source.UID)
        if changes or there is None:
            return _differing(what, changes)
        beats = grafana.query(there, _NEWEST_BEAT)
    except StraplineError as error:
        return trouble_of(what, error)
    place = f"{there['name']} reads {data_source.database_of(there)} at {there['url']}"
    return Finding(what, f"{place}, which answers{'' if beats else '; it has no beat yet'}")


def _boards(grafana: Grafana, wanted: list[dict[str, Any]]) -> Finding:
    what = "grafana boards"
    try:
        changes = board_changes(grafana, wanted)
    except StraplineError as error:
        return trouble_of(what, error)
    return _differing(what, changes) if changes else Finding(what, f"{len(wanted)} there, and as this release has them")


def _differing(what: str, changes: list[Change]) -> Finding:
    lines = [f"{change.action} {change.what}" for change in changes]
    more = [f"and {len(lines) - _LINES_SHOWN} more"] if len(lines) > _LINES_SHOWN else []
    detail = f"not as this release and the settings want it: {', '.join([*lines[:_LINES_SHOWN], *more])}"
    return Finding(what, detail, _PUSH, GrafanaError.exit_code)
