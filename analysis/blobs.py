"""
Blobs: groups of changed pixels, and what their shape says of them (a caret, a pointer, a speck).

A mask is an array of shape (height, width), dtype uint8, 0 where two screens agree. Changed pixels belong to one blob
when their 8-pixel cells touch, so that the strokes of a word make one blob and a caret beside it does not stand alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from footage.trajectory import Pixels, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]

CELL = 8
"""Side of a cell, in pixels."""
MOST_BLOBS = 64
"""More blobs than this are not told apart one by one."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A group of changed pixels: the box around them, how many they are, and how many cells they touch."""

    box: Region
    pixels: int
    cells: int

    @property
    def fill(self) -> float:
        """Share of the box that changed, 0..1."""
        return self.pixels / (self.box.width * self.box.height)


def cells_of(image: Mask) -> Mask:
    """Return the means of the 8x8 cells of a (height, width) image, shape (ceil(h/8), ceil(w/8)); edges repeat."""
    height, width = image.shape
    down, across = -height % CELL, -width % CELL
    if down or across:
        image = as_bytes(cv2.copyMakeBorder(image, 0, down, 0, across, cv2.BORDER_REPLICATE))
    size = ((width + across) // CELL, (height + down) // CELL)
    return as_bytes(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def find_blobs(mask: Mask) -> tuple[list[Blob], int]:
    """Return the blobs of a mask (0 or 255), most cells first and at most `MOST_BLOBS`, and how many there are."""
    height, width = mask.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cells_of(mask), connectivity=8)
    stats = stats.reshape(-1, 5)
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:MOST_BLOBS]
    blobs = []
    for label in order.tolist():
        left, top, across, down, cells = stats[label].tolist()
        own = labels[top : top + down, left : left + across] == label
        own = own.repeat(CELL, axis=0).repeat(CELL, axis=1)
        x, y = left * CELL, top * CELL
        part = mask[y : min(y + down * CELL, height), x : min(x + across * CELL, width)]
        part = np.where(own[: part.shape[0], : part.shape[1]], part, 0)
        bx, by, bw, bh = cv2.boundingRect(part)
        blobs.append(Blob(Region(x + bx, y + by, bw, bh), cv2.countNonZero(part), cells))
    return blobs, count - 1


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
    if spread:
        return True
    return any(_one_colour(crop(screen, blob.box)) for screen in (a, b))


def _one_colour(pixels: Pixels) -> bool:
    return bool((pixels == pixels[0, 0]).all())


def is_pointer(blob: Blob, pointers: Sequence[tuple[int, int]], *, narrow: bool = False) -> bool:
    """
    Tell whether a blob is a mouse pointer drawn at one of `pointers` (its hot spot), or at two close by each other.

    An arrow or a hand hangs from its hot spot. A tick or a letter does not: it is smaller, or reaches above the point
    that was clicked. An I-beam (`narrow`) is centred on it, as are two carets close by each other.
    """
    box = blob.box
    for (x0, y0), (x1, y1) in combinations_with_replacement(pointers, 2):
        x, y, dx, dy = min(x0, x1), min(y0, y1), abs(x0 - x1), abs(y0 - y1)
        if max(dx, dy) > 32:
            continue
        hangs = -12 <= box.x - x <= 2 and -2 <= box.y - y <= 2
        if hangs and 6 <= box.width - dx <= 32 and 12 <= box.height - dy <= 40 and blob.fill < 0.85:
            return True
        centred = narrow and abs(2 * x + dx - box.x - box.right) <= 6 and abs(2 * y + dy - box.y - box.bottom) <= 6
        if centred and 5 <= box.width - dx <= 9 and 14 <= box.height - dy <= 32 and blob.fill < 0.6:
            return True
    return False


def is_speck(blob: Blob) -> bool:
    """Tell whether a blob is at most 2x2 pixels."""
    return blob.box.width <= 2 and blob.box.height <= 2


def touches(box: Region, others: Sequence[Region]) -> bool:
    """Tell whether a box shares a pixel with any of the others."""
    return any(box.x < o.right and o.x < box.right and box.y < o.bottom and o.y < box.bottom for o in others)


def clip(region: Region, shape: tuple[int, ...]) -> Region:
    """Return the part of a region that lies within an image of that shape; its sides may be 0."""
    x, y = min(max(region.x, 0), shape[1]), min(max(region.y, 0), shape[0])
    return Region(x, y, max(min(region.right, shape[1]) - x, 0), max(min(region.bottom, shape[0]) - y, 0))


def crop(pixels: Pixels, region: Region) -> Pixels:
    """Return the pixels of a region that lies within them, as a view."""
    return pixels[region.y : region.bottom, region.x : region.right]


def as_bytes(image: Any) -> Mask:
    """Return what OpenCV gave as the array of uint8 that it is; its stubs promise less."""
    return np.asarray(image, dtype=np.uint8)
