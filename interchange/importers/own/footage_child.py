"""
The process that reads a foreign `.footage` file: it copies what is sound into a fresh store, and says so or why not.

    python -m footage.interchange.importers.own.footage_child SOURCE TARGET SECONDS

It may take little memory and time, so that whatever the file does to it, the process that imports goes on. The last
line of its output is a JSON object: {"ok": true}, or {"error", "message", "hint"}.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from footage.errors import FootageError, StoreCorrupt
from footage.interchange.importers.own.foreign_sqlite import ForeignStore
from footage.interchange.importers.reasons import reason_of
from footage.storage.family_copy import FamilyCopy
from footage.storage.store import open_store
from footage.storage.upkeep.verify import verify_store
from footage.trajectory import JSON

__all__ = ["clean_copy", "main"]

MEMORY = 1 << 30
"""Bytes of address space beyond what the process begins with."""


def clean_copy(source: Path, target: Path, *, seconds: float) -> None:
    """
    Copy a foreign store's families, value by value, into a store that is made at `target`, and check all of it.

    Raises NotAStore, StoreTooNew or StoreCorrupt with the reason.
    """
    with open_store(target) as store:
        with store.database.transaction() as connection, _sound():
            foreign = ForeignStore(source, connection, seconds=seconds)
            with contextlib.closing(foreign):
                FamilyCopy(connection, foreign.rows, trusted=False).copy()
        if not store.count_runs():
            raise StoreCorrupt("It holds no runs.")
        report = verify_store(store)
        if not report.ok:
            raise StoreCorrupt(f"{report.bad[0].kind} {report.bad[0].id}: {report.bad[0].why}")


@contextlib.contextmanager
def _sound() -> Iterator[None]:
    """Turn what a file raises that no store wrote into StoreCorrupt."""
    try:
        yield
    except (sqlite3.Error, ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        raise StoreCorrupt(f"It cannot be read: {reason_of(error)}.") from error
    except MemoryError as error:
        raise StoreCorrupt("It cannot be read: it asks for too much memory.") from error


def main(arguments: list[str]) -> int:
    """Read one file under limits; return 0, or 1 with the reason printed."""
    source, target, seconds = arguments
    with contextlib.suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        clean_copy(Path(source), Path(target), seconds=float(seconds))
    except FootageError as error:
        return _say({"error": error.code, "message": error.message, "hint": error.hint}, 1)
    return _say({"ok": True}, 0)


def _say(document: JSON, code: int) -> int:
    sys.stdout.write(json.dumps(document) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
