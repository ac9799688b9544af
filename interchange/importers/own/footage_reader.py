"""
Importing a `.footage` file, which somebody else made: read by a process of its own, then taken over from its copy.

Everything or nothing: a file with one unsound value changes nothing here. A family that is here already adds nothing,
whatever else the file holds of it. Ids of runs are kept where they are free. What comes in is untrusted.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from footage.errors import NotAStore, StoreCorrupt, StoreTooNew, UsageError
from footage.storage.artefacts import Artefacts, PreparedFile, artefact_of
from footage.storage.family_copy import FamilyCopy, rows_of
from footage.storage.file.scratch import scratch_beside
from footage.storage.store import Store, open_store

__all__ = ["ImportedFamilies", "import_footage_file", "is_footage_file"]

_ERRORS = {error.code: error for error in (NotAStore, StoreTooNew, StoreCorrupt)}
_MAGIC = b"SQLite format 3\0"
_BYTES_A_SECOND = 1 << 20  # of a file that is read on a slow machine
_LEAST_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class ImportedFamilies:
    """What came in."""

    runs: tuple[str, ...]
    """The ids they have here, oldest first."""
    renamed: dict[str, str]
    """Those whose id was taken: from the id in the file to the one here."""
    known: tuple[str, ...]
    """Families that were here already, by the id of their first run; nothing of them was added."""


def is_footage_file(head: bytes) -> bool:
    """Tell by a file's first 100 bytes whether it says that it is a store of footage."""
    return head.startswith(_MAGIC) and head[68:72] == b"FOOT"


def import_footage_file(store: Store, path: Path) -> ImportedFamilies:
    """
    Take over the families of a foreign `.footage` file.

    Raises UsageError (the store itself, or one in use), NotAStore, StoreTooNew, StoreCorrupt (with the reason),
    StoreError. The store is then unchanged.
    """
    if path.resolve() == store.path:
        raise UsageError(f"{path} is the store itself.")
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise UsageError(
            f"{path} is a store in use: its newest events lie beside it, in {wal.name}.",
            hint=f"footage export --store {path} RUN -o FILE.footage writes a file that can be imported.",
        )
    with scratch_beside(store.path) as scratch:
        copied = scratch / "copy.db"
        _read(path, copied)
        with open_store(copied) as clean:
            return _take_over(store, clean)


def _read(path: Path, target: Path) -> None:
    """Have the file read by a child process. Raises what it found."""
    seconds = _LEAST_SECONDS + path.stat().st_size / _BYTES_A_SECOND
    command = [sys.executable, "-m", "footage.interchange.importers.own.footage_child"]
    try:
        done = subprocess.run(
            [*command, str(path.resolve()), str(target), str(seconds)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=2 * seconds,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise StoreCorrupt(f"{path} could not be read within {2 * seconds:.0f} seconds.") from error
    try:
        said = json.loads(done.stdout.decode("utf-8", "replace").splitlines()[-1])
    except (ValueError, IndexError):
        raise StoreCorrupt(f"{path} cannot be read: its reader ended with code {done.returncode}.") from None
    if "ok" not in said:
        message = said["message"] if str(path) in said["message"] else f"{path} cannot be imported: {said['message']}"
        raise _ERRORS.get(said["error"], StoreCorrupt)(message, hint=said["hint"])


def _take_over(store: Store, clean: Store) -> ImportedFamilies:
    """Copy from the checked copy what is not here yet, files first: their rows and their names come together."""
    files = Artefacts(store.database)
    with contextlib.ExitStack() as waiting, clean.database.snapshot() as source:
        families = source.execute("SELECT id, name FROM family ORDER BY id").fetchall()
        known = [f for f in families if store.database.row("SELECT 1 FROM family WHERE name = ?", f[1])]
        chosen = [family[0] for family in families if family not in known]
        prepared = [_unpacked(clean, files, row["id"]) for row in rows_of(source, chosen)("artefact")]
        for file in prepared:
            waiting.callback(file.path.unlink, missing_ok=True)
        with store.database.transaction() as connection:
            copy = FamilyCopy(connection, rows_of(source, chosen, without={"artefact_piece"}), trusted=False)
            copy.copy()
            for file in {file.sha256: file for file in prepared}.values():
                files.place(file)
    renamed = {old: new for old, new in copy.names.items() if old != new}
    return ImportedFamilies(tuple(copy.names.values()), renamed, tuple(family[1] for family in known))


def _unpacked(clean: Store, files: Artefacts, row: int) -> PreparedFile:
    """Write a file that came in pieces; it waits beside the store until its row is in."""
    with tempfile.TemporaryDirectory(prefix="file-", dir=clean.path.parent) as scratch:
        made = Path(scratch) / "file"
        with made.open("xb") as file:
            for piece in Artefacts(clean.database).pieces(artefact_of(clean.database, row)):
                file.write(piece)
        return files.prepare(made, move=True)
