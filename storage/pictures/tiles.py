"""
Pictures as tiles of 32 pixels, and the lossless WebP images, atlases, that hold them.

Screens of one session repeat themselves: menus close, windows come back, pages scroll. So a picture is stored as where
each of its tiles is, and only tiles with new pixels are encoded. A place is any 32 rows of a column of an atlas, not
only a tile that was put there: what scrolls by some pixels lies across two of them.

The last column and row of tiles are padded with black where the size is no multiple of 32.
"""

from __future__ import annotations

import hashlib
import io
import struct

import numpy as np
from numpy.typing import NDArray

from footage.errors import StoreCorrupt
from footage.trajectory import Pixels

__all__ = [
    "DOWN",
    "POSITION_BITS",
    "TILE",
    "Columns",
    "Places",
    "Tiles",
    "atlas_of",
    "column_of",
    "count_tiles",
    "cut",
    "decode_atlas",
    "encode_atlas",
    "join",
    "picture_hash",
    "place",
    "put",
    "take",
    "whole",
    "y_of",
]

TILE = 32
_ROW = 3 * TILE  # bytes of one row of a tile
_WEBP_TILES = 16_383 // TILE  # libwebp's limit for a side
_COLUMN_BITS, _Y_BITS = 9, 14
POSITION_BITS = _COLUMN_BITS + _Y_BITS
DOWN = TILE << _COLUMN_BITS
"""From a place to that of the tile below it in the same atlas; to the next column it is 1."""

Columns = NDArray[np.uint8]
"""A picture as columns of 32 pixels: shape (rows of pixels, columns, 96), both sides padded to multiples of 32."""

Tiles = NDArray[np.uint8]
"""Shape (n, 32, 96): n tiles, their rows, RGB."""

Places = NDArray[np.int64]
"""Where stored tiles are, shape (n,): atlas id * 2^23 + first row of pixels * 2^9 + column."""


def place(atlas: int, y: NDArray[np.int64], column: NDArray[np.int64]) -> Places:
    """Return the places in an atlas that begin at rows `y` of pixels in these columns."""
    return (atlas << POSITION_BITS) + (y << _COLUMN_BITS) + column


def atlas_of(places: Places) -> NDArray[np.int64]:
    """Return the atlases that the places are in."""
    return places >> POSITION_BITS


def y_of(places: Places) -> NDArray[np.int64]:
    """Return the rows of pixels where the places begin."""
    return (places >> _COLUMN_BITS) & ((1 << _Y_BITS) - 1)


def column_of(places: Places) -> NDArray[np.int64]:
    """Return the columns, 32 pixels wide, that the places are in."""
    return places & ((1 << _COLUMN_BITS) - 1)


def count_tiles(width: int, height: int) -> int:
    """Return how many tiles a picture has."""
    return -(-width // TILE) * -(-height // TILE)


def picture_hash(pixels: Pixels) -> str:
    """Return the SHA-256 of (width, height as 32-bit little-endian, RGB rows), in hexadecimal."""
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(struct.pack("<II", width, height))
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def cut(pixels: Pixels) -> Columns:
    """Return a copy of a picture as columns of 32 pixels."""
    height, width = pixels.shape[:2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    made = np.zeros((rows * TILE, columns * TILE, 3), np.uint8)
    made[:height, :width] = pixels
    return made.reshape(rows * TILE, columns, _ROW)


def whole(columns: Columns, width: int, height: int) -> Pixels:
    """Return a copy of the picture that was cut; the inverse of `cut`."""
    return columns.reshape(len(columns), -1, 3)[:height, :width].copy()


def take(columns: Columns, y: NDArray[np.int64], column: NDArray[np.int64]) -> Tiles:
    """Return the tiles that begin at rows `y` of pixels in these columns."""
    rows = columns.view(f"V{_ROW}")[..., 0]
    taken = rows[y[:, None] + np.arange(TILE), column[:, None]]
    return np.asarray(taken.view(np.uint8).reshape(-1, TILE, _ROW))


def put(columns: Columns, y: NDArray[np.int64], column: NDArray[np.int64], tiles: Tiles) -> None:
    """Write tiles that begin at rows `y` of pixels into these columns; the inverse of `take`."""
    rows = columns.view(f"V{_ROW}")[..., 0]
    rows[y[:, None] + np.arange(TILE), column[:, None]] = tiles.view(f"V{_ROW}")[..., 0]


def join(tiles: Tiles, columns: int) -> Columns:
    """Put tiles side by side, so many in a row; as many rows of them as there are."""
    rows = tiles.view(f"V{_ROW}")[..., 0].reshape(-1, columns, TILE).swapaxes(1, 2)
    return np.ascontiguousarray(rows).view(np.uint8).reshape(-1, columns, _ROW)


def load_modules() -> None:
    """
    Load all that storing a picture loads late by itself. To be called before threads store some in a process that may
    fork: a module that another thread is just loading stays locked in the child for ever.
    """
    import numpy.ma  # noqa: F401 - numpy loads it at the first `np.unique` of values alone
    from PIL import Image, WebPImagePlugin  # noqa: F401 - by itself it would be loaded when the first picture is saved

    Image.preinit()
    "".encode("ascii")  # a codec is a module too


def encode_atlas(sheet: Columns, method: int, quality: int = 80) -> bytes:
    """Return a sheet of tiles as lossless WebP of this method (0, the quickest, to 6) and quality (of the search)."""
    from PIL import Image

    out = io.BytesIO()
    image = Image.fromarray(sheet.reshape(len(sheet), -1, 3))
    image.save(out, "WEBP", lossless=True, method=method, quality=quality)
    return out.getvalue()


def decode_atlas(image: bytes, columns: int, count: int) -> Columns:
    """Return an atlas of `count` tiles. Raises StoreCorrupt, before decoding where the size is not the stated one."""
    from PIL import Image

    if not 1 <= columns <= _WEBP_TILES or not 1 <= count <= _WEBP_TILES * columns:
        raise StoreCorrupt(f"A stored atlas cannot have {count} tiles, {columns} in a row.")
    size = columns * TILE, -(-count // columns) * TILE
    try:
        with Image.open(io.BytesIO(image), formats=["WEBP"]) as opened:
            found = opened.size
            sheet = np.asarray(opened if opened.mode == "RGB" else opened.convert("RGB")) if found == size else None
    except Exception as error:
        raise StoreCorrupt(f"A stored atlas cannot be decoded: {error}.") from error
    if sheet is None:
        raise StoreCorrupt(f"A stored atlas has the size {found}, not {size}.")
    return sheet.reshape(size[1], columns, _ROW)
