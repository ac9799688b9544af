"""
A machine of one's own, complete: a blackboard that can be written on, kept in memory.

    PYTHONPATH=examples/plugins/machine footage machine check own_machine:Blackboard

It offers few actions; a replay stops where a run asks for another one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from footage import MACHINE_PROTOCOL, Action, Availability, InputEvent, Instant, Performed, Region, Screenshot
from footage.errors import MachineError, UnsupportedAction

SIZE = (640, 400)


class Blackboard:
    """
    Clicking moves the chalk, typing writes. Implements `footage.Machine`.

    Two class methods are all that it offers beyond that: see `machines/contract.py` for what else there is.
    """

    def __init__(self, colour: str = "black") -> None:
        """Take what stands after the name on the command line, and options of the configuration by their names."""
        self._colour = colour
        self._closed = False
        self._started = time.monotonic()
        self.reset()

    @classmethod
    def from_specification(cls, specification: Mapping[str, object]) -> Blackboard:
        """Start the same again: what `footage replay` does for an installed driver."""
        return cls(str(specification["colour"]))

    @classmethod
    def availability(cls, which: str = "") -> Availability:
        """Tell whether it can be had here, for `footage machine list`; `which` is what stands after its name."""
        try:
            ImageColor.getrgb(which or "black")
        except ValueError:
            return Availability(ready=False, detail=f"{which} is no colour", hint="Try blackboard:navy.")
        return Availability(ready=True, detail="a board of any colour: blackboard:navy")

    # --- what it is ---

    @property
    def specification(self) -> dict[str, object]:
        """What it takes to have the same machine again."""
        return {"driver": "blackboard", "protocol": MACHINE_PROTOCOL, "screen": [*SIZE], "colour": self._colour}

    @property
    def capabilities(self) -> frozenset[str]:
        """Names of the actions it performs; pixel_exact: after `reset` the screen is the same to the pixel."""
        return frozenset({"left_click", "type", "cursor_position", "wait", "zoom", "screenshot", "pixel_exact"})

    @property
    def input_log(self) -> Sequence[InputEvent]:
        """Every event that was delivered since the last reset."""
        return tuple(self._log)

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables by which another process finds it: none does."""
        return {}

    # --- working with it ---

    def screenshot(self) -> Screenshot:
        """Return the whole screen as it is now."""
        self._check_open()
        return Screenshot(np.asarray(self._image).copy(), Instant.now(), "blackboard")

    def perform(self, action: Action) -> Performed:
        """Carry out one action; refuse what cannot be done before anything is delivered."""
        self._check_open()
        if not action.is_computer or action.name not in self.capabilities:
            raise UnsupportedAction(f"The blackboard has no action {action.title}.")
        if action.name == "zoom":
            return self._zoom(action)
        if action.name == "cursor_position":
            return Performed(text=f"X={self._at[0]},Y={self._at[1]}")
        before = len(self._log)
        if action.name == "left_click":
            self._click(action)
        elif action.name == "type":
            self._type(str(action.arguments["text"]))
        elif action.name == "wait":
            time.sleep(float(action.arguments["duration"]))
        return Performed(delivered=tuple(self._log[before:]))

    def _click(self, action: Action) -> None:
        point = action.arguments.get("coordinate") or self._at
        if not (0 <= point[0] < SIZE[0] and 0 <= point[1] < SIZE[1]):
            raise MachineError(f"The point {tuple(point)} is outside the blackboard.")
        self._at = (point[0], point[1])
        self._deliver("move", *self._at)
        self._deliver("button_down", 1)
        self._deliver("button_up", 1)
        x, y = self._at
        ImageDraw.Draw(self._image).ellipse((x - 2, y - 2, x + 2, y + 2), "white")

    def _type(self, text: str) -> None:
        for character in text:
            self._deliver("key_down", character)
            self._deliver("key_up", character)
        ImageDraw.Draw(self._image).text(self._at, text.encode("latin-1", "replace").decode("latin-1"), "white")

    def _zoom(self, action: Action) -> Performed:
        x0, y0, x1, y1 = action.arguments["region"]
        region = Region(x0, y0, x1 - x0, y1 - y0)
        return Performed(picture=self.screenshot().pixels[y0:y1, x0:x1].copy(), region=region)

    def _deliver(self, kind: str, *values: str | int) -> None:
        self._log.append(InputEvent(kind, values, time.monotonic_ns()))

    # --- its life ---

    def clock(self) -> float:
        """Return seconds on its own clock."""
        return time.monotonic() - self._started

    def reset(self) -> None:
        """Return to the state it started from."""
        self._image = Image.new("RGB", SIZE, self._colour)
        self._log: list[InputEvent] = []
        self._at = (0, 0)

    def close(self) -> None:
        """Free everything. Safe to call twice."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise MachineError("The blackboard is closed.")
