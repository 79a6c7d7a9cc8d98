"""The secrets and names that this machine knows: from settings in every source, journal, broker and system."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ingest.errors import ConfigError, StoreError
from ingest.settings import ENV_PREFIX, FILE_NAME, SECRETS, Settings, in_clear, read_file
from ingest.topics import PIPELINE, process_of
from pipeline.doctor.examination import Examination
from pipeline.doctor.redaction import Kind, Redactor
from pipeline.journal import FILE_NAME as JOURNAL
from pipeline.journal import Journal

_URLS = ("bus_url", "store_url", "grafana_url", "grafana_store_url")
_SECRET_VARIABLE = re.compile(r"PASSWORD|PASSWD|TOKEN|SECRET", re.IGNORECASE)
_OF_STRAP = {"person": Kind.PERSON, "address": Kind.ADDRESS, "name": Kind.ADVERTISED}
_OF_SETTING = {
    "bus_username": Kind.USER,
    "grafana_username": Kind.USER,
    "collector_name": Kind.HOST,
    "page_host": Kind.HOST,
    "metrics_host": Kind.HOST,
}


def redactor_of(examination: Examination, home: Path) -> Redactor:
    """One that knows all secrets and names that this machine knows, also those that another source hides."""
    redactor = Redactor()
    for said in _all_said(examination.settings, home):
        for kind, name in (*_names(said), *_names_in_urls(said)):
            redactor.add(kind, name)
        for secret in _secrets(said):
            redactor.add_secret(secret)
    for variable, told in os.environ.items():
        if _SECRET_VARIABLE.search(variable):
            redactor.add_secret(_text_of(told) if variable.endswith("_FILE") else told)
    for person, strap in _of_journal(home / JOURNAL):
        redactor.add(Kind.PERSON, person)
        redactor.add(Kind.STRAP, strap)
    for topic in examination.heard.strap_topics:
        redactor.learn(topic)
    for message in examination.heard.health:
        process = process_of(message.topic)
        if process not in {None, PIPELINE}:
            redactor.add(Kind.HOST, str(process))
    redactor.add(Kind.HOST, socket.gethostname())
    with suppress(KeyError, OSError):  # a container's user may have no name
        redactor.add(Kind.USER, getpass.getuser())
    return redactor


def _all_said(settings: Settings | None, home: Path) -> Iterator[Mapping[str, Any]]:
    if settings is not None:
        yield settings.model_dump()
    with suppress(ConfigError):  # which is a finding
        yield read_file(home / FILE_NAME)
    variables: dict[str, Any] = {}
    for variable, told in os.environ.items():
        if variable.upper().startswith(ENV_PREFIX):
            *tables, key = variable[len(ENV_PREFIX) :].lower().split("__")
            place = variables
            for table in tables:
                if not isinstance(place.get(table), dict):
                    place[table] = {}
                place = place[table]
            place[key] = told
    yield variables


def _urls(said: Mapping[str, Any]) -> Iterator[str]:
    for key in _URLS:
        urls = said.get(key)
        yield from (urls.split() if isinstance(urls, str) else [str(url) for url in urls or ()])


def _names_in_urls(said: Mapping[str, Any]) -> Iterator[tuple[Kind, str]]:
    for url in _urls(said):
        with suppress(ValueError):  # a URL that is none is a finding
            parts = urlsplit(url)
            yield Kind.HOST, parts.hostname or ""
            yield Kind.USER, unquote(parts.username or "")
            if parts.scheme.startswith("influxdb"):
                yield from ((Kind.DATABASE, name) for name in unquote(parts.path).strip("/").split("/"))
                yield Kind.ORGANISATION, dict(parse_qsl(parts.query)).get("org", "")


def _secrets(said: Mapping[str, Any]) -> Iterator[str]:
    for key in SECRETS:
        secret = said.get(key)
        if secret is not None:
            yield secret if isinstance(secret, str) else in_clear(secret) or ""
    for url in _urls(said):
        with suppress(ValueError):
            yield unquote(urlsplit(url).password or "")


def _text_of(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:  # which is a finding
        return ""


def _of_journal(file: Path) -> list[tuple[str, str]]:
    """People and straps that the pipeline has heard of, wherever they are set up."""
    if not file.exists():
        return []
    try:
        with closing(Journal.open_to_read(file)) as journal:
            return [(stream.person, stream.strap) for stream in journal.streams()]
    except StoreError:  # which is a finding
        return []


def _names(said: Mapping[str, Any]) -> Iterator[tuple[Kind, str]]:
    """The names in settings, checked or not."""
    for name in _table(said, "people"):
        yield Kind.PERSON, str(name)
    for name, strap in _table(said, "straps").items():
        yield Kind.STRAP, str(name)
        told = strap if isinstance(strap, Mapping) else {}
        yield from ((kind, str(told[key])) for key, kind in _OF_STRAP.items() if told.get(key) is not None)
    yield from ((kind, str(said[key])) for key, kind in _OF_SETTING.items() if said.get(key) is not None)


def _table(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = said.get(key)
    return table if isinstance(table, Mapping) else {}
