"""
A foreign SQLite file, read so that nothing in it can do anything but be read (https://sqlite.org/security.html).

Opened read-only under lowered limits and a time limit; an authorizer lets through reading from the tables of a store
and nothing else. Views, triggers, virtual tables and generated columns that are not word for word those of a store are
refused, since SQL of somebody else would run in them.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from footage.errors import NotAStore, StoreCorrupt, StoreTooNew
from footage.storage.family_copy import TABLES, columns_of
from footage.storage.file.database import APPLICATION_ID, SCHEMA_VERSION

__all__ = ["ForeignStore"]

_LONGEST_VALUE = 64 << 20  # bytes of one text or blob
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _LONGEST_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 50,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 3,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 32,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 10,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_PRAGMAS = ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "query_only=ON")
_STEPS = 10_000  # instructions of SQLite's machine between two looks at the clock
_READING = {"table_info", "table_xinfo", "index_list", "index_xinfo", "quick_check", "application_id", "user_version"}
_SCHEMA = {"sqlite_master", "sqlite_schema"}


class ForeignStore:
    """One foreign file that says it is a store; `seconds` is how long reading it may take in all."""

    def __init__(self, path: Path, known: sqlite3.Connection, *, seconds: float) -> None:
        """
        Open and examine the file; `known` is an empty store of this version.

        Raises NotAStore, StoreTooNew, or StoreCorrupt, which says why.
        """
        self._known = known
        # Nobody else writes this file, and nothing may be written beside it: a WAL is not looked at.
        uri = f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            for limit, value in _LIMITS.items():
                self._connection.setlimit(limit, value)
            for pragma in _PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}")
            deadline = time.monotonic() + seconds
            self._connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            self._connection.set_authorizer(_allow)
            self._examine(path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, table: str) -> Iterator[Mapping[str, Any]]:
        """Yield all rows of a table by their ids, each read whole; none where the file has no such table."""
        columns = columns_of(self._connection, table)
        before: int | None = None
        if columns:
            for row in self._connection.execute(f'SELECT * FROM "{table}" ORDER BY id'):
                values = dict(zip(columns, row, strict=True))
                if type(values.get("id")) is not int or (before is not None and values["id"] <= before):
                    raise StoreCorrupt(f"The rows of {table} are not numbered as they should be.")
                before = values["id"]
                yield values

    def _examine(self, path: Path) -> None:
        if self._number("application_id") != APPLICATION_ID:
            raise NotAStore(f"{path} is an SQLite file, but not of footage.")
        version = self._number("user_version")
        if version > SCHEMA_VERSION:
            raise StoreTooNew(
                f"{path} was written by a newer footage (store version {version}, known: {SCHEMA_VERSION}).",
                hint="Upgrade: pip install --upgrade footage",
            )
        if version < 1:
            raise StoreCorrupt(f"{path} was never finished: it has no tables yet.")
        ours = {(row[0], row[1]): row[2] for row in self._known.execute("SELECT type, name, sql FROM sqlite_master")}
        for kind, name, sql in self._connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall():
            self._check_object(str(kind), str(name), sql, ours)
        for table in (table for table in TABLES if columns_of(self._connection, table)):
            for (said,) in self._connection.execute(f"PRAGMA quick_check('{table}')"):
                if said != "ok":
                    raise StoreCorrupt(f"Its table {table} is damaged: {str(said)[:200]}.")

    def _number(self, pragma: str) -> int:
        return int(self._connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    def _check_object(self, kind: str, name: str, sql: object, ours: Mapping[tuple[str, str], str | None]) -> None:
        if (kind, name) in ours and ours[kind, name] == sql:
            return
        if kind == "table" and (kind, name) in ours and not str(sql).upper().lstrip().startswith("CREATE VIRTUAL"):
            self._check_columns(name)
        elif kind == "index" and (kind, name) in ours:
            self._check_index(name)
        else:
            raise StoreCorrupt(f"It holds a {kind} that no store has: {name!r:.60}.")

    def _check_columns(self, table: str) -> None:
        known = set(columns_of(self._known, table))
        for row in self._connection.execute(f'PRAGMA table_xinfo("{table}")'):
            if row[6] or row[1] not in known:  # hidden or generated; or none of ours
                raise StoreCorrupt(f"Its table {table} has a column that no store has: {row[1]!r:.60}.")

    def _check_index(self, index: str) -> None:
        if any(row[1] < -1 for row in self._connection.execute(f'PRAGMA index_xinfo("{index}")')):
            raise StoreCorrupt(f"Its index {index} computes something.")


def _allow(action: int, first: str | None, _second: str | None, _database: str | None, _inner: str | None) -> int:
    """Let through what reading a store takes: SELECT, columns of its tables, and the pragmas that only look."""
    if action == sqlite3.SQLITE_SELECT:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ and (first in TABLES or first in _SCHEMA):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first in _READING:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
