"""
Storing and loading pictures: lossless, checked, and shared within a family only.

Bytes that arrive lossy (JPEG, lossy WebP), or hold more than 8-bit RGB, are kept as they came. They are checked by the
hash of the bytes, since another version of a decoder may round differently; all others by the hash of their pixels.
Either way a wrong picture is never shown.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from footage.errors import BadPicture, StoreCorrupt
from footage.storage.database import Database
from footage.storage.decoding import check_size, decode_picture
from footage.storage.forks import inside_sqlite
from footage.storage.tileindex import Placement, TileIndex
from footage.storage.tiles import (
    Layout,
    Tiles,
    atlas_columns,
    count_tiles,
    decode_atlas,
    encode_atlas,
    join,
    picture_hash,
    split,
)
from footage.trajectory import Pixels

__all__ = ["Encoded", "PictureReader", "PictureWriter", "Prepared", "prepare"]

CACHE_BYTES = 256 << 20  # decoded atlases kept by a reader


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture on its way into the store: decoded and hashed, not yet encoded."""

    pixels: Pixels
    sha256: str
    lossy: bool = False
    original: bytes | None = None
    """The bytes as they came, where they are kept."""
    original_sha256: str | None = None


def prepare(picture: Pixels | bytes) -> Prepared:
    """Decode (bytes) or check (pixels) a picture and hash it. Raises BadPicture."""
    if isinstance(picture, bytes | bytearray | memoryview):
        data = bytes(picture)
        decoded = decode_picture(data)
        sha256 = picture_hash(decoded.pixels)
        if decoded.complete and not decoded.lossy:
            return Prepared(decoded.pixels, sha256)
        return Prepared(decoded.pixels, sha256, decoded.lossy, data, hashlib.sha256(data).hexdigest())
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise BadPicture(
            f"Pixels of shape {picture.shape} and type {picture.dtype} are no picture.",
            hint="Pass an array of shape (height, width, 3), dtype uint8, RGB.",
        )
    check_size(picture.shape[1], picture.shape[0])
    return Prepared(picture, picture_hash(picture))


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture ready to be inserted."""

    prepared: Prepared
    placement: Placement | None = None
    """None where the store had the picture already, or keeps the original."""
    columns: int = 0
    atlas: bytes = b""
    """The image of its new tiles."""


_FIND_SQL = "SELECT id, tiles FROM picture WHERE family = ? AND sha256 = ? AND original_sha256 IS ?"


class PictureWriter:
    """Writes pictures of one family. The slow part (`encode`) holds no lock of the store."""

    def __init__(self, database: Database, family: int) -> None:
        self._database = database
        self._family = family
        self._index = TileIndex()
        self._turn = threading.Lock()
        self._latest: tuple[bytes, Prepared | None] = b"", None
        self.decoder: Callable[[bytes], Prepared] = prepare
        """Decodes the bytes of pictures; those of foreign ones in a process of its own."""

    def prepare(self, picture: Pixels | bytes | Prepared) -> Prepared:
        """Do as `prepare`, which is not done again for the bytes before: a screen comes by the wire and as a frame."""
        if isinstance(picture, Prepared):
            return picture
        if not isinstance(picture, bytes):
            return prepare(picture)
        digest = hashlib.sha256(picture).digest()
        before, prepared = self._latest
        if digest != before or prepared is None:
            prepared = self.decoder(picture)
            self._latest = digest, prepared
        return prepared

    def store(self, prepared: Prepared) -> int:
        """Store the picture, unless the family has it; return its id."""
        encoded = self.encode(prepared)
        with self._database.transaction() as connection:
            return self.insert(connection, encoded)

    def encode(self, prepared: Prepared) -> Encoded:
        """Do the slow part: find out which tiles are new, and compress those."""
        row = self._database.row(_FIND_SQL, *self._key(prepared))
        if row is not None:
            self._see(prepared, row)
        return Encoded(prepared) if row is not None or prepared.original is not None else self._encode(prepared)

    def _encode(self, prepared: Prepared) -> Encoded:
        tiles = split(prepared.pixels)
        with self._turn:
            placement = self._index.find(tiles)
        if not placement.new:
            return Encoded(prepared, placement)
        columns = atlas_columns(prepared.pixels.shape[1], len(placement.new))
        return Encoded(prepared, placement, columns, encode_atlas(tiles[placement.new], columns))

    def insert(self, connection: sqlite3.Connection, encoded: Encoded) -> int:
        """Insert the picture within the caller's transaction, unless the family has it by now; return its id."""
        prepared = encoded.prepared
        known = connection.execute(_FIND_SQL, self._key(prepared)).fetchone()
        if known is not None:
            return int(known[0])
        if prepared.original is not None:
            return self._insert(connection, prepared, None)
        if encoded.placement is None:  # the store had it before, and it was removed meanwhile
            encoded = self._encode(prepared)
        placement, atlas = encoded.placement, 0
        assert placement is not None
        if placement.new:
            cursor = connection.execute(
                "INSERT INTO atlas (family, columns, count, image) VALUES (?, ?, ?, ?)",
                (self._family, encoded.columns, len(placement.new), encoded.atlas),
            )
            atlas = int(cursor.lastrowid or 0)
        self._database.after_commit(lambda: self._learn(placement, atlas))
        return self._insert(connection, prepared, Layout.of(placement.places(atlas)).pack())

    def _learn(self, placement: Placement, atlas: int) -> None:
        with self._turn:
            self._index.learn(placement, atlas)

    def _see(self, prepared: Prepared, row: sqlite3.Row) -> None:
        """Take a picture that is stored already as the one before the next."""
        if row["tiles"] is None:
            return
        tiles = split(prepared.pixels)
        try:
            places = Layout.unpack(row["tiles"], len(tiles)).places
        except StoreCorrupt:
            return  # reading the picture will say so
        with self._turn:
            self._index.see(tiles, places)

    def _key(self, prepared: Prepared) -> tuple[int, str, str | None]:
        return self._family, prepared.sha256, prepared.original_sha256

    def _insert(self, connection: sqlite3.Connection, prepared: Prepared, tiles: bytes | None) -> int:
        height, width = prepared.pixels.shape[:2]
        cursor = connection.execute(
            "INSERT INTO picture (family, width, height, sha256, tiles, original, original_sha256, lossy)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._family,
                width,
                height,
                prepared.sha256,
                tiles,
                prepared.original,
                prepared.original_sha256,
                int(prepared.lossy),
            ),
        )
        return int(cursor.lastrowid or 0)


