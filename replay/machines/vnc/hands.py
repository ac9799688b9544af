"""
Carrying out actions on an RFB server: each canonical name, done with its keyboard and its pointer.

Keys travel as X symbols, characters above Latin-1 as 0x01000000 plus their code point; on which key they are is the
server's business. There are no acknowledgements, and what stands behind a server (an emulated keyboard) holds few
events at once: so events are paced.
"""

from __future__ import annotations

import string
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from footage.errors import MachineError, UnsupportedAction
from footage.replay.machines.desktop import arguments, keys
from footage.replay.machines.desktop.keys import Key
from footage.replay.machines.desktop.log import InputLog
from footage.replay.machines.pointer import APART, DRAG_STEPS, LEFT, MIDDLE, NEAR, RIGHT, WHEEL
from footage.replay.machines.vnc.client import RfbClient
from footage.trajectory import Action, Performed

__all__ = ["Hands"]

PACE = 0.01
"""Seconds between two events of the keyboard, and of a drag."""
_WITH_SHIFT = dict(
    zip(
        string.ascii_lowercase + "`1234567890-=[]\\;',./", string.ascii_uppercase + '~!@#$%^&*()_+{}|:"<>?', strict=True
    )
)
_SHIFTED = frozenset(_WITH_SHIFT.values())
"""
What takes Shift on the keyboard that servers assume. A symbol must fit the state of Shift: a server that is sent `t`
while Shift is down presses Caps Lock to get there.
"""


