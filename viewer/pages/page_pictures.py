"""Pictures as the browser takes them: PNG of checked pixels, and where it finds them."""

from __future__ import annotations

import cv2

from footage.errors import BadPicture
from footage.trajectory import Frame, Pixels

__all__ = ["as_png", "picture_url", "thumbnail_url"]

_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # loopback is quicker than zlib


def as_png(pixels: Pixels) -> bytes:
    """Encode (height, width, 3) RGB pixels as PNG, losslessly."""
    done, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _FAST_PNG)
    if not done:
        raise BadPicture(f"A picture of shape {pixels.shape} could not be encoded.")
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
