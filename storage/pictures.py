"""
Storing and loading pictures: lossless, checked, and shared within a family only.

Bytes that arrive lossy (JPEG, lossy WebP) are kept as they came, since decoding and storing them again would cost
more and prove less. The hash of the pixels is checked on every read: a wrong picture is never shown.
"""

from __future__ import annotations

import io
import sqlite3
import threading
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from footage.errors import BadPicture, StoreCorrupt
from footage.storage.database import Database
from footage.storage.tiles import (
    Layout,
    TileIndex,
    Tiles,
    atlas_columns,
    decode_atlas,
    encode_atlas,
    join,
    picture_hash,
    split,
)
from footage.trajectory import Pixels

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "PictureReader", "PictureWriter", "Prepared", "decode_picture", "prepare"]

MAX_PIXELS = 36_000_000  # a little more than 8K; larger pictures are refused before they are decoded
CACHE_BYTES = 256 << 20  # decoded atlases kept by a reader


def decode_picture(data: bytes) -> tuple[Pixels, bool]:
    """
    Decode PNG, JPEG, WebP or GIF (first picture) bytes.

    Returns (pixels, lossy). Raises BadPicture for what is no picture or has more than `MAX_PIXELS`.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own size warning: our limit stands below it
            with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP", "GIF"]) as opened:
                _check_size(opened.width, opened.height)
                return _rgb(opened), opened.format == "JPEG" or (opened.format == "WEBP" and _is_lossy_webp(data))
    except BadPicture:
        raise
    except Exception as error:
        raise BadPicture(f"These {len(data):,} bytes are no picture: {error}.") from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadPicture(f"A picture of {width}x{height} pixels is too large (limit: {MAX_PIXELS:,} pixels).")


def _rgb(opened: Image.Image) -> Pixels:
    if opened.mode in {"RGBA", "LA", "PA"} or "transparency" in opened.info:
        from PIL import Image

        clear = opened.convert("RGBA")
        return np.asarray(Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB"))
    return np.asarray(opened.convert("RGB"))


def _is_lossy_webp(data: bytes) -> bool:
    return data[12:16] == b"VP8 " or (data[12:16] == b"VP8X" and b"VP8L" not in data[:64])


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture on its way into the store: decoded and hashed, not yet encoded."""

    pixels: Pixels
    sha256: str
    original: bytes | None = None
    """The bytes as they came, where they were lossy."""


def prepare(picture: Pixels | bytes) -> Prepared:
    """Decode (bytes) or check (pixels) a picture and hash it. Raises BadPicture."""
    if isinstance(picture, bytes):
        pixels, lossy = decode_picture(picture)
        return Prepared(pixels, picture_hash(pixels), picture if lossy else None)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise BadPicture(
            f"Pixels of shape {picture.shape} and type {picture.dtype} are no picture.",
            hint="Pass an array of shape (height, width, 3), dtype uint8, RGB.",
        )
    _check_size(picture.shape[1], picture.shape[0])
    return Prepared(picture, picture_hash(picture))


class PictureWriter:
    """Writes pictures of one family. The slow part (`encode`) holds no lock of the store."""

    def __init__(self, database: Database, family: int) -> None:
        self._database = database
        self._family = family
        self._index = TileIndex()
        self._turn = threading.Lock()

    def store(self, prepared: Prepared) -> int:
        """Store the picture, unless the family has it; return its id."""
        with self._turn:
            known = self._database.row(
                "SELECT id FROM picture WHERE family = ? AND sha256 = ? AND (original IS NULL) = ?",
                self._family,
                prepared.sha256,
                prepared.original is None,
            )
            if known:
                return int(known["id"])
            if prepared.original is not None:
                with self._database.transaction() as connection:
                    return self._insert(connection, prepared, None)
            return self._store_tiles(prepared)

    def _store_tiles(self, prepared: Prepared) -> int:
        width = prepared.pixels.shape[1]
        tiles = split(prepared.pixels)
        where, new, keys = self._index.place(tiles)
        columns = atlas_columns(width, len(new))
        image = encode_atlas(tiles[new], columns) if new else b""
        new_keys = [keys[i] for i in new]
        with self._database.transaction() as connection:
            atlas = 0
            if new:
                cursor = connection.execute(
                    "INSERT INTO atlas (family, columns, count, image) VALUES (?, ?, ?, ?)",
                    (self._family, columns, len(new), image),
                )
                atlas = int(cursor.lastrowid or 0)
            slots = {key: slot for slot, key in enumerate(new_keys)}
            places = [found or (atlas, slots[key]) for found, key in zip(where, keys, strict=True)]
            picture = self._insert(connection, prepared, _layout(places).pack())
        if new:
            self._index.learn(atlas, new_keys)
        return picture

    def _insert(self, connection: sqlite3.Connection, prepared: Prepared, tiles: bytes | None) -> int:
        height, width = prepared.pixels.shape[:2]
        cursor = connection.execute(
            "INSERT INTO picture (family, width, height, sha256, tiles, original, lossy) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._family,
                width,
                height,
                prepared.sha256,
                tiles,
                prepared.original,
                int(prepared.original is not None),
            ),
        )
        return int(cursor.lastrowid or 0)


