"""The window manager's side of a display, spoken as EWMH: which windows there are, and where."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from footage.errors import MachineError
from footage.trajectory import Region

PATIENCE = 20.0
"""Seconds a window manager or a program gets to show itself."""
_FRAME_AND_ALL = 1 | 0x0F00 | 0x2000
"""North-west gravity (x and y are the frame's); x, y, width and height given; asked by a pager, not by a program."""


class NotShown(MachineError):
    """A program's window, or the window manager, did not show itself in time."""


class Windows:
    """The managed windows of a display."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._root = display.screen().root
        self._atom = display.intern_atom

    def paint_desktop(self, colour: str) -> None:
        """Give the desktop a plain colour ("#rrggbb")."""
        self._root.change_attributes(background_pixel=int(colour[1:], 16))
        self._root.clear_area()
        self._display.sync()

    def wait_for_manager(self, check: Callable[[], None]) -> None:
        """Return once a window manager has taken over; `check` may raise where it cannot any more."""
        self._wait(lambda: self._values("_NET_SUPPORTING_WM_CHECK"), check, "the window manager")

    def ids(self) -> tuple[int, ...]:
        """Return the managed windows' ids, the oldest first."""
        return tuple(self._values("_NET_CLIENT_LIST"))

    def wait_for_another(self, known: tuple[int, ...], check: Callable[[], None], what: str) -> int:
        """Return the id of the first window that is not among `known`, once it is shown."""
        found = self._wait(lambda: [w for w in self.ids() if w not in known], check, what)
        return int(found[0])

    def place(self, window: int, frame: Region) -> None:
        """Move and resize a window so that its frame fills `frame`."""
        target = self._display.create_resource_object("window", window)
        extents = target.get_full_property(self._atom("_NET_FRAME_EXTENTS"), 0)
        left, right, top, bottom = extents.value if extents else (0, 0, 0, 0)
        size = [frame.width - left - right, frame.height - top - bottom]
        self._tell("_NET_MOVERESIZE_WINDOW", window, [_FRAME_AND_ALL, frame.x, frame.y, *size])

    def reread_settings(self) -> None:
        """Have openbox read its settings again."""
        self._tell("_OB_CONTROL", self._root.id, [1, 0, 0, 0, 0])

    def _tell(self, message: str, window: int, data: list[int]) -> None:
        from Xlib import X
        from Xlib.protocol import event

        target = self._display.create_resource_object("window", window)
        note = event.ClientMessage(window=target, client_type=self._atom(message), data=(32, data))
        self._root.send_event(note, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        self._display.sync()

    def _values(self, name: str) -> list[int]:
        found = self._root.get_full_property(self._atom(name), 0)
        return list(found.value) if found else []

    def _wait(self, look: Callable[[], list[int]], check: Callable[[], None], what: str) -> list[int]:
        deadline = time.monotonic() + PATIENCE
        while not (found := look()):
            check()
            if time.monotonic() > deadline:
                raise NotShown(f"No window of {what} appeared within {PATIENCE:.0f} s.")
            time.sleep(0.003)
        return found
