"""
Pictures as tiles: a picture is a grid of 32-pixel tiles; tiles not seen before travel in one lossless WebP atlas.

Screens of one session repeat themselves (menus close, windows come back), so that only new pixels cost anything: on
desktop work about 15 times smaller than PNG for a fifth of its CPU time. The last column and row of tiles are padded
with black where the size is no multiple of 32.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from footage.errors import StoreCorrupt
from footage.trajectory import Pixels

__all__ = [
    "MAX_ATLASES",
    "TILE",
    "Layout",
    "Places",
    "Tiles",
    "atlas_columns",
    "atlas_of",
    "count_tiles",
    "decode_atlas",
    "encode_atlas",
    "join",
    "picture_hash",
    "place",
    "split",
]

TILE = 32
MAX_ATLASES = 32  # that one picture may need; bounds the cost of reading it
_WEBP_TILES = 16_383 // TILE  # libwebp's limit for a side
_SLOT_BITS = 20  # of a place; the other bits are the atlas's id
_SLOT_MASK = (1 << _SLOT_BITS) - 1
_HEADER = struct.Struct("<BHI")  # version, atlases, tiles

Tiles = NDArray[np.uint8]
"""Shape (n, 32, 32, 3)."""

Places = NDArray[np.int64]
"""Where stored tiles are, shape (n,): atlas id * 2^20 + number within the atlas."""


def place(atlas: int, slots: NDArray[np.int64]) -> Places:
    """Return the places of these slots of an atlas."""
    return (atlas << _SLOT_BITS) + slots


def atlas_of(places: Places) -> NDArray[np.int64]:
    """Return the atlases that the places are in."""
    return places >> _SLOT_BITS


def count_tiles(width: int, height: int) -> int:
    """Return how many tiles a picture has."""
    return -(-width // TILE) * -(-height // TILE)


def picture_hash(pixels: Pixels) -> str:
    """Return the SHA-256 of (width, height as 32-bit little-endian, RGB rows), in hexadecimal."""
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(struct.pack("<II", width, height))
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def split(pixels: Pixels) -> Tiles:
    """Cut a picture into its tiles, row by row."""
    height, width = pixels.shape[:2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    if (rows * TILE, columns * TILE) != (height, width):
        padded = np.zeros((rows * TILE, columns * TILE, 3), np.uint8)
        padded[:height, :width] = pixels
        pixels = padded
    grid = pixels.reshape(rows, TILE, columns, TILE, 3).swapaxes(1, 2)
    return np.ascontiguousarray(grid).reshape(-1, TILE, TILE, 3)


def join(tiles: Tiles, width: int, height: int) -> Pixels:
    """Put tiles together again; the inverse of `split`."""
    rows, columns = -(-height // TILE), -(-width // TILE)
    grid = tiles.reshape(rows, columns, TILE, TILE, 3).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(rows * TILE, columns * TILE, 3)[:height, :width])


def encode_atlas(tiles: Tiles, columns: int) -> bytes:
    """Return the tiles side by side, `columns` in a row, as lossless WebP of the fastest effort."""
    from PIL import Image

    rows = -(-len(tiles) // columns)
    sheet = np.zeros((rows * columns, TILE, TILE, 3), np.uint8)
    sheet[: len(tiles)] = tiles
    out = io.BytesIO()
    Image.fromarray(join(sheet, columns * TILE, rows * TILE)).save(out, "WEBP", lossless=True, method=0)
    return out.getvalue()


def decode_atlas(image: bytes, columns: int, count: int) -> Tiles:
    """Return an atlas's `count` tiles. Raises StoreCorrupt, before decoding where the size is not the stated one."""
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
    return split(sheet)[:count]


def atlas_columns(width: int, tiles: int) -> int:
    """Return how many tiles wide an atlas is: as the picture, but never wider or taller than WebP allows."""
    columns = min(-(-width // TILE), tiles, _WEBP_TILES)
    return max(columns, -(-tiles // _WEBP_TILES))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each tile of a picture is: `atlases[which[i]]`, place `slots[i]`."""

    atlases: tuple[int, ...]
    which: NDArray[np.uint16]
    slots: NDArray[np.uint32]

    @classmethod
    def of(cls, places: Places) -> Layout:
        """Return the layout of tiles in these places."""
        atlases, which = np.unique(atlas_of(places), return_inverse=True)
        slots = (places & _SLOT_MASK).astype(np.uint32)
        return cls(tuple(int(atlas) for atlas in atlases), which.astype(np.uint16), slots)

    @property
    def places(self) -> Places:
        """The tiles' places; the inverse of `of`."""
        return np.asarray(self.atlases, np.int64)[self.which] << _SLOT_BITS | self.slots

    def pack(self) -> bytes:
        """Return the stored form: header, atlas ids, then both columns, deflated."""
        ids = np.asarray(self.atlases, "<i8").tobytes()
        body = self.which.astype("<u2").tobytes() + self.slots.astype("<u4").tobytes()
        return _HEADER.pack(1, len(self.atlases), len(self.which)) + zlib.compress(ids + body, 1)

    @classmethod
    def unpack(cls, stored: bytes, tiles: int) -> Layout:
        """Read the stored form of a picture of so many tiles. Raises StoreCorrupt."""
        try:
            version, atlases, stated = _HEADER.unpack_from(stored)
            if version != 1 or atlases > MAX_ATLASES or stated != tiles:
                raise StoreCorrupt(f"A layout does not fit its picture: {stated} tiles in {atlases} atlases.")
            expected = atlases * 8 + tiles * 6
            engine = zlib.decompressobj()
            body = engine.decompress(stored[_HEADER.size :], expected + 1)
        except (struct.error, zlib.error) as error:
            raise StoreCorrupt(f"A layout cannot be read: {error}.") from error
        if len(body) != expected or not engine.eof:
            raise StoreCorrupt("A layout has a wrong length.")
        ids = np.frombuffer(body, "<i8", atlases)
        which = np.frombuffer(body, "<u2", tiles, atlases * 8)
        slots = np.frombuffer(body, "<u4", tiles, atlases * 8 + tiles * 2)
        if int(which.max()) >= atlases:
            raise StoreCorrupt("A layout asks for an atlas that is not there.")
        return cls(tuple(int(i) for i in ids), which, slots)
