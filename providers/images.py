"""Pictures as they travel in messages: base64 blocks, and the size of a picture from its header."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

from footage.trajectory import JSON

__all__ = ["image_block", "image_bytes", "picture_size"]


def image_bytes(block: Any) -> bytes | None:
    """Return the encoded picture of an image block; None where it is elsewhere (a URL, a file) or no base64."""
    source = block.get("source") if isinstance(block, dict) else None
    if not isinstance(source, dict) or source.get("type") != "base64" or not isinstance(source.get("data"), str):
        return None
    try:
        return base64.b64decode(source["data"], validate=True)
    except (binascii.Error, ValueError):
        return None


def picture_size(encoded: bytes) -> tuple[int, int] | None:
    """Return (width, height) from a picture's header, without decoding it; None where it is no picture."""
    if encoded[:8] == b"\x89PNG\r\n\x1a\n" and len(encoded) >= 24:
        return int.from_bytes(encoded[16:20], "big"), int.from_bytes(encoded[20:24], "big")
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def image_block(png: bytes) -> JSON:
    """Return an image block that carries a PNG."""
    data = base64.b64encode(png).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
