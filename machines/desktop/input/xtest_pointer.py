"""The desktop's pointer: moved, pressed and released through XTEST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from footage.machines.shared.input_log import InputLog
from footage.machines.shared.pointer import Pointer


class DesktopPointer(Pointer):
    """The pointer of a display."""

    def __init__(self, display: Any, log: InputLog, rest: Callable[[], bool]) -> None:
        """`rest` waits until the programs have dealt with their input."""
        self._display = display
        self._rest = rest
        super().__init__(log, self._asked())

    def where(self) -> tuple[int, int]:
        """
        Return the pointer's position in screen pixels.

        The window manager looks at a click before the program does; until then the server keeps later moves back,
        so an answer that is not what we expect is asked for again.
        """
        if self._asked() != self._at:
            self._rest()
            self._at = self._asked()
        return self._at

    def _put_move(self, x: int, y: int) -> None:
        from Xlib import X

        self._display.xtest_fake_input(X.MotionNotify, x=x, y=y)

    def _put_button(self, number: int, *, down: bool) -> None:
        from Xlib import X

        self._display.xtest_fake_input(X.ButtonPress if down else X.ButtonRelease, number)

    def _flush(self) -> None:
        self._display.flush()

    def _asked(self) -> tuple[int, int]:
        found = self._display.screen().root.query_pointer()
        return int(found.root_x), int(found.root_y)
