"""A second look at a display, for another thread than the one that acts on it."""

from __future__ import annotations

import threading
from pathlib import Path

from footage.errors import MachineError
from footage.machines.desktop.display.still_picture import StillScreen
from footage.machines.desktop.display.x_screen import Screen
from footage.trajectory import Instant, Screenshot

__all__ = ["Eye"]

_PATIENCE = 0.02
"""Seconds in which a server that draws may come to rest; then it is asked to hold still."""


class Eye:
    """Looks at a display through a connection of its own. Thread-safe."""

    def __init__(self, display: str, authority: Path, framebuffer: Path, process: int) -> None:
        """`process` is the X server's."""
        self._display = display
        self._screen = Screen(display, authority, framebuffer)
        self._still = StillScreen(framebuffer, process)
        self._lock = threading.Lock()
        self._seen = b""
        self._closed = False

    def changed(self) -> bool:
        """Tell whether anything on the screen has changed since this was last asked: half a millisecond if not."""
        with self._lock:
            self._check_open()
            raw = self._screen.glance()
            changed, self._seen = raw != self._seen, raw
            return changed

    def look(self) -> Screenshot:
        """Return the whole screen as it is now. Raises MachineError where the display is gone."""
        with self._lock:
            self._check_open()
            raw, whole = self._still.take(_PATIENCE)
            if whole:
                captured = Instant.now()
                return Screenshot(self._still.framebuffer.pixels(raw), captured, self._display)
            return self._screen.take()

    def close(self) -> None:
        """Let go of the display. Safe to call twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._screen.close()
                self._still.close()

    def _check_open(self) -> None:
        if self._closed:
            raise MachineError("The display is not looked at any more.")
