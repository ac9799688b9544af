"""Where two pictures differ, told from their tiles: those in one place, or compared before, need not be read again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from footage.storage.pictures.tiles import TILE, Columns, Places
from footage.trajectory import Pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Fill = Callable[[Columns, NDArray[np.int64], NDArray[np.int64], Places], None]
    """Writes the tiles in some places into columns, from these rows of pixels on, into these columns."""

__all__ = ["Compared", "Parts", "parts_of"]

Compared = tuple[Places, Places, "NDArray[np.bool_]"]
"""The places of the tiles of two pictures, and which tiles are equal."""


@dataclass(frozen=True, slots=True)
class Parts:
    """
    The same part of two pictures, with all that differs. Equal tiles in it may be black in both.

    The pixels were not checked by the pictures' hashes. That both are equal outside is certain; how they differ is for
    those who load the pictures.
    """

    x: int
    y: int
    """Its upper left corner in the pictures, multiples of 32."""
    a: Pixels
    b: Pixels


def parts_of(
    a: Places, b: Places, size: tuple[int, int], fill: Fill, before: Compared | None
) -> tuple[Parts | None, Compared]:
    """
    Return where two pictures of one size (width, height) differ, by the places of their tiles; None: nowhere.

    `before` is what was compared last; what is returned with the parts is for the next time.
    """
    width, height = size
    across = -(-width // TILE)
    equal = a == b
    if before is not None and len(before[0]) == len(a):
        equal |= before[2] & (a == before[0]) & (b == before[1])
    near = _closed(~equal.reshape(-1, across))
    if not near.any():
        return None, (a, b, equal)
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    shape = (int(rows[-1]) + 1 - top) * TILE, int(columns[-1]) + 1 - left, 3 * TILE
    numbers = np.flatnonzero(near)
    row, column = np.divmod(numbers, across)
    sides = []
    for places in (a, b):
        sides.append(np.zeros(shape, np.uint8))
        fill(sides[-1], (row - top) * TILE, column - left, places[numbers])
    words = [side.view(np.uint64).reshape(-1, TILE, shape[1], 3 * TILE // 8) for side in sides]
    equal[numbers] = (words[0] == words[1]).all(axis=(1, 3))[row - top, column - left]
    x, y = left * TILE, top * TILE
    one, two = (np.ascontiguousarray(side.reshape(shape[0], -1, 3)[: height - y, : width - x]) for side in sides)
    return Parts(x, y, one, two), (a, b, equal)


def _closed(tiles: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which tiles are among those, or in a corner between them: what is thin may bend around one."""
    beside, above = np.zeros_like(tiles), np.zeros_like(tiles)
    beside[:, 1:] |= tiles[:, :-1]
    beside[:, :-1] |= tiles[:, 1:]
    for far in (1, 2):
        above[far:] |= tiles[:-far]
        above[:-far] |= tiles[far:]
    return tiles | (beside & above)
