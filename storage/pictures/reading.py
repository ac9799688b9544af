"""
Loading pictures: checked by their hash, and quick where one is much like the one before.

A reader keeps decoded atlases, and the picture it put together last: stepping through a run costs what has changed.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from footage.errors import BadPicture, StoreCorrupt
from footage.storage.file.database import Database
from footage.storage.file.forks import before_a_fork
from footage.storage.pictures.decoding import check_size, decode_picture
from footage.storage.pictures.layout import Layout
from footage.storage.pictures.parts import Compared, Parts, parts_of
from footage.storage.pictures.tiles import (
    TILE,
    Columns,
    Places,
    Tiles,
    atlas_of,
    column_of,
    count_tiles,
    decode_atlas,
    join,
    picture_hash,
    put,
    take,
    whole,
    y_of,
)
from footage.trajectory import Pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PictureReader"]

CACHE_BYTES = 256 << 20  # decoded atlases kept by a reader
_LAYOUTS = 64  # read layouts kept by a reader
_LITTLE = 0.4  # of a picture's tiles: more than that are put together anew


class PictureReader:
    """Loads pictures, checks them, and keeps decoded atlases. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._cache: OrderedDict[int, Columns] = OrderedDict()
        self._bytes = 0
        self._layouts: OrderedDict[int, tuple[int, int, Places]] = OrderedDict()
        self._latest: tuple[Columns, Places] | None = None
        self._compared: Compared | None = None

    def forget(self) -> None:
        """Keep nothing of what was read: pictures may have been removed since, and their numbers given to others."""
        with self._turn:
            self._forget()

    def load(self, picture: int) -> Pixels:
        """Return the pixels of a picture. Raises StoreCorrupt where they are not what was stored."""
        with before_a_fork():  # so that no fork takes the lock of the cache along
            try:
                return self._load(picture)
            except StoreCorrupt:  # or removed, or given another's number, between two looks at the store
                self.forget()
                return self._load(picture)

    def parts(self, a: int, b: int) -> Parts | None:
        """
        Return where two pictures differ, unchecked, without putting either together.

        None where that cannot be told from their tiles: of another size, kept as they came, equal, or damaged. Then
        `load` tells. After `forget`: what was read before is taken as it is.
        """
        with before_a_fork():
            try:
                return self._parts(a, b)
            except (StoreCorrupt, BadPicture, ValueError, TypeError):
                return None

    def _parts(self, a: int, b: int) -> Parts | None:
        one, two = self._layout(a), self._layout(b)
        if one is None or two is None or one[:2] != two[:2]:
            return None
        found, self._compared = parts_of(one[2], two[2], one[:2], self._fill, self._compared)
        return found

    def _layout(self, picture: int) -> tuple[int, int, Places] | None:
        """Return a picture's width, height and the places of its tiles; None where it has none."""
        with self._turn:
            if picture in self._layouts:
                self._layouts.move_to_end(picture)
                return self._layouts[picture]
        row = self._database.row("SELECT width, height, tiles FROM picture WHERE id = ?", picture)
        if row is None or row["tiles"] is None:
            return None
        width, height = int(row["width"]), int(row["height"])
        check_size(width, height)
        layout = Layout.unpack(row["tiles"], count_tiles(width, height), -(-width // TILE))
        found = width, height, self._places(layout)
        with self._turn:
            self._layouts[picture] = found
            if len(self._layouts) > _LAYOUTS:
                self._layouts.popitem(last=False)
        return found

    def _load(self, picture: int) -> Pixels:
        row = self._database.row("SELECT * FROM picture WHERE id = ?", picture)
        if row is None:
            raise StoreCorrupt(f"Picture {picture} is not in the store.")
        try:
            check_size(row["width"], row["height"])
            pixels = self._original(row) if row["tiles"] is None else self._assembled(row)
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

    def _assembled(self, row: sqlite3.Row) -> Pixels:
        width, height = int(row["width"]), int(row["height"])
        tiles, across = count_tiles(width, height), -(-width // TILE)
        places = self._places(Layout.unpack(row["tiles"], tiles, across))
        latest = self._latest
        if latest is not None and latest[0].shape == (tiles // across * TILE, across, 3 * TILE):
            columns = self._changed(latest, places)
        else:
            columns = join(self._tiles(places), across)
        pixels = whole(columns, width, height)
        if picture_hash(pixels) != row["sha256"]:
            raise StoreCorrupt("its pixels do not fit their hash.")
        self._latest = columns, places
        return pixels

    def _places(self, layout: Layout) -> Places:
        """Return the places of a picture's tiles; of an old layout, by the widths of its atlases."""
        if layout.all_places is not None:
            return layout.all_places
        places = np.empty(len(layout.which), np.int64)
        for number, atlas in enumerate(layout.atlases):
            places[layout.which == number] = layout.places(number, self._atlas(atlas).shape[1])
        return places

    def _changed(self, latest: tuple[Columns, Places], places: Places) -> Columns:
        """Return a picture that has most tiles of the latest one."""
        before, old = latest
        new = np.flatnonzero(places != old)
        if len(new) > _LITTLE * len(places):
            return join(self._tiles(places), before.shape[1])
        columns = before.copy()
        row, column = np.divmod(new, before.shape[1])
        for tile, y, x in zip(self._tiles(places[new]), (row * TILE).tolist(), column.tolist(), strict=True):
            columns[y : y + TILE, x] = tile
        return columns

    def _tiles(self, places: Places) -> Tiles:
        tiles = np.empty((len(places), TILE, 3 * TILE), np.uint8)
        for mine, found in self._taken(places):
            tiles[mine] = found
        return tiles

    def _fill(self, columns: Columns, y: NDArray[np.int64], column: NDArray[np.int64], places: Places) -> None:
        """Write the tiles in some places into columns, from these rows of pixels on, into these columns."""
        for mine, found in self._taken(places):
            put(columns, y[mine], column[mine], found)

    def _taken(self, places: Places) -> Iterator[tuple[NDArray[np.bool_], Tiles]]:
        """Yield the tiles in some places, atlas by atlas, and which of the places they are in."""
        atlases = atlas_of(places)
        for atlas in np.unique(atlases).tolist():
            mine = atlases == atlas
            sheet = self._atlas(atlas)
            y, column = y_of(places[mine]), column_of(places[mine])
            if int(y.max()) + TILE > len(sheet) or int(column.max()) >= sheet.shape[1]:
                raise StoreCorrupt("it asks for a tile that is not there.")
            yield mine, take(sheet, y, column)

    def _atlas(self, atlas: int) -> Columns:
        with self._turn:
            if atlas in self._cache:
                self._cache.move_to_end(atlas)
                return self._cache[atlas]
        row = self._database.row("SELECT columns, count, image FROM atlas WHERE id = ?", atlas)
        if row is None:
            raise StoreCorrupt(f"Atlas {atlas} is not in the store.")
        sheet = decode_atlas(row["image"], row["columns"], row["count"])
        with self._turn:
            if atlas not in self._cache:
                self._cache[atlas] = sheet
                self._bytes += sheet.nbytes
            while self._bytes > CACHE_BYTES and len(self._cache) > 1:
                self._bytes -= self._cache.popitem(last=False)[1].nbytes
        return sheet
