"""The hands of the desktop: actions done with the keyboard and the pointer of a display."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from footage.machines.desktop.display.x_connection import lost_server, round_trip
from footage.machines.desktop.display.x_screen import Screen
from footage.machines.desktop.input.xtest_keyboard import DesktopKeyboard
from footage.machines.desktop.input.xtest_pointer import DesktopPointer
from footage.machines.desktop.programs.activity import LOOK
from footage.machines.shared import hands
from footage.machines.shared.input_log import InputLog

CATCH_UP, CATCH_UP_LOOK = 0.3, 0.003
"""Seconds that programs get to deal with an action's input before the next one's, and seconds of a look at them."""
LONG_REST = 2.0
"""Seconds they get before key codes change their meaning."""


class Hands(hands.Hands):
    """What performs actions on one display."""

    def __init__(self, display: Any, screen: Screen, log: InputLog, rest: Callable[[float, float], bool]) -> None:
        """`rest(at_most, look)` waits until the programs have dealt with their input (see activity.py)."""
        catch_up = partial(rest, CATCH_UP, CATCH_UP_LOOK)
        super().__init__(
            "desktop",
            DesktopKeyboard(display, log, partial(rest, LONG_REST, LOOK)),
            DesktopPointer(display, log, catch_up),
            screen,
            log,
            catch_up=catch_up,
            flush=partial(round_trip, display),
            guard=lost_server,
        )
