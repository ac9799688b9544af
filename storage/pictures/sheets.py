"""
How new tiles are laid out on sheets, and how those are compressed: each sheet becomes one atlas.

Tiles with few colours between them go on a sheet of their own: up to 256 colours WebP stores numbers of colours, which
its better methods compress twice as well in little time. On a sheet tiles keep their neighbours where that wastes no
room, since what scrolls later is found there across tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from footage.storage.pictures.tiles import TILE, Columns, Places, Tiles, encode_atlas, join, place

__all__ = ["Sheet", "lay_out"]

_COLOURS = 255  # that WebP's palette holds, besides the black of empty places
_WEBP_TILES = 511  # of its longest side
_LEAST_FILLED = 0.6  # of a sheet on which tiles keep their neighbours
_LEAST_PLAIN = 4  # tiles; fewer are not worth a sheet
_SEARCH, _SHORT_SEARCH = 80, 40  # a longer one finds next to nothing in photos, nor with a better method
_FEW = 16  # tiles that are not worth two sheets

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sheet:
    """New tiles side by side, ready to be compressed."""

    pixels: Columns
    tiles: Numbers
    """Numbers of the tiles that are on it."""
    positions: Places
    """Their places, in atlas 0."""
    method: int
    """WebP's: 0 is the quickest."""
    search: int
    """How far WebP looks for what repeats itself, 0 to 100."""

    @property
    def columns(self) -> int:
        """How many tiles wide it is."""
        return int(self.pixels.shape[1])

    @property
    def count(self) -> int:
        """How many tiles have room on it."""
        return len(self.pixels) // TILE * self.columns

    def encode(self) -> bytes:
        """Compress it as quickly as is worth it while somebody records."""
        return encode_atlas(self.pixels, self.method, self.search)


def lay_out(tiles: Tiles, rows: Numbers, columns: Numbers) -> list[Sheet]:
    """Return the sheets for new tiles that stand in these rows and columns of their picture; none for none."""
    if not len(tiles):
        return []
    plain = _of_few_colours(tiles) if len(tiles) > _FEW else np.ones(len(tiles), np.bool_)
    if plain.sum() < _LEAST_PLAIN and not plain.all():
        plain[:] = False
    mixed = 2 * plain.sum() < len(plain)  # a page with pictures: a better method for its text is little of the whole
    of_plain = (1, _SHORT_SEARCH) if mixed else (0, _SEARCH)
    parts = [(plain, of_plain), (~plain, (0, _SHORT_SEARCH))]
    return [_sheet(tiles, np.flatnonzero(part), rows, columns, *how) for part, how in parts if part.any()]


def _of_few_colours(tiles: Tiles) -> NDArray[np.bool_]:
    """Tell which tiles get by with the 255 colours that are most frequent in all of those that might."""
    plain = _plain(tiles[:, ::4])
    if plain.any():
        plain[plain] = _plain(tiles[plain])
    return plain


def _plain(tiles: Tiles) -> NDArray[np.bool_]:
    """Tell which tiles have none but frequent colours, by hashes of colours."""
    pixels = np.zeros((len(tiles), tiles.shape[1] * TILE, 4), np.uint8)
    pixels[:, :, :3] = tiles.reshape(len(tiles), -1, 3)
    hashes = (pixels.view(np.uint32)[..., 0] * np.uint32(2654435761)) >> np.uint32(16)
    counts = np.bincount(hashes.reshape(-1), minlength=1 << 16)
    frequent = np.flatnonzero(counts)
    if len(frequent) <= _COLOURS:
        return np.ones(len(tiles), np.bool_)
    frequent = frequent[np.argpartition(-counts[frequent], _COLOURS)[:_COLOURS]]
    is_frequent = np.zeros(1 << 16, np.bool_)
    is_frequent[frequent] = True
    return np.asarray(is_frequent[hashes].all(axis=1))


def _sheet(tiles: Tiles, chosen: Numbers, rows: Numbers, columns: Numbers, method: int, search: int) -> Sheet:
    grid_rows, row = np.unique(rows[chosen], return_inverse=True)
    grid_columns, column = np.unique(columns[chosen], return_inverse=True)
    width, height = len(grid_columns), len(grid_rows)
    if len(chosen) < _LEAST_FILLED * width * height or max(width, height) > _WEBP_TILES:
        width = max(min(width, len(chosen), _WEBP_TILES), -(-len(chosen) // _WEBP_TILES))
        row, column = np.divmod(np.arange(len(chosen)), width)
        height = int(row[-1]) + 1
    room = np.zeros((width * height, *tiles.shape[1:]), np.uint8)
    room[row * width + column] = tiles[chosen]
    return Sheet(join(room, width), chosen, place(0, row * TILE, column), method, search)
