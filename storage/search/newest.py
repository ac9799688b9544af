"""What `@1`, `@2` … count: one's own runs, newest first, then imported ones, then those in which nothing happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from footage.storage.requests.chains import dump_json

if TYPE_CHECKING:
    from footage.storage.file.database import Database

__all__ = ["RAW_SINCE", "numbers_of", "run_at"]

_LISTED = "(SELECT value FROM json_each(?))"
_HAPPENED = "(run.steps > 0 OR run.turns > 0 OR EXISTS (SELECT 1 FROM frame WHERE frame.run = run.id){raw})"
_RAW = " OR EXISTS (SELECT 1 FROM raw_exchange WHERE raw_exchange.run = run.id)"
RAW_SINCE = 2
"""Version of the schema; an older file, open for reading, has no raw exchanges."""


def _counted(database: Database) -> tuple[str, ...]:
    """Return the conditions of the groups, one counted after the other: none pushes away those before it."""
    happened = _HAPPENED.format(raw=_RAW if database.version >= RAW_SINCE else "")
    return (
        f"run.kind = 'recorded' AND {happened}",
        f"run.kind = 'imported' AND {happened}",
        f"run.kind IN ('recorded', 'imported') AND NOT {happened}",
    )


def run_at(database: Database, number: int) -> int | None:
    """Return the row id of the run that `@number` means; None where there are fewer."""
    for which in _counted(database):
        sql = f"SELECT run.id FROM run WHERE {which} ORDER BY run.id DESC LIMIT 1 OFFSET ?"
        if (row := database.row(sql, number - 1)) is not None:
            return int(row[0])
        number -= _count(database, which)
    return None


def numbers_of(database: Database, runs: Sequence[int]) -> dict[int, int]:
    """Return {row id: N} for those of the runs that an `@N` means."""
    found: dict[int, int] = {}
    left, before = set(runs), 0
    for which in _counted(database):
        listed = dump_json(sorted(left))
        rows = database.rows(f"SELECT run.id FROM run WHERE run.id IN {_LISTED} AND +{which}", listed)
        newer: int | None = None
        number = before
        for row in sorted((int(row[0]) for row in rows), reverse=True):
            # Those between two of them, the second included: in all, the group is gone through once at the most.
            until = "" if newer is None else f" AND run.id < {newer}"
            number += _count(database, f"{which} AND run.id >= {row}{until}")
            found[row] = number
            newer = row
        left -= set(found)
        if not left:
            break
        if _rest(database, left):
            before += _count(database, which)
    return found


def _rest(database: Database, runs: set[int]) -> bool:
    """Tell whether any of the runs may still be counted: replays and forks never are."""
    sql = f"SELECT 1 FROM run WHERE id IN {_LISTED} AND kind IN ('recorded', 'imported')"
    return database.row(sql, dump_json(sorted(runs))) is not None


def _count(database: Database, which: str) -> int:
    return int(database.rows(f"SELECT count(*) FROM run WHERE {which}")[0][0])
