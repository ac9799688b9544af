"""What every pointer does: clicks, drags and turns of the wheel, made of moves and of buttons that go down and up."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

from footage.machines.shared.input_log import InputLog

LEFT, MIDDLE, RIGHT = 1, 2, 3
WHEEL = {"up": 4, "down": 5, "left": 6, "right": 7}
"""Buttons that X sends for a turned wheel."""
APART = 0.5
"""Seconds that keep two clicks from being taken for a double click by any common toolkit."""
NEAR = 8
"""Pixels within which they could be."""
DRAG_STEPS, DRAG_PAUSE = 12, 0.01
"""Moves of a drag, and seconds between them: programs must see that something is being dragged."""


class Pointer(ABC):
    """A pointer."""

    def __init__(self, log: InputLog, at: tuple[int, int]) -> None:
        self._log = log
        self._at = at
        self._last_click: tuple[float, tuple[int, int]] | None = None

    def where(self) -> tuple[int, int]:
        """Return the pointer's position in screen pixels."""
        return self._at

    def move(self, x: int, y: int) -> None:
        """Move to a point of the screen."""
        self._put_move(x, y)
        self._log.add("move", x, y)
        self._at = x, y

    def button(self, number: int, *, down: bool) -> None:
        """Press or release a button."""
        self._put_button(number, down=down)
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

    # --- each machine's own -----------------------------------------------------------------------------------------

    @abstractmethod
    def _put_move(self, x: int, y: int) -> None:
        """Have the pointer go to a point of the screen."""

    @abstractmethod
    def _put_button(self, number: int, *, down: bool) -> None:
        """Have a button go down or up."""

    @abstractmethod
    def _flush(self) -> None:
        """See that what was sent is on its way, before a pause."""

    def _pause(self) -> None:
        self._flush()
        time.sleep(DRAG_PAUSE)

    def _keep_apart(self) -> None:
        if self._last_click is not None:
            moment, before = self._last_click
            if all(abs(a - b) <= NEAR for a, b in zip(self._at, before, strict=True)):
                self._flush()
                time.sleep(max(0.0, moment + APART - time.monotonic()))
        self._last_click = time.monotonic(), self._at
