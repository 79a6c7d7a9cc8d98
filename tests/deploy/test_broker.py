"""The broker of a stack: what each of its users may do, and who is not let in. A real mosquitto on generated files."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.bus import BusAddress, Will, open_bus
from ingest.errors import BusError, BusRefused, BusUnavailable
from ingest.stack import certificates
from ingest.stack.broker_files import AUTHORITY
from ingest.stack.folder import Answers
from ingest.topics import matches
from tests.deploy.household import SETTINGS, Household, broker, written
from tests.end_to_end.command import strapline
from tests.support import eventually, require, server

pytestmark = pytest.mark.mosquitto

_USERS = ("collector", "zero", "pipeline", "page", "reader")

# Topic -> who may write it, and who may read it. Written by hand, from docs/security.md.
_RIGHTS = {
    "strapline/v1/anna maria/chest/beats": ({"collector"}, {"pipeline", "page"}),
    "strapline/v1/ben/chest/beats": ({"zero"}, {"pipeline", "page"}),
    "strapline/v1/anna maria/chest/status": ({"collector", "pipeline"}, {"pipeline", "page", "reader"}),
    "strapline/v1/ben/chest/status": ({"zero", "pipeline"}, {"pipeline", "page", "reader"}),
    "strapline/v1/anna maria/chest/stored": ({"pipeline"}, {"collector", "pipeline"}),
    "strapline/v1/ben/chest/stored": ({"pipeline"}, {"zero", "pipeline"}),
    "strapline/v1/anna maria/live": ({"pipeline"}, {"pipeline", "page", "reader"}),
    "strapline/v1/anna maria/session": ({"pipeline"}, {"pipeline", "page", "reader"}),
    "strapline/v1/anna maria/readiness": ({"pipeline"}, {"pipeline", "page", "reader"}),
    "strapline/v1/anna maria/command": ({"page", "reader"}, {"pipeline"}),
    "strapline/v1/anna maria/command/error": ({"pipeline"}, {"pipeline", "page", "reader"}),
    "strapline/health/pipeline": ({"pipeline"}, set(_USERS)),
    "strapline/health/collector": ({"collector"}, {"collector", "pipeline", "page", "reader"}),
    "strapline/health/zero": ({"zero"}, {"zero", "pipeline", "page", "reader"}),
    "homeassistant/device/strapline_anna/config": ({"pipeline"}, {"pipeline", "reader"}),
    "homeassistant/sensor/other/config": (set(), set()),
    "strapline/v1/anna maria/chest/other": (set(), set()),
    "elsewhere": (set(), set()),
}


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    folder = tmp_path_factory.mktemp("stack")
    home = written(folder)
    with broker(home, folder / "run"):
        yield home


async def test_each_line_of_the_access_list_allows_what_it_says_and_all_else_is_refused(household: Household) -> None:
    wrote: set[tuple[str, str]] = set()
    read: set[tuple[str, str]] = set()
    expected_read = {(user, topic) for topic, (writers, readers) in _RIGHTS.items() if writers for user in readers}
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        buses = {
            user: await stack.enter_async_context(open_bus(household.plain(user), client_id=f"test-{user}"))
            for user in _USERS
        }

        async def listen(user: str) -> None:
            await buses[user].subscribe("#", "$SYS/#")
            listening.add(user)
            while True:
                read.update((user, message.topic) for message in await buses[user].receive())

        listening: set[str] = set()
        tasks = [group.create_task(listen(user)) for user in _USERS]
        await eventually(lambda: listening == set(_USERS), "everybody listens")
        for user, bus in buses.items():
            for topic in _RIGHTS:
                try:
                    await bus.publish(topic, user.encode())
                except BusRefused:
                    continue
                wrote.add((user, topic))
        await eventually(lambda: read >= expected_read, f"they hear {expected_read - read}")
        await asyncio.sleep(0.3)  # for what should not come
        for task in tasks:
            task.cancel()
    assert wrote == {(user, topic) for topic, (writers, _) in _RIGHTS.items() for user in writers}
    assert read == expected_read
    assert not [line for line in _lines(household) if not _is_used(line, wrote, read)]


def _lines(household: Household) -> Iterator[tuple[str, str, str]]:
    """User, right and pattern of each line of the access list."""
    user = ""
    for line in (household.folder / "mosquitto" / "acl").read_text().splitlines():
        if line.startswith("user "):
            user = line.removeprefix("user ")
        elif line.startswith("topic "):
            _, right, pattern = line.split(" ", 2)
            yield user, right, pattern


def _is_used(line: tuple[str, str, str], wrote: set[tuple[str, str]], read: set[tuple[str, str]]) -> bool:
    user, right, pattern = line
    return any(who == user and matches(pattern, topic) for who, topic in (wrote if right == "write" else read))


async def test_a_will_on_somebody_else_s_topic_is_not_told(household: Household) -> None:
    address = household.plain("collector")
    async with open_bus(household.plain("pipeline"), client_id="hears-wills") as listener:
        await listener.subscribe("strapline/health/+")
        for name in ("zero", "collector"):
            will = Will(f"strapline/health/{name}", b"last words")
            # The second connection of one client id ends the first, which then has not said goodbye.
            async with open_bus(address, client_id="dies", will=will), open_bus(address, client_id="dies"):
                pass
        heard = []
        while "strapline/health/collector" not in heard:
            heard += [message.topic for message in await listener.receive() if message.payload == b"last words"]
    assert heard == ["strapline/health/collector"]


async def test_who_takes_the_pipeline_s_client_id_hears_nothing_that_is_not_for_it(
    household: Household, caplog: pytest.LogCaptureFixture
) -> None:
    beats, live = "strapline/v1/ben/chest/beats", "strapline/v1/ben/live"
    async with open_bus(household.plain("pipeline"), client_id="strapline-clash", durable=True) as pipeline:
        await pipeline.subscribe(beats, live)
        async with open_bus(household.plain("reader"), client_id="strapline-clash", durable=True) as reader:
            async with open_bus(household.plain("zero"), client_id="sends") as zero:
                await zero.publish(beats, b"private")
            async with open_bus(household.plain("pipeline"), client_id="tells") as teller:
                await teller.publish(live, b"for all")
            (heard,) = await reader.receive()
    assert heard.payload == b"for all"
    assert "connection to the broker lost" in caplog.text


async def _refusal(address: BusAddress) -> BusError:
    with pytest.raises(BusError) as caught:
        async with open_bus(address, client_id="knocks"):
            pass
    return caught.value


async def test_a_wrong_password_another_s_password_and_no_name_are_not_let_in(household: Household) -> None:
    right = household.plain("pipeline")
    wrong = [
        replace(right, password="a wrong one"),
        replace(right, password=household.password("page")),
        replace(right, username="somebody"),
        BusAddress(right.url),
        replace(household.encrypted("pipeline"), username=None, password=None),
    ]
    for address in wrong:
        refusal = await _refusal(address)
        assert isinstance(refusal, BusRefused)
        assert refusal.reason == "Not authorized"
        assert address.password is None or address.password not in f"{refusal!r} {refusal.advice}"


async def test_with_the_authority_of_the_house_the_broker_is_trusted_and_with_another_it_is_not(
    household: Household, tmp_path: Path
) -> None:
    async with open_bus(household.encrypted("zero"), client_id="tls") as bus:
        await bus.publish("strapline/v1/ben/chest/beats", b"{}")
    async with open_bus(household.encrypted("zero", host="127.0.0.1"), client_id="tls"):
        pass
    stranger = tmp_path / "stranger.crt"
    stranger.write_bytes(certificates.new_authority("Another house", datetime.now(UTC)).certificate)
    for address in (
        household.encrypted("zero", stranger),
        replace(household.encrypted("zero"), ca_file=None),
        replace(household.encrypted("zero"), url=f"mqtts://localhost:{household.port}"),
    ):
        refusal = await _refusal(address)
        assert isinstance(refusal, BusUnavailable)
        assert household.password("zero") not in f"{refusal!r} {refusal.advice}"


@pytest.mark.parametrize(
    ("hosts", "made", "complaint"),
    [
        (["localhost"], datetime.now(UTC) - timedelta(days=certificates.SERVER_DAYS + 1), "expired"),
        (["elsewhere.home"], datetime.now(UTC), "localhost"),
    ],
)
async def test_an_expired_certificate_and_one_for_another_host_are_refused(
    tmp_path: Path, hosts: list[str], made: datetime, complaint: str
) -> None:
    home = written(tmp_path)
    authority = certificates.new_authority("A house", made)
    server_pair = certificates.new_server(authority, hosts, made)
    (tmp_path / AUTHORITY).write_bytes(authority.certificate)
    (tmp_path / "mosquitto" / "server.crt").write_bytes(server_pair.certificate)
    (tmp_path / "mosquitto" / "server.key").write_bytes(server_pair.key)
    with broker(home, tmp_path / "run"):
        refusal = await _refusal(home.encrypted("zero"))
    assert isinstance(refusal, BusUnavailable)
    assert complaint in str(refusal)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, as /etc is."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp())
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        yield folder


async def test_without_docker_a_broker_that_has_given_up_root_can_read_files_that_others_can_not(
    open_folder: Path, tmp_path: Path
) -> None:
    home = written(open_folder / "stack", Answers(docker=False, tls=True, hosts=("localhost",)))
    program = require("mosquitto", "mosquitto")
    folder = home.folder / "mosquitto"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o077} == {"mosquitto.conf", "server.crt"}
    if os.geteuid() == 0:
        assert (folder / "passwords").stat().st_uid != 0
    text = (folder / "mosquitto.conf").read_text()
    assert "listener 1883 127.0.0.1" in text  # what is not encrypted stays on this machine
    included = open_folder / "conf.d"
    included.mkdir()
    text = text.replace("listener 1883", f"listener {home.port}").replace("8883", f"{home.tls_port} 127.0.0.1")
    (included / "strapline.conf").write_text(text)
    debian = f"persistence true\npersistence_location {open_folder}/\ninclude_dir {included}\n"
    (open_folder / "conf").write_text(debian)
    with server([program, "-c", str(open_folder / "conf")], home.port, tmp_path / "log"):
        async with open_bus(home.encrypted("pipeline"), client_id="x"), open_bus(home.plain("page"), client_id="y"):
            pass


@pytest.mark.parametrize("user", ["pipeline", "page", "collector"])
def test_doctor_asks_of_a_part_s_user_what_that_part_does_and_no_more(
    household: Household, tmp_path: Path, user: str
) -> None:
    (tmp_path / "strapline.toml").write_text(SETTINGS)
    (tmp_path / "journal.db").touch()
    address = household.plain(user)
    login = {"BUS_URL": address.url, "BUS_USERNAME": user, "BUS_PASSWORD": household.password(user)}
    done = strapline(tmp_path, "doctor", "--json", HOME_ASSISTANT="true", **login)
    found = [finding for finding in json.loads(done.stdout) if finding["what"].startswith("broker")]
    assert {finding["exit_code"] for finding in found} == {0}, found
    assert (user == "page") == ("broker rights" not in {finding["what"] for finding in found})