def _layout(places: list[tuple[int, int]]) -> Layout:
    atlases = tuple(sorted({atlas for atlas, _ in places}))
    number = {atlas: n for n, atlas in enumerate(atlases)}
    return Layout(
        atlases,
        np.asarray([number[atlas] for atlas, _ in places], np.uint16),
        np.asarray([slot for _, slot in places], np.uint32),
    )


class PictureReader:
    """Loads pictures, checks them, and keeps decoded atlases, so that stepping through a run is cheap."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: OrderedDict[int, Tiles] = OrderedDict()
        self._bytes = 0
        self._turn = threading.Lock()

    def load(self, picture: int) -> Pixels:
        """Return the pixels of a picture. Raises StoreCorrupt where they are not what was stored."""
        row = self._database.row("SELECT * FROM picture WHERE id = ?", picture)
        if row is None:
            raise StoreCorrupt(f"Picture {picture} is not in the store.")
        pixels = self._original(row) if row["tiles"] is None else self._assemble(row)
        if pixels.shape[:2] != (row["height"], row["width"]) or picture_hash(pixels) != row["sha256"]:
            raise StoreCorrupt(f"Picture {picture} is damaged: its pixels do not fit their hash.")
        return pixels

    def original(self, picture: int) -> bytes | None:
        """Return the bytes as they came, where they arrived lossy."""
        row = self._database.row("SELECT original FROM picture WHERE id = ?", picture)
        return None if row is None else row["original"]

    def _original(self, row: sqlite3.Row) -> Pixels:
        try:
            return decode_picture(row["original"] or b"")[0]
        except BadPicture as error:
            raise StoreCorrupt(f"Picture {row['id']} is damaged: {error.message}") from error

    def _assemble(self, row: sqlite3.Row) -> Pixels:
        width, height = int(row["width"]), int(row["height"])
        layout = Layout.unpack(row["tiles"])
        if len(layout.which) != -(-height // 32) * -(-width // 32):
            raise StoreCorrupt(f"Picture {row['id']} is damaged: its layout has a wrong number of tiles.")
        tiles = np.empty((len(layout.which), 32, 32, 3), np.uint8)
        for number, atlas in enumerate(layout.atlases):
            mine = layout.which == number
            source, slots = self._atlas(atlas), layout.slots[mine]
            if slots.size and int(slots.max()) >= len(source):
                raise StoreCorrupt(f"Picture {row['id']} is damaged: it asks for a tile that is not there.")
            tiles[mine] = source[slots]
        if layout.which.size and int(layout.which.max()) >= len(layout.atlases):
            raise StoreCorrupt(f"Picture {row['id']} is damaged: it asks for an atlas that is not there.")
        return join(tiles, width, height)

    def _atlas(self, atlas: int) -> Tiles:
        with self._turn:
            if atlas in self._cache:
                self._cache.move_to_end(atlas)
                return self._cache[atlas]
        row = self._database.row("SELECT image FROM atlas WHERE id = ?", atlas)
        if row is None:
            raise StoreCorrupt(f"Atlas {atlas} is not in the store.")
        tiles = decode_atlas(row["image"])
        with self._turn:
            self._cache[atlas] = tiles
            self._bytes += tiles.nbytes
            while self._bytes > CACHE_BYTES and len(self._cache) > 1:
                self._bytes -= self._cache.popitem(last=False)[1].nbytes
        return tiles
