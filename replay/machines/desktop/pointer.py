"""A pointer: moved, pressed and released through XTEST."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from footage.replay.machines.desktop.log import InputLog

LEFT, MIDDLE, RIGHT = 1, 2, 3
WHEEL = {"up": 4, "down": 5, "left": 6, "right": 7}
"""Buttons that X sends for a turned wheel."""
APART = 0.5
"""Seconds that keep two clicks from being taken for a double click by any common toolkit."""
NEAR = 8
"""Pixels within which they could be."""
DRAG_STEPS, DRAG_PAUSE = 12, 0.01
"""Moves of a drag, and seconds between them: programs must see that something is being dragged."""


class Pointer:
    """The pointer of a display."""

    def __init__(self, display: Any, log: InputLog, rest: Callable[[], bool]) -> None:
        """`rest` waits until the programs have dealt with their input."""
        self._display = display
        self._log = log
        self._rest = rest
        self._at = self._asked()
        self._last_click: tuple[float, tuple[int, int]] | None = None

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

    def move(self, x: int, y: int) -> None:
        """Move to a point of the screen."""
        from Xlib import X

        self._display.xtest_fake_input(X.MotionNotify, x=x, y=y)
        self._log.add("move", x, y)
        self._at = x, y

    def button(self, number: int, *, down: bool) -> None:
        """Press or release a button."""
        from Xlib import X

        self._display.xtest_fake_input(X.ButtonPress if down else X.ButtonRelease, number)
        self._log.add("button_down" if down else "button_up", number)

    def click(self, number: int, times: int = 1) -> None:
        """
        Click `times` times where the pointer is.

        Waits for what is left of half a second where the last click was at the same place: two single clicks that a
        model made seconds apart must not become a double click when they are replayed faster.
        """
        self._keep_apart()
        for _ in range(times):
            self.button(number, down=True)
            self.button(number, down=False)

    def press(self, number: int) -> None:
        """Press a button as the beginning of a click or drag, kept apart from the last click as in `click`."""
        self._keep_apart()
        self.button(number, down=True)

    def turn(self, direction: str, clicks: int) -> None:
        """Turn the wheel: `up`, `down`, `left` or `right`."""
        for _ in range(clicks):
            self.button(WHEEL[direction], down=True)
            self.button(WHEEL[direction], down=False)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the left button at `start`, move to `end` in a few steps, release it there."""
        self.move(*start)
        self.press(LEFT)
        try:
            for step in range(1, DRAG_STEPS + 1):
                self._pause()
                x, y = (round(a + (b - a) * step / DRAG_STEPS) for a, b in zip(start, end, strict=True))
                self.move(x, y)
            self._pause()
        finally:
            self.button(LEFT, down=False)

    def _pause(self) -> None:
        self._display.flush()
        time.sleep(DRAG_PAUSE)

    def _asked(self) -> tuple[int, int]:
        found = self._display.screen().root.query_pointer()
        return int(found.root_x), int(found.root_y)

    def _keep_apart(self) -> None:
        if self._last_click is not None:
            moment, before = self._last_click
            if all(abs(a - b) <= NEAR for a, b in zip(self._at, before, strict=True)):
                self._display.flush()
                time.sleep(max(0.0, moment + APART - time.monotonic()))
        self._last_click = time.monotonic(), self._at
