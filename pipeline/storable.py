"""Whether every store would keep a point exactly. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from pipeline.schema import FieldType, FieldValue, Measurement, Point

# InfluxDB keeps two values of int64 at the lower end and one at the upper end for itself.
EARLIEST_NS, LATEST_NS = -(2**63) + 2, 2**63 - 2

_INT64 = range(-(2**63), 2**63)
# The line protocol has no form for an empty tag, and none that reads back for a backslash or a line break in one.
_BAD_IN_TAG = re.compile(r"[\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# A lone surrogate has no UTF-8 form; a NUL ends a text early for some readers.
_BAD_IN_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_PYTHON_TYPES: Mapping[FieldType, type] = MappingProxyType(
    {FieldType.FLOAT: float, FieldType.INTEGER: int, FieldType.STRING: str}
)


def check_points(points: Iterable[Point]) -> None:
    """Make sure, before any is stored, that every store would keep every point exactly.

    Raises:
        ValueError: a point that does not fit its measurement, has no field or an empty tag, holds NaN, an infinity or
            an integer beyond 64 bits, text that is no Unicode, or a time that InfluxDB can't hold.
    """
    for point in points:
        problem = _tags_problem(point) or _fields_problem(point)
        if not problem and not EARLIEST_NS <= point.time_ns <= LATEST_NS:
            problem = f"time_ns {point.time_ns} is out of range"
        if problem:
            message = f"{point.measurement.name} at {point.time_ns}: {problem}"
            raise ValueError(message)


def _tags_problem(point: Point) -> str:
    names = point.measurement.tags
    if len(point.tags) != len(names):
        return f"{len(point.tags)} tag values for {len(names)} tags"
    for name, tag in zip(names, point.tags, strict=True):
        if not tag or _BAD_IN_TAG.search(tag):
            return f"tag {name} can't be {tag!r}"
    return ""


def _fields_problem(point: Point) -> str:
    if not point.fields:
        return "no field has a value"
    types = _types(point.measurement)
    for name, stored in point.fields.items():
        wanted = types.get(name)
        if wanted is None:
            return f"there is no field {name!r}"
        if not isinstance(stored, _PYTHON_TYPES[wanted]) or isinstance(stored, bool):
            return f"{name} must be of type {wanted}, not {stored!r}"
        if not _is_storable(stored):
            return f"{name} can't be {stored!r}"
    return ""


@cache
def _types(measurement: Measurement) -> dict[str, FieldType]:
    return {field.name: field.type for field in measurement.fields}


def _is_storable(stored: FieldValue) -> bool:
    if isinstance(stored, float):
        return math.isfinite(stored)
    if isinstance(stored, int):
        return stored in _INT64
    return not _BAD_IN_TEXT.search(stored)
