"""
A `.footage` file: a store that holds some families and nothing else, whole in one file.

It is an SQLite file without a WAL, opened by `--store` like any store, and imported by `footage import` into another.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from footage.errors import StoreCorrupt, UsageError
from footage.storage.artefacts import Artefacts, artefact_of
from footage.storage.family_copy import FILES, TABLES, FamilyCopy, rows_of
from footage.storage.file.database import translated
from footage.storage.file.scratch import scratch_beside
from footage.storage.requests.chains import dump_json
from footage.storage.store import Store, open_store
from footage.storage.upkeep.verify import verify_store
from footage.trajectory import JSON

__all__ = ["ENDING", "LINE", "MACHINES", "MANY", "NAME", "FootageFile", "export", "write_footage_file"]

NAME = "footage"
ENDING = ".footage"
LINE = (
    "whole families, replays and forks included, without loss: a store that holds nothing else. `footage import` takes"
    " it into another store, `--store FILE` looks at it where it is"
)
MANY = True
MACHINES = True

PIECE = 4 << 20
"""Bytes of a file beside the store that are one row in a `.footage` file."""


@dataclass(frozen=True, slots=True)
class FootageFile:
    """What was written."""

    path: Path
    runs: tuple[str, ...]
    """Every run of the families, oldest first."""
    bytes: int
    left_out: tuple[JSON, ...]
    """Artefacts that are not in the file: {"run", "kind", "bytes", "sha256"} each."""

    def as_json(self) -> JSON:
        """Return {"path", "to", "runs", "bytes", "left_out"}."""
        head = {"path": str(self.path), "to": "footage", "runs": list(self.runs), "bytes": self.bytes}
        return {**head, "left_out": list(self.left_out)}


def write_footage_file(
    store: Store,
    runs: Sequence[str],
    path: Path,
    *,
    with_machine: bool = False,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> FootageFile:
    """
    Write the families of these runs into a `.footage` file, check it, and put it in its place all at once.

    `with_machine` takes along what lies beside the store, such as a virtual machine's log and snapshots. `on_progress`
    is called with (done, total) rows, pictures and requests. Raises RunNotFound, UsageError (the file exists),
    StoreCorrupt (what was to be written is damaged), StoreError.
    """
    families = sorted({store.run(run).family for run in runs})
    if path.exists() and (not overwrite or not path.is_file() or path.samefile(store.path)):
        raise UsageError(f"{path} exists already.", hint="Choose another name, or --force to replace the file.")
    with scratch_beside(path) as scratch:
        made = scratch / "family.db"
        with open_store(made) as target:
            _fill(store, families, target, with_machine=with_machine, on_progress=on_progress)
            found = [run.id for family in families for run in target.family(family)]
        _make_single(made)
        made.replace(path)
    left_out = () if with_machine else _artefacts(store, found)
    return FootageFile(path, tuple(found), path.stat().st_size, left_out)


def export(
    store: Store,
    runs: Sequence[str],
    path: Path,
    *,
    overwrite: bool,
    on_progress: Callable[[int, int], None],
    with_machine: bool = False,
) -> FootageFile:
    """Write the families of runs: `write_footage_file` as an exporter."""
    return write_footage_file(
        store, runs, path, with_machine=with_machine, overwrite=overwrite, on_progress=on_progress
    )


def _fill(
    store: Store,
    families: Sequence[str],
    target: Store,
    *,
    with_machine: bool,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    tell = on_progress or (lambda _done, _total: None)
    with store.database.snapshot() as source, target.database.transaction() as connection:
        marks = ", ".join("?" * len(families))
        ids = [row[0] for row in source.execute(f"SELECT id FROM family WHERE name IN ({marks})", families)]
        rows = rows_of(source, ids, without=() if with_machine else FILES)
        total = sum(1 for table in TABLES for _ in rows(table))
        done = iter(range(1, total + 1))
        copy = FamilyCopy(connection, rows, on_row=lambda: tell(next(done), total))
        copy.copy()
        for artefact in copy.ids["artefact"]:
            _enclose(store, connection, artefact, copy.ids["artefact"][artefact])
        if not with_machine:  # what re-executed the same instructions stays behind
            for row in rows_of(source, ids)("exact"):
                sql = "UPDATE run SET guarantee = 'anchored' WHERE id = ? AND guarantee = 'exact'"
                connection.execute(sql, (copy.ids["run"][row["run"]],))
    report = verify_store(target, on_progress=on_progress)
    if not report.ok:
        bad = report.bad[0]
        raise StoreCorrupt(
            f"The family is damaged, and was not exported: {bad.kind} {bad.id}: {bad.why}", hint="See `footage verify`."
        )


def _enclose(store: Store, connection: sqlite3.Connection, artefact: int, copied: int) -> None:
    """Put a file that lies beside the store into the copy, piece by piece, unless it came along in pieces."""
    if connection.execute("SELECT 1 FROM artefact_piece WHERE artefact = ?", (copied,)).fetchone():
        return
    sql = "INSERT INTO artefact_piece (artefact, number, piece) VALUES (?, ?, ?)"
    with Artefacts(store.database).path(artefact_of(store.database, artefact)).open("rb") as file:
        for number, piece in enumerate(iter(lambda: file.read(PIECE), b"")):
            connection.execute(sql, (copied, number, piece))


def _artefacts(store: Store, runs: Sequence[str]) -> tuple[JSON, ...]:
    sql = (
        "SELECT run.name, artefact.kind, bytes, sha256 FROM artefact JOIN run ON run.id = artefact.run"
        " WHERE run.name IN (SELECT value FROM json_each(?)) ORDER BY artefact.id"
    )
    rows = store.database.rows(sql, dump_json(list(runs)))
    return tuple({"run": row[0], "kind": row[1], "bytes": row[2], "sha256": row[3]} for row in rows)


def _make_single(path: Path) -> None:
    """Let the file stand alone, durable, without a WAL."""
    with translated(path), contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)  # a store is private; this file was made to be handed on
    with path.open("rb") as file:
        os.fsync(file.fileno())
