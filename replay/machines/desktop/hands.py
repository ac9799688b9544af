"""Carrying out actions: each canonical name, done with the keyboard and the pointer of a display."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from footage.errors import MachineError, UnsupportedAction
from footage.replay.machines.desktop import arguments, pointer
from footage.replay.machines.desktop.connection import round_trip
from footage.replay.machines.desktop.keyboard import Keyboard
from footage.replay.machines.desktop.log import InputLog
from footage.replay.machines.desktop.pointer import Pointer
from footage.replay.machines.desktop.screen import Screen
from footage.trajectory import Action, Performed


class Hands:
    """What performs actions on one display."""

    def __init__(self, display: Any, screen: Screen, log: InputLog, rest: Callable[[], bool]) -> None:
        """`rest` waits until the programs have dealt with their input."""
        self._display = display
        self._screen = screen
        self._log = log
        self._keyboard = Keyboard(display, log, rest)
        self._pointer = Pointer(display, log, rest)
        self.actions: dict[str, Callable[[Action], Performed | None]] = {
            "key": self._key,
            "hold_key": self._hold_key,
            "type": self._type,
            "cursor_position": self._cursor_position,
            "mouse_move": self._mouse_move,
            "left_mouse_down": lambda _: self._pointer.press(pointer.LEFT),
            "left_mouse_up": lambda _: self._pointer.button(pointer.LEFT, down=False),
            "left_click": partial(self._click, pointer.LEFT, 1),
            "right_click": partial(self._click, pointer.RIGHT, 1),
            "middle_click": partial(self._click, pointer.MIDDLE, 1),
            "double_click": partial(self._click, pointer.LEFT, 2),
            "triple_click": partial(self._click, pointer.LEFT, 3),
            "left_click_drag": self._drag,
            "scroll": self._scroll,
            "wait": lambda action: time.sleep(arguments.duration(action)),
            "screenshot": lambda _: None,
            "zoom": self._zoom,
        }
        """What to do for each canonical name."""

    def perform(self, action: Action) -> Performed:
        """
        Carry out an action; return once the server has dealt with its input.

        Raises UnsupportedAction for another name, MachineError for arguments that make no sense.
        """
        do = self.actions.get(action.name) if action.is_computer else None
        if do is None:
            raise UnsupportedAction(f"The desktop has no action {action.title}.")
        before = len(self._log.events)
        told = do(action) or Performed()
        round_trip(self._display)
        return Performed(told.text, self._log.since(before), told.picture, told.region)

    # --- keys -------------------------------------------------------------------------------------------------------

    def _key(self, action: Action) -> None:
        self._keyboard.press(arguments.text(action), arguments.count(action, "repeat", 1))

    def _hold_key(self, action: Action) -> None:
        self._keyboard.hold(arguments.text(action), arguments.duration(action))

    def _type(self, action: Action) -> None:
        self._keyboard.type(arguments.text(action))

    # --- pointer ----------------------------------------------------------------------------------------------------

    def _cursor_position(self, _action: Action) -> Performed:
        x, y = self._pointer.where()
        return Performed(text=f"X={x},Y={y}")

    def _mouse_move(self, action: Action) -> None:
        self._pointer.move(*arguments.point(action, "coordinate", self._screen.size))

    def _click(self, button: int, times: int, action: Action) -> None:
        point = arguments.optional_point(action, "coordinate", self._screen.size)
        with self._keyboard.held(arguments.optional_text(action)):
            if point is not None:
                self._pointer.move(*point)
            self._pointer.click(button, times)

    def _drag(self, action: Action) -> None:
        start = arguments.optional_point(action, "start_coordinate", self._screen.size) or self._pointer.where()
        end = arguments.point(action, "coordinate", self._screen.size)
        with self._keyboard.held(arguments.optional_text(action)):
            self._pointer.drag(start, end)

    def _scroll(self, action: Action) -> None:
        direction = action.arguments.get("scroll_direction")
        if direction not in pointer.WHEEL:
            raise MachineError(f"scroll goes up, down, left or right, not {direction!r}.")
        clicks = arguments.count(action, "scroll_amount")
        point = arguments.optional_point(action, "coordinate", self._screen.size)
        with self._keyboard.held(arguments.optional_text(action)):
            if point is not None:
                self._pointer.move(*point)
            self._pointer.turn(direction, clicks)

    # --- looking ----------------------------------------------------------------------------------------------------

    def _zoom(self, action: Action) -> Performed:
        region = arguments.region(action, self._screen.size)
        pixels = self._screen.take().pixels[region.y : region.bottom, region.x : region.right]
        return Performed(picture=pixels.copy(), region=region)
