"""The screen as it lies in memory: an XWD file that the X server draws into."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from footage.errors import MachineError

if TYPE_CHECKING:
    from footage.trajectory import Pixels

_HEADER = struct.Struct(">25I")
_XWD_VERSION = 7
_COLOUR_BYTES = 12
"""Size of one colour-map entry, of which the header counts how many follow it."""


class Framebuffer:
    """A mapped screen of 32 bits a pixel."""

    def __init__(self, path: Path) -> None:
        """Map the file. Raises MachineError where it is no XWD file of 32-bit true colour."""
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        head = _HEADER.unpack_from(self._map)
        header_size, version, width, height, bits, stride = (
            head[0],
            head[1],
            head[4],
            head[5],
            head[11],
            head[12],
        )
        if version != _XWD_VERSION or bits != 32 or head[14] != 0xFF0000:
            self.close()
            raise MachineError("The X server's screen has a form that footage does not read.")
        self.size = width, height
        """Width and height in pixels."""
        self._stride = stride
        self._start = header_size + head[19] * _COLOUR_BYTES

    def raw(self) -> bytes:
        """Return a copy of the screen's bytes: rows of B, G, R and one unused byte."""
        return self._map[self._start : self._start + self._stride * self.size[1]]

    @property
    def length(self) -> int:
        """Bytes of the screen."""
        return int(self._stride * self.size[1])

    def copy_into(self, raw: bytearray) -> None:
        """Do as `raw`, into memory that is there already: in half the time."""
        with memoryview(self._map) as whole:
            raw[:] = whole[self._start : self._start + self.length]

    def pixels(self, raw: bytes | bytearray) -> Pixels:
        """Return what `raw` gave as RGB pixels of shape (height, width, 3)."""
        import numpy as np  # not where the screen is only copied

        width, height = self.size
        rows = np.frombuffer(raw, np.uint8).reshape(height, self._stride // 4, 4)[:, :width]
        rgb = np.empty((height, width, 3), np.uint8)
        for channel in range(3):
            rgb[..., channel] = rows[..., 2 - channel]
        return rgb

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()
