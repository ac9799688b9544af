"""Carrying out actions: each canonical name, done with the keyboard and the pointer of a display."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from footage.errors import MachineError, UnsupportedAction
from footage.replay.machines.desktop import arguments, pointer
from footage.replay.machines.desktop.activity import LOOK
from footage.replay.machines.desktop.connection import lost_server, round_trip
from footage.replay.machines.desktop.keyboard import Keyboard
from footage.replay.machines.desktop.log import InputLog
from footage.replay.machines.desktop.pointer import Pointer
from footage.replay.machines.desktop.screen import Screen
from footage.trajectory import Action, Performed

CATCH_UP, CATCH_UP_LOOK = 0.3, 0.003
"""Seconds that programs get to deal with an action's input before the next one's, and seconds of a look at them."""
LONG_REST = 2.0
"""Seconds they get before key codes change their meaning."""


class Hands:
    """What performs actions on one display."""

    def __init__(self, display: Any, screen: Screen, log: InputLog, rest: Callable[[float, float], bool]) -> None:
        """`rest(at_most, look)` waits until the programs have dealt with their input (see activity.py)."""
        self._display = display
        self._screen = screen
        self._log = log
        self._catch_up = partial(rest, CATCH_UP, CATCH_UP_LOOK)
        long_rest = partial(rest, LONG_REST, LOOK)
        self._keyboard = Keyboard(display, log, long_rest)
        self._pointer = Pointer(display, log, self._catch_up)
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

        It begins when the programs have dealt with the one before: the window manager looks at each click first,
        and keys typed meanwhile would go to the window that had the focus until then, or arrive ahead of the click.

        Raises UnsupportedAction for another name, MachineError for arguments that make no sense.
        """
        do = self.actions.get(action.name) if action.is_computer else None
        if do is None:
            raise UnsupportedAction(f"The desktop has no action {action.title}.")
        before = len(self._log.events)
        with lost_server():
            if not action.looks_only:
                self._catch_up()
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
