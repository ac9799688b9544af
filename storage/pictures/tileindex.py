"""What a writer knows of the tiles that are stored already, so that it stores only new ones."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from footage.storage.pictures.layout import MAX_ATLASES
from footage.storage.pictures.sheets import Sheet, lay_out
from footage.storage.pictures.shifts import find_shifted
from footage.storage.pictures.tiles import DOWN, POSITION_BITS, TILE, Columns, Places, Tiles, atlas_of, take

__all__ = ["MOST_DECODED", "Placement", "TileIndex"]

MAX_KNOWN = 1 << 18  # tiles remembered by their hashes, about 50 MB; the oldest are forgotten first
MAX_SIZES = 3  # of pictures, the one before of each is kept: a screen, and what a model was sent of it
MOST_DECODED = 4.0
"""How large all atlases that a picture needs may be, new ones apart, as a multiple of the picture."""
_CUT_BACK = 0.8  # of both limits, so that not every picture has to give something up


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the tiles of a picture are, and the sheets of those that have to be stored."""

    columns: Columns
    found: Places
    """Of all tiles; -1 - i for the i-th new one."""
    sheets: Sequence[Sheet]
    keys: Sequence[bytes]
    """The hashes of the new tiles."""

    def places(self, atlases: Sequence[int]) -> Places:
        """Return where all tiles are once the sheets are stored as these atlases."""
        return np.where(self.found < 0, self.new(atlases)[-1 - np.minimum(self.found, -1)], self.found)

    def new(self, atlases: Sequence[int]) -> Places:
        """Return where the new tiles are then."""
        new = np.zeros(max(1, len(self.keys)), np.int64)
        for sheet, atlas in zip(self.sheets, atlases, strict=True):
            new[sheet.tiles] = (atlas << POSITION_BITS) + sheet.positions
        return new


class TileIndex:
    """
    The tiles stored so far in one family: half a SHA-256 of a tile -> its place, and the pictures before.

    Lives in memory only: a writer that starts anew knows nothing. Most tiles are what they were in the picture before,
    so those are compared first, and only what changed is hashed; what is unknown then may have scrolled.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._sizes: dict[int, int] = {}  # of atlases, in tiles
        self._before: OrderedDict[tuple[int, ...], tuple[Columns, Places]] = OrderedDict()

    def find(self, columns: Columns) -> Placement:
        """
        Find each tile.

        A picture never needs more than `MAX_ATLASES` atlases, nor much more than `MOST_DECODED` times its own size of
        them: tiles of those that serve fewest are stored again.
        """
        before = self._before.get(columns.shape)
        places = _unchanged(columns, before)
        keys: dict[int, bytes] = {}
        self._find_known(columns, places, keys)
        if before is not None:
            _find_scrolled(columns, before, places)
        self._limit(places)
        unknown = np.flatnonzero(places < 0)
        rows, at = np.divmod(unknown, columns.shape[1])
        tiles = take(columns, rows * TILE, at)
        new, numbers = list[int](), dict[bytes, int]()
        for i, (tile, where) in enumerate(zip(tiles, unknown.tolist(), strict=True)):
            key = keys.get(where) or _hash(tile)
            if key not in numbers:
                numbers[key] = len(new)
                new.append(i)
            places[where] = -1 - numbers[key]
        return Placement(columns, places, lay_out(tiles[new], rows[new], at[new]), list(numbers))

    def _find_known(self, columns: Columns, places: Places, keys: dict[int, bytes]) -> None:
        """Look up what changed by its hash; the hashes go into `keys`."""
        changed = np.flatnonzero(places < 0)
        rows, at = np.divmod(changed, columns.shape[1])
        for where, tile in zip(changed.tolist(), take(columns, rows * TILE, at), strict=True):
            keys[where] = key = _hash(tile)
            places[where] = self._known.get(key, -1)

    def _limit(self, places: Places) -> None:
        """Give up the places in the atlases that serve fewest tiles for their size, where all are too much to read."""
        stored = places >= 0
        atlases, which, counts = np.unique(atlas_of(places[stored]), return_inverse=True, return_counts=True)
        sizes = np.array([self._sizes.get(atlas, 0) for atlas in atlases.tolist()], np.int64)
        most = MOST_DECODED * len(places)
        if len(atlases) <= MAX_ATLASES - 2 and sizes.sum() <= most:
            return
        order = np.argsort(-counts / np.maximum(sizes, 1), kind="stable")
        kept = np.zeros(len(atlases), np.bool_)
        kept[order] = np.cumsum(sizes[order]) <= most * _CUT_BACK
        kept[order[int(MAX_ATLASES * _CUT_BACK) :]] = False
        places[stored] = np.where(kept[which], places[stored], -1)

    def learn(self, placement: Placement, atlases: Sequence[int]) -> None:
        """Remember a picture whose sheets are stored, durably, as these atlases."""
        for sheet, atlas in zip(placement.sheets, atlases, strict=True):
            self._sizes[atlas] = sheet.count
        for key, where in zip(placement.keys, placement.new(atlases).tolist(), strict=False):
            self._known[key] = where
        for key in list(islice(self._known, max(0, len(self._known) - MAX_KNOWN))):
            del self._known[key]
        self._remember(placement.columns, placement.places(atlases))

    def is_latest(self, columns: Columns) -> bool:
        """Tell whether this is the picture before."""
        latest = next(reversed(self._before.values()), None)
        return latest is not None and np.array_equal(latest[0], columns)

    def see(self, columns: Columns, places: Places, sizes: dict[int, int]) -> None:
        """Take a stored picture as the one before; `sizes` are those of its atlases, in tiles."""
        self._sizes.update(sizes)
        self._remember(columns, places)

    def _remember(self, columns: Columns, places: Places) -> None:
        self._before[columns.shape] = columns, places
        self._before.move_to_end(columns.shape)
        while len(self._before) > MAX_SIZES:
            self._before.popitem(last=False)


def _hash(tile: Tiles) -> bytes:
    return hashlib.sha256(tile.data).digest()[:16]


def _unchanged(columns: Columns, before: tuple[Columns, Places] | None) -> Places:
    """Return the places of the tiles that are what they were in the picture before, else -1."""
    height, width = columns.shape[0] // TILE, columns.shape[1]
    if before is None:
        return np.full(height * width, -1, np.int64)
    differs = (columns.view(np.uint64) != before[0].view(np.uint64)).reshape(height, TILE, -1)
    changed = np.logical_or.reduce(differs, axis=1).reshape(height * width, -1).any(axis=1)
    return np.where(changed, -1, before[1])


def _find_scrolled(columns: Columns, before: tuple[Columns, Places], places: Places) -> None:
    """Find unknown tiles that stood higher or lower before, where what they stood across is one piece in an atlas."""
    width = columns.shape[1]
    unknown = np.flatnonzero(places < 0)
    rows, at = np.divmod(unknown, width)
    y = find_shifted(columns, before[0], take(columns, rows * TILE, at), rows * TILE, at)
    first, offset = np.divmod(y, TILE)
    upper = before[1][np.maximum(first, 0) * width + at]
    lower = before[1][np.minimum((first + (offset > 0)) * width + at, len(before[1]) - 1)]
    whole = (y >= 0) & ((offset == 0) | (lower == upper + DOWN))
    places[unknown] = np.where(whole, upper + offset * (DOWN // TILE), -1)
