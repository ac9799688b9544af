"""How much room a store takes, and giving back what is free within its file."""

from __future__ import annotations

import shutil

from footage.errors import StoreFull
from footage.storage.artefacts import Artefacts
from footage.storage.file.database import Database
from footage.storage.file.locks import live_runs
from footage.storage.upkeep.rewriting import rewrite

__all__ = ["family_sizes", "free_bytes", "give_back", "store_bytes"]

_PAGES = 1024  # given back in one transaction: 4 MB
_INCREMENTAL = 2


def _pragma(database: Database, name: str) -> int:
    return int(database.rows(f"PRAGMA {name}")[0][0])


def free_bytes(database: Database) -> int:
    """Return the bytes of the file that hold nothing."""
    return _pragma(database, "freelist_count") * _pragma(database, "page_size")


def store_bytes(database: Database) -> int:
    """Return the bytes that the store takes for what it holds: in its file, and in the files beside it."""
    pages = _pragma(database, "page_count") - _pragma(database, "freelist_count")
    files = "SELECT coalesce(sum(bytes), 0) FROM (SELECT DISTINCT sha256, bytes FROM artefact)"
    return pages * _pragma(database, "page_size") + int(database.rows(files)[0][0])


def family_sizes(database: Database) -> dict[int, int]:
    """Return the bytes of each family's pictures, documents and files, by family."""
    sizes: dict[int, int] = {}
    for sql in (
        "SELECT family, sum(length(image)) FROM atlas GROUP BY family",
        "SELECT family, sum(coalesce(length(tiles), 0) + coalesce(length(original), 0)) FROM picture GROUP BY family",
        "SELECT family, sum(length(signature)) FROM picture WHERE signature IS NOT NULL GROUP BY family",
        "SELECT family, sum(length(body)) FROM document GROUP BY family",
        "SELECT run.family, sum(bytes) FROM artefact JOIN run ON run.id = artefact.run GROUP BY run.family",
    ):
        for family, size in database.rows(sql):
            sizes[family] = sizes.get(family, 0) + size
    return sizes


def give_back(database: Database) -> int:
    """
    Give the room that is free within the file back to the disk; return how many bytes that is.

    Piece by piece, so that others write meanwhile. A file of an older version has to be written anew once: that is
    done only while nobody records, and where the disk has room for a second one (else StoreFull is raised).
    """
    Artefacts(database).remove_unused()
    before = _pragma(database, "page_count")
    if _pragma(database, "auto_vacuum") == _INCREMENTAL:
        while free := _pragma(database, "freelist_count"):
            database.shrink(_PAGES)
            if _pragma(database, "freelist_count") >= free:
                break
    elif free_bytes(database) and not live_runs(database.path):
        _rewrite(database)
    return (before - _pragma(database, "page_count")) * _pragma(database, "page_size")


def _rewrite(database: Database) -> None:
    needed = 2 * _pragma(database, "page_count") * _pragma(database, "page_size")  # SQLite's copy, and the WAL
    if shutil.disk_usage(database.path.parent).free < needed:
        raise StoreFull(
            f"{database.path} needs {needed:,} bytes free on its disk to be written anew.",
            hint="Nothing is lost: the room is used for new runs. Free some space and run `footage gc` again.",
        )
    rewrite(database.path)
