"""
A machine small enough to reason about: a window with a text field and a tick box, painted with Pillow.

It has the whole protocol and real state, so that replay and fork can be tried in milliseconds; the desktop's own
tests do the same with real programs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from footage.errors import MachineError, UnsupportedAction
from footage.trajectory import JSON, Action, InputEvent, Instant, Performed, Pixels, Screenshot

FIELD = (40, 60, 280, 84)
BOX = (40, 110, 54, 124)
SIZE = (320, 200)


class Painted:
    """`late` seconds pass before an effect shows; `spoil` may change each action on its way to the screen."""

    def __init__(self, *, late: float = 0.0, spoil: Callable[[Action], Action | None] | None = None) -> None:
        self._late = late
        self._spoil = spoil or (lambda action: action)
        self.popup = False
        self.closed = False
        self.reset()

    def reset(self) -> None:
        self._text, self._ticked = "", False
        self._log: list[InputEvent] = []
        self._shown = self._paint()
        self._pending: tuple[float, Pixels] | None = None

    @property
    def specification(self) -> JSON:
        return {"driver": "painted", "protocol": 1, "screen": list(SIZE)}

    @property
    def capabilities(self) -> frozenset[str]:
        return frozenset({"left_click", "type", "screenshot", "wait", "zoom", "cursor_position", "pixel_exact"})

    @property
    def input_log(self) -> Sequence[InputEvent]:
        return tuple(self._log)

    @property
    def environment(self) -> Mapping[str, str]:
        return {}

    @property
    def text(self) -> str:
        return self._text

    def screenshot(self) -> Screenshot:
        if self._pending and time.monotonic() >= self._pending[0]:
            self._shown, self._pending = self._pending[1], None
        pixels = self._shown
        if self.popup:
            pixels = pixels.copy()
            pixels[20:150, 30:200] = (250, 240, 200)
        return Screenshot(pixels, Instant.now(), ":painted")

    def perform(self, action: Action) -> Performed:
        if action.name not in self.capabilities:
            raise UnsupportedAction(f"This machine cannot perform {action.title}.")
        first = len(self._log)
        taken = self._spoil(action)
        if taken is not None:
            self._take(taken)
        self._pending = (time.monotonic() + self._late, self._paint())
        return Performed(f"{action.title} done", tuple(self._log[first:]))

    def _take(self, action: Action) -> None:
        if action.name == "type":
            self._text += str(action.arguments["text"])
            self._log += [InputEvent("key", (letter,)) for letter in str(action.arguments["text"])]
        elif action.name == "left_click":
            point = action.point
            if point is None or not (0 <= point[0] < SIZE[0] and 0 <= point[1] < SIZE[1]):
                raise MachineError(f"The point {point} lies outside the screen.")
            self._log += [InputEvent("click", point)]
            if BOX[0] <= point[0] <= BOX[2] and BOX[1] <= point[1] <= BOX[3]:
                self._ticked = not self._ticked

    def _paint(self) -> Pixels:
        image = Image.new("RGB", SIZE, (236, 238, 241))
        draw = ImageDraw.Draw(image)
        draw.rectangle((20, 20, 300, 180), (255, 255, 255), (120, 120, 130))
        draw.rectangle(FIELD, (255, 255, 255), (90, 90, 100))
        draw.text((46, 66), self._text, (20, 20, 20))
        draw.rectangle(BOX, (255, 255, 255), (90, 90, 100))
        if self._ticked:
            draw.line((43, 117, 46, 121, 51, 113), (20, 90, 200), 2)
        return np.asarray(image)

    def clock(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        self.closed = True
