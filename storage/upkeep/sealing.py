"""
Sealing: compressing the pictures of finished runs again, with more patience than there is while somebody records.

Each atlas is decoded, encoded with WebP's better methods, decoded once more and compared; then its bytes are replaced
in a transaction of their own. Its pixels, its id, and so all layouts stay what they are: whoever reads meanwhile finds
one or the other, a process that is killed leaves a store that is whole, and the next call goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from footage.errors import UsageError
from footage.storage.file.database import Database
from footage.storage.file.locks import run_is_live
from footage.storage.pictures.tiles import decode_atlas, encode_atlas
from footage.storage.requests.chains import dump_json
from footage.storage.store import Store
from footage.storage.upkeep.space import give_back
from footage.trajectory import JSON

__all__ = ["METHOD", "Sealed", "seal_runs"]

METHOD = 4
"""WebP's, of 0 to 6: the next better one takes five times as long for a hundredth."""
_SEARCHES = (75, 100)  # the second is worth its time for few colours alone
_BATCH = 1 << 20  # bytes of images in a transaction


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing did: bytes of the pictures of the runs' families, in the store."""

    runs: tuple[str, ...]
    before: int
    after: int

    def as_json(self) -> JSON:
        """Return {"runs", "before", "after"}, the latter in bytes."""
        return {"runs": list(self.runs), "before": self.before, "after": self.after}


def seal_runs(store: Store, runs: Iterable[str], *, on_progress: Callable[[int, int], None] | None = None) -> Sealed:
    """
    Compress the pictures of these runs' families again; `on_progress` is called with (done, total) atlases.

    Others may read and write the store meanwhile. Raises UsageError for a run that is being recorded.
    """
    found = [store.run(run) for run in runs]
    for run in found:
        if run_is_live(store.path, run.id):
            raise UsageError(f"Run {run.id} is being recorded.", hint="Seal it once it has ended.")
    database = store.database
    sql = f"SELECT DISTINCT family FROM run WHERE name IN {_LISTED}"
    families = dump_json([row[0] for row in database.rows(sql, dump_json([run.id for run in found]))])
    before = _bytes(database, families)
    waiting = [
        row[0]
        for row in database.rows(
            f"SELECT id FROM atlas WHERE family IN {_LISTED} AND sealed IS NULL ORDER BY id", families
        )
    ]
    batch: list[tuple[int, bytes, bytes]] = []
    for done, atlas in enumerate(waiting, 1):
        batch += _tighter(database, atlas)
        if done == len(waiting) or sum(len(image) for _, image, _ in batch) > _BATCH:
            _replace(database, batch)
            batch = []
        if on_progress:
            on_progress(done, len(waiting))
    give_back(database)
    return Sealed(tuple(run.id for run in found), before, _bytes(database, families))


_LISTED = "(SELECT value FROM json_each(?))"


def _bytes(database: Database, families: str) -> int:
    pictures = "coalesce(length(tiles), 0) + coalesce(length(original), 0)"
    sql = (
        f"SELECT (SELECT coalesce(sum(length(image)), 0) FROM atlas WHERE family IN {_LISTED})"
        f" + (SELECT coalesce(sum({pictures}), 0) FROM picture WHERE family IN {_LISTED})"
    )
    return int(database.rows(sql, families, families)[0][0])


def _tighter(database: Database, atlas: int) -> list[tuple[int, bytes, bytes]]:
    """Return (id, image, smaller image of the same pixels), or nothing where the atlas is gone meanwhile."""
    row = database.row("SELECT columns, count, image FROM atlas WHERE id = ? AND sealed IS NULL", atlas)
    if row is None:
        return []
    sheet = decode_atlas(row["image"], row["columns"], row["count"])
    colours = len(np.unique(sheet.reshape(-1, 3)[:: max(1, sheet.size // 30_000)], axis=0))
    searches = _SEARCHES if colours <= 256 else _SEARCHES[:1]
    images = [row["image"], *(encode_atlas(sheet, METHOD, search) for search in searches)]
    same = [each for each in images if np.array_equal(decode_atlas(each, row["columns"], row["count"]), sheet)]
    return [(atlas, row["image"], min(same, key=len))]


def _replace(database: Database, batch: list[tuple[int, bytes, bytes]]) -> None:
    """Replace images in one transaction; those that somebody else changed meanwhile stay as they are."""
    with database.transaction() as connection:
        connection.executemany(
            "UPDATE atlas SET image = ?, sealed = ? WHERE id = ? AND image = ?",
            [(after, METHOD, atlas, before) for atlas, before, after in batch],
        )
