"""No settings, however wrong, give an error other than ConfigError, which can be shown and says what to do."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import ConfigError
from ingest.settings import FILE_NAME, SECRETS, Settings, load_settings
from tests.fuzz.mutations import JSON_TRAPS, mutated_bytes

VALID = [
    b'bus_url = "mqtts://broker:8883"\nbus_username = "anna"\nbus_password = "hush"\nbus_ca_file = "ca.pem"\n',
    b'store_url = ["sqlite:///a.db", "influxdb://host:8086/bucket?org=home"]\nstore_token = "hush"\n',
    b'page_port = 0x1F90\npage_host = "::1"\n[straps.h10]\nperson = "anna"\nname = "Polar H10"\n',
    '[straps]\nverity = { person = "Zoë", address = "AA:BB:CC:DD:EE:FF", use_start_notify = true }\n'.encode(),
    b'[straps.simulated]\nperson = """ben"""\nsimulate = 7\n',
]
TOML_TRAPS = [
    *JSON_TRAPS, b"nan", b"+inf", b"0x" + 300 * b"f", b"1e999", b"1979-05-27T07:32:00Z", b"25:61:61", b"[[straps]]\n",
    b"[straps]\n", b"straps.a.b = 1\n", b"{a={", 3000 * b"{a=", 400 * b"a.", b"'''", b'"""', b"\\U00110000", b"\r",
    b"\n", b" = ", b"#", b'"http://["', b'"mqtt://h:99999"', b'"mqtt://\xef\xbc\xbb"', b'"//u:p@"',
]  # fmt: skip
NAMES = [name.upper() for name in Settings.model_fields]
PARTS = ["", "A", "H10", "PERSON", "SIMULATE", "NAME", "X"]

chances = st.randoms(use_true_random=False)
# An environment holds bytes without NUL; those that are no UTF-8 are lone surrogates to Python.
texts = st.binary(max_size=40).map(lambda text: os.fsdecode(text.replace(b"\x00", b"")))
odd_values = st.sampled_from(
    ["{}", "[]", "null", "NaN", '{"person": 1}', '{"h10": {"person": "anna"}}', "1e999", "9" * 5000, "[" * 100_000,
     '{"a":' * 100_000, "http://[", "mqtt://h:x", "mqtt://u:p@h", '{"a": {"person": "\\ud800"}}', "a b", " "]
)  # fmt: skip
variables = st.one_of(
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map(lambda parts: "__".join(["STRAPS", *parts])),
    texts.filter(lambda text: "=" not in text),
).map(lambda name: f"STRAPLINE_{name}")


def load(toml: bytes | None = None, environment: Mapping[str, str] | None = None) -> Settings | None:
    """The settings, or None after an error that a person can read and act on."""
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, environment or {}):
        if toml is not None:
            (Path(home) / FILE_NAME).write_bytes(toml)
        try:
            return load_settings(Path(home))
        except ConfigError as error:
            assert error.advice
            assert (str(error) + error.advice).encode()  # a lone surrogate could not be shown
            return None


@pytest.mark.parametrize("toml", VALID)
def test_the_settings_that_are_mutated_are_valid(toml: bytes) -> None:
    assert load(toml)


@settings(max_examples=300, deadline=None)
@given(chances)
def test_a_mutated_file_is_taken_or_a_config_error(chance: random.Random) -> None:
    load(mutated_bytes(chance, VALID, TOML_TRAPS))


@settings(deadline=None)
@given(st.binary() | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode))
def test_any_file_is_taken_or_a_config_error(toml: bytes) -> None:
    load(toml)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(variables, odd_values | texts, max_size=4))
def test_any_environment_is_taken_or_a_config_error(environment: dict[str, str]) -> None:
    load(environment=environment)


@pytest.mark.parametrize("trap", TOML_TRAPS, ids=lambda trap: repr(trap[:12]))
@pytest.mark.parametrize("key", ["page_port", "bus_url", "store_url", "straps"])
def test_a_trap_in_place_of_a_value_is_taken_or_a_config_error(key: str, trap: bytes) -> None:
    load(key.encode() + b" = " + trap)


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_file_that_is_no_text_is_named_without_its_bytes(tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_bytes(b"hush\xff")
    variable = f"STRAPLINE_{key.upper()}_FILE"
    with patch.dict(os.environ, {variable: str(tmp_path / "secret")}), pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert variable in str(caught.value)
    assert "hush" not in repr((caught.value, caught.value.advice))


@pytest.mark.parametrize("url", ["mqtt://anna:hush/x@host", "mqtt://anna:hush\uff0f@host"])
def test_a_url_that_is_none_is_refused_without_quoting_what_may_be_a_password(tmp_path: Path, url: str) -> None:
    (tmp_path / FILE_NAME).write_text(f'bus_url = "{url}"', encoding="utf-8")
    with pytest.raises(ConfigError, match="bus_url is no URL") as caught:
        load_settings(tmp_path)
    assert "hush" not in repr((caught.value, caught.value.advice))


def test_a_file_that_begins_with_a_byte_order_mark_is_read() -> None:
    loaded = load(b"\xef\xbb\xbfpage_port = 1")
    assert loaded is not None
    assert loaded.page_port == 1


@pytest.mark.parametrize("variable", ["STRAPLINE_BUS_URL__X", "STRAPLINE_HOME__X", "STRAPLINE_STORE_TOKEN_FILE__X"])
def test_a_part_of_a_setting_that_has_none_is_an_unknown_variable(variable: str) -> None:
    assert load(environment={variable: "1"}) is None
