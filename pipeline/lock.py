"""One pipeline for each data directory."""

from __future__ import annotations

from pathlib import Path

from ingest.database import Database
from ingest.errors import ConfigError, StoreBusy

_FILE_NAME = "pipeline.lock"


def only_pipeline_of(home: Path) -> Database:
    """A lock that ends with the process: two pipelines with one journal would each think the other's beats missing.

    Raises:
        ConfigError: another process has it.
    """
    lock = None
    try:
        lock = Database(home / _FILE_NAME, busy_timeout_s=0.5, exclusive=True)
        with lock.transaction():
            return lock
    except StoreBusy as error:
        if lock is not None:
            lock.close()
        message = f"another pipeline uses {home}"
        advice = "Stop the other one, or give this one a data directory of its own (--home, STRAPLINE_HOME)."
        raise ConfigError(message, advice=advice) from error
