"""
Removing runs, and what no run needs any more.

A run is gone, with its replays and forks, in one transaction for each; what only they needed of their family's
pictures, atlases, documents and files goes next, and by `collect` later where the process was stopped in between. A
family of which something is being recorded is left alone: its recorder refers to what it stored.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from footage.errors import StoreCorrupt, UsageError
from footage.storage.artefacts import Artefacts
from footage.storage.file.database import Database
from footage.storage.file.locks import live_runs, run_is_live
from footage.storage.pictures.layout import Layout
from footage.storage.pictures.tiles import TILE, count_tiles
from footage.storage.requests.chains import dump_json
from footage.storage.requests.pictures_in_messages import pictures_in
from footage.storage.store import Store
from footage.storage.upkeep.space import free_bytes, give_back
from footage.trajectory import JSON, Run

__all__ = ["Collected", "collect", "remove_runs", "with_descendants"]

_ROWS = 256  # deleted in one transaction
_LISTED = "(SELECT value FROM json_each(?))"


@dataclass(slots=True)
class Collected:
    """What was removed because nothing referred to it, and what was left since somebody records into its family."""

    pictures: int = 0
    atlases: int = 0
    documents: int = 0
    file_bytes: int = 0
    freed_bytes: int = 0
    """Given back to the disk, of the store's file."""
    busy_families: int = 0

    def as_json(self) -> JSON:
        """Return the counts by their names."""
        return {name: getattr(self, name) for name in self.__slots__}


def with_descendants(store: Store, references: Iterable[str]) -> list[Run]:
    """Return these runs with the replays and forks made from them, and from those; children after their parents."""
    names: dict[str, Run] = {}
    for reference in references:
        wanted = store.run(reference)
        names[wanted.id] = wanted
        for run in store.family(wanted.id):  # oldest first
            if run.parent is not None and run.parent.run in names:
                names[run.id] = run
    return list(names.values())


def remove_runs(
    store: Store, references: Iterable[str], *, on_progress: Callable[[int, int], None] | None = None
) -> list[Run]:
    """
    Remove runs with their replays and forks; return all that are gone. `collect` then frees what they alone needed.

    Raises UsageError, before anything is removed, where one of them is being recorded.
    """
    runs = with_descendants(store, references)
    for run in runs:
        _refuse_live(store.database, run.id)
    for done, run in enumerate(reversed(runs), 1):  # children first: none is left without its parent
        with store.database.transaction() as connection:
            _refuse_live(store.database, run.id)
            row = connection.execute("SELECT id, family FROM run WHERE name = ?", (run.id,)).fetchone()
            if row is not None:
                connection.execute("DELETE FROM run WHERE id = ?", (row[0],))
                empty = (
                    "DELETE FROM family WHERE id = ? AND NOT EXISTS (SELECT 1 FROM run WHERE run.family = family.id)"
                )
                connection.execute(empty, (row[1],))
        if on_progress:
            on_progress(done, len(runs))
    return runs


def _refuse_live(database: Database, name: str) -> None:
    if run_is_live(database.path, name):
        raise UsageError(f"Run {name} is being recorded.", hint="Remove it once it has ended.")


