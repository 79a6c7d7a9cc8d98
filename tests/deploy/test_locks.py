"""The locked sets of packages that images and bare metal install."""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

_ROOT = Path(__file__).parents[2]
_PROJECT: Any = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_LOCKS = {path.stem.removeprefix("requirements-"): path for path in (_ROOT / "deploy").glob("requirements-*.txt")}
_PYTHONS = ("3.11", "3.12", "3.13")
_PROCESSORS = ("x86_64", "aarch64")


def _asked_for(name: str) -> list[Requirement]:
    """What pyproject.toml says that a set must bring."""
    if name == "build":
        return [Requirement(text) for text in _PROJECT["build-system"]["requires"]]
    extras = _PROJECT["project"]["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    parts = {"collector": [], "all": everything.extras}.get(name, [name])
    texts = [*_PROJECT["project"]["dependencies"], *(text for part in parts for text in extras[part])]
    return [Requirement(text) for text in texts]


def _entries(name: str) -> list[tuple[Requirement, set[str]]]:
    """Each locked package, with its hashes."""
    text = re.sub(r"#.*", "", _LOCKS[name].read_text(encoding="utf-8")).replace("\\\n", "")
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        package, *options = re.split(r"\s+--", line)
        found.append((Requirement(package), set(options)))
    return found


def _versions(name: str, python: str, processor: str) -> dict[NormalizedName, set[Version]]:
    """What one machine takes of a set."""
    environment = {
        "sys_platform": "linux",
        "platform_machine": processor,
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    found: dict[NormalizedName, set[Version]] = defaultdict(set)
    for requirement, _ in _entries(name):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (pinned,) = requirement.specifier
            assert pinned.operator == "==", requirement
            found[canonicalize_name(requirement.name)].add(Version(pinned.version))
    return found


def test_there_is_a_set_for_each_image_for_bare_metal_and_for_the_build() -> None:
    assert _LOCKS.keys() == {"all", "build", "collector", "page", "pipeline"}


@pytest.mark.parametrize("name", sorted(_LOCKS))
def test_every_package_is_locked_to_its_files(name: str) -> None:
    entries = _entries(name)

    assert entries
    for requirement, options in entries:
        assert options, requirement
        assert all(re.fullmatch(r"hash=sha256:[0-9a-f]{64}", option) for option in options), (requirement, options)
    assert "://" not in _LOCKS[name].read_text(encoding="utf-8")


@pytest.mark.parametrize("python", _PYTHONS)
@pytest.mark.parametrize("name", sorted(_LOCKS))
def test_a_set_satisfies_what_the_project_asks_for(name: str, python: str) -> None:
    for processor in _PROCESSORS:
        versions = _versions(name, python, processor)
        for requirement in _asked_for(name):
            (found,) = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(found, prereleases=True), (requirement, found)


def test_all_sets_have_a_package_in_one_version() -> None:
    everything = _versions("all", "3.13", "x86_64")

    for name in _LOCKS.keys() - {"build"}:
        versions = _versions(name, "3.13", "x86_64")
        assert versions.items() <= everything.items(), name


def test_the_collector_comes_without_numpy() -> None:
    heavy = {"numpy", "scipy", "influxdb-client", "nicegui", "amqtt"}

    assert not heavy & _versions("collector", "3.13", "aarch64").keys()


def test_the_bill_of_materials_and_the_licences_tell_of_what_is_locked() -> None:
    bill = json.loads((_ROOT / "deploy/sbom.cdx.json").read_text(encoding="utf-8"))
    components = {(canonicalize_name(each["name"]), each["version"]) for each in bill["components"]}
    rows = (_ROOT / "deploy/licences.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in row.split("|")[1:4]] for row in rows if row.startswith("|")][2:]
    locked = {
        (canonicalize_name(requirement.name), next(iter(requirement.specifier)).version)
        for requirement, _ in _entries("all")
    }

    assert bill["bomFormat"] == "CycloneDX"
    assert components == {(canonicalize_name(name), found) for name, found, _ in cells}
    assert components <= locked
    assert {name for name, _ in components} == {name for name, _ in locked}
    assert all(licence not in {"", "UNKNOWN"} for _, _, licence in cells)
