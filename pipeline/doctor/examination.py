"""The whole examination, in the order of the path from strap to store."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import ConfigError
from ingest.setting_sources import SettingSource
from ingest.settings import Settings
from pipeline.doctor.broker import Heard, examine_broker
from pipeline.doctor.configuration import examine_settings, sources_of
from pipeline.doctor.disk import examine_disk
from pipeline.doctor.finding import Finding, trouble_of
from pipeline.doctor.processes import process_findings
from pipeline.doctor.radio import examine_radio
from pipeline.doctor.stores import examine_stores


@dataclass(frozen=True, slots=True)
class Examination:
    """What is found, and what it was found from."""

    findings: list[Finding]
    settings: Settings | None  # None: they can't be used, and nothing else was looked at
    sources: tuple[SettingSource, ...]
    heard: Heard


def unusable(error: ConfigError) -> Examination:
    """What is found where the settings can't be used."""
    return Examination([trouble_of("settings", error)], None, (), Heard())


async def examine(settings: Settings, home: Path) -> Examination:
    """What is found; nothing real is sent to broker or stores."""
    now_ns = time.time_ns()
    sources = tuple(sources_of(settings, home))
    broker, heard = await examine_broker(settings, home)
    findings = [
        *examine_settings(settings, sources, home),
        *await examine_radio(settings),
        *broker,
        *await examine_stores(settings, home, now_ns),
        *process_findings(heard.health, time.time_ns()),
        *await asyncio.to_thread(examine_disk, settings, home),
    ]
    return Examination(findings, settings, sources, heard)
