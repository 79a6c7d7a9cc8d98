"""The verb `init`: a first settings file, or a whole server's folder."""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ingest.cli import State, console
from ingest.errors import ConfigError
from ingest.settings import FILE_NAME
from ingest.stack.broker_files import AUTHORITY, FOLDER
from ingest.stack.folder import ANSWERS, ENV, Answers, answers_of, write_stack
from ingest.topics import check_name

_TEMPLATE = """\
# Strapline's settings. docs/configuration.md lists all of them.
{elsewhere}
[straps.{strap}]
person = {person}
{finder}

# What zones, load and days need to know of a person.
# [people.{person_key}]
# birth_year = 1985
# sex = "female"
# max_heart_rate_bpm = 187         # without it, estimated from the age
# time_zone = "Europe/Berlin"      # without it, days begin at midnight UTC
# goals = {{ runs_per_week = 3 }}
"""

_ELSEWHERE = """
# The MQTT broker. Leave it out to use the one built into `strapline run`.
# bus_url = "mqtt://localhost:1883"
# bus_username = "strapline"       # the password goes into STRAPLINE_BUS_PASSWORD or …_FILE

# Where points go: one URL or a list. Leave it out for strapline.db beside this file.
# store_url = ["influxdb://localhost:8086/strapline?org=home"]
"""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def init(
    context: typer.Context,
    person: Annotated[str | None, typer.Option(help="Who wears the strap; by default `me`.")] = None,
    strap: Annotated[str | None, typer.Option(help="A name of your own for it; by default `strap`.")] = None,
    address: Annotated[str | None, typer.Option(help="Its Bluetooth address, as `strapline scan` shows it.")] = None,
    simulate: Annotated[int | None, typer.Option(help="No strap: a simulated runner with this seed.")] = None,
    stack: Annotated[
        Path | None, typer.Option(help="Write a server's files into this folder: broker, secrets, settings.")
    ] = None,
    tls: Annotated[
        bool | None, typer.Option("--tls/--no-tls", help="Stack: TLS for other machines, from an authority of its own.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="Stack: a name or address by which other machines reach it. Repeatable.")
    ] = None,
    collector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PERSON", help="Stack: a collector on another machine, and whose straps it reads. Repeatable."
        ),
    ] = None,
    docker: Annotated[
        bool | None,
        typer.Option("--docker/--no-docker", help="Stack: for Docker Compose (the default), or for this system."),
    ] = None,
) -> None:
    """Write a first settings file, or with --stack a server's files. On a terminal it asks for what no option says.

    What is there stays, so it may be run again. Example: strapline init --person anna --address A0:9E:1A:00:11:22
    """
    state: State = context.obj
    folder = stack or state.home
    only_of_stack = [
        name
        for name, value in {"--tls": tls, "--host": host, "--collector": collector, "--docker": docker}.items()
        if value is not None
    ]
    if stack is None and only_of_stack:
        message = f"{only_of_stack[0]} needs --stack FOLDER"
        raise typer.BadParameter(message)
    settings = _settings(folder, person, strap, address, simulate, elsewhere="" if stack else _ELSEWHERE)
    if stack is None:
        _write_alone(state, folder / FILE_NAME, settings)
        return
    answers = _answers(stack, tls=tls, hosts=host, collectors=collector, docker=docker)
    said = write_stack(stack, answers, settings or "")
    _tell(stack, answers, said)


def _settings(
    folder: Path, person: str | None, strap: str | None, address: str | None, simulate: int | None, *, elsewhere: str
) -> str | None:
    """The text of a first settings file; None if there is one."""
    for what, name in (("person", person), ("strap", strap)):
        if name is not None:
            check_name(what, name)
    if (folder / FILE_NAME).exists():
        return None
    asks = _is_terminal()
    person = person or (_ask("Who wears the strap?", "me") if asks else "me")
    strap = strap or (_ask("A name of your own for the strap?", "strap") if asks else "strap")
    check_name("person", person)
    check_name("strap", strap)
    if asks and address is None and simulate is None:
        address = _ask("Its Bluetooth address, as `strapline scan` shows it (empty: the first one found)?", "") or None
    finder = '# address = "A0:9E:1A:00:11:22"  # without it, the first strap found is taken'
    if simulate is not None:
        finder = f"simulate = {simulate}"
    elif address is not None:
        finder = f"address = {_toml_text(address)}"
    return _TEMPLATE.format(
        elsewhere=elsewhere,
        strap=_toml_key(strap),
        person=_toml_text(person),
        person_key=_toml_key(person),
        finder=finder,
    )


def _write_alone(state: State, file: Path, text: str | None) -> None:
    if text is None:
        console.print(f"{file} is already there; nothing was changed.", soft_wrap=True)
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"can't write {file}: {error.strerror}"
        raise ConfigError(message, advice="Choose another data directory with --home or STRAPLINE_HOME.") from error
    state.settings()
    console.print(f"Wrote {file}. Next: strapline run", soft_wrap=True)


def _answers(
    folder: Path, *, tls: bool | None, hosts: list[str] | None, collectors: list[str] | None, docker: bool | None
) -> Answers:
    """What was answered before, what the options say, and what a person says who is there to be asked."""
    before = answers_of(folder)
    if before is None and _is_terminal():
        tls = typer.confirm("Encrypt connections from other machines?", default=True, err=True) if tls is None else tls
        hosts = hosts or _ask("By which names or addresses do they reach this one?", socket.gethostname()).split()
    before = before or Answers()
    said = {
        name: value
        for name, value in {"tls": tls, "docker": docker, "hosts": tuple(hosts) if hosts else None}.items()
        if value is not None
    }
    people = {name: list(whom) for name, whom in before.collectors.items()}
    for text in collectors or []:
        name, found, person = text.partition("=")
        if not found:
            message = f"{text!r} is not NAME=PERSON"
            raise typer.BadParameter(message)
        if person not in people.setdefault(name, []):
            people[name].append(person)
    return Answers(**{**before.model_dump(), **said, "collectors": people})


def _tell(folder: Path, answers: Answers, said: dict[str, str]) -> None:
    for name, what in said.items():
        console.print(f"{folder / name}: {what}", soft_wrap=True, markup=False)
    if not said:
        console.print(f"{folder}: everything is as it should be.", soft_wrap=True, markup=False)
        return
    lines = [
        f"Secrets are in {folder / ENV}, decisions in {folder / ANSWERS}: change what you like and run this again."
    ]
    if answers.docker:
        lines.append(f"Next: cd {folder} && docker compose up -d. Where it runs: docker compose restart mosquitto")
    else:
        file = (folder / FOLDER / "mosquitto.conf").resolve()
        lines.append(f"Next: ln -s {file} /etc/mosquitto/conf.d/strapline.conf && systemctl restart mosquitto")
    lines += [
        f"The collector {name} needs {folder / 'settings' / name}.env"
        + (f" and {folder / AUTHORITY}" if answers.tls else "")
        for name in answers.collectors
    ]
    for line in lines:
        console.print(escape(line), soft_wrap=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _toml_key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _toml_text(name)
