"""
Finding what has scrolled: tiles of a picture that stood higher or lower in the picture before.

Rows of 32 pixels are hashed in both; each row that occurs once before votes for the distance between its two places.
The few distances with most votes are then tried on the pixels themselves, so that the hash only has to be quick.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from footage.storage.pictures.tiles import TILE, Columns, Tiles, take

__all__ = ["find_shifted"]

_LEAST_TILES = 8  # fewer are cheaper to store
_MOST_COLUMNS = 4  # that vote; with more the same distances win
_DISTANCES = 2  # that are tried
_LEAST_VOTES = 16
_FACTORS = np.random.default_rng(32).integers(1, 1 << 62, 12, dtype=np.uint64) * 2 + 1

Numbers = NDArray[np.int64]


def find_shifted(now: Columns, before: Columns, tiles: Tiles, y: Numbers, column: Numbers) -> Numbers:
    """
    Return the row of pixels where each of these tiles stood in the picture before, in the same column; else -1.

    `tiles` are those of `now` (same shape as `before`) that begin at rows `y` of pixels in the columns `column`.
    """
    found = np.full(len(tiles), -1, np.int64)
    if len(tiles) < _LEAST_TILES:
        return found
    for distance in _likely_distances(now, before, y, column):
        there = y + distance
        tried = np.flatnonzero((found < 0) & (there >= 0) & (there + TILE <= len(before)))
        middle = before[there[tried] + TILE // 2, column[tried]] == tiles[tried, TILE // 2]
        tried = tried[middle.all(axis=1)]  # a row tells most of those that are something else
        if tried.size:
            same = (take(before, there[tried], column[tried]).view(np.uint64) == tiles[tried].view(np.uint64)).reshape(
                len(tried), -1
            )
            fit = tried[same.all(axis=1)]
            found[fit] = there[fit]
    return found


def _likely_distances(now: Columns, before: Columns, y: Numbers, column: Numbers) -> list[int]:
    """Return the distances in rows of pixels, from now to before, that most rows vote for."""
    voters = np.argsort(-np.bincount(column), kind="stable")[:_MOST_COLUMNS]
    height = len(now)
    votes = np.zeros(2 * height, np.int64)
    for voter in voters.tolist():
        rows = (y[column == voter][:, None] + np.arange(TILE)).reshape(-1)
        if rows.size:
            votes += _votes(_hashes(now[rows, voter]), rows, _hashes(before[:, voter]))
    votes[height] = 0  # where they stand now they are not
    best = np.argsort(-votes, kind="stable")[:_DISTANCES]
    return [int(index) - height for index in best if votes[index] >= _LEAST_VOTES]


def _votes(now: NDArray[np.uint64], rows: Numbers, before: NDArray[np.uint64]) -> Numbers:
    """Count, for one column, the distances from rows to equal ones of which there was one only."""
    order = np.argsort(before, kind="stable")
    ordered = before[order]
    changes = np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])
    single = changes[1:] & changes[:-1]
    order, ordered = order[single], ordered[single]
    if not ordered.size:
        return np.zeros(2 * len(before), np.int64)
    at = np.minimum(np.searchsorted(ordered, now), len(ordered) - 1)
    hits = ordered[at] == now
    return np.bincount(order[at[hits]] - rows[hits] + len(before), minlength=2 * len(before))


def _hashes(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hash rows of 96 bytes, shape (n, 96)."""
    words = np.ascontiguousarray(rows).view(np.uint64)
    return np.asarray((words * _FACTORS).sum(axis=1, dtype=np.uint64))
