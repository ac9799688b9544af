"""From the bytes of a picture to its pixels: is it too large, is it lossy, do its bytes hold more than RGB pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from footage.errors import BadPicture
from footage.trajectory import Pixels

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "MAX_SIDE", "Decoded", "check_size", "decode_picture"]

MAX_PIXELS = 36_000_000  # a little more than 8K; larger pictures are refused before they are decoded
MAX_SIDE = 65_535  # JPEG's own; a strip of one pixel by a million would fill a million tiles


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture."""

    pixels: Pixels
    lossy: bool
    """Whether it arrived as JPEG or lossy WebP."""
    complete: bool
    """Whether the pixels are all there is: no transparency, no 16-bit colours, no second picture."""


def decode_picture(data: bytes) -> Decoded:
    """
    Decode PNG, JPEG, WebP or GIF bytes: the first picture, transparent parts on white.

    Raises BadPicture for what is no picture, has more than `MAX_PIXELS` or a side longer than `MAX_SIDE`.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP", "GIF"]) as opened:
            check_size(opened.width, opened.height)
            lossy = opened.format in {"JPEG", "MPO"} or (opened.format == "WEBP" and _is_lossy_webp(data))
            single = not getattr(opened, "is_animated", False)
            pixels, plain = _rgb(opened)
            deep = opened.format == "PNG" and data[24] > 8
            return Decoded(pixels, lossy, single and plain and not deep)
    except BadPicture:
        raise
    except UnidentifiedImageError as error:
        raise BadPicture(f"These {len(data):,} bytes are no picture (PNG, JPEG, WebP or GIF).") from error
    except Exception as error:
        reason = str(error).rstrip(".")
        raise BadPicture(f"These {len(data):,} bytes cannot be read as a picture: {reason}.") from error


def check_size(width: int, height: int) -> None:
    """Refuse a picture that is empty or too large. Raises BadPicture."""
    if min(width, height) < 1 or width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        limit = f"limit: {MAX_PIXELS:,} pixels, {MAX_SIDE:,} a side"
        raise BadPicture(f"A picture of {width}x{height} pixels cannot be stored ({limit}).")


def _rgb(opened: Image.Image) -> tuple[Pixels, bool]:
    """Return the pixels, and whether nothing was transparent."""
    if opened.mode.startswith("I"):  # 16-bit grey, which `convert` would clip to 8 bits
        grey = (np.asarray(opened).astype(np.uint32) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2), True
    if opened.mode not in {"RGBA", "LA", "PA"} and "transparency" not in opened.info:
        return np.asarray(opened if opened.mode == "RGB" else opened.convert("RGB")), True
    from PIL import Image

    clear = opened.convert("RGBA")
    if clear.getchannel("A").getextrema() == (255, 255):
        return np.asarray(clear.convert("RGB")), True
    return np.asarray(Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")), False


def _is_lossy_webp(data: bytes) -> bool:
    return data[12:16] == b"VP8 " or (data[12:16] == b"VP8X" and b"VP8L" not in data[:64])
