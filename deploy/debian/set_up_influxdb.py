"""Gives a new InfluxDB 1.x an administrator, a database, and users that may only write or read; safe to run again.

Run by install.sh. The passwords come from the environment, where no other user sees them.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

_URL = "http://127.0.0.1:8086/query"
_PATIENCE_S = 60.0


def _ask(statement: str, admin_password: str) -> str:
    """Carry out one statement; what InfluxDB has against it, or nothing."""
    login = b64encode(f"admin:{admin_password}".encode()).decode()
    body = urlencode({"q": statement}).encode()
    request = Request(_URL, body, {"Authorization": f"Basic {login}"})
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - the address is a constant
        return str(json.load(answer)["results"][0].get("error", ""))


def _carry_out(statement: str, admin_password: str) -> None:
    if error := _ask(statement, admin_password):
        raise SystemExit(f"InfluxDB: {error}")


def _have_user(name: str, password: str, admin_password: str) -> None:
    """Make a user, or give one that is there this password."""
    error = _ask(f"CREATE USER {name} WITH PASSWORD '{password}'", admin_password)
    if error == "user already exists":
        _carry_out(f"SET PASSWORD FOR {name} = '{password}'", admin_password)
    elif error:
        raise SystemExit(f"InfluxDB: {error}")


def _wait_for_answer() -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            urlopen(_URL.replace("/query", "/ping"), timeout=2).close()  # noqa: S310 - the address is a constant
        except URLError as error:
            if time.monotonic() > deadline_s:
                raise SystemExit(f"InfluxDB does not answer: {error}") from error
            time.sleep(0.5)
        else:
            return


def main() -> None:
    """Wait for InfluxDB to answer, and set it up."""
    admin_password = os.environ["INFLUXDB_ADMIN_PASSWORD"]
    _wait_for_answer()
    _carry_out(f"CREATE USER admin WITH PASSWORD '{admin_password}' WITH ALL PRIVILEGES", admin_password)
    _carry_out("CREATE DATABASE strapline", admin_password)
    for user, variable, right in (
        ("strapline", "STRAPLINE_STORE_TOKEN", "WRITE"),
        ("grafana", "GRAFANA_STORE_TOKEN", "READ"),
    ):
        _have_user(user, os.environ[variable], admin_password)
        _carry_out(f"GRANT {right} ON strapline TO {user}", admin_password)


if __name__ == "__main__":
    main()
