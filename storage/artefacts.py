"""
Files too large for a database (record logs, snapshots of machines), in a folder beside the store, named by their hash.

A file belongs to the rows of table `artefact` that name it; equal files of several runs are one file. Rows go with
their run; `remove_unused` then removes the files that no row names any more. Files come and go while the writer's lock
is held, so that no other process can find a file without its row.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footage.errors import StoreCorrupt, StoreError, StoreFull
from footage.storage.file.database import Database
from footage.storage.file.locks import files_folder
from footage.storage.requests.chains import dump_json
from footage.storage.rows.row_checks import checked, sound
from footage.storage.rows.to_rows import insert
from footage.trajectory import JSON

__all__ = ["Artefact", "Artefacts", "PreparedFile", "artefact_of"]

_CHUNK = 1 << 20
_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file that belongs to a run."""

    id: int
    kind: str
    """`record-log`, `snapshot`, …"""
    sha256: str
    """Of the file; its name."""
    bytes: int
    about: JSON


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file that waits in the folder to be named by a row."""

    path: Path
    sha256: str
    bytes: int


class Artefacts:
    """The files beside one store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.folder = files_folder(database.path) / "artefacts"

    def put(self, run: int, source: Path, kind: str, *, about: JSON | None = None, move: bool = False) -> Artefact:
        """
        Store a file as belonging to the run with this row id; return what was stored, once it is durable.

        With `move` the file at `source` is gone afterwards. Raises StoreFull, StoreError, OSError for the source.
        """
        prepared = self.prepare(source, move=move)
        try:
            with self._database.transaction() as connection:
                return self.insert(connection, run, prepared, kind, about=about)
        finally:
            prepared.path.unlink(missing_ok=True)

    def prepare(self, source: Path, *, move: bool = False) -> PreparedFile:
        """Bring a file into the folder and on the disk for good; it waits there, under a name of its own."""
        sha256, size = _hash(source), source.stat().st_size
        waiting = self.folder / f"{sha256}.{os.getpid()}{_UNFINISHED}"
        with self._translated():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                if move:
                    shutil.move(source, waiting)
                else:
                    _copy(source, waiting)
                _sync(waiting)
            except BaseException:
                waiting.unlink(missing_ok=True)
                raise
        return PreparedFile(waiting, sha256, size)

    def insert(
        self, connection: sqlite3.Connection, run: int, file: PreparedFile, kind: str, *, about: JSON | None = None
    ) -> Artefact:
        """Have a prepared file belong to a run, within the caller's transaction."""
        values = {"run": run, "kind": kind, "sha256": file.sha256, "bytes": file.bytes, "about": dump_json(about or {})}
        row = insert(connection, "artefact", values)
        self.place(file)
        return Artefact(row, kind, file.sha256, file.bytes, about or {})

    def place(self, file: PreparedFile) -> None:
        """Give a prepared file its name, within the transaction that inserts its row."""
        with self._translated():
            file.path.replace(self.folder / file.sha256)
            _sync(self.folder)

    def path(self, artefact: Artefact, *, check: bool = False) -> Path:
        """Return where a file lies; `check` also reads it. Raises StoreCorrupt where it is missing or another one."""
        path = self.folder / artefact.sha256
        try:
            right = path.stat().st_size == artefact.bytes
        except OSError:
            raise StoreCorrupt(
                f"The file {path} is missing ({artefact.kind}).", hint="Copy a store together with its -files folder."
            ) from None
        if not right or (check and _hash(path) != artefact.sha256):
            raise StoreCorrupt(f"The file {path} is damaged ({artefact.kind}).")
        return path

    def check(self, row: int) -> None:
        """Read the file of the row with this id. Raises StoreCorrupt where it is not what was stored."""
        for found in self._database.rows("SELECT * FROM artefact WHERE id = ?", row):
            if not self._check_pieces(_artefact(found)):
                self.path(_artefact(found), check=True)

    def pieces(self, artefact: Artefact) -> Iterator[bytes]:
        """Yield the bytes of a file that travels within the store (see exporters); nothing where it does not."""
        sql = "SELECT number, piece FROM artefact_piece WHERE artefact = ? AND number > ? ORDER BY number LIMIT 1"
        number = -1
        while row := self._database.row(sql, artefact.id, number):
            number = row["number"]
            yield row["piece"]

    def _check_pieces(self, artefact: Artefact) -> bool:
        """Tell whether a file travels within the store. Raises StoreCorrupt where it is not what was stored."""
        if self._database.row("SELECT 1 FROM sqlite_master WHERE name = 'artefact_piece'") is None:
            return False
        digest, size, found = hashlib.sha256(), 0, False
        for piece in self.pieces(artefact):
            digest.update(piece)
            size, found = size + len(piece), True
        if found and (digest.hexdigest(), size) != (artefact.sha256, artefact.bytes):
            raise StoreCorrupt(f"The pieces of file {artefact.sha256} are damaged ({artefact.kind}).")
        return found

    def of_run(self, run: int) -> list[Artefact]:
        """Return what belongs to the run with this row id, in the order it was stored."""
        rows = self._database.rows("SELECT * FROM artefact WHERE run = ? ORDER BY id", run)
        with checked("the artefacts"):
            return [_artefact(row) for row in rows]

    def remove(self, artefact: Artefact) -> int:
        """Remove one file's row, and the file where no other row names it; return the bytes that were freed."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM artefact WHERE id = ?", (artefact.id,))
        return self.remove_unused()

    def remove_unused(self) -> int:
        """Remove the files that belong to no run (any more); return the bytes that were freed."""
        freed = 0
        if not self.folder.is_dir():
            return freed
        with self._database.transaction() as connection, self._translated():
            used = {row[0] for row in connection.execute("SELECT sha256 FROM artefact")}
            for path in self.folder.iterdir():
                if path.name not in used and not _is_being_written(path):
                    freed += path.stat().st_size
                    path.unlink()
        return freed

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = StoreFull if error.errno == 28 else StoreError  # ENOSPC
            raise kind(f"{self.folder} cannot be written to: {error.strerror}.", hint="Free some space.") from error


def artefact_of(database: Database, row: int) -> Artefact:
    """Return the artefact with this row id. Raises StoreCorrupt where there is none."""
    found = database.row("SELECT * FROM artefact WHERE id = ?", row)
    if found is None:
        raise StoreCorrupt(f"Artefact {row} is not in the store.")
    with checked("the artefacts"):
        return _artefact(found)


def _artefact(row: sqlite3.Row) -> Artefact:
    about: Any = json.loads(sound(row)["about"] or "{}")
    return Artefact(row["id"], row["kind"], row["sha256"], row["bytes"], dict(about))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path, target: Path) -> None:
    """Copy a file, sharing its blocks where the file system can (FICLONE)."""
    import fcntl

    with source.open("rb") as given, target.open("xb") as made:
        try:
            fcntl.ioctl(made.fileno(), 0x40049409, given.fileno())
        except OSError:
            shutil.copyfileobj(given, made, _CHUNK)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_being_written(path: Path) -> bool:
    """Tell whether a process that still runs is about to name this file."""
    if path.suffix != _UNFINISHED:
        return False
    owner = path.name.split(".")[1]
    return owner.isdecimal() and Path("/proc", owner).exists()
