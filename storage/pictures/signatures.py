"""
Signatures: a picture's means in a grid of 40x25 cells, grey, one byte each.

They say roughly how two pictures differ without loading either. A signature is stored with its picture; one of a store
that was written before there were any is made when it is first asked for, and kept where the store can be written.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence

from PIL import Image

from footage.errors import StoreError
from footage.storage.file.database import Database
from footage.storage.pictures.reading import PictureReader
from footage.trajectory import Pixels

__all__ = ["GRID", "signature_of", "signatures_of"]

GRID = (40, 25)
"""Cells across and down."""

_BYTES = GRID[0] * GRID[1]
_SHRUNK = 4  # times the grid: so far a picture is shrunk by whole pixels, which is quick
_FIRST_VERSION = 4  # of the schema that has a place for them
_TOGETHER = 64  # signatures are kept in one transaction


def signature_of(pixels: Pixels) -> bytes:
    """Return the signature of a picture of shape (height, width, 3), RGB: 1000 bytes, row by row."""
    image = Image.fromarray(pixels)
    factors = (max(1, image.width // (_SHRUNK * GRID[0])), max(1, image.height // (_SHRUNK * GRID[1])))
    small = image.reduce(factors) if max(factors) > 1 else image
    return small.convert("L").resize(GRID, Image.Resampling.BOX).tobytes()


def signatures_of(
    database: Database,
    reader: PictureReader,
    pictures: Collection[int],
    on_progress: Callable[[], None] = lambda: None,
) -> dict[int, bytes]:
    """
    Return the signature of each picture, by its id; `on_progress` is called for each that has to be made.

    Raises StoreCorrupt where such a picture is damaged.
    """
    found = _stored(database, pictures)
    for some in _pieces([one for one in dict.fromkeys(pictures) if one not in found]):
        made: dict[int, bytes] = {}
        for picture in some:
            made[picture] = signature_of(reader.load(picture))
            on_progress()
        found |= made
        _keep(database, made)
    return found


def _stored(database: Database, pictures: Collection[int]) -> dict[int, bytes]:
    if database.version < _FIRST_VERSION:
        return {}
    sql = (
        "SELECT id, signature FROM picture WHERE id IN (SELECT value FROM json_each(?))"
        f" AND typeof(signature) = 'blob' AND length(signature) = {_BYTES}"
    )
    return {row["id"]: row["signature"] for row in database.rows(sql, json.dumps(list(pictures)))}


def _pieces(pictures: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(pictures), _TOGETHER):
        yield pictures[start : start + _TOGETHER]


def _keep(database: Database, made: dict[int, bytes]) -> None:
    """Keep signatures for the next time; where that cannot be done, they are made again then."""
    if database.readonly:
        return
    with contextlib.suppress(StoreError), database.transaction(durable=False) as connection:
        sql = "UPDATE picture SET signature = ? WHERE id = ? AND signature IS NULL"
        connection.executemany(sql, [(signature, picture) for picture, signature in made.items()])
