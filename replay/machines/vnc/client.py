"""
A client of an RFB server: a copy of its screen, kept up to date by a thread, and its keyboard and pointer.

The server sends what has changed as soon as it is asked; the thread asks again each time. `sync` asks for one pixel
anew, so that what was on the screen when it was called is in the copy when it returns.
"""

from __future__ import annotations

import struct
import threading
from typing import TYPE_CHECKING

import numpy as np

from footage.errors import FootageError, MachineError
from footage.replay.machines.vnc.connection import connect
from footage.replay.machines.vnc.encodings import COPY, RAW, ZRLE, Canvas, Decoder
from footage.trajectory import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from footage.trajectory import Pixels

__all__ = ["RfbClient"]

_CURSOR, _SIZE, _LAST, _SIZES = -239, -223, -224, -308
SYNC_PATIENCE = 4.0
"""Seconds until a server that sends nothing new is believed: QEMU looks at an idle screen every three seconds."""
_LARGEST = 1 << 26
"""Pixels of a screen, and bytes of a text, at most."""


class RfbClient:
    """
    A connection to a server, from the moment it is made until `close`. Thread-safe.

    `compressed` asks for ZRLE, which suits a slow network; without it pixels come as they are, which is quicker on the
    same computer. Raises what `connect` raises.
    """

    def __init__(self, address: str, password: str | None = None, *, compressed: bool = False) -> None:
        self._stream, self.welcome = connect(address, password)
        self._state = threading.Condition()
        self._sending = threading.Lock()
        self._canvas = _blank(self.welcome.width, self.welcome.height)
        self._shown = self._canvas.copy()
        self._cursor: tuple[tuple[int, int], Canvas, NDArray[np.bool_]] | None = None
        self._pointer = (0, 0)
        self._updates = 0
        self._answered = 0
        self._failed: FootageError | None = None
        self._decoder = Decoder()
        encodings = [*([ZRLE] if compressed else []), COPY, RAW, _CURSOR, _SIZE, _SIZES, _LAST]
        self._send(struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings))
        self._ask(incremental=False)
        self._thread = threading.Thread(target=self._listen, name="footage-vnc", daemon=True)
        self._thread.start()

    # --- looking ---

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the screen."""
        with self._state:
            return self._shown.shape[1], self._shown.shape[0]

    @property
    def updates(self) -> int:
        """How many updates have changed the screen so far."""
        return self._updates

    def sync(self, patience: float | None = None) -> None:
        """Wait until the copy shows what the screen showed at the call, for `patience` s. Raises MachineError."""
        with self._state:
            wanted = self._answered + 1
        self._send(struct.pack(">BBHHHH", 3, 0, 0, 0, 1, 1))
        with self._state:
            self._state.wait_for(
                lambda: self._answered >= wanted or self._failed is not None, patience or SYNC_PATIENCE
            )
            self._check()

    def picture(self) -> Pixels:
        """Return the copy, the pointer drawn in where the server leaves that to its clients."""
        with self._state:
            self._check()
            pixels = self._shown[:, :, :3].copy()
            if self._cursor is not None:
                _draw(pixels, *self._cursor, self._pointer)
            return pixels

    def _check(self) -> None:
        if self._failed is not None:
            raise MachineError(self._failed.message, hint="Is the server still running?")

    # --- acting ---

    def key(self, symbol: int, *, down: bool) -> None:
        """Press or release a key, by its X symbol."""
        self._send(struct.pack(">BBxxI", 4, down, symbol))

    def pointer(self, x: int, y: int, buttons: int) -> None:
        """Move the pointer, with these buttons down: bit 0 is the left one."""
        with self._state:
            if (x, y) != self._pointer:
                self._pointer = (x, y)
                self._updates += self._cursor is not None
        self._send(struct.pack(">BBHH", 5, buttons, x, y))

    def close(self) -> None:
        """End the connection. Safe to call twice."""
        self._stream.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(2.0)

    def _send(self, data: bytes) -> None:
        with self._sending:
            self._stream.send(data)

    def _ask(self, *, incremental: bool) -> None:
        height, width = self._canvas.shape[:2]
        self._send(struct.pack(">BBHHHH", 3, incremental, 0, 0, width, height))

    # --- listening (one thread) ---

    def _listen(self) -> None:
        try:
            self._stream.be_patient(None)
            while True:
                self._message()
        except (FootageError, OSError) as problem:
            with self._state:
                failed = problem if isinstance(problem, FootageError) else MachineError(str(problem))
                self._failed = failed
                self._state.notify_all()

    def _message(self) -> None:
        stream = self._stream
        (kind,) = stream.take(1)
        if kind == 0:
            self._update()
        elif kind == 1:  # a palette: never used with the pixels that were asked for
            _, count = stream.numbers("xHH")
            stream.take(6 * count)
        elif kind == 3:
            (length,) = stream.numbers("xxxi")
            stream.take(_sane(abs(length)))
        elif kind != 2:  # 2 is the bell
            raise MachineError(f"The VNC server sent a message of an unknown kind: {kind}.")

    def _update(self) -> None:
        (count,) = self._stream.numbers("xH")
        synced, changed, resized = False, False, False
        while count > 0:
            x, y, width, height, encoding = self._stream.numbers("HHHHi")
            count -= count != 0xFFFF
            if encoding == _LAST:
                break
            place = Region(x, y, width, height)
            if encoding == _CURSOR:
                self._new_cursor(place)
            elif encoding in {_SIZE, _SIZES}:
                resized = self._resized(place, encoding) or resized
            else:
                self._decoder.paint(self._stream, encoding, place, self._canvas)
                changed, synced = True, synced or (x, y) == (0, 0)
        self._publish(changed=changed or resized, synced=synced)
        self._ask(incremental=not resized)

    def _publish(self, *, changed: bool, synced: bool) -> None:
        """Show what one update changed, all at once."""
        with self._state:
            if changed and self._shown.shape != self._canvas.shape:
                self._shown = self._canvas.copy()
                self._updates += 1
            elif changed and not np.array_equal(self._shown, self._canvas):
                np.copyto(self._shown, self._canvas)
                self._updates += 1
            self._answered += synced
            self._state.notify_all()

    def _resized(self, place: Region, encoding: int) -> bool:
        if encoding == _SIZES:
            (screens,) = self._stream.numbers("Bxxx")
            self._stream.take(16 * screens)
            if place.y != 0:  # an answer to a request for another size: none was made
                return False
        if (place.height, place.width) == self._canvas.shape[:2]:
            return False
        self._canvas = _blank(place.width, place.height)
        return True

    def _new_cursor(self, place: Region) -> None:
        """Take the picture of the pointer: `place` is its size, and the point in it that points."""
        height, width = place.height, place.width
        pixels = np.frombuffer(self._stream.take(_sane(4 * width * height)), np.uint8).reshape(height, width, 4)
        row = (width + 7) // 8
        bits = np.frombuffer(self._stream.take(row * height), np.uint8).reshape(height, row)
        mask = np.unpackbits(bits, axis=1)[:, :width].astype(bool)
        with self._state:
            self._cursor = ((place.x, place.y), pixels[:, :, :3].copy(), mask) if mask.any() else None
            self._updates += 1


def _blank(width: int, height: int) -> Canvas:
    _sane(width * height)
    return np.zeros((height, width, 4), np.uint8)


def _sane(count: int) -> int:
    """Return a count that a server may mean. Raises MachineError for one that would fill the memory."""
    if count > _LARGEST:
        raise MachineError(f"The VNC server sends {count} bytes at once: that is no screen.")
    return count


def _draw(pixels: Pixels, hot: tuple[int, int], cursor: Canvas, mask: NDArray[np.bool_], at: tuple[int, int]) -> None:
    """Draw the pointer into a picture, where it lies on it."""
    left, top = at[0] - hot[0], at[1] - hot[1]
    height, width = cursor.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, pixels.shape[1]), min(top + height, pixels.shape[0])
    if x0 < x1 and y0 < y1:
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        pixels[y0:y1, x0:x1][mask[part]] = cursor[part][mask[part]]
