"""
The process that writes a store's file anew.

    python -m footage.storage.upkeep.rewriting STORE

A process of its own: the last part of a VACUUM copies the whole file within SQLite, which looks at no interruption
there, for seconds a gigabyte. Killed at any instant it leaves the file as it was, or as it was to be. It takes the
writers' lock itself. Its output is one line: {"busy"} once it is done, {"failed"} where it cannot.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from footage.errors import FootageError, StoreError
from footage.storage.file.children import at_work
from footage.storage.file.database import Database

__all__ = ["rewrite"]


def rewrite(path: Path) -> bool:
    """
    Write a store's file anew, without free room; return whether all of its WAL was moved into it.

    It is not where somebody reads meanwhile. Other writers wait. Raises StoreFull, StoreError.
    """
    with at_work("footage.storage.upkeep.rewriting", str(path)) as child:
        assert child.stdout is not None
        said = child.stdout.read()
    if child.returncode or not said:
        raise StoreError(f"{path} could not be written anew.", hint="Nothing is lost; try again.")
    answer = json.loads(said)
    if "failed" in answer:
        raise FootageError.from_told(answer["failed"])
    return not answer["busy"]


def _main() -> None:
    answer: dict[str, object]
    try:
        with contextlib.closing(Database(Path(sys.argv[1]), create=False)) as database:
            answer = {"busy": _rewritten(database)}
    except FootageError as error:
        answer = {"failed": error.told()}
    sys.stdout.write(json.dumps(answer) + "\n")


def _rewritten(database: Database) -> bool:
    with database.maintaining() as connection:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # from now on free room is given back piece by piece
        connection.execute("VACUUM")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return bool(busy)


if __name__ == "__main__":
    _main()
