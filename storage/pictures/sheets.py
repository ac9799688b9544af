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
_QUICK, _LONG_SEARCH = (0, 40), (0, 80)  # WebP's method and search; in photos a longer one finds next to nothing
_DRAWN = (1, 20)  # its better methods are slow in photos, for little, but not in drawings; from 25 on too they are
_BESIDE_PHOTOS = (1, 40)  # a better method for a page's text is little of the whole
_EVERY = 8
_CLEARLY = 0.97  # where it is in doubt, method 1 may be slow for nothing
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
    of_plain, of_others = _methods(tiles, plain)
    parts = [(plain, of_plain), (~plain, of_others)]
    return [_sheet(tiles, np.flatnonzero(part), rows, columns, *how) for part, how in parts if part.any()]


def _methods(tiles: Tiles, plain: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return WebP's method and search for tiles of few colours, and for the others."""
    if 2 * plain.sum() >= len(plain):
        return _LONG_SEARCH, _QUICK
    if _is_drawn(tiles[~plain]):
        return _LONG_SEARCH, _DRAWN
    return _BESIDE_PHOTOS, _QUICK


def _is_drawn(tiles: Tiles) -> bool:
    """
    Tell whether colours are told in fewer bits than their differences to the left, by every eighth row.

    So libwebp decides from method 1 on whether to predict pixels (AnalyzeEntropy in src/enc/vp8l_enc.c). Only pixels
    that are unlike both the one to the left and the one above are counted, since others are copied.
    """
    above, pixels = (_colours(tiles[:, first::_EVERY]).reshape(-1, TILE) for first in (0, 1))
    changed = (pixels[:, 1:] != pixels[:, :-1]) & (pixels[:, 1:] != above[:, 1:])
    here, left = (part[changed].view(np.uint8).reshape(-1, 4).T for part in (pixels[:, 1:], pixels[:, :-1]))
    return _bits(here) < _CLEARLY * _bits(here - left)


def _bits(colours: NDArray[np.uint8]) -> float:
    """Return the entropy of red, green and blue (shape (3 or more, n)), as they are or less green: what is less."""
    red, green, blue = colours[:3]
    return _entropy(green) + min(
        _entropy(red) + _entropy(blue),
        _entropy(red - green) + _entropy(blue - green),
    )


def _entropy(values: NDArray[np.uint8]) -> float:
    """Return how many bits all these bytes take, each by how frequent it is."""
    counts = np.bincount(values)
    counts = counts[counts > 0]
    return float((counts * np.log2(len(values) / counts)).sum())


def _of_few_colours(tiles: Tiles) -> NDArray[np.bool_]:
    """Tell which tiles get by with the 255 colours that are most frequent in all of those that might."""
    plain = _plain(tiles[:, ::4])
    if plain.any():
        plain[plain] = _plain(tiles[plain])
    return plain


def _plain(tiles: Tiles) -> NDArray[np.bool_]:
    """Tell which tiles have none but frequent colours, by hashes of colours."""
    hashes = (_colours(tiles) * np.uint32(2654435761)) >> np.uint32(16)
    counts = np.bincount(hashes.reshape(-1), minlength=1 << 16)
    frequent = np.flatnonzero(counts)
    if len(frequent) <= _COLOURS:
        return np.ones(len(tiles), np.bool_)
    frequent = frequent[np.argpartition(-counts[frequent], _COLOURS)[:_COLOURS]]
    is_frequent = np.zeros(1 << 16, np.bool_)
    is_frequent[frequent] = True
    return np.asarray(is_frequent.take(hashes).all(axis=1))


def _colours(tiles: Tiles) -> NDArray[np.uint32]:
    """Return the pixels of each tile as numbers of 24 bits, shape (n, pixels)."""
    padded = np.empty(tiles.size + 1, np.uint8)  # a word is read at each third byte, the last one byte beyond the tiles
    padded[:-1].reshape(tiles.shape)[...] = tiles
    words = np.ndarray(
        (len(tiles), tiles.size // len(tiles) // 3), "<u4", padded, strides=(tiles.size // len(tiles), 3)
    )
    return words & np.uint32(0xFFFFFF)


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
