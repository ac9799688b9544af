"""
Proving that bytes are gone: from the file, from its WAL, and from what lies beside it.

A deleted value stays in free parts of a database until something is written over it. So the file is written anew
(VACUUM, with secure_delete), the WAL is moved into it and cut to nothing, and then every byte is looked at.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from footage.errors import StoreError, StoreFull
from footage.secrets import Replacer
from footage.storage.family_copy import TABLES, columns_of, rows_of
from footage.storage.file.database import Database
from footage.storage.file.locks import files_folder
from footage.storage.redaction.byte_search import search_files
from footage.storage.upkeep.rewriting import rewrite
from footage.trajectory import JSON

__all__ = ["Proof", "Traces", "check_room", "prove", "purge"]

_SPARE = 32 << 20  # bytes of room beyond what the file takes


@dataclass(frozen=True, slots=True)
class Proof:
    """What the search for what was redacted came to."""

    files: int
    """How many files were read, byte by byte."""
    bytes: int
    """How many bytes they have."""
    patterns: int
    """How many forms were looked for."""
    found: int
    """How often one of them was found."""
    elsewhere: tuple[str, ...] = ()
    """Runs of other families that hold one of them: those are not touched."""

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.found

    def as_json(self) -> JSON:
        """Return {"ok", "files", "bytes", "patterns", "found", "elsewhere"}."""
        counts = {"files": self.files, "bytes": self.bytes, "patterns": self.patterns, "found": self.found}
        return {"ok": self.ok, **counts, "elsewhere": list(self.elsewhere)}


@dataclass(frozen=True, slots=True)
class Traces:
    """What must not be left of what was redacted."""

    secrets: Sequence[str] = ()
    """Texts, which are looked for in every form that redaction finds."""
    pieces: Sequence[bytes] = ()
    """Bytes of old pictures."""

    @property
    def forms(self) -> int:
        """How many patterns, encodings and pieces that are."""
        return Replacer(dict.fromkeys(self.secrets, "-")).forms + len(self.pieces)


def check_room(path: Path) -> None:
    """Raise StoreFull where there is no room to write the store anew: twice its size beside it, once for SQLite."""
    size = path.stat().st_size
    for folder, needed in ((path.parent, 2 * size + _SPARE), (Path(tempfile.gettempdir()), size + _SPARE)):
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise StoreFull(
                f"Redacting writes the whole store anew, which takes {needed:,} bytes in {folder}; {free:,} are free.",
                hint="Free some space; nothing has been changed.",
            )


def purge(database: Database) -> None:
    """Write the store's file anew, so that nothing is left in it of what was deleted. Raises StoreError, StoreFull."""
    with database.maintaining() as connection:
        connection.execute("PRAGMA secure_delete=ON")
        if columns_of(connection, "facet"):
            connection.execute("DELETE FROM facet WHERE runs <= 0")
        if columns_of(connection, "search"):  # words of deleted texts stay in it until its parts are merged
            connection.execute("INSERT INTO search (search) VALUES ('optimize')")
    if not rewrite(database.path):
        raise StoreError(
            f"Somebody is reading {database.path}, so old bytes are left in its WAL.",
            hint="Close viewers and other readers, then: footage redact --finish",
        )


def prove(database: Database, traces: Traces, family: int, on_progress: Callable[[int, int], None]) -> Proof:
    """
    Look for traces in every file of the store; where some are found, in the rows of the other families too.

    `on_progress` is called with (done, total) files.
    """
    files = list(_files(database.path))
    size, found = search_files(files, traces.pieces, on_progress, secrets=traces.secrets)
    elsewhere = tuple(_elsewhere(database, traces, family)) if found else ()
    return Proof(len(files), size, traces.forms, found, elsewhere)


def _files(store: Path) -> Iterator[Path]:
    """Yield the store's file, SQLite's beside it, and everything in its folder."""
    for suffix in ("", "-wal", "-shm"):
        if (beside := store.with_name(store.name + suffix)).is_file():
            yield beside
    yield from (path for path in sorted(files_folder(store).rglob("*")) if path.is_file())


def _elsewhere(database: Database, traces: Traces, own: int) -> Iterator[str]:
    """Yield the first run of each other family that has a row with one of the traces in it."""
    for row in database.rows("SELECT id, name FROM family WHERE id != ?", own):
        with database.snapshot() as connection:
            if _holds(connection, row["id"], traces):
                yield row["name"]


def _holds(connection: sqlite3.Connection, family: int, traces: Traces) -> bool:
    rows, secrets = rows_of(connection, [family]), Replacer(dict.fromkeys(traces.secrets, "-"))
    for table in TABLES:
        for row in rows(table):
            for value in row.values():
                data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
                if isinstance(data, bytes) and (
                    any(piece in data for piece in traces.pieces) or secrets.found_in(data)
                ):
                    return True
    return False