class PictureReader:
    """Loads pictures, checks them, and keeps decoded atlases, so that stepping through a run is cheap."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: OrderedDict[int, Tiles] = OrderedDict()
        self._bytes = 0
        self._turn = threading.Lock()

    def load(self, picture: int) -> Pixels:
        """Return the pixels of a picture. Raises StoreCorrupt where they are not what was stored."""
        with inside_sqlite():  # so that no fork takes the lock of the cache along
            return self._load(picture)

    def _load(self, picture: int) -> Pixels:
        row = self._database.row("SELECT * FROM picture WHERE id = ?", picture)
        if row is None:
            raise StoreCorrupt(f"Picture {picture} is not in the store.")
        try:
            check_size(row["width"], row["height"])
            pixels = self._original(row) if row["tiles"] is None else self._assemble(row)
        except (BadPicture, StoreCorrupt, ValueError, TypeError) as error:
            raise StoreCorrupt(f"Picture {picture} is damaged: {error}") from error
        return pixels

    def original(self, picture: int) -> bytes | None:
        """Return the bytes as they came, where they are kept, unchecked."""
        row = self._database.row("SELECT original FROM picture WHERE id = ? AND tiles IS NULL", picture)
        return None if row is None else row["original"]

    def _original(self, row: sqlite3.Row) -> Pixels:
        data = row["original"] or b""
        if hashlib.sha256(data).hexdigest() != row["original_sha256"]:
            raise StoreCorrupt("its bytes do not fit their hash.")
        pixels = decode_picture(data).pixels
        if pixels.shape[:2] != (row["height"], row["width"]):
            raise StoreCorrupt("its size is not the stated one.")
        return pixels

    def _assemble(self, row: sqlite3.Row) -> Pixels:
        width, height = int(row["width"]), int(row["height"])
        layout = Layout.unpack(row["tiles"], count_tiles(width, height))
        tiles = np.empty((len(layout.which), 32, 32, 3), np.uint8)
        for number, atlas in enumerate(layout.atlases):
            mine = layout.which == number
            source, slots = self._atlas(atlas), layout.slots[mine]
            if slots.size and int(slots.max()) >= len(source):
                raise StoreCorrupt("it asks for a tile that is not there.")
            tiles[mine] = source[slots]
        pixels = join(tiles, width, height)
        if picture_hash(pixels) != row["sha256"]:
            raise StoreCorrupt("its pixels do not fit their hash.")
        return pixels

    def _atlas(self, atlas: int) -> Tiles:
        with self._turn:
            if atlas in self._cache:
                self._cache.move_to_end(atlas)
                return self._cache[atlas]
        row = self._database.row("SELECT columns, count, image FROM atlas WHERE id = ?", atlas)
        if row is None:
            raise StoreCorrupt(f"Atlas {atlas} is not in the store.")
        tiles = decode_atlas(row["image"], row["columns"], row["count"])
        with self._turn:
            if atlas not in self._cache:
                self._cache[atlas] = tiles
                self._bytes += tiles.nbytes
            while self._bytes > CACHE_BYTES and len(self._cache) > 1:
                self._bytes -= self._cache.popitem(last=False)[1].nbytes
        return tiles
