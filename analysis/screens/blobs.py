"""
Blobs: groups of changed pixels.

A mask is an array of shape (height, width), dtype uint8, 0 where two screens agree. Changed pixels belong to one blob
when their 8-pixel cells touch, so that the strokes of a word make one blob and a caret beside it does not stand alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """A group of changed pixels. Two blobs are equal only where they are the same one."""

    box: Region
    mask: Mask
    """Of the box: 0 where nothing changed or another blob did."""
    pixels: int
    """How many changed."""
    cells: int
    """How many cells they touch."""

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
        part = part[by : by + bh, bx : bx + bw]
        blobs.append(Blob(Region(x + bx, y + by, bw, bh), part, cv2.countNonZero(part), cells))
    return blobs, count - 1


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
