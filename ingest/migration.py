"""From the tables of any earlier version to those of this release, within one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ingest.database import Connection, Kind, version_of

Step = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """How the tables of a kind of file came to be what they are.

    Args:
        kind: the file.
        create: makes the newest tables in an empty file.
        steps: the first leads from version 1 to version 2, and so on.
        unmarked: the version of a file that was written before versions stood in files; 0: it is empty.
    """

    kind: Kind
    create: Step
    steps: tuple[Step, ...]
    unmarked: Callable[[Connection], int]


def bring_up_to_date(connection: Connection, migration: Migration) -> None:
    """Make the tables in an empty file, and bring those of an earlier version to the newest one.

    Args:
        connection: that of a transaction, so that all of it happens or nothing.
        migration: that of the file's kind.
    """
    newest = migration.kind.version
    if version_of(connection) == newest:
        return
    version = version_of(connection) or migration.unmarked(connection)
    if version == 0:
        migration.create(connection)
    else:
        for step in migration.steps[version - 1 :]:
            step(connection)
    connection.execute(f"PRAGMA user_version = {newest}")


def has_table(connection: Connection, name: str) -> bool:
    """Whether the file has a table."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None
