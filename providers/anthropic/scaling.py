"""
The size at which a screen is sent to a model.

The API silently shrinks pictures beyond its limits, and then every click lands beside its target; so they are shrunk
here, and coordinates are mapped back by a `Space` that says exactly how.
"""

from __future__ import annotations

import math

from footage.errors import BadPicture
from footage.trajectory import Pixels, Space

__all__ = ["MAX_EDGE", "MAX_TILES", "TILE", "encode_png", "fitting_size", "fitting_space"]

MAX_EDGE = 1568
"""Pixels along the longer edge."""
TILE = 28
MAX_TILES = 1568
"""Tiles of 28 x 28 pixels, begun ones included."""


def fits(width: int, height: int) -> bool:
    """Return whether the API takes a picture of this size as it is."""
    return max(width, height) <= MAX_EDGE and math.ceil(width / TILE) * math.ceil(height / TILE) <= MAX_TILES


def fitting_size(width: int, height: int) -> tuple[int, int]:
    """
    Return the largest size of the same shape that the API takes as it is; the size itself if it does.

    >>> fitting_size(1280, 800), fitting_size(2560, 1600)
    ((1280, 800), (1389, 868))
    """
    if fits(width, height):
        return width, height
    long, short = max(width, height), min(width, height)
    for edge in range(min(MAX_EDGE, long), 0, -1):
        other = max(1, round(short * edge / long))
        size = (edge, other) if width >= height else (other, edge)
        if fits(*size):
            return size
    raise AssertionError("a picture of one pixel fits")


def fitting_space(width: int, height: int) -> Space:
    """Return the space of the picture a model is sent of a screen of this size."""
    return Space(*fitting_size(width, height), width, height)


def encode_png(pixels: Pixels, size: tuple[int, int] | None = None) -> bytes:
    """Return the bytes of a PNG of pixels, (height, width, 3) uint8 RGB, shrunk to `size` (width, height) if given."""
    import cv2

    shown = pixels
    if size is not None and size != (pixels.shape[1], pixels.shape[0]):
        shown = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(pixels.dtype)
    done, encoded = cv2.imencode(".png", shown[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise BadPicture(f"A picture of shape {pixels.shape} could not be encoded as PNG.")
    return encoded.tobytes()
