"""Looking at a guest's screen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from footage.machines.qemu.qemu_process import Process
from footage.trajectory import Instant, Screenshot

if TYPE_CHECKING:
    from footage.trajectory import Pixels


class Screen:
    """The screen of a guest."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as it is now."""
        return self.take().size

    def take(self) -> Screenshot:
        """Return the whole screen as it is now; its size is the one it has at this moment."""
        pixels = self._process.screendump()
        return Screenshot(pixels, Instant.now(), "qemu")


class Eye:
    """A second look at a guest's screen, for another thread than the one that acts on it. Thread-safe."""

    def __init__(self, process: Process) -> None:
        self._screen = Screen(process)
        self._lock = threading.Lock()
        self._seen: Pixels | None = None
        self._shot: Screenshot | None = None
        self._closed = False

    def changed(self) -> bool:
        """Tell whether anything on the screen has changed since this was last asked."""
        import numpy as np

        with self._lock:
            self._check_open()
            self._shot = self._screen.take()
            before, self._seen = self._seen, self._shot.pixels
            return before is None or not np.array_equal(before, self._seen)

    def look(self) -> Screenshot:
        """Return the screen as it was when a change was last asked for, or as it is now."""
        with self._lock:
            self._check_open()
            shot, self._shot = self._shot, None
            return shot or self._screen.take()

    def close(self) -> None:
        """Look no more. Safe to call twice."""
        with self._lock:
            self._closed = True

    def _check_open(self) -> None:
        from footage.errors import MachineError

        if self._closed:
            raise MachineError("The guest's screen is not looked at any more.")
