"""What a push compares, without a Grafana."""

from __future__ import annotations

from typing import Any

import pytest

from dashboards.annotations import QUERIES, Annotation, Kept, steps, wanted_annotations
from dashboards.data_source import difference, updated, wanted_data_source
from dashboards.influxql import for_everyone
from ingest.errors import ConfigError

_BUCKET = "influxdb://db:8086/strapline?org=home"


def _wanted(*urls: str, grafana_store_url: str | None = None, token: str | None = "hush") -> dict[str, Any]:
    found = wanted_data_source(urls, grafana_store_url, token)
    assert found is not None
    return found


def _there(wanted: dict[str, Any], **differing: Any) -> dict[str, Any]:
    """A data source as Grafana tells it after it was told a wanted one."""
    fields = dict.fromkeys(wanted["secureJsonData"], True)
    return {
        **{key: value for key, value in wanted.items() if key != "secureJsonData"},
        "secureJsonFields": fields,
    } | differing


def test_the_first_influxdb_of_the_stores_is_read_with_its_token_in_a_header() -> None:
    source = _wanted("sqlite:///a.db", _BUCKET, "influxdb1://other/db")

    assert source["url"] == "http://db:8086"
    assert source["database"] == source["jsonData"]["dbName"] == "strapline"
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token hush"}


def test_a_user_of_an_old_influxdb_is_read_with_a_password_and_no_header() -> None:
    source = _wanted("influxdb1s://anna@db/points")

    assert (source["url"], source["user"]) == ("https://db:8086", "anna")
    assert (source["secureJsonData"], "httpHeaderName1" in source["jsonData"]) == ({"password": "hush"}, False)


def test_grafana_s_own_url_of_the_database_goes_before_that_of_the_pipeline() -> None:
    assert (
        _wanted(_BUCKET, grafana_store_url="influxdb://inside/strapline/autogen?org=home")["url"]
        == "http://inside:8086"
    )
    assert wanted_data_source(["sqlite:///a.db"], None, None) is None
    with pytest.raises(ConfigError, match="grafana_store_url"):
        wanted_data_source([_BUCKET], "sqlite:///a.db", None)
    with pytest.raises(ConfigError, match="grafana_store_url names no bucket"):
        wanted_data_source([], "influxdb://inside?org=home", None)


def test_a_header_of_before_does_not_outlive_the_change_to_a_user() -> None:
    there, wanted = _there(_wanted(_BUCKET), version=3), _wanted("influxdb1://anna@db/strapline")

    assert "~ httpHeaderName1: Authorization -> none" in difference(there, wanted)
    assert "+ password (secret)" in difference(there, wanted)
    assert "httpHeaderName1" not in updated(there, wanted)["jsonData"]


def test_a_data_source_as_it_was_told_does_not_differ() -> None:
    wanted = _wanted(_BUCKET)

    assert difference(_there(wanted, name="Mine", isDefault=True), wanted) == ()
    assert difference(_there(wanted, database=""), wanted) == ()
    assert difference(_there(wanted, database="other"), wanted) == ("~ database: other -> strapline",)


def test_of_two_annotations_that_are_alike_one_goes_and_a_moved_end_is_no_new_annotation() -> None:
    run, longer = (Annotation(1000, end_ms, "run", ("strapline:run", "anna")) for end_ms in (2000, 3000))
    note = Annotation(1000, 1000, "note", ("strapline:note", "anna"))

    found = steps([Kept(1, run), Kept(2, note), Kept(3, note)], [longer, note])

    assert (found.missing, found.changed) == ((), ((Kept(1, run), longer),))
    assert [kept.annotation for kept in found.vanished] == [note]


def test_a_session_that_ends_before_it_starts_and_has_no_length_yet_is_still_shown() -> None:
    row = {"time": 2000, "end_ms": 1999, "minutes": None, "place": None, "text": "", "kind": "rest", "person": "a:b: c"}

    assert wanted_annotations({"sessions": [row]}) == [Annotation(2000, 2000, "rest", ("strapline:rest", "a:b"))]


@pytest.mark.parametrize("name", QUERIES)
def test_a_plain_request_has_no_macro_left_and_a_board_s_asks_for_the_chosen_person(name: str) -> None:
    query = QUERIES[name]

    assert "$" not in for_everyone(query, 1, 2)
    assert "time >= 1ms AND time <= 2ms" in for_everyone(query, 1, 2)
    assert "=~ /^${person:regex}$/" in query.text
