"""`strapline init --stack`: what it writes, what it keeps, what it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ingest.cli import State
from ingest.errors import ConfigError
from ingest.init_verbs import init
from ingest.settings import load_settings
from ingest.stack import certificates
from ingest.stack.access import acl, household
from ingest.stack.broker_files import AUTHORITY
from ingest.stack.broker_passwords import is_hash_of, users_of
from ingest.stack.env_file import completed, values_of
from ingest.stack.folder import ANSWERS, ENV, Answers, answers_of, write_stack
from tests.end_to_end.command import STRAPLINE, environment, strapline

_SETTINGS = '[straps.chest]\nperson = "anna"\n'
_TLS = Answers(tls=True, hosts=("pi.home", "192.168.1.5"))
_KEYS = {"authority/authority.key", "mosquitto/server.key"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def changed(folder: Path, before: dict[str, bytes]) -> set[str]:
    after = contents(folder)
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def initialise(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    done = strapline(folder.parent, "init", "--stack", str(folder), *options)
    assert done.returncode == 0, done.stderr
    return done


def invoked(home: Path, *options: str) -> Result:
    """The verb in this process, which has no terminal."""
    app = typer.Typer()
    app.command()(init)
    return CliRunner().invoke(app, options, obj=State(home))


def test_the_command_writes_a_stack_without_a_question_and_run_again_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    said = initialise(
        folder,
        "--person",
        "anna",
        "--strap",
        "left arm",
        "--simulate",
        "7",
        "--tls",
        "--host",
        "pi.home",
        "--collector",
        "zero=ben",
    )
    before = contents(folder)
    assert {"strapline.toml", ANSWERS, ENV, AUTHORITY, "mosquitto/acl", "settings/zero.env", *_KEYS} <= before.keys()
    assert load_settings(folder).straps["left arm"].person == "anna"
    open_to_others = {name for name in before if (folder / name).stat().st_mode & 0o077}
    assert open_to_others == {"strapline.toml", ANSWERS, AUTHORITY, "mosquitto/mosquitto.conf", "mosquitto/server.crt"}
    again = initialise(folder)
    assert contents(folder) == before
    assert "everything is as it should be" in again.stderr
    variables = values_of(before[ENV].decode())
    assert variables.pop("COMPOSE_PROFILES") == "all"
    secrets = variables.values()
    assert len(set(secrets)) == len(secrets) == 9
    assert all(len(secret) == 48 for secret in secrets)
    assert not [secret for secret in secrets if secret in said.stderr + said.stdout + again.stderr]


def test_an_option_is_added_to_what_was_answered_before(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    invoked(tmp_path, "--stack", str(folder), "--person", "anna", "--host", "pi.home", "--collector", "zero=ben")
    invoked(tmp_path, "--stack", str(folder), "--tls", "--collector", "zero=clara")
    assert answers_of(folder) == Answers(tls=True, hosts=("pi.home",), collectors={"zero": ("ben", "clara")})
    assert "topic write strapline/v1/clara/+/beats" in (folder / "mosquitto" / "acl").read_text()
    assert "STRAPLINE_BUS_URL=mqtts://pi.home:8883" in (folder / "settings" / "zero.env").read_text()


def test_what_somebody_changed_stays_and_the_new_one_lies_beside_until_they_agree(tmp_path: Path) -> None:
    write_stack(tmp_path, Answers(), _SETTINGS)
    file = tmp_path / "mosquitto" / "acl"
    mended = file.read_text() + "\nuser zigbee\ntopic readwrite zigbee2mqtt/#\n"
    file.write_text(mended)
    said = write_stack(tmp_path, Answers(collectors={"zero": ("ben",)}), _SETTINGS)
    beside = tmp_path / "mosquitto" / "acl.new"
    assert file.read_text() == mended
    assert "user zero" in beside.read_text()
    assert "mosquitto/acl.new" in said["mosquitto/acl"]
    file.write_text(beside.read_text())
    assert write_stack(tmp_path, Answers(collectors={"zero": ("ben",)}), _SETTINGS) == {}
    assert not beside.exists()


def test_a_password_that_was_changed_is_taken_over_and_what_is_missing_is_added(tmp_path: Path) -> None:
    write_stack(tmp_path, Answers(), _SETTINGS)
    secrets = values_of((tmp_path / ENV).read_text())
    kept = f"MQTT_PIPELINE_PASSWORD={secrets['MQTT_PIPELINE_PASSWORD']}"
    mine = f"# mine\nMQTT_PAGE_PASSWORD='chosen'\nGRAFANA_ADMIN_PASSWORD=\n{kept}\n"
    (tmp_path / ENV).write_text(mine)
    (tmp_path / ENV).chmod(0o644)
    before = users_of((tmp_path / "mosquitto" / "passwords").read_text())
    write_stack(tmp_path, Answers(), _SETTINGS)
    now = (tmp_path / ENV).read_text()
    after = users_of((tmp_path / "mosquitto" / "passwords").read_text())
    assert now.startswith("# mine\nMQTT_PAGE_PASSWORD='chosen'\nGRAFANA_ADMIN_PASSWORD=")
    assert values_of(now).keys() == secrets.keys()
    assert (tmp_path / ENV).stat().st_mode & 0o777 == 0o600
    assert is_hash_of(after["page"], "chosen")
    assert after["pipeline"] == before["pipeline"]


def test_a_collector_that_is_no_more_is_let_in_no_more_and_a_user_of_somebody_else_s_still_is(tmp_path: Path) -> None:
    write_stack(tmp_path, Answers(collectors={"zero": ("ben",)}), _SETTINGS)
    passwords = tmp_path / "mosquitto" / "passwords"
    passwords.write_text(passwords.read_text() + "zigbee:$6$kept$kept\n")
    write_stack(tmp_path, Answers(), _SETTINGS)
    assert users_of(passwords.read_text()).keys() == {"collector", "pipeline", "page", "reader", "zigbee"}


def test_a_value_that_programs_read_in_different_ways_is_refused_without_being_shown(tmp_path: Path) -> None:
    (tmp_path / ENV).write_text("MQTT_PAGE_PASSWORD=pa$$word-of-mine\n")
    with pytest.raises(ConfigError, match="MQTT_PAGE_PASSWORD") as caught:
        write_stack(tmp_path, Answers(), _SETTINGS)
    assert "pa$$word" not in f"{caught.value!r}{caught.value.advice}"
    assert not (tmp_path / "mosquitto").exists()


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (("--collector", "zero"), 2, "NAME=PERSON"),
        (("--collector", "pipeline=ben"), 3, "a user of the broker already"),
        (("--collector", "collector=ben"), 3, "the one beside the broker"),
        (("--collector", "Zero=ben"), 3, "can't be called 'Zero'"),
        (("--collector", "zero=b/n"), 3, "person 'b/n' holds '/'"),
        (("--no-docker", "--collector", "zero=ben"), 3, "Add --tls"),
        (("--tls", "--host", "münchen.home"), 3, "can't stand in a certificate"),
    ],
)
def test_a_wrong_answer_is_explained(tmp_path: Path, options: tuple[str, ...], code: int, complaint: str) -> None:
    done = invoked(tmp_path, "--stack", str(tmp_path / "stack"), *options)
    if code == ConfigError.exit_code:
        assert isinstance(done.exception, ConfigError)
        assert complaint in f"{done.exception} {done.exception.advice}"
    else:
        assert done.exit_code == code
        assert complaint in done.output


def test_an_option_of_a_stack_without_one_is_wrong_usage(tmp_path: Path) -> None:
    assert invoked(tmp_path, "--tls").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_name_can_not_add_a_line_to_the_access_list(tmp_path: Path) -> None:
    for name in ("ben\ntopic write #", "#", "+"):
        with pytest.raises(ConfigError):
            write_stack(tmp_path, Answers(collectors={"zero": (name,)}), _SETTINGS)
        with pytest.raises(ConfigError):
            acl(household({"zero": [name]}))
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_is_made_anew_for_another_host_and_before_it_ends_and_the_authority_stays(tmp_path: Path) -> None:
    write_stack(tmp_path, _TLS, _SETTINGS)
    before = contents(tmp_path)
    assert write_stack(tmp_path, _TLS, _SETTINGS) == {}
    write_stack(tmp_path, Answers(tls=True, hosts=("pi.lan",)), _SETTINGS)
    assert changed(tmp_path, before) == {ANSWERS, "mosquitto/server.crt", "mosquitto/server.key"}
    pair = certificates.Pair(before[AUTHORITY], before["authority/authority.key"])
    long_ago = datetime.now(UTC) - timedelta(days=certificates.SERVER_DAYS - certificates.RENEW_BEFORE_DAYS + 1)
    old = certificates.new_server(pair, ["pi.lan", "localhost", "127.0.0.1"], long_ago)
    (tmp_path / "mosquitto" / "server.crt").write_bytes(old.certificate)
    assert write_stack(tmp_path, Answers(tls=True, hosts=("pi.lan",)), _SETTINGS).keys() == {
        "mosquitto/server.crt",
        "mosquitto/server.key",
    }


def test_an_authority_that_ends_is_followed_by_a_new_one_which_signs_the_broker(tmp_path: Path) -> None:
    write_stack(tmp_path, _TLS, _SETTINGS)
    old = certificates.new_authority("old", datetime.now(UTC) - timedelta(days=certificates.AUTHORITY_DAYS - 1))
    signed = certificates.new_server(old, ["pi.home"], datetime.now(UTC))
    (tmp_path / AUTHORITY).write_bytes(old.certificate)
    (tmp_path / "mosquitto" / "server.crt").write_bytes(signed.certificate)
    said = write_stack(tmp_path, _TLS, _SETTINGS)
    assert said.keys() == {AUTHORITY, "mosquitto/server.crt", *_KEYS}
    now = contents(tmp_path)
    assert certificates.is_issued_by(now["mosquitto/server.crt"], now[AUTHORITY])


def test_a_certificate_that_somebody_else_signed_is_left_alone(tmp_path: Path) -> None:
    write_stack(tmp_path, Answers(), _SETTINGS)
    elsewhere = certificates.new_server(certificates.new_authority("x", datetime.now(UTC)), ["pi"], datetime.now(UTC))
    (tmp_path / "mosquitto" / "server.crt").write_bytes(elsewhere.certificate)
    said = write_stack(tmp_path, _TLS, _SETTINGS)
    assert "somebody else has signed it" in said["mosquitto/server.crt"]
    assert (tmp_path / "mosquitto" / "server.crt").read_bytes() == elsewhere.certificate
    assert not (tmp_path / AUTHORITY).exists()


def test_the_authority_s_key_may_be_kept_elsewhere_until_it_has_to_sign(tmp_path: Path) -> None:
    write_stack(tmp_path, _TLS, _SETTINGS)
    (tmp_path / "authority" / "authority.key").unlink()
    assert write_stack(tmp_path, _TLS, _SETTINGS) == {}
    with pytest.raises(ConfigError, match=r"authority\.key is not there") as caught:
        write_stack(tmp_path, Answers(tls=True, hosts=("pi.lan",)), _SETTINGS)
    assert "Bring it back" in caught.value.advice


def test_without_docker_each_process_has_settings_of_its_own_that_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stack(tmp_path, Answers(docker=False), _SETTINGS)
    for user in ("collector", "pipeline", "page"):
        values = values_of((tmp_path / "settings" / f"{user}.env").read_text())
        with monkeypatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value)
            settings = load_settings(tmp_path)
        assert settings.bus_username == user
        assert settings.bus_password is not None
        assert (settings.store_token is not None) == (user == "pipeline")
    assert "INFLUXDB_ADMIN_TOKEN" not in values_of((tmp_path / ENV).read_text())


def test_a_file_of_variables_is_completed_and_no_line_of_it_is_lost() -> None:
    text = '# kept\nA=1\nB=\n export C=3\nD = "4"\n'
    after = completed(
        text, {"A": ("", lambda: "no"), "B": ("", lambda: "2"), "D": ("", lambda: "no"), "E": ("new", lambda: "5")}
    )
    assert after == '# kept\nA=1\nB=2\n export C=3\nD = "4"\n# new\nE=5\n'


def on_a_terminal(home: Path, answers: str, *arguments: str) -> str:
    """What a person sees who types these lines."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [STRAPLINE, "init", *arguments], env=environment(home), stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    os.write(controller, answers.encode())
    seen = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([controller], [], [], 0.1)[0]:
            try:
                seen += os.read(controller, 4096)
            except OSError:  # Linux: the other end is closed
                break
    assert process.wait(10) == 0, seen
    os.close(controller)
    return seen.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_on_a_terminal_it_asks_for_what_no_option_says(tmp_path: Path) -> None:
    seen = on_a_terminal(
        tmp_path, "anna\n\nA0:9E:1A:00:11:22\nn\npi.home 192.168.1.5\n", "--stack", str(tmp_path / "s")
    )
    assert "Who wears the strap?" in seen
    strap = load_settings(tmp_path / "s").straps["strap"]
    assert (strap.person, strap.address) == ("anna", "A0:9E:1A:00:11:22")
    assert answers_of(tmp_path / "s") == Answers(tls=False, hosts=("pi.home", "192.168.1.5"))
    again = on_a_terminal(tmp_path, "", "--stack", str(tmp_path / "s"))
    assert "?" not in again
