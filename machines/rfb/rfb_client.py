"""
A client of an RFB server: a copy of its screen, kept up to date by a thread, and its keyboard and pointer.

The server sends what has changed as soon as it is asked; the thread asks again each time. `sync` asks for one pixel
anew. An update alone does not tell which request it answers: it may have been on its way. But a server that knows
screens of several sizes answers each request for something anew with its size (ExtendedDesktopSize), and no other: what
comes with that, or after it, is from when everything that was sent before had been handled. A server that does not is
asked for its whole screen anew each time, and for nothing else meanwhile, so that an answer is that of its question.
Input that is given by the same connection is therefore handled before a picture that is asked for after it.
"""

from __future__ import annotations

import struct
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from footage.errors import FootageError, MachineError
from footage.machines.rfb.encodings import COPY, RAW, ZRLE, Canvas, Decoder
from footage.machines.rfb.rfb_connection import connect
from footage.trajectory import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from footage.trajectory import Pixels

__all__ = ["RfbClient"]

_CURSOR, _SIZE, _LAST, _SIZES, _QEMU_KEYS = -239, -223, -224, -308, -258
_KEY, _POINTER, _QEMU = 4, 5, 255
SYNC_PATIENCE = 4.0
"""Seconds until a server that sends nothing new is believed."""
_IDLES, _PAUSE = "QEMU", 0xFF13
"""
How the name of a server begins that looks at an idle screen ever less often, down to every three seconds, and at once
when a client sends input; and the key that is released to have it look, while nobody holds it: it drops such a release.
"""
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
        self._pausing = False
        """Whether somebody holds the key Pause down by this connection."""
        self._updates = 0
        self._answered = 0
        """How many answers have come to requests for something anew."""
        self._owes = True
        """Whether one is still to come: no more is asked anew meanwhile."""
        self._marked = False
        """Whether the size has come that is told with it."""
        self._marks: bool | None = None
        """Whether the server tells it; None until its first picture has come."""
        self._covered = 0
        """Pixels that have come of the whole screen, from a server that does not."""
        self._doubts = 0
        """How many answers may come more than were waited for."""
        self._failed: FootageError | None = None
        self._decoder = Decoder()
        encodings = [*([ZRLE] if compressed else []), COPY, RAW, _CURSOR, _SIZE, _SIZES, _LAST, _QEMU_KEYS]
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

    @property
    def tells(self) -> bool:
        """Whether the server tells of changes by itself: `updates` counts them as they come, else at each `sync`."""
        return self._marks is not False

    def sync(self, patience: float | None = None) -> bool:
        """
        Wait until the copy shows what the screen showed at the call, for `patience` s; False where that took longer.

        What was sent before the call had been handled by the server then. Raises MachineError.
        """
        deadline = time.monotonic() + (patience or SYNC_PATIENCE)
        with self._state:
            wanted = self._answered + self._owes + 1 + self._doubts  # one answer may be that of several callers
            while (known := self._answered) < wanted:
                if not self._owes:
                    self._ask_anew()
                if not self._await(lambda: self._answered > known, deadline):
                    return False
            return True

    def _await(self, what: Callable[[], bool], deadline: float) -> bool:
        """Wait for something; False where that took longer. The lock is held. Raises MachineError."""
        came = self._state.wait_for(lambda: self._failed is not None or what(), max(0.0, deadline - time.monotonic()))
        self._check()
        return came

    def _ask_anew(self) -> None:
        """Ask for what has changed and for a pixel anew, or for the whole screen. The lock is held."""
        self._owes, self._marked, self._covered = True, False, 0
        height, width = self._canvas.shape[:2]
        if self.welcome.name.startswith(_IDLES) and not self._pausing:
            self.key(_PAUSE, down=False)
        if self.tells:
            changes = struct.pack(">BBHHHH", 3, 1, 0, 0, width, height)
            self._send(changes + struct.pack(">BBHHHH", 3, 0, 0, 0, 1, 1))
        else:
            self._ask(incremental=False)

    def picture(self) -> Pixels:
        """Return the copy, the pointer drawn in where the server leaves that to its clients."""
        with self._state:
            self._check()
            pixels = np.empty((*self._shown.shape[:2], 3), np.uint8)
            for channel in range(3):  # several times as fast as a copy of all at once
                pixels[..., channel] = self._shown[..., channel]
            if self._cursor is not None:
                _draw(pixels, *self._cursor, self._pointer)
            return pixels

    def _check(self) -> None:
        if self._failed is not None:
            raise MachineError(self._failed.message, hint="Is the server still running?")

    # --- acting ---

    def key(self, symbol: int, *, down: bool) -> None:
        """Press or release a key, by its X symbol."""
        self._strike(symbol, struct.pack(">BBxxI", _KEY, down, symbol), down=down)

    def _strike(self, symbol: int, message: bytes, *, down: bool) -> None:
        if symbol == _PAUSE:
            self._pausing = down
        self._send(message)

    def pointer(self, x: int, y: int, buttons: int) -> None:
        """Move the pointer, with these buttons down: bit 0 is the left one."""
        with self._state:
            if (x, y) != self._pointer:
                self._pointer = (x, y)
                self._updates += self._cursor is not None
        self._send(struct.pack(">BBHH", _POINTER, buttons, x, y))

    def give(self, message: bytes) -> None:
        """Give the server a message of input, as it is: the pointer's, or a key's."""
        if message[0] == _POINTER:
            buttons, x, y = struct.unpack(">xBHH", message)
            self.pointer(x, y, buttons)
        elif message[0] == _KEY:
            down, symbol = struct.unpack(">xBxxI", message)
            self._strike(symbol, message, down=bool(down))
        elif message[:2] == bytes([_QEMU, 0]):
            down, symbol = struct.unpack_from(">HI", message, 2)
            self._strike(symbol, message, down=bool(down))
        else:
            self._send(message)

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
        synced, resized, marked = False, False, False
        painted: list[Region] = []
        while count > 0:
            x, y, width, height, encoding = self._stream.numbers("HHHHi")
            count -= count != 0xFFFF
            if encoding == _LAST:
                break
            place = Region(x, y, width, height)
            if encoding == _CURSOR:
                self._new_cursor(place)
            elif encoding in {_SIZE, _SIZES}:
                marked = marked or encoding == _SIZES
                resized = self._resized(place, encoding) or resized
            elif encoding != _QEMU_KEYS:  # which says that the server takes them, and has no pixels
                self._decoder.paint(self._stream, encoding, place, self._canvas)
                synced = synced or (x, y) == (0, 0)
                painted.append(place)
        with self._state:  # who waits for an answer finds it shown
            self._publish(painted)
            area = sum(place.width * place.height for place in painted)
            self._answers(marked=marked, synced=synced, area=area, resized=resized)
        if resized or self.tells:
            self._ask(incremental=not resized)

    def _publish(self, painted: Sequence[Region]) -> None:
        """Show what one update painted, all at once. The lock is held."""
        if self._shown.shape != self._canvas.shape:
            self._shown = self._canvas.copy()
            self._updates += 1
            return
        changed = False
        for place in painted:
            part = slice(place.y, place.bottom), slice(place.x, place.right)
            if not np.array_equal(self._shown[part], self._canvas[part]):
                self._shown[part] = self._canvas[part]
                changed = True
        self._updates += changed

    def _answers(self, *, marked: bool, synced: bool, area: int, resized: bool) -> None:
        """Take note of what an update may answer. The lock is held."""
        height, width = self._canvas.shape[:2]
        self._marked = self._marked or marked
        self._covered += area
        if self._marks is None and (marked or synced):
            self._marks = marked
        whole = self._marked and synced if self.tells else self._covered >= width * height
        if resized:  # the whole screen is asked for anew
            self._doubts += self._owes
            self._owes, self._marked, self._covered = True, False, 0
        elif self._owes and whole:
            self._owes = False
            self._answered += 1
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
