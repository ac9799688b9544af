"""Looking at a display: consistent pictures of its whole screen, the pointer included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from footage.errors import MachineError
from footage.machines.desktop.display.framebuffer import Framebuffer
from footage.machines.desktop.display.x_connection import connect, lost_server, round_trip
from footage.trajectory import Instant, Screenshot

GRAB_PATIENCE = 3.0
"""Seconds to wait for a program that keeps the server to itself."""


class Screen:
    """The screen of a display, looked at through a connection of its own."""

    def __init__(self, display: str, authority: Path, framebuffer: Path) -> None:
        self._display = display
        self._framebuffer = Framebuffer(framebuffer)
        self._connection: Any = connect(display, authority)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._framebuffer.size

    def take(self) -> Screenshot:
        """
        Return the screen with everything drawn that the server has been asked for so far.

        The server serves nobody else while its memory is copied (under a millisecond). It draws the pointer before
        it waits for the next request, hence two round trips: after the second, pointer and picture are whole.
        """
        held = self._hold()
        raw, captured = self._framebuffer.raw(), Instant.now()
        if held:
            self._connection.ungrab_server()
            self._connection.flush()
        return Screenshot(self._framebuffer.pixels(raw), captured, self._display)

    def glance(self) -> bytes:
        """Return the screen's memory as it is, perhaps in the middle of a drawing; cheap, to tell a change by."""
        return self._framebuffer.raw()

    def close(self) -> None:
        """Let go of the screen's memory and of the display."""
        self._framebuffer.close()
        self._give_up()

    def _hold(self) -> bool:
        """
        Keep the server from serving others; False where that cannot be had.

        A program can keep the server to itself, but not keep its screen from being looked at: from then on
        pictures are taken without holding the server, and may show a moment between two drawings.
        """
        if self._connection is None:
            return False
        try:
            with lost_server():
                self._connection.grab_server()
            round_trip(self._connection, GRAB_PATIENCE)
            round_trip(self._connection, GRAB_PATIENCE)
        except MachineError:
            self._give_up()
            return False
        return True

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.display.socket.close()
            self._connection = None
