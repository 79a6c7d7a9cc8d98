"""Everything about a person in one file: beats, notes, points and settings, from the journal of this machine."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from ingest.errors import ConfigError
from ingest.model import MS_PER_TICK
from ingest.people import PersonSettings
from ingest.settings import StrapSettings
from ingest.topics import person_root
from pipeline.days import points_of_days, read_report
from pipeline.filling import points_of_stream
from pipeline.journal import Journal, Note, Stream
from pipeline.notes import point_of_note
from pipeline.privacy.forget_journal import unreadable_of
from pipeline.schema import MEASUREMENTS, Measurement, Point

_README = """\
What Strapline keeps of {person}, written {now}.

rr/STRAP-TIME-STREAM.txt  every beat of one stream (one start of a collector), oldest first: its Unix time in ns, and
                          the RR interval in ms that ends at it. A comment marks where beats are missing. `strapline
                          analyze` and `replay` read such a file; replay takes its start from --start, and closes gaps.
notes.json                commands and states of straps, as they came: topic, time of receipt in ns, payload
unreadable.json           messages that could not be read, in the same form
points/MEASUREMENT.csv    what was derived and told to the stores, one row a point: Unix time in ns, tags, fields.
                          docs/metrics.md and docs/scores.md say what each means. A point that comes again later in
                          the file adds to the one before, or replaces it.
report.json               the newest day, as `strapline report --json` tells it
settings.toml             what the settings say of the person; without secrets, which belong to nobody

It comes from the journal of the pipeline's machine. What a collector elsewhere still holds is not in it yet.
"""

Progress = Callable[[str], None]


def export_person(
    person: str,
    journal: Journal,
    file: Path,
    people: Mapping[str, PersonSettings],
    straps: Mapping[str, StrapSettings],
    *,
    now: datetime,
    progress: Progress = lambda _: None,
) -> dict[str, int]:
    """Write a ZIP file, and return how much of each thing is in it.

    Args:
        person: whose.
        journal: of the pipeline; only read.
        file: is created; one that is there stays.
        people: what the settings say of people.
        straps: the straps of the settings.
        now: the moment that stands in the file.
        progress: told what is being written.

    Raises:
        ConfigError: the file is there already, or can't be written; or there is nothing of that person.
        StoreError: the journal can't be read.
    """
    streams = [stream for stream in journal.streams() if stream.person == person]
    notes = [note for note in journal.notes() if note.topic.startswith(person_root(person))]
    if not streams and not notes and person not in people:
        known = sorted({stream.person for stream in journal.streams()})
        raise ConfigError(
            f"nothing is known of {person}", advice=f"There is something of: {', '.join(known) or 'nobody'}."
        )
    counts: dict[str, int] = {}
    with _created(file) as archive:
        archive.writestr("README.txt", _README.format(person=person, now=now.isoformat(timespec="seconds")))
        for stream in streams:
            progress(f"beats of {stream.strap}, {stream.stream}")
            name, beats = _write_rr(archive, journal, stream)
            counts[name] = beats
        unreadable = journal.read(lambda connection: unreadable_of(connection, person))
        for name, some in (("notes.json", notes), ("unreadable.json", unreadable)):
            archive.writestr(name, json.dumps([_record(note) for note in some], ensure_ascii=False, indent=1))
            counts[name] = len(some)
        for measurement in MEASUREMENTS.values():
            if "person" in measurement.tags:
                progress(f"points of {measurement.name}")
                points = _points(journal, streams, person, measurement)
                counts[f"points/{measurement.name}.csv"] = _write_points(archive, measurement, points)
        report = journal.read(lambda connection: read_report(connection, person))
        archive.writestr("report.json", json.dumps(report, ensure_ascii=False, indent=1))
        archive.writestr("settings.toml", _settings(person, people, straps))
    return counts


def _created(file: Path) -> ZipFile:
    try:
        return ZipFile(file, "x", ZIP_DEFLATED)
    except FileExistsError as error:
        raise ConfigError(f"{file} is there already", advice="Name another file; nothing is overwritten.") from error
    except OSError as error:
        raise ConfigError(f"{file} can't be written: {error.strerror}", advice="Choose another folder.") from error


def _record(note: Note) -> dict[str, object]:
    return {"topic": note.topic, "received_ns": note.received_ns, "payload": note.payload.decode(errors="replace")}


def _write_rr(archive: ZipFile, journal: Journal, stream: Stream) -> tuple[str, int]:
    """One stream as RR text; its name, and how many beats it has."""
    first = next(journal.batches(stream), None)
    start = datetime.fromtimestamp((first.received_ns if first else 0) / 1e9, UTC)
    name = f"rr/{stream.strap}-{start:%Y%m%dT%H%M%SZ}-{stream.stream}.txt"
    count = 0
    with archive.open(name, "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8") as text:
        text.write("# Unix time in ns of a beat, and the RR interval in ms that ends at it\n")
        for batch in journal.batches(stream):
            for beat in batch.beats:
                if beat.gap_before and count:
                    text.write("# beats are missing here\n")
                text.write(f"{beat.time_ns} {beat.rr_ticks * MS_PER_TICK}\n")
                count += 1
    return name, count


def _points(journal: Journal, streams: Iterable[Stream], person: str, measurement: Measurement) -> Iterator[Point]:
    """All points of a measurement of a person, as the journal gives them anew."""
    if measurement.name in {"beat", "heart", "hrv"}:
        for stream in streams:
            for points in points_of_stream(journal, stream):
                yield from (point for point in points if point.measurement is measurement)
        return
    for note in journal.notes():
        if note.topic.startswith(person_root(person)):
            point = point_of_note(note.topic, note.payload, note.received_ns)
            if point.measurement is measurement:
                yield point
    for points in journal.read(lambda connection: points_of_days(connection, person)):
        yield from (point for point in points if point.measurement is measurement)


def _write_points(archive: ZipFile, measurement: Measurement, points: Iterable[Point]) -> int:
    fields = [field.name for field in measurement.fields]
    count = 0
    name = f"points/{measurement.name}.csv"
    with archive.open(name, "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(("time_ns", *measurement.tags, *fields))
        for point in points:
            rows.writerow((point.time_ns, *point.tags, *(point.fields.get(field) for field in fields)))
            count += 1
    return count


def _settings(person: str, people: Mapping[str, PersonSettings], straps: Mapping[str, StrapSettings]) -> str:
    """The person's tables as TOML; JSON's strings and numbers are TOML's."""
    lines: list[str] = []
    if person in people:
        facts = people[person].model_dump(mode="json", exclude_none=True)
        changes = facts.pop("changes", [])
        lines += [f"[people.{json.dumps(person)}]", *_pairs(facts)]
        for change in changes:
            lines += [f"[[people.{json.dumps(person)}.changes]]", *_pairs(change)]
    for name, strap in straps.items():
        if strap.person == person:
            lines += [f"[straps.{json.dumps(name)}]", *_pairs(strap.model_dump(mode="json", exclude_none=True))]
    return "\n".join((*lines, ""))


def _pairs(table: Mapping[str, object]) -> Iterator[str]:
    for key, kept in table.items():
        if isinstance(kept, dict):
            inside = ", ".join(_pairs(kept))
            yield f"{key} = {{ {inside} }}"
        elif key == "since":
            yield f"{key} = {kept}"  # a date, which TOML writes without quotes
        else:
            yield f"{key} = {json.dumps(kept)}"
