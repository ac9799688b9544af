"""From the types of `footage.trajectory` to rows, the inverse of reading.py; and the two ways to write a row."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from footage.storage.requests.chains import dump_json
from footage.trajectory import Action, Instant, Region

__all__ = ["action_columns", "insert", "instant_columns", "regions_json", "storable", "task_id_of", "update"]


def instant_columns(name: str, at: Instant | None) -> dict[str, Any]:
    """Return the three columns that hold an instant."""
    if at is None:
        return {f"{name}_boot": None, f"{name}_mono": None, f"{name}_wall": None}
    return {f"{name}_boot": at.boot_id, f"{name}_mono": at.monotonic_ns, f"{name}_wall": at.wall_ns}


def storable(value: Any) -> Any:
    """Return the value; halves of surrogate pairs, which UTF-8 cannot hold, as JSON escapes them."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> int:
    """Insert one row; return its id. Column names come from this package only."""
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    cursor = connection.execute(
        f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [storable(v) for v in values.values()]
    )
    return int(cursor.lastrowid or 0)


def update(connection: sqlite3.Connection, table: str, row: int, values: Mapping[str, Any]) -> None:
    """Change columns of one row, given by its id."""
    pairs = ", ".join(f'"{name}" = ?' for name in values)
    connection.execute(f'UPDATE "{table}" SET {pairs} WHERE id = ?', [*map(storable, values.values()), row])


def task_id_of(task: str) -> str:
    """Return a short name for a task text: its hash, so that runs of the same text are compared with each other."""
    text = " ".join(task.split()).casefold()
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12] if text else ""


def regions_json(regions: Sequence[Region]) -> str:
    """Return [[x, y, width, height], …]."""
    return dump_json([region.as_list() for region in regions])


def action_columns(action: Action) -> dict[str, Any]:
    """Return the columns that hold an action, and where it lands."""
    x, y = action.point or (None, None)
    return {
        "namespace": action.namespace,
        "name": action.name,
        "arguments": dump_json(dict(action.arguments)),
        "raw": None if action.raw is None else dump_json(dict(action.raw)),
        "space": None if action.space is None else dump_json(action.space.as_json()),
        "x": x,
        "y": y,
        "tracked": int(x is not None and action.tracked is not None and "coordinate" not in action.arguments),
    }
