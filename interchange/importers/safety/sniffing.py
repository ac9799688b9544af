"""What a picture's first bytes say: its format and its size, read before any decoder sees it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from footage.errors import BadPicture

__all__ = ["Header", "sniff"]

_NO_FRAME = {0xC4, 0xC8, 0xCC}  # the markers from 0xC0 to 0xCF that are not the start of a JPEG's frame
_ALONE = {0x01, *range(0xD0, 0xD8)}  # JPEG markers without a length


@dataclass(frozen=True, slots=True)
class Header:
    """A picture's format and its size in pixels, as its first bytes state them."""

    format: str
    """PNG, JPEG, WEBP, GIF or BMP."""
    width: int
    height: int


def sniff(data: bytes) -> Header:
    """Read the header of a PNG, JPEG, WebP, GIF or BMP picture. Raises BadPicture for other or cut bytes."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return Header("GIF", *struct.unpack_from("<HH", data, 6))
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"BM"):
            return _bmp(data)
    except (struct.error, IndexError) as error:
        raise BadPicture(f"These {len(data):,} bytes are the beginning of a picture that is cut short.") from error
    if not data:
        raise BadPicture("The picture is empty: 0 bytes.")
    raise BadPicture(f"These {len(data):,} bytes are no picture (PNG, JPEG, WebP, GIF or BMP).")


def _png(data: bytes) -> Header:
    if data[12:16] not in {b"IHDR", b""}:
        raise BadPicture("This PNG does not begin with its header.")
    return Header("PNG", *struct.unpack_from(">II", data, 16))


def _jpeg(data: bytes) -> Header:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise BadPicture("This JPEG has no header.")
        while data[at] == 0xFF:
            at += 1
        marker, at = data[at], at + 1
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return Header("JPEG", width, height)
        if marker in {0xD9, 0xDA}:
            raise BadPicture("This JPEG has no header.")
        if marker not in _ALONE:
            at += max(2, struct.unpack_from(">H", data, at)[0])


def _webp(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        return Header("WEBP", 1 + int.from_bytes(data[24:27], "little"), 1 + _last(data, 27))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("WEBP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    raise BadPicture("This WebP has no header.")


def _last(data: bytes, at: int) -> int:
    """Return the three-byte number at the end of a header, which must be there."""
    if len(data) < at + 3:
        raise IndexError
    return int.from_bytes(data[at : at + 3], "little")


def _bmp(data: bytes) -> Header:
    (length,) = struct.unpack_from("<I", data, 14)
    if length == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return Header("BMP", width, abs(height))
