"""
From the coordinates of a format to pixels of the stored picture.

What a format calls a point is kept in the action's raw input, with its space beside it: an image of so many units that
shows a picture of so many pixels. Fractions are a space of 1 x 1, boxes of 0-1000 one of 1000 x 1000, CSS pixels one
of the window's size. A format whose actions have no position (an element's index, a set-of-mark label) has no space
and no point: no marker is drawn.
"""

from __future__ import annotations

import math

from footage.trajectory import Space

__all__ = ["FRACTIONS", "THOUSANDTHS", "placed", "space_of"]

FRACTIONS = (1, 1)
THOUSANDTHS = (1000, 1000)


def space_of(units: tuple[int, int], picture: tuple[int, int] | None) -> Space | None:
    """Return the space in which `units` (width, height) span the picture's pixels; None where they are its pixels."""
    if picture is None or units == picture or min(*units, *picture) < 1:
        return None
    return Space(*units, *picture)


def placed(x: float, y: float, space: Space | None) -> tuple[int, int] | None:
    """
    Return the picture's pixel that a position of continuous units lies on; None where it lies outside, or is none.

    Without a space the units are the picture's pixels. The far edge itself counts as the last pixel.
    """
    if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > 1_000_000:
        return None
    if space is None:
        return int(x), int(y)
    if not (0 <= x <= space.width and 0 <= y <= space.height):
        return None
    sx, sy = int(x * space.screen_width / space.width), int(y * space.screen_height / space.height)
    return min(sx, space.screen_width - 1), min(sy, space.screen_height - 1)
