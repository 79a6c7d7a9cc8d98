"""A household's server as a folder of files: what was answered, secrets, settings, and all that follows from them."""

from __future__ import annotations

import json
import re
import secrets
import socket
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.errors import ConfigError
from ingest.settings import FILE_NAME, load_settings
from ingest.stack.access import COLLECTOR, User, check_collector_user, household
from ingest.stack.broker_files import (
    FOLDER,
    IN_DOCKER,
    Place,
    beside_others,
    give_to_broker,
    write_broker,
    write_certificates,
)
from ingest.stack.broker_passwords import users_of
from ingest.stack.env_file import completed, values_of
from ingest.stack.made_files import PRIVATE, PUBLIC, MadeFiles
from ingest.topics import check_name

ANSWERS = "stack.toml"
ENV = ".env"

_SECRET_BYTES = 24
_SECRETS = {
    "INFLUXDB_ADMIN_PASSWORD": "InfluxDB's administrator.",
    "GRAFANA_ADMIN_PASSWORD": "Grafana's administrator.",
    "STRAPLINE_PAGE_PASSWORD": "The live page, for other machines than this one.",
}
_SECRETS_IN_DOCKER = {
    "INFLUXDB_ADMIN_TOKEN": "What may do everything in InfluxDB 2, which makes narrower tokens itself."
}
_SECRETS_BESIDE_OTHERS = {
    "STRAPLINE_STORE_TOKEN": "The password of InfluxDB's user strapline, who may only write.",
    "GRAFANA_STORE_TOKEN": "The password of InfluxDB's user grafana, who may only read.",
}
_PROFILE = ("What runs here: all, server-only (all but the collector), or collector-only.", lambda: "all")
_PLAIN = re.compile(r"[\w.~+/=@:,-]+", re.ASCII)
"""Values that a shell, Compose and systemd read as they stand."""

_CA_FILE = "/etc/strapline/authority.crt"


class Answers(BaseModel):
    """What a person has decided about a stack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    docker: bool = True
    tls: bool = False
    hosts: tuple[str, ...] = Field(default_factory=lambda: (socket.gethostname(),), min_length=1)
    collectors: dict[str, tuple[str, ...]] = Field(default_factory=dict)


def answers_of(folder: Path) -> Answers | None:
    """What was answered before; None the first time.

    Raises:
        ConfigError: the file can't be read.
    """
    text = MadeFiles(folder).text(ANSWERS)
    if not text:
        return None
    try:
        return Answers(**tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        cause: Exception = error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        cause = error
    raise ConfigError(f"{folder / ANSWERS} can't be used: {reason}", advice="Mend it, or move it away.") from cause


def write_stack(folder: Path, answers: Answers, settings: str) -> dict[str, str]:
    """Write what is missing and bring up to date what follows from other files; run again, nothing changes.

    Args:
        folder: of the stack.
        answers: what to write down as decided.
        settings: the text of `strapline.toml`, if there is none yet.

    Returns:
        For each file that is new or different, or can't be as it should, what was done.

    Raises:
        ConfigError: a name that can't be used, or a file that can't be read or written. No text of it holds a secret.
    """
    _check(answers)
    files = MadeFiles(folder)
    if not files.text(FILE_NAME):
        files.put(FILE_NAME, settings, PUBLIC)
    people = sorted({strap.person for strap in load_settings(folder).straps.values()})
    users = household({COLLECTOR: people, **answers.collectors})
    if answers != answers_of(folder):
        files.put(ANSWERS, _as_toml(answers), PUBLIC)
    passwords, gone = _write_env(files, users, docker=answers.docker)
    if answers.tls:
        write_certificates(files, _names_of_broker(answers))
    write_broker(files, _place(folder, answers), users, passwords, gone, tls=answers.tls)
    _write_settings(files, answers, passwords)
    if not answers.docker:
        give_to_broker(files)
    return files.said


def _check(answers: Answers) -> None:
    for name, people in answers.collectors.items():
        check_collector_user(name)
        if name == COLLECTOR:
            raise ConfigError(f"{name!r} is the one beside the broker", advice="Give the other one another name.")
        for person in people:
            check_name("person", person)
    if answers.collectors and not (answers.docker or answers.tls):
        message = "without TLS the broker is reached from its own machine only, and a collector is on another one"
        raise ConfigError(message, advice="Add --tls.")


def _place(folder: Path, answers: Answers) -> Place:
    if answers.docker:
        return IN_DOCKER
    return beside_others(str((folder / FOLDER).resolve()))


def _names_of_broker(answers: Answers) -> list[str]:
    return list(dict.fromkeys([*answers.hosts, "localhost", "127.0.0.1"]))


def _write_env(files: MadeFiles, users: Sequence[User], *, docker: bool) -> tuple[dict[str, str], list[str]]:
    """The password of each of the broker's users, and the users that it had."""
    variables = {user.name: _variable(user.name) for user in users}
    wanted = {variables[user.name]: (f"The broker's user for {user.purpose}.", _new_secret) for user in users}
    others = _SECRETS | (_SECRETS_IN_DOCKER if docker else _SECRETS_BESIDE_OTHERS)
    wanted |= {name: (remark, _new_secret) for name, remark in others.items()}
    if docker:
        wanted["COMPOSE_PROFILES"] = _PROFILE
    before = files.text(ENV)
    heading = (
        ""
        if before
        else "# Secrets: for nobody else. What is changed here stays; `strapline init` adds what is missing.\n"
    )
    text = completed(heading + before, wanted)
    values = values_of(text)
    for variable in variables.values():
        if not _PLAIN.fullmatch(values[variable]):
            message = f"{variable} in {files.folder / ENV} holds a character that programs read in different ways"
            raise ConfigError(message, advice="Use letters, digits and any of . ~ + / = @ : , - _")
    files.put(ENV, text, PRIVATE)
    known = users_of(files.text(f"{FOLDER}/passwords"))
    gone = [user for user in known if user not in variables and _variable(user) in values]
    return {user: values[variable] for user, variable in variables.items()}, gone


