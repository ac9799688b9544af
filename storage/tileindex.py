"""What a writer knows of the tiles that are stored already, so that it stores only new ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from footage.storage.tiles import MAX_ATLASES, Places, Tiles, atlas_of, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Placement", "TileIndex"]

MAX_KNOWN = 1 << 18  # tiles remembered by their hashes, about 50 MB; the oldest are forgotten first


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the tiles of a picture are, and which of them have to be stored."""

    tiles: Tiles
    found: Places
    """Of all tiles; -1 - i for those that will be tile i of the new atlas."""
    new: list[int]
    """Indexes of the tiles to store, each content once."""
    keys: list[bytes]
    """The hashes of the tiles in `new`."""

    def places(self, atlas: int) -> Places:
        """Return where all tiles are once `new` is stored as this atlas."""
        return np.where(self.found < 0, place(atlas, -1 - self.found), self.found)


class TileIndex:
    """
    The tiles stored so far in one family: 128-bit BLAKE2b of a tile -> its place.

    Lives in memory only: a writer that starts anew knows nothing. Most tiles are what they were in the picture before,
    so those are compared first, and only what changed is hashed.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._before: tuple[Tiles, Places] | None = None

    def find(self, tiles: Tiles) -> Placement:
        """
        Find each tile.

        A picture never needs more than `MAX_ATLASES` atlases: tiles of those that serve fewest are stored again.
        """
        flat = tiles.reshape(len(tiles), -1)
        places = self._unchanged(flat)
        keys: dict[int, bytes] = {}
        for i in np.flatnonzero(places < 0).tolist():
            keys[i] = _hash(flat[i])
            places[i] = self._known.get(keys[i], -1)
        _limit_atlases(places)
        numbers: dict[bytes, int] = {}
        new: list[int] = []
        for i in np.flatnonzero(places < 0).tolist():
            key = keys.get(i) or _hash(flat[i])
            if key not in numbers:
                numbers[key] = len(new)
                new.append(i)
            places[i] = -1 - numbers[key]
        return Placement(tiles, places, new, list(numbers))

    def _unchanged(self, flat: NDArray[np.uint8]) -> Places:
        """Return the places of the tiles that are what they were in the picture before, else -1."""
        if self._before is None or len(self._before[0]) != len(flat):
            return np.full(len(flat), -1, np.int64)
        tiles, places = self._before
        changed = (flat.view(np.uint64) != tiles.reshape(len(tiles), -1).view(np.uint64)).any(axis=1)
        return np.where(changed, -1, places)

    def learn(self, placement: Placement, atlas: int) -> None:
        """Remember a picture whose new tiles are stored, durably, as this atlas."""
        places = placement.places(atlas)
        for i, key in zip(placement.new, placement.keys, strict=True):
            self._known[key] = int(places[i])
        for key in list(islice(self._known, max(0, len(self._known) - MAX_KNOWN))):
            del self._known[key]
        self.see(placement.tiles, places)

    def see(self, tiles: Tiles, places: Places) -> None:
        """Take a stored picture as the one before."""
        self._before = tiles, places


def _hash(tile: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(tile.data, digest_size=16).digest()


def _limit_atlases(places: Places) -> None:
    """Give up the places in the atlases that serve fewest tiles, where those and one for new tiles are too many."""
    stored = places >= 0
    atlases, which, counts = np.unique(atlas_of(places[stored]), return_inverse=True, return_counts=True)
    if len(atlases) + (not stored.all()) <= MAX_ATLASES:
        return
    kept = np.zeros(len(atlases), np.bool_)
    kept[np.argsort(-counts, kind="stable")[: MAX_ATLASES - 1]] = True
    places[stored] = np.where(kept[which], places[stored], -1)
