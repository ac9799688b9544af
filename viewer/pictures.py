"""Pictures as the browser takes them: PNG of checked pixels, small JPEG thumbnails."""

from __future__ import annotations

import cv2
import numpy as np

from footage.errors import BadPicture
from footage.trajectory import Frame, Pixels

__all__ = ["THUMBNAIL_WIDTH", "as_png", "as_thumbnail", "picture_url", "thumbnail_url"]

THUMBNAIL_WIDTH = 240
"""Pixels; narrower pictures keep their width."""
_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # loopback is quicker than zlib
_GOOD_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 82]


def as_png(pixels: Pixels) -> bytes:
    """Encode (height, width, 3) RGB pixels as PNG, losslessly."""
    return _encode(".png", pixels, _FAST_PNG)


def as_thumbnail(pixels: Pixels) -> bytes:
    """Encode pixels as a JPEG of at most `THUMBNAIL_WIDTH` pixels across."""
    height, width = pixels.shape[:2]
    if width > THUMBNAIL_WIDTH:
        size = (THUMBNAIL_WIDTH, max(1, round(height * THUMBNAIL_WIDTH / width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _encode(".jpg", pixels, _GOOD_JPEG)


def _encode(suffix: str, pixels: Pixels, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise BadPicture(f"A picture of shape {pixels.shape} could not be encoded as {suffix}.")
    return data.tobytes()


def picture_url(frame: Frame) -> str:
    """
    Return the address of a frame's picture.

    The hash in it makes the address good for ever: browsers keep it, and must not show it for another store's picture.
    """
    return f"/pictures/{frame.picture}.png?v={frame.sha256[:16]}"


def thumbnail_url(frame: Frame) -> str:
    """Return the address of a frame's thumbnail."""
    return f"/pictures/{frame.picture}/thumb.jpg?v={frame.sha256[:16]}"
