"""What doctor makes of what it sees: adapters, switches, room, stores."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ingest.bluez import Adapter, Block, bluetooth_blocks
from ingest.errors import StoreRejected
from ingest.settings import FILE_NAME, load_settings
from pipeline.doctor.configuration import examine_settings, sources_of
from pipeline.doctor.disk import LEAST_FREE_MB, examine_disk, room_finding
from pipeline.doctor.finding import TROUBLE
from pipeline.doctor.radio import adapter_findings
from pipeline.doctor.stores import examine_stores, newest_finding

S = 1_000_000_000
NOW_NS = 1_795_593_600 * S
ON, OFF = Adapter("hci0", "00:11:22:33:44:55", powered=True), Adapter("hci1", "00:11:22:33:44:56", powered=False)


def switch(folder: Path, number: int, kind: str, *, soft: str = "0", hard: str = "0") -> None:
    place = folder / f"rfkill{number}"
    place.mkdir()
    for name, text in {"type": kind, "name": f"hci{number}", "soft": soft, "hard": hard}.items():
        (place / name).write_text(f"{text}\n")


def test_only_bluetooth_switches_that_are_off_block(tmp_path: Path) -> None:
    switch(tmp_path, 0, "bluetooth")
    switch(tmp_path, 1, "bluetooth", soft="1")
    switch(tmp_path, 2, "wlan", soft="1")
    switch(tmp_path, 3, "bluetooth", hard="1")
    assert bluetooth_blocks(tmp_path) == [Block("hci1", hard=False), Block("hci3", hard=True)]
    assert bluetooth_blocks(tmp_path / "a kernel without switches") == []


@pytest.mark.parametrize(
    ("blocks", "remedy"),
    [
        ([], "`bluetoothctl power on`"),
        ([Block("hci0", hard=False)], "rfkill unblock bluetooth"),
        ([Block("hci0", hard=True)], "switch or key of the machine"),
    ],
)
def test_an_adapter_that_is_off_comes_with_the_way_to_switch_it_on(blocks: list[Block], remedy: str) -> None:
    (finding,) = adapter_findings([OFF], blocks)
    assert (finding.what, finding.exit_code) == ("adapter hci1", 4)
    assert remedy in finding.advice


def test_an_adapter_that_is_off_is_no_trouble_beside_one_that_is_on() -> None:
    assert [finding.exit_code for finding in adapter_findings([ON, OFF], [])] == [0, 0]


def test_without_an_adapter_the_finding_says_to_plug_one_in() -> None:
    (finding,) = adapter_findings([], [])
    assert (finding.exit_code, "Plug one in" in finding.advice) == (4, True)


def test_a_disk_is_full_before_nothing_fits_and_the_spool_may_not_outgrow_it() -> None:
    assert room_finding(Path("/d"), LEAST_FREE_MB - 1, 32_000, 0).exit_code == TROUBLE
    tight = room_finding(Path("/d"), LEAST_FREE_MB + 1, 32_000, spool_may_grow_mb=500)
    assert (tight.exit_code, "spool_max_mb" in tight.advice) == (0, True)
    roomy = room_finding(Path("/d"), 9_000, 32_000, spool_may_grow_mb=500)
    assert (roomy.advice, roomy.detail) == ("", "9.0 GB of 32.0 GB free for /d")


def test_spool_and_journal_are_told_with_what_their_log_takes(tmp_path: Path) -> None:
    for name in ("spool.db", "spool.db-wal", "journal.db"):
        (tmp_path / name).write_bytes(bytes(1_500_000))
    told = {finding.what: finding.detail for finding in examine_disk(load_settings(tmp_path), tmp_path)}
    assert told["spool"] == "3.0 MB; keeps at most 500.0 MB of beats, and none older than 30 days"
    assert told["journal"] == "1.5 MB; has no bound"


def test_the_age_of_the_newest_beat_is_told_and_one_from_the_future_means_a_wrong_clock() -> None:
    assert newest_finding("works", NOW_NS - 3 * 3600 * S, NOW_NS).detail == "works; its newest beat is 3:00:00 old"
    ahead = newest_finding("works", NOW_NS + 3600 * S, NOW_NS)
    assert (ahead.exit_code, "NTP" in ahead.advice) == (TROUBLE, True)
    write_only = newest_finding("works", StoreRejected("answered 403"), NOW_NS)
    assert (write_only.exit_code, "answered 403" in write_only.detail) == (0, True)
    assert newest_finding("works", None, NOW_NS).exit_code == 0


def test_a_secret_in_a_file_that_others_can_read_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_text('bus_password = "hush"\n')
    settings = load_settings(tmp_path)
    for mode, exit_codes in ((0o644, {0, 3}), (0o600, {0})):
        file.chmod(mode)
        findings = examine_settings(settings, sources_of(settings, tmp_path), tmp_path)
        assert {finding.exit_code for finding in findings} == exit_codes
        assert "hush" not in str(findings)


def test_a_store_whose_file_is_not_there_is_told_of_and_not_made(tmp_path: Path) -> None:
    (found,) = asyncio.run(examine_stores(load_settings(tmp_path), tmp_path, 0))
    assert (found.what, found.exit_code) == ("store", 0)
    assert "not there yet" in found.detail
    assert list(tmp_path.iterdir()) == []
