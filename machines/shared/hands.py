"""Carrying out actions: each canonical name, done with a keyboard and a pointer."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Protocol

from footage.errors import MachineError, UnsupportedAction
from footage.machines.shared import arguments, pointer
from footage.machines.shared.input_log import InputLog
from footage.machines.shared.keyboard import Keyboard
from footage.machines.shared.pointer import Pointer
from footage.trajectory import Action, Performed, Screenshot


class Sight(Protocol):
    """What shows the screen that is acted on."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def take(self) -> Screenshot:
        """Return the screen as it is now."""
        ...


class Hands:
    """What performs actions on one machine."""

    def __init__(
        self,
        name: str,
        keyboard: Keyboard,
        pointer: Pointer,
        screen: Sight,
        log: InputLog,
        *,
        catch_up: Callable[[], object],
        flush: Callable[[], object] = lambda: None,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """
        `catch_up` lets programs deal with the action before, `flush` sees that all input has been delivered.

        `guard` makes a context that turns the errors of a machine that is gone into MachineError.
        """
        self._name = name
        self._keyboard = keyboard
        self._pointer = pointer
        self._screen = screen
        self._log = log
        self._catch_up = catch_up
        self._flush = flush
        self._guard = guard
        self.actions = self._table()
        """What to do for each canonical name."""

    def perform(self, action: Action) -> Performed:
        """
        Carry out an action; return once its input has been delivered.

        It begins when the programs have dealt with the one before: the window manager looks at each click first,
        and keys typed meanwhile would go to the window that had the focus until then, or arrive ahead of the click.

        Raises UnsupportedAction for another name, MachineError for arguments that make no sense.
        """
        do = self.actions.get(action.name) if action.is_computer else None
        if do is None:
            raise UnsupportedAction(f"The {self._name} has no action {action.title}.")
        before = len(self._log.events)
        with self._guard():
            if not action.looks_only:
                self._catch_up()
            told = do(action) or Performed()
            if not action.looks_only:
                self._flush()
        return Performed(told.text, self._log.since(before), told.picture, told.region)

    def _table(self) -> dict[str, Callable[[Action], Performed | None]]:
        return {
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
