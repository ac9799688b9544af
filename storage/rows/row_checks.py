"""
Rows as they cannot have been written: a damaged file is told of as StoreCorrupt, and gives out nothing odd.

SQLite checks types when it writes, not when it reads.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from types import NoneType

from footage.errors import StoreCorrupt

__all__ = ["checked", "sound", "sound_columns"]

# By name, whatever the table (see schema/): columns of bytes, of numbers, and those that are never NULL.
_BYTES = frozenset({"request", "response", "timeline"})
_NUMBERS = frozenset(
    {
        *(
            "id",
            "run",
            "family",
            "parent",
            "parent_step",
            "steps",
            "turns",
            "trusted",
            "number",
            "conversation",
            "turn",
        ),
        *("copied_from", "call_index", "x", "y", "tracked", "source_step", "expected_frame", "actual_frame", "picture"),
        *("width", "height", "screen_width", "screen_height", "derived", "lossy", "step", "lost", "frame"),
        *("request_bytes", "response_bytes"),
        *("redacted", "icount", "end_icount", "log", "artefact", "bytes"),
    }
)
_FRACTIONS = frozenset({"confidence"})
_NEEDED = frozenset(
    {
        *("id", "name", "family_name", "run_name", "kind", "task", "task_id", "model", "steps", "turns", "number"),
        *(
            "conversation",
            "call_id",
            "call_index",
            "namespace",
            "arguments",
            "width",
            "height",
            "sha256",
            "screen_width",
        ),
        *("screen_height", "reason", "value", "source", "text", "role", "method", "path", "request_bytes"),
        "response_bytes",
        *("bytes", "log", "artefact", "facts", "timeline", "end_icount"),
    }
)


@contextlib.contextmanager
def checked(what: str) -> Iterator[None]:
    """Turn what a row that was never written so raises into StoreCorrupt; `what` names the rows."""
    try:
        yield
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise StoreCorrupt(
            f"A damaged row among {what}: {error}.", hint="Copy the store aside, then see `footage verify`."
        ) from error


def sound(row: sqlite3.Row, *, numbers: str = "") -> sqlite3.Row:
    """
    Return the row, if its columns hold what such columns hold. Raises ValueError or TypeError.

    `numbers` is a column that holds one in this table only.
    """
    _check(tuple(row.keys()), tuple(map(type, row)), numbers)
    return row


def sound_columns(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Check many rows of the same columns as `sound` does one. Raises ValueError or TypeError."""
    for name, column in zip(names, zip(*rows, strict=True), strict=False):
        for held in set(map(type, column)):
            _check_value(name, held, "")


@lru_cache(maxsize=4096)
def _check(columns: tuple[str, ...], types: tuple[type, ...], numbers: str) -> None:
    """Check what a row's columns hold; rows of one table are mostly alike, so that most are known already."""
    for name, held in zip(columns, types, strict=True):
        _check_value(name, held, numbers)


def _check_value(name: str, held: type, numbers: str) -> None:
    kind: type = bytes if name in _BYTES else str
    if name in _NUMBERS or name == numbers or name.endswith(("_mono", "_wall")):
        kind = int
    if name in _FRACTIONS:
        kind = float
    if held is NoneType and name in _NEEDED:
        raise ValueError(f"{name} is missing")
    if held not in {kind, NoneType}:
        raise TypeError(f"{name} is of a wrong type")
