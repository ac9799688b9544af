"""Volatile regions: what changes on a screen while nobody acts, and what two runs never show alike, such as clocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.analysis.screens.blobs import CELL, as_bytes, touches
from footage.analysis.screens.comparison_of_screens import changed_regions
from footage.trajectory import Pixels, Region, Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from footage.analysis.screens.blobs import Mask

LARGEST = 0.02
"""A larger share of the screen than this is content that is still coming in, not a clock."""
OFTEN = 0.3
"""Share of the idle stretches in which a region must have changed; and twice at least."""

_QUITE_ANOTHER = 0.3
"""Pairs of screens that differ in a larger share of their cells show different pages."""
_LEAST_PAIRS = 3
_MAY_BE_EQUAL = 5
"""One in so many pairs."""
_BESIDE = 6
"""Cells on either side that may belong to a clock."""


def learn_volatile(stretches: Iterable[tuple[Pixels, Pixels]], *, unchanged: int = 0) -> tuple[Region, ...]:
    """
    Return the small regions that keep changing by themselves.

    `stretches` are screens at the beginning and at the end of times in which nobody acted, (height, width, 3) RGB;
    `unchanged` is how many more such times ended as they began.
    """
    found: list[tuple[Region, int]] = []
    count = unchanged
    for before, after in stretches:
        count += 1
        if before.shape == after.shape:
            screen = before.shape[0] * before.shape[1]
            small = [r for r in changed_regions(before, after) if r.width * r.height <= LARGEST * screen]
            found = _merge(found, small)
    return tuple(region for region, times in found if times >= max(2, OFTEN * count))


def learn_between(pairs: Sequence[Mask], width: int, height: int, touched: Sequence[Region]) -> tuple[Region, ...]:
    """
    Return the small places at which two runs differ in every pair of screens: clocks that show different times.

    `pairs` are masks of 8-pixel cells (`changed_cells`), of screens of one size, the first and the last among them; at
    least three. `touched` is where actions were done, which is never a clock. A pair of quite different pages says
    nothing; one pair in five may be equal, since two clocks may show the same for once.
    """
    telling = [cells > 0 for cells in pairs if np.count_nonzero(cells) <= _QUITE_ANOTHER * cells.size]
    if len(telling) < _LEAST_PAIRS:
        return ()
    often = np.sum(telling, axis=0) * 2 >= len(telling)
    ever = np.sum(telling, axis=0) > 0
    count, labels = cv2.connectedComponents(as_bytes(often), connectivity=8)
    regions = []
    for label in range(1, count):
        own = np.asarray(labels) == label
        shown = [bool(cells[own].any()) for cells in telling]
        rows, columns = np.nonzero(_grown(own, ever))
        x, y = max(int(columns.min()) - 1, 0) * CELL, max(int(rows.min()) - 1, 0) * CELL
        right, bottom = (int(columns.max()) + 2) * CELL, (int(rows.max()) + 2) * CELL
        region = Region(x, y, min(right, width) - x, min(bottom, height) - y)
        every = shown[0] and shown[-1] and shown.count(False) * _MAY_BE_EQUAL <= len(shown)
        if every and region.width * region.height <= LARGEST * width * height and not touches(region, touched):
            regions.append(region)
    return tuple(regions)


def _grown(own: NDArray[np.bool_], ever: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells of a place and what ever differed right beside it: the hours of a clock change seldom."""
    rows, columns = np.nonzero(own)
    near = np.zeros_like(own)
    near[rows.min() : rows.max() + 1, max(columns.min() - _BESIDE, 0) : columns.max() + 1 + _BESIDE] = True
    return own | (ever & near)


def volatile_of(run: Run) -> tuple[Region, ...]:
    """Return the regions that were learned for a run; what is no region in its specification is passed over."""
    listed = (run.machine or {}).get("volatile")
    boxes = [box for box in listed if isinstance(box, list) and len(box) == 4] if isinstance(listed, list) else []
    sound = [box for box in boxes if all(type(n) is int and 0 <= n < 1 << 16 for n in box)]
    return tuple(Region(*box) for box in sound)


def joined(found: Iterable[Region]) -> tuple[Region, ...]:
    """Return regions as boxes that do not touch each other."""
    merged: list[tuple[Region, int]] = []
    for region in found:
        merged = _merge(merged, [region])
    return tuple(region for region, _ in merged)


def _merge(found: list[tuple[Region, int]], regions: list[Region]) -> list[tuple[Region, int]]:
    """Count each region to the one it touches, which grows to hold it."""
    merged = list(found)
    for region in regions:
        near = [entry for entry in merged if touches(region, [entry[0]])]
        merged = [entry for entry in merged if entry not in near]
        whole, times = region, 0
        for other, seen in near:
            x, y = min(whole.x, other.x), min(whole.y, other.y)
            whole = Region(x, y, max(whole.right, other.right) - x, max(whole.bottom, other.bottom) - y)
            times = max(times, seen)
        merged.append((whole, times + 1))
    return merged
