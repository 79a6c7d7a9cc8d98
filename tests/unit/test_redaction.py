"""What becomes of secrets, names and addresses in a text that is given away."""

from __future__ import annotations

import json
import unicodedata
from urllib.parse import quote

import pytest

from pipeline.doctor.redaction import Kind, Redactor
from pipeline.home_assistant import device_id

ZOE = "Zoë Q."
SECRET = 'pä:ss wo"rd'


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.add_secret(SECRET)
    for kind, name in ((Kind.PERSON, ZOE), (Kind.PERSON, "me"), (Kind.STRAP, "h10"), (Kind.HOST, "broker.home")):
        redactor.add(kind, name)
    return redactor


@pytest.mark.parametrize(
    "spelling",
    [
        ZOE,
        ZOE.upper(),
        unicodedata.normalize("NFD", ZOE),
        quote(ZOE),
        json.dumps(ZOE)[1:-1],
        device_id(ZOE).removeprefix("strapline_"),
    ],
)
def test_a_name_becomes_the_same_placeholder_in_every_spelling(redactor: Redactor, spelling: str) -> None:
    assert redactor.text(f"strapline/v1/{spelling}/h10/beats") == "strapline/v1/person-1/strap-1/beats"


@pytest.mark.parametrize(
    "spelling", [SECRET, quote(SECRET), json.dumps(SECRET), json.dumps(SECRET, ensure_ascii=False), repr(SECRET)]
)
def test_a_secret_goes_in_every_spelling(redactor: Redactor, spelling: str) -> None:
    assert redactor.text(f"refused {spelling}").replace('"', "").replace("'", "") == "refused (secret)"


def test_short_names_and_our_own_words_are_replaced_as_whole_words_only() -> None:
    redactor = Redactor()
    redactor.add(Kind.PERSON, "me")
    redactor.add(Kind.STRAP, "strap")
    redactor.add(Kind.USER, "strapline")
    assert redactor.text("strapline: some time of me with strap") == "strapline: some time of person-1 with strap-1"
    assert redactor.text("strapline_me") == "strapline_person-1"


def test_addresses_keep_which_is_which_and_this_machine_stays_readable(redactor: Redactor) -> None:
    devices = redactor.text("A0:9E:1A:00:11:22 a0:9e:1a:00:11:22 11:22:33:44:55:66")
    assert devices == "address-1 address-1 address-2"
    told = redactor.text("192.168.0.9 fe80::1 192.168.0.9 127.0.0.1 ::1 at 08:15:30")
    assert told == "ip-1 ip-2 ip-1 127.0.0.1 ::1 at 08:15:30"


def test_hosts_and_users_in_urls_go_whether_they_are_known_or_not(redactor: Redactor) -> None:
    told = redactor.text("mqtts://broker.home:8883 http://ann@nas.local:3000/a embedded://127.0.0.1:1883 by q@home.org")
    assert told == "mqtts://host-1:8883 http://user-1@host-2:3000/a embedded://127.0.0.1:1883 by email-1"


def test_logins_go_by_their_shape() -> None:
    text = Redactor().text('Authorization: Token abcdefgh12345678; password = \'hush\' "store_token": "hush"')
    assert "hush" not in text
    assert "abcdefgh" not in text


def test_people_and_straps_are_learned_from_topics_and_log_lines() -> None:
    redactor = Redactor()
    redactor.learn("bad message on strapline/v1/Ben B/his H10/beats; strapline/v1/+/+/status strapline/v1/cleo/live")
    redactor.learn("skipped a packet strap=tickr error='x' person='Dora D'")
    told = redactor.text("Ben B, his H10, cleo, tickr and Dora D + live")
    assert told == "person-1, strap-1, person-2, strap-2 and person-3 + live"


def test_keys_of_json_are_cleaned_as_well(redactor: Redactor) -> None:
    assert redactor.tree({ZOE: ["h10", 3, None]}) == {"person-1": ["strap-1", 3, None]}