def _variable(user: str) -> str:
    return f"MQTT_{user.upper().replace('-', '_')}_PASSWORD"


def _new_secret() -> str:
    return secrets.token_hex(_SECRET_BYTES)


def _write_settings(files: MadeFiles, answers: Answers, passwords: Mapping[str, str]) -> None:
    """For each process that Compose does not start, the variables that tell it of the broker and the store."""
    host = answers.hosts[0]
    away = (
        {"BUS_URL": f"mqtts://{host}:8883", "BUS_CA_FILE": _CA_FILE}
        if answers.tls
        else {"BUS_URL": f"mqtt://{host}:1883"}
    )
    for name in answers.collectors:
        _write_process(files, name, passwords[name], {**away, "COLLECTOR_NAME": name})
    if answers.docker:
        return
    here = {"BUS_URL": "mqtt://127.0.0.1:1883"}
    values = values_of(files.text(ENV))
    store = {
        "STORE_URL": "influxdb1://strapline@127.0.0.1:8086/strapline",
        "STORE_TOKEN": values["STRAPLINE_STORE_TOKEN"],
    }
    _write_process(files, COLLECTOR, passwords[COLLECTOR], {**here, "COLLECTOR_NAME": COLLECTOR})
    _write_process(files, "pipeline", passwords["pipeline"], {**here, **store})
    page = {"PAGE_PASSWORD": values["STRAPLINE_PAGE_PASSWORD"]}
    _write_process(files, "page", passwords["page"], {**here, **page})


def _write_process(files: MadeFiles, user: str, password: str, more: Mapping[str, str]) -> None:
    variables = {**more, "BUS_USERNAME": user, "BUS_PASSWORD": password}
    text = "".join(f"STRAPLINE_{name}={value}\n" for name, value in variables.items())
    files.derive(f"settings/{user}.env", text, PRIVATE)


def _as_toml(answers: Answers) -> str:
    collectors = "".join(
        f"{name} = {json.dumps(people, ensure_ascii=False)}\n" for name, people in answers.collectors.items()
    )
    return f"""\
# What `strapline init --stack` was told. Change it, and run that again.
docker = {json.dumps(answers.docker)}
tls = {json.dumps(answers.tls)}

# Names and addresses by which other machines reach this one; they are told the first.
hosts = {json.dumps(answers.hosts)}

# Collectors on other machines, and the people whose straps each may speak for.
[collectors]
{collectors}"""