def collect(
    store: Store,
    *,
    removed: Iterable[Run] | None = None,
    dry_run: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Collected:
    """
    Remove pictures, atlases, documents and files that nothing refers to, and give the room back to the disk.

    Looks at the families of the runs that were `removed`, or at all. With `dry_run` nothing is removed; `on_progress`
    is called with (done, total) families.
    """
    database, collected = store.database, Collected()
    families = _families(database, removed)
    for done, family in enumerate(families, 1):
        _collect_family(database, family, collected, dry_run=dry_run)
        if on_progress:
            on_progress(done, len(families))
    if dry_run:
        collected.freed_bytes = free_bytes(database)
    else:
        collected.file_bytes = Artefacts(database).remove_unused()
        collected.freed_bytes = give_back(database)
    return collected


def _families(database: Database, removed: Iterable[Run] | None) -> list[int]:
    """Return the families that hold anything which may be needed no more: those of removed runs, or all."""
    # A family without a run is one that a redaction is about to put in another's place.
    sql = "SELECT DISTINCT family FROM run WHERE family IN ({}) ORDER BY family"
    if removed is None:
        tables = ("picture", "atlas", "document")
        rows = database.rows(sql.format(" UNION ".join(f"SELECT family FROM {table}" for table in tables)))
    else:
        named = f"SELECT id FROM family WHERE name IN {_LISTED}"
        rows = database.rows(sql.format(named), dump_json(sorted({run.family for run in removed})))
    return [row[0] for row in rows]


def _collect_family(database: Database, family: int, collected: Collected, *, dry_run: bool) -> None:
    state = _state(lambda sql, given: database.rows(sql, *given), family)
    unused = _Unused(database, family)
    if not any(unused.rows.values()):
        return
    if _is_busy(database, family):
        collected.busy_families += 1
        return
    if not dry_run and not _delete(database, family, unused, state):
        collected.busy_families += 1
        return
    collected.pictures += len(unused.rows["picture"])
    collected.atlases += len(unused.rows["atlas"])
    collected.documents += len(unused.rows["document"])


def _delete(database: Database, family: int, unused: _Unused, state: list[tuple[object, ...]]) -> bool:
    """Delete rows, a few at a time; stop, and return False, where somebody has begun to record into the family."""
    for table, rows in unused.rows.items():
        for start in range(0, len(rows), _ROWS):
            chunk = rows[start : start + _ROWS]
            with database.transaction() as connection:
                if _state(connection.execute, family) != state or _is_busy(database, family):
                    return False
                connection.execute(f"DELETE FROM {table} WHERE id IN {_LISTED}", (dump_json(chunk),))
    return True


def _is_busy(database: Database, family: int) -> bool:
    """Tell whether some process records into the family: of a run that one layer has ended, another may not know."""
    live = live_runs(database.path)
    return bool(live) and any(row[0] in live for row in database.rows("SELECT name FROM run WHERE family = ?", family))


def _state(execute: Callable[..., Iterable[sqlite3.Row]], family: int) -> list[tuple[object, ...]]:
    """Return what tells whether a frame or a request was added to a family since: all that can name a picture."""
    sql = (
        "SELECT (SELECT max(frame.id) FROM run JOIN frame ON frame.run = run.id WHERE family = ?1),"
        " (SELECT max(request.id) FROM run JOIN request ON request.run = run.id WHERE family = ?1)"
    )
    return [tuple(row) for row in execute(sql, (family,))]


class _Unused:
    """The rows of a family that nothing refers to."""

    def __init__(self, database: Database, family: int) -> None:
        self._database = database
        documents = self._documents(family)
        pictures = {row[0] for row in self._of_runs("SELECT DISTINCT picture FROM frame", family)}
        for row in database.rows("SELECT id, body FROM document WHERE family = ?", family):
            if row["id"] in documents and b'"footage"' in row["body"]:
                pictures |= pictures_in(json.loads(row["body"].decode("utf-8", "surrogatepass")))
        used = {"document": documents, "picture": pictures, "atlas": self._atlases(family, pictures)}
        self.rows = {
            table: [
                row[0]
                for row in database.rows(f"SELECT id FROM {table} WHERE family = ?", family)
                if row[0] not in used[table]
            ]
            for table in ("picture", "atlas", "document")
        }

    def _of_runs(self, sql: str, family: int) -> list[sqlite3.Row]:
        return self._database.rows(f"{sql} WHERE run IN (SELECT id FROM run WHERE family = ?)", family)

    def _documents(self, family: int) -> set[int]:
        """Return the documents that requests name: those of each that were new in it."""
        found: set[int] = set()
        for row in self._of_runs("SELECT edits, rest FROM request", family):
            found.add(row["rest"])
            found.update(edit for edit in json.loads(row["edits"]) if isinstance(edit, int))
        return found

    def _atlases(self, family: int, pictures: set[int]) -> set[int]:
        """Return the atlases of these pictures. Raises StoreCorrupt where that cannot be told: nothing is removed."""
        found: set[int] = set()
        sql = "SELECT id, width, height, tiles FROM picture WHERE family = ? AND tiles IS NOT NULL"
        for row in self._database.rows(sql, family):
            if row["id"] in pictures:
                across = -(-row["width"] // TILE)
                try:
                    found.update(Layout.unpack(row["tiles"], count_tiles(row["width"], row["height"]), across).atlases)
                except (ValueError, TypeError) as error:
                    raise StoreCorrupt(f"Picture {row['id']} is damaged: {error}.") from error
        return found
