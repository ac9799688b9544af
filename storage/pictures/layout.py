"""
Layouts: where each tile of a picture is, in few bytes.

Neighbours in a picture are mostly neighbours in an atlas, or the same tile (blank paper). So a tile is one of five
words, "right of the one before", "below the one above", "the one before", "the one above" or "here:" with an atlas and
a position, and the words are deflated: about 300 bytes for a screen of a thousand tiles. Version 1, of stores before
version 3, lists atlas and number for every tile.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from footage.errors import StoreCorrupt
from footage.storage.pictures.tiles import DOWN, POSITION_BITS, Places, atlas_of, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_ATLASES", "Layout"]

MAX_ATLASES = 64
"""That one picture may need: with the limit on their size (see tileindex.py) it bounds the cost of reading it."""
_HEADER = struct.Struct("<BHI")  # version, atlases, tiles
_RIGHT, _BELOW, _LEFT_AGAIN, _ABOVE_AGAIN, _HERE = range(5)
_POSITIONS = (1 << POSITION_BITS) - 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each tile of a picture is, row by row."""

    atlases: tuple[int, ...]
    which: NDArray[np.int64]
    """Of each tile: the number of its atlas in `atlases`."""
    positions: NDArray[np.int64]
    """Of each tile: its place in that atlas; in a layout of version 1 its number there, row by row."""
    numbered: bool = False
    """Whether this is a layout of version 1."""

    @classmethod
    def of(cls, places: Places) -> Layout:
        """Return the layout of tiles in these places."""
        atlases, which = np.unique(atlas_of(places), return_inverse=True)
        return cls(tuple(int(atlas) for atlas in atlases), which.reshape(-1), places & _POSITIONS)

    def places(self, number: int, columns: int) -> Places:
        """Return the places of the tiles in atlas `number` of the layout; `columns` is how many that has in a row."""
        found = self.positions[self.which == number]
        if not self.numbered:
            return np.asarray((self.atlases[number] << POSITION_BITS) + found)
        return place(self.atlases[number], found // columns * 32, found % columns)

    @property
    def all_places(self) -> Places | None:
        """All tiles' places; None for version 1, where they depend on the atlases' widths."""
        if self.numbered:
            return None
        return (np.asarray(self.atlases, np.int64)[self.which] << POSITION_BITS) + self.positions

    def moved(self, atlases: Mapping[int, int]) -> Layout:
        """Return the layout for copies of its atlases, by their old ids. Raises KeyError where one is not there."""
        return replace(self, atlases=tuple(atlases[atlas] for atlas in self.atlases))

    def pack(self, columns: int) -> bytes:
        """Return the stored form of a picture with so many columns of tiles."""
        if self.numbered:
            body = np.asarray(self.atlases, "<i8").tobytes() + self.which.astype("<u2").tobytes()
            body += self.positions.astype("<u4").tobytes()
            return _HEADER.pack(1, len(self.atlases), len(self.which)) + zlib.compress(body, 9)
        words = _words((self.which << POSITION_BITS) + self.positions, columns)
        here = words == _HERE
        which, positions = self.which[here].astype(np.uint8), self.positions[here].astype("<u4")
        ids = np.diff(np.asarray(self.atlases, "<i8"), prepend=0)
        planes = [(positions >> shift).astype(np.uint8).tobytes() for shift in (0, 8, 16)]
        body = b"".join([ids.tobytes(), words.tobytes(), which.tobytes(), *planes])
        return _HEADER.pack(2, len(self.atlases), len(self.which)) + zlib.compress(body, 9)

    @classmethod
    def unpack(cls, stored: bytes, tiles: int, columns: int) -> Layout:
        """Read the stored form of a picture of so many tiles, so many in a row. Raises StoreCorrupt."""
        try:
            version, atlases, stated = _HEADER.unpack_from(stored)
            if version not in {1, 2} or not 1 <= atlases <= MAX_ATLASES or stated != tiles:
                raise StoreCorrupt(f"A layout does not fit its picture: {stated} tiles in {atlases} atlases.")
            most = atlases * 8 + tiles * 6
            engine = zlib.decompressobj()
            body = engine.decompress(stored[_HEADER.size :], most + 1)
        except (struct.error, zlib.error) as error:
            raise StoreCorrupt(f"A layout cannot be read: {error}.") from error
        if not engine.eof or len(body) > most or len(body) < atlases * 8 + tiles:
            raise StoreCorrupt("A layout has a wrong length.")
        found = _unpack_first(body, atlases, tiles) if version == 1 else _unpack(body, atlases, tiles, columns)
        if int(found.which.max()) >= atlases:
            raise StoreCorrupt("A layout asks for an atlas that is not there.")
        return found


def _words(places: Places, columns: int) -> NDArray[np.uint8]:
    """Return how each tile's place follows from those of its neighbours; `places` count their own atlases from 0."""
    left, above = np.full(len(places), -(1 << 40)), np.full(len(places), -(1 << 40))
    left[1:], above[columns:] = places[:-1], places[:-columns]
    cases = [places == left + 1, places == above + DOWN, places == left, places == above]
    return np.select(cases, range(4), _HERE).astype(np.uint8)


def _unpack(body: bytes, atlases: int, tiles: int, columns: int) -> Layout:
    ids = np.cumsum(np.frombuffer(body, "<i8", atlases))
    words = np.frombuffer(body, np.uint8, tiles, atlases * 8)
    count = int((words == _HERE).sum())
    if len(body) != atlases * 8 + tiles + count * 4:
        raise StoreCorrupt("A layout has a wrong length.")
    upward = (words[:columns] == _BELOW) | (words[:columns] == _ABOVE_AGAIN)
    if words[0] != _HERE or upward.any() or int(words.max()) > _HERE:
        raise StoreCorrupt("A layout refers to a tile that is not there.")
    which, *planes = np.frombuffer(body, np.uint8, count * 4, atlases * 8 + tiles).reshape(4, count).astype(np.int64)
    here = iter(((which << POSITION_BITS) + (planes[2] << 16) + (planes[1] << 8) + planes[0]).tolist())
    places: list[int] = []
    last = 0
    for i, word in enumerate(words.tolist()):
        if word == _RIGHT:
            last += 1
        elif word == _HERE:
            last = next(here)
        elif word != _LEFT_AGAIN:
            last = places[i - columns] + (DOWN if word == _BELOW else 0)
        places.append(last)
    found = np.array(places, np.int64)
    return Layout(tuple(ids.tolist()), found >> POSITION_BITS, found & _POSITIONS)


def _unpack_first(body: bytes, atlases: int, tiles: int) -> Layout:
    if len(body) != atlases * 8 + tiles * 6:
        raise StoreCorrupt("A layout has a wrong length.")
    ids = np.frombuffer(body, "<i8", atlases)
    which = np.frombuffer(body, "<u2", tiles, atlases * 8).astype(np.int64)
    slots = np.frombuffer(body, "<u4", tiles, atlases * 8 + tiles * 2).astype(np.int64)
    return Layout(tuple(ids.tolist()), which, slots, numbered=True)
