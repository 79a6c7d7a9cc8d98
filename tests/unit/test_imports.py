"""The arrows between the packages, and the one door to each outside library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("ingest", "pipeline", "dashboards")
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


# Libraries that stand for a part of the outside world: each is spoken to in one place, a module or a package.
ADAPTERS = {
    "amqtt": "ingest.broker",
    "bleak": "ingest.radio",
    "cryptography": "ingest.stack.certificates",
    "dbus_fast": "ingest.bluez",
    "fastapi": "dashboards.page",
    "grafana_api": "dashboards.grafana",
    "grafana_foundation_sdk": "dashboards.panels",
    "influxdb_client": "pipeline.influx",
    "nicegui": "dashboards.page",
    "paho": "ingest.mqtt",
    "prometheus_client": "ingest.metrics",
    "requests": "dashboards.grafana",
    "sqlite3": "ingest.database",
    "uvicorn": "dashboards.page",
}

PURE = (
    "ingest.stack.access",
    "ingest.backoff",
    "ingest.bluetooth_errors",
    "ingest.stack.broker_passwords",
    "ingest.stack.env_file",
    "ingest.gatt",
    "ingest.in_flight",
    "ingest.model",
    "ingest.newest",
    "ingest.packing",
    "ingest.ranges",
    "ingest.simulate",
    "ingest.timeline",
    "ingest.topics",
    "ingest.wanted",
    "ingest.wire",
    "pipeline.analysis",
    "pipeline.artifacts",
    "pipeline.privacy.company",
    "pipeline.correction",
    "pipeline.doctor.redaction",
    "pipeline.engine",
    "pipeline.frequency",
    "pipeline.home_assistant",
    "pipeline.indices",
    "pipeline.influx_address",
    "pipeline.live",
    "pipeline.nonlinear",
    "pipeline.notes",
    "pipeline.people",
    "pipeline.respiration",
    "pipeline.rows",
    "pipeline.running_sums",
    "pipeline.schema",
    *(name_of(path) for path in (ROOT / "pipeline" / "scores").glob("[!_]*.py")),
    "pipeline.storable",
    "pipeline.time_domain",
    "pipeline.windows",
    "dashboards.alert_rules",
    "dashboards.alerts",
    "dashboards.annotations",
    "dashboards.board_diff",
    "dashboards.data_source",
    "dashboards.forget_annotations",
    "dashboards.influxql",
    "dashboards.links",
    "dashboards.palette",
    "dashboards.push",
    "dashboards.texts",
)
IMPURE_LIBRARIES = {
    "asyncio",
    "logging",
    "os",
    "pathlib",
    "secrets",
    "socket",
    "sqlite3",
    "threading",
    "time",
}


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_from_its_own_layer_and_those_below(path: Path) -> None:
    above = LAYERS[LAYERS.index(name_of(path).split(".")[0]) + 1 :]
    assert not {name for name in imports_of(path) if name.split(".")[0] in {*above, "tests"}}


def test_each_outside_library_is_imported_in_exactly_one_place() -> None:
    importers = defaultdict(set)
    for path in MODULES:
        module = name_of(path)
        for name in imports_of(path):
            library = name.split(".")[0]
            home = ADAPTERS.get(library, "")
            importers[library].add(home if module.startswith(f"{home}.") else module)
    assert {library: importers[library] for library in ADAPTERS} == {lib: {only} for lib, only in ADAPTERS.items()}


@pytest.mark.parametrize("module", PURE)
def test_the_pure_core_has_no_clock_socket_file_or_logger(module: str) -> None:
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    assert not {name.split(".")[0] for name in imports_of(path)} & IMPURE_LIBRARIES


@pytest.mark.parametrize("module", PURE)
def test_the_pure_core_never_asks_what_time_it_is(module: str) -> None:
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    called = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not called & {"now", "today", "utcnow"}


def modules_loaded_by(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_ingest_loads_nothing_heavy() -> None:
    loaded = modules_loaded_by("import ingest")
    third_party = loaded - set(sys.stdlib_module_names) - {"ingest"}
    assert third_party <= {"annotated_types", "typing_extensions"}
    assert "asyncio" not in loaded


@pytest.mark.parametrize("module", ["ingest.verbs", "ingest.collect", "ingest.strap"])
def test_the_collector_loads_neither_numpy_nor_the_pipeline(module: str) -> None:
    loaded = modules_loaded_by(f"import {module}")
    assert not loaded & {"numpy", "scipy", "pipeline", "dashboards", "influxdb_client", "nicegui", "amqtt"}


@pytest.mark.parametrize(
    "verbs",
    [
        "ingest.verbs",
        "pipeline.verbs",
        "pipeline.person_verbs",
        "pipeline.simulate_verbs",
        "dashboards.verbs",
        "dashboards.board_verbs",
        "dashboards.doctor_verbs",
        "dashboards.privacy_verbs",
        "ingest.backup_verbs",
    ],
)
def test_the_command_line_loads_no_adapter_before_it_is_chosen(verbs: str) -> None:
    heavy = {"bleak", "amqtt", "paho", "influxdb_client", "nicegui", "fastapi", "grafana_foundation_sdk"}
    heavy |= {"cryptography", "prometheus_client", "grafana_api", "requests"}
    heavy |= {"numpy", "scipy"}
    assert not modules_loaded_by(f"import {verbs}") & heavy


def test_doctor_works_where_only_the_collector_is_installed() -> None:
    loaded = modules_loaded_by("import pipeline.doctor.examination, pipeline.doctor.bundle, dashboards.grafana_check")
    assert not loaded & {"numpy", "scipy", "influxdb_client", "grafana_api", "requests", "amqtt"}


def test_the_page_needs_of_the_pipeline_only_what_its_own_extra_brings() -> None:
    assert not modules_loaded_by("import dashboards.page") & {"scipy", "influxdb_client"}
