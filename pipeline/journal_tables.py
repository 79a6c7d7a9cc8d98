"""All tables of a journal file - beats and notes, outbox, minutes and days - and how they came to be what they are.

A step is never changed once a release has it: whoever comes from an earlier version goes through each.
"""

from __future__ import annotations

from ingest.database import Connection
from ingest.migration import Migration, bring_up_to_date, has_table
from pipeline.days import create_days
from pipeline.journal import KIND, create_journal
from pipeline.outbox import create_outbox, number_entries


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty journal, and bring those of an earlier release up to date."""
    bring_up_to_date(connection, _MIGRATION)


def _create(connection: Connection) -> None:
    create_journal(connection)
    create_outbox(connection)
    create_days(connection)


def _add_days(connection: Connection) -> None:
    """From a journal without minutes and days: every stream is derived from its first beat once more."""
    create_days(connection)
    connection.execute("UPDATE stream SET next_sequence = 0, snapshot = NULL, snapshot_sequence = 0")


def _add_weeks(connection: Connection) -> None:
    """From a journal that knew weeks by their days only; they are filled as days are judged anew."""
    create_days(connection)


def _unmarked(connection: Connection) -> int:
    if not has_table(connection, "batch"):
        return 0
    if not connection.execute("SELECT 1 FROM pragma_table_info('entry') WHERE name = 'number'").fetchone():
        return 1
    if not has_table(connection, "day"):
        return 2
    return 4 if has_table(connection, "week") else 3


_MIGRATION = Migration(KIND, _create, (number_entries, _add_days, _add_weeks), _unmarked)
