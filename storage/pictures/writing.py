"""
Storing pictures: lossless, checked, and shared within a family only.

Bytes that arrive lossy (JPEG, lossy WebP), or hold more than 8-bit RGB, are kept as they came. They are checked by the
hash of the bytes, since another version of a decoder may round differently; all others by the hash of their pixels.
Either way a wrong picture is never shown.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from footage.errors import BadPicture, StoreCorrupt
from footage.storage.file.database import Database
from footage.storage.file.forks import before_a_fork
from footage.storage.pictures.decoding import check_size, decode_picture
from footage.storage.pictures.layout import Layout
from footage.storage.pictures.signatures import signature_of
from footage.storage.pictures.tileindex import Placement, TileIndex
from footage.storage.pictures.tiles import atlas_of, cut, picture_hash
from footage.trajectory import Pixels

__all__ = ["Encoded", "PictureWriter", "Prepared", "prepare"]


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
    atlases: Sequence[bytes] = ()
    """The images of its sheets of new tiles."""
    signature: bytes | None = None
    """None where the store had the picture already."""


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
        """Do the slow part: find out which tiles are new, and compress those. A fork waits for its end."""
        with before_a_fork():  # so that no fork takes a lock of libwebp's along
            row = self._database.row(_FIND_SQL, *self._key(prepared))
            if row is not None:
                self._see(prepared, row)
            return Encoded(prepared) if row is not None else self._encode(prepared)

    def _encode(self, prepared: Prepared) -> Encoded:
        signature = signature_of(prepared.pixels)
        if prepared.original is not None:
            return Encoded(prepared, signature=signature)
        columns = cut(prepared.pixels)
        with self._turn:
            placement = self._index.find(columns)
        return Encoded(prepared, placement, [sheet.encode() for sheet in placement.sheets], signature)

    def insert(self, connection: sqlite3.Connection, encoded: Encoded) -> int:
        """Insert the picture within the caller's transaction, unless the family has it by now; return its id."""
        prepared = encoded.prepared
        known = connection.execute(_FIND_SQL, self._key(prepared)).fetchone()
        if known is not None:
            return int(known[0])
        if encoded.signature is None:  # the store had it before, and it was removed meanwhile
            encoded = self._encode(prepared)
        if prepared.original is not None:
            return self._insert(connection, encoded, None)
        placement = encoded.placement
        assert placement is not None
        sql = "INSERT INTO atlas (family, columns, count, image) VALUES (?, ?, ?, ?)"
        pairs = zip(placement.sheets, encoded.atlases, strict=True)
        values = [(self._family, sheet.columns, sheet.count, image) for sheet, image in pairs]
        atlases = [int(connection.execute(sql, each).lastrowid or 0) for each in values]
        self._database.after_commit(lambda: self._learn(placement, atlases))
        return self._insert(connection, encoded, Layout.of(placement.places(atlases)).pack(placement.columns.shape[1]))

    def _learn(self, placement: Placement, atlases: Sequence[int]) -> None:
        with self._turn:
            self._index.learn(placement, atlases)

    def _see(self, prepared: Prepared, row: sqlite3.Row) -> None:
        """Take a picture that is stored already as the one before the next."""
        if row["tiles"] is None:
            return
        columns = cut(prepared.pixels)
        if self._index.is_latest(columns):
            return
        try:
            width = columns.shape[1]
            places = Layout.unpack(row["tiles"], len(columns) // 32 * width, width).all_places
        except StoreCorrupt:
            return  # reading the picture will say so
        if places is not None:
            atlases = ",".join(map(str, np.unique(atlas_of(places)).tolist()))
            sizes = self._database.rows(f"SELECT id, count FROM atlas WHERE id IN ({atlases})")
            with self._turn:
                self._index.see(columns, places, {found["id"]: found["count"] for found in sizes})

    def _key(self, prepared: Prepared) -> tuple[int, str, str | None]:
        return self._family, prepared.sha256, prepared.original_sha256

    def _insert(self, connection: sqlite3.Connection, encoded: Encoded, tiles: bytes | None) -> int:
        prepared, signature = encoded.prepared, encoded.signature
        height, width = prepared.pixels.shape[:2]
        original, original_sha256 = prepared.original, prepared.original_sha256
        kept = (tiles, original, original_sha256, int(prepared.lossy), signature)
        cursor = connection.execute(
            "INSERT INTO picture (family, width, height, sha256, tiles, original, original_sha256, lossy, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self._family, width, height, prepared.sha256, *kept),
        )
        return int(cursor.lastrowid or 0)