class Hands:
    """What performs actions by way of one connection."""

    def __init__(self, client: RfbClient, log: InputLog) -> None:
        self._client = client
        self._log = log
        self._at = (0, 0)
        self._buttons = 0
        self._down: list[Key] = []
        self._clicked: tuple[float, tuple[int, int]] | None = None
        self.actions: dict[str, Callable[[Action], Performed | None]] = {
            "key": self._key,
            "hold_key": self._hold_key,
            "type": self._type,
            "cursor_position": lambda _: Performed(text=f"X={self._at[0]},Y={self._at[1]}"),
            "mouse_move": self._mouse_move,
            "left_mouse_down": lambda _: self._press(LEFT),
            "left_mouse_up": lambda _: self._button(LEFT, down=False),
            "left_click": partial(self._click, LEFT, 1),
            "right_click": partial(self._click, RIGHT, 1),
            "middle_click": partial(self._click, MIDDLE, 1),
            "double_click": partial(self._click, LEFT, 2),
            "triple_click": partial(self._click, LEFT, 3),
            "left_click_drag": self._drag,
            "scroll": self._scroll,
            "wait": lambda action: time.sleep(arguments.duration(action)),
            "screenshot": lambda _: None,
            "zoom": self._zoom,
        }
        """What to do for each canonical name."""

    def perform(self, action: Action) -> Performed:
        """
        Carry out an action; return once the server has been told of its input, and has answered after it.

        Raises UnsupportedAction for another name, MachineError for arguments that make no sense.
        """
        do = self.actions.get(action.name) if action.is_computer else None
        if do is None:
            raise UnsupportedAction(f"A VNC machine has no action {action.title}.")
        before = len(self._log.events)
        told = do(action) or Performed()
        if not action.looks_only:
            self._client.sync()
        return Performed(told.text, self._log.since(before), told.picture, told.region)

    def let_go(self) -> None:
        """Release whatever is still held down."""
        for key in list(reversed(self._down)):
            self._send(key, down=False)
        for number in (LEFT, MIDDLE, RIGHT):
            if self._buttons & 1 << (number - 1):
                self._button(number, down=False)

    # --- keys ---

    def _key(self, action: Action) -> None:
        sequence = keys.parse_sequence(arguments.text(action))
        for _ in range(arguments.count(action, "repeat", 1)):
            for *held, struck in sequence:
                with self._pressed(held):
                    self._strike(struck)

    def _hold_key(self, action: Action) -> None:
        """Keep keys down: it is the server's side that repeats them, as with a real keyboard."""
        duration = arguments.duration(action)
        with self._pressed(keys.parse_combination(arguments.text(action))):
            time.sleep(duration)

    def _type(self, action: Action) -> None:
        text = arguments.text(action).replace("\r\n", "\n").replace("\r", "\n")
        for key in [keys.key_of_character(character) for character in text]:
            self._strike(key)

    def _strike(self, key: Key) -> None:
        """Press and release a key, with Shift where it takes one that is not down already."""
        shift = [keys.SHIFT] if key.name in _SHIFTED and keys.SHIFT not in self._down else []
        with self._pressed([*shift, key]):
            pass

    @contextmanager
    def _pressed(self, combination: list[Key]) -> Iterator[None]:
        """Press keys in order, and release them in reverse whatever happens in between."""
        pressed: list[Key] = []
        try:
            for key in combination:
                self._send(key, down=True)
                pressed.append(key)
            yield
        finally:
            for key in reversed(pressed):
                self._send(key, down=False)

    def _held(self, action: Action) -> list[Key]:
        text = arguments.optional_text(action)
        return keys.parse_combination(text) if text else []

    def _send(self, key: Key, *, down: bool) -> None:
        name = _WITH_SHIFT.get(key.name, "") if keys.SHIFT in self._down else ""
        self._client.key(ord(name) if name else key.symbol, down=down)
        self._log.add("key_down" if down else "key_up", key.name)
        if down:
            self._down.append(key)
        elif key in self._down:
            self._down.remove(key)
        time.sleep(PACE)

    # --- pointer ---

    def _mouse_move(self, action: Action) -> None:
        self._move(*arguments.point(action, "coordinate", self._client.size))

    def _move(self, x: int, y: int) -> None:
        self._client.pointer(x, y, self._buttons)
        self._log.add("move", x, y)
        self._at = (x, y)
        time.sleep(PACE)

    def _button(self, number: int, *, down: bool) -> None:
        bit = 1 << (number - 1)
        self._buttons = self._buttons | bit if down else self._buttons & ~bit
        self._client.pointer(*self._at, self._buttons)
        self._log.add("button_down" if down else "button_up", number)
        time.sleep(PACE)

    def _press(self, number: int) -> None:
        """Press a button, kept apart from the last click nearby: two clicks are no double click by being replayed."""
        if self._clicked is not None:
            moment, before = self._clicked
            if all(abs(a - b) <= NEAR for a, b in zip(self._at, before, strict=True)):
                time.sleep(max(0.0, moment + APART - time.monotonic()))
        self._clicked = time.monotonic(), self._at
        self._button(number, down=True)

    def _click(self, button: int, times: int, action: Action) -> None:
        point = arguments.optional_point(action, "coordinate", self._client.size)
        with self._pressed(self._held(action)):
            if point is not None:
                self._move(*point)
            self._press(button)
            self._button(button, down=False)
            for _ in range(times - 1):
                self._button(button, down=True)
                self._button(button, down=False)
            self._clicked = time.monotonic(), self._at

    def _drag(self, action: Action) -> None:
        size = self._client.size
        start = arguments.optional_point(action, "start_coordinate", size) or self._at
        end = arguments.point(action, "coordinate", size)
        with self._pressed(self._held(action)):
            self._move(*start)
            self._press(LEFT)
            try:
                for step in range(1, DRAG_STEPS + 1):
                    x, y = (round(a + (b - a) * step / DRAG_STEPS) for a, b in zip(start, end, strict=True))
                    self._move(x, y)
            finally:
                self._button(LEFT, down=False)

    def _scroll(self, action: Action) -> None:
        direction = action.arguments.get("scroll_direction")
        if direction not in WHEEL:
            raise MachineError(f"scroll goes up, down, left or right, not {direction!r}.")
        clicks = arguments.count(action, "scroll_amount")
        point = arguments.optional_point(action, "coordinate", self._client.size)
        with self._pressed(self._held(action)):
            if point is not None:
                self._move(*point)
            for _ in range(clicks):
                self._button(WHEEL[direction], down=True)
                self._button(WHEEL[direction], down=False)

    # --- looking ---

    def _zoom(self, action: Action) -> Performed:
        self._client.sync()
        region = arguments.region(action, self._client.size)
        pixels = self._client.picture()[region.y : region.bottom, region.x : region.right]
        return Performed(picture=pixels.copy(), region=region)
