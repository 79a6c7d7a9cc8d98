"""Mosquitto's password file, beside what mosquitto_passwd itself writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ingest.stack.broker_passwords import hashed, is_hash_of, password_file, users_of
from tests.support import require

SALT = bytes(range(12))


def salt(size: int) -> bytes:
    return SALT[:size]


@pytest.mark.mosquitto
def test_a_hash_of_mosquitto_s_own_program_is_recognised_and_written_the_same(tmp_path: Path) -> None:
    program = require("mosquitto_passwd", "mosquitto")
    subprocess.run([program, "-c", "-b", str(tmp_path / "file"), "anna", "hush: pässword"], check=True)
    line = users_of((tmp_path / "file").read_text())["anna"]
    assert is_hash_of(line, "hush: pässword")
    assert not is_hash_of(line, "hush")
    assert len(hashed("x", SALT)) == len(line)


@pytest.mark.parametrize("line", ["", "$7$101$x", "$7$0$AAAA$BBBB", "$7$x$AAAA$BBBB", "$7$101$?$BBBB", "$6$AAAA$BBBB"])
def test_what_is_no_such_hash_is_that_of_no_password(line: str) -> None:
    assert not is_hash_of(line, "hush")


def test_only_a_user_whose_password_changed_gets_a_new_line_and_strangers_stay_until_they_are_said_to_be_gone() -> None:
    before = f"zigbee:$6$kept$kept\nold:x\npage:{hashed('same', b'another salt')}\npipeline:{hashed('was', SALT)}\n"
    after = users_of(password_file(before, {"page": "same", "pipeline": "is", "reader": "new"}, ["old"], salt))
    assert after.keys() == {"zigbee", "page", "pipeline", "reader"}
    assert (after["zigbee"], after["page"]) == (users_of(before)["zigbee"], users_of(before)["page"])
    assert is_hash_of(after["pipeline"], "is")
