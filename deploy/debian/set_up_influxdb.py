"""Gives a new InfluxDB 1.x its administrator, and Strapline a database and a user of its own; safe to run again.

Run by install.sh. Both passwords come from the environment, where no other user sees them.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

_URL = "http://127.0.0.1:8086/query"
_PATIENCE_S = 60.0


def _ask(statement: str, admin_password: str) -> None:
    """Carry out one statement; a refusal ends the program with InfluxDB's own words."""
    login = b64encode(f"admin:{admin_password}".encode()).decode()
    body = urlencode({"q": statement}).encode()
    request = Request(_URL, body, {"Authorization": f"Basic {login}"})
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - the address is a constant
        text = answer.read().decode()
    if '"error"' in text:
        raise SystemExit(f"InfluxDB: {text}")


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
    admin_password, password = os.environ["INFLUXDB_ADMIN_PASSWORD"], os.environ["STRAPLINE_STORE_TOKEN"]
    _wait_for_answer()
    for statement in (
        f"CREATE USER admin WITH PASSWORD '{admin_password}' WITH ALL PRIVILEGES",
        "CREATE DATABASE strapline",
        f"CREATE USER strapline WITH PASSWORD '{password}'",
        "GRANT ALL ON strapline TO strapline",
    ):
        _ask(statement, admin_password)


if __name__ == "__main__":
    main()
