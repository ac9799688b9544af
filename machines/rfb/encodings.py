"""
Pixels as an RFB server sends them: raw, copied from elsewhere on the screen, or in zlib-compressed tiles (ZRLE).

A canvas is an array of shape (height, width, 4), uint8: red, green, blue and a byte that says nothing.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from footage.errors import MachineError
from footage.trajectory import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from footage.machines.rfb.rfb_connection import Stream

    Canvas: TypeAlias = NDArray[np.uint8]
else:
    Canvas = Any

__all__ = ["COPY", "RAW", "ZRLE", "Canvas", "Decoder"]

RAW, COPY, ZRLE = 0, 1, 16
_TILE = 64


class Decoder:
    """Paints what one server sends; ZRLE's compression goes on over the whole connection."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj()

    def paint(self, stream: Stream, encoding: int, place: Region, canvas: Canvas) -> None:
        """Read one rectangle and paint it. Raises MachineError for what makes no sense."""
        if place.right > canvas.shape[1] or place.bottom > canvas.shape[0]:
            raise MachineError("The VNC server sent pixels from outside its screen.")
        area = canvas[place.y : place.bottom, place.x : place.right]
        if encoding == RAW:
            area[:] = np.frombuffer(stream.take(area.size), np.uint8).reshape(area.shape)
        elif encoding == COPY:
            x, y = stream.numbers("HH")
            if x + place.width > canvas.shape[1] or y + place.height > canvas.shape[0]:
                raise MachineError("The VNC server copies from outside its screen.")
            area[:] = canvas[y : y + place.height, x : x + place.width].copy()
        elif encoding == ZRLE:
            (length,) = stream.numbers("I")
            try:
                self._tiles(self._inflate.decompress(stream.take(length)), area)
            except (zlib.error, IndexError, ValueError) as problem:
                raise MachineError(f"The VNC server sent a picture that cannot be read: {problem}.") from problem
        else:
            raise MachineError(f"The VNC server sends pixels in an encoding it was not asked for: {encoding}.")

    def _tiles(self, data: bytes, area: Canvas) -> None:
        at = 0
        for y in range(0, area.shape[0], _TILE):
            for x in range(0, area.shape[1], _TILE):
                tile = area[y : y + _TILE, x : x + _TILE, :3]
                at = _paint_tile(data, at, tile)


def _paint_tile(data: bytes, at: int, tile: Canvas) -> int:
    """Paint one tile from data[at:]; return where the next one begins."""
    kind, at = data[at], at + 1
    height, width = int(tile.shape[0]), int(tile.shape[1])
    if kind == 0:
        end = at + 3 * width * height
        tile[:] = _colours(data, at, width * height).reshape(height, width, 3)
        return end
    if kind == 1:
        tile[:] = _colours(data, at, 1)
        return at + 3
    if 2 <= kind <= 16:
        return _paint_packed(data, at, kind, tile)
    if kind == 128:
        return _paint_runs(data, at, None, tile)
    if kind >= 130:
        count = kind - 128
        return _paint_runs(data, at + 3 * count, _colours(data, at, count), tile)
    raise ValueError(f"tiles of kind {kind}")


def _colours(data: bytes, at: int, count: int) -> Canvas:
    return np.frombuffer(data, np.uint8, 3 * count, at).reshape(count, 3)


def _paint_packed(data: bytes, at: int, count: int, tile: Canvas) -> int:
    """Paint a tile of few colours: 1, 2 or 4 bits a pixel, each row in whole bytes."""
    palette, at = _colours(data, at, count), at + 3 * count
    bits = 1 if count == 2 else 2 if count <= 4 else 4
    height, width = int(tile.shape[0]), int(tile.shape[1])
    row = (width * bits + 7) // 8
    packed = np.frombuffer(data, np.uint8, row * height, at).reshape(height, row)
    digits = np.unpackbits(packed, axis=1).reshape(height, -1, bits)[:, :width]
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint8)
    numbers = (digits * weights).sum(axis=2)
    if int(numbers.max()) >= count:
        raise ValueError("a colour that is not in the palette")
    tile[:] = palette[numbers]
    return at + row * height


def _paint_runs(data: bytes, at: int, palette: Canvas | None, tile: Canvas) -> int:
    """Paint a tile of runs: a colour, or its number in the palette, and how often it comes."""
    height, width = tile.shape[:2]
    colours: list[bytes] = []
    lengths: list[int] = []
    left = width * height
    while left > 0:
        if palette is None:
            colour, at, long = data[at : at + 3], at + 3, True
        else:
            number, at = data[at], at + 1
            colour, long = palette[number & 127].tobytes(), number >= 128
        length = 1
        while long:
            length, at = length + data[at], at + 1
            long = data[at - 1] == 255
        colours.append(colour)
        lengths.append(length)
        left -= length
    if left:
        raise ValueError("a run that is longer than its tile")
    flat = np.frombuffer(b"".join(colours), np.uint8).reshape(-1, 3)
    tile[:] = np.repeat(flat, lengths, axis=0).reshape(height, width, 3)
    return at
