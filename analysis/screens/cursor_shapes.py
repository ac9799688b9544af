"""
What the shape of a changed spot says of it: a caret, a mouse pointer, or a speck.

The sizes are those of the cursors and fonts of ordinary desktops at 96 dots an inch; docs/diff.md has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np

from footage.analysis.screens.blobs import Blob, crop
from footage.trajectory import Pixels, Region

Point = tuple[int, int]

STEM, SERIF, REACH = 3, 5, 12
"""Of an I-beam with its shadow, from its hot spot: half the width of the stem and of its ends, half the height."""
END = 5
"""From so far above and below its hot spot on, an I-beam has its ends."""


def is_caret(blob: Blob, a: Pixels, b: Pixels, *, spread: int = 0) -> bool:
    """
    Tell whether a blob is a text caret that shows in one screen only.

    A caret is a solid bar of one colour, and taller for its width than any upright letter of regular weight: the stem
    of `l` is an eighth as wide as it is tall, and one pixel wide only up to 12 pixels of height. `spread` is by how
    many pixels lossy encoding widens the blob on each side; the colour is then not asked for.
    """
    width, height = blob.box.width - 2 * spread, blob.box.height - 2 * spread
    if not 1 <= width <= 3 or not max(13, 8 * width) <= height <= 48:
        return False
    return spread > 0 or any(_one_colour(crop(screen, blob.box)) for screen in (a, b))


def _one_colour(pixels: Pixels) -> bool:
    return bool((pixels == pixels[0, 0]).all())


def is_pointer(blob: Blob, pointers: Sequence[Point], *, spread: int = 0) -> bool:
    """
    Tell whether a blob is a mouse pointer at one of `pointers` (its hot spot), or at two close by each other.

    An arrow or a hand hangs from its hot spot. A tick or a letter does not: it is smaller, or reaches above the point
    that was clicked. An I-beam stands around it, with ends wider than its stem, which a caret has not.
    """
    pairs = list(combinations_with_replacement(pointers, 2))
    return any(_is_arrow(blob, *pair) or _is_beam(blob, pair, spread) for pair in pairs)


def _is_arrow(blob: Blob, one: Point, two: Point) -> bool:
    x, y, dx, dy = min(one[0], two[0]), min(one[1], two[1]), abs(one[0] - two[0]), abs(one[1] - two[1])
    box = blob.box
    hangs = -12 <= box.x - x <= 2 and -3 <= box.y - y <= 2 and max(dx, dy) <= 32
    return hangs and 6 <= box.width - dx <= 32 and 12 <= box.height - dy <= 40 and blob.fill < 0.85


def _is_beam(blob: Blob, pointers: tuple[Point, Point], spread: int) -> bool:
    """Tell whether all that changed lies within I-beams at the points, and the ends of one did change."""
    if not 14 <= blob.box.height <= 2 * (2 * REACH + spread) or blob.box.width > 4 * (2 * SERIF + spread):
        return False
    rows, columns = np.nonzero(blob.mask)
    outside = np.ones(len(rows), dtype=np.bool_)
    has_ends = False
    for x, y in pointers:
        across, down = np.abs(columns + blob.box.x - x), rows + blob.box.y - y
        stem = across <= STEM + spread
        ends = (np.abs(down) >= END - spread) & (across <= SERIF + spread)
        outside &= ~((stem | ends) & (np.abs(down) <= REACH + spread))
        serifs = down[ends & (across > STEM)]
        has_ends = has_ends or bool((serifs < 0).sum() >= 2 and (serifs > 0).sum() >= 2)
    return has_ends and not outside.any()


def may_be_pointer(box: Region, pointers: Sequence[Point]) -> bool:
    """Tell whether a box of whole cells lies within what pointers at one or two of these points may touch."""
    for (x0, y0), (x1, y1) in combinations_with_replacement(pointers, 2):
        left, top, right, bottom = min(x0, x1) - 20, min(y0, y1) - 20, max(x0, x1) + 36, max(y0, y1) + 44
        close = max(abs(x0 - x1), abs(y0 - y1)) <= 32
        if close and left <= box.x and top <= box.y and box.right <= right and box.bottom <= bottom:
            return True
    return False


def is_speck(blob: Blob) -> bool:
    """Tell whether a blob is at most 2x2 pixels."""
    return blob.box.width <= 2 and blob.box.height <= 2
