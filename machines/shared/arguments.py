"""Reading an action's arguments: each either as it should be, or refused in one sentence."""

from __future__ import annotations

from footage.errors import MachineError
from footage.trajectory import Action, Region

LONGEST = 100.0
"""Seconds that one wait or held key may last."""
MOST = 1000
"""Clicks of the wheel, or strokes of a key, in one action."""


def point(action: Action, name: str, screen: tuple[int, int]) -> tuple[int, int]:
    """Return the point of the screen in argument `name`. Raises MachineError where it is none."""
    found = optional_point(action, name, screen)
    if found is None:
        raise MachineError(f"{action.name} needs a point: {name} [x, y].")
    return found


def optional_point(action: Action, name: str, screen: tuple[int, int]) -> tuple[int, int] | None:
    """Return the point in argument `name`, or None where it is not given. Raises MachineError where it is none."""
    value = action.arguments.get(name)
    if value is None:
        return None
    try:
        x, y = (round(number) for number in value)
    except (TypeError, ValueError, OverflowError):
        raise MachineError(f"{action.name} needs a point [x, y] as {name}, not {value!r}.") from None
    width, height = screen
    if not (0 <= x < width and 0 <= y < height):
        raise MachineError(f"The point ({x}, {y}) is outside the screen of {width} x {height} pixels.")
    return x, y


def text(action: Action) -> str:
    """Return the argument `text`. Raises MachineError where it is missing or no string."""
    found = optional_text(action)
    if found is None:
        raise MachineError(f"{action.name} needs a text.")
    return found


def optional_text(action: Action) -> str | None:
    """Return the argument `text`, or None. Raises MachineError where it is no string."""
    value = action.arguments.get("text")
    if value is not None and not isinstance(value, str):
        raise MachineError(f"{action.name} needs a string as text, not {value!r}.")
    return value


def duration(action: Action) -> float:
    """Return the seconds in argument `duration`, 0 … LONGEST. Raises MachineError for anything else."""
    value = action.arguments.get("duration")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise MachineError(f"{action.name} needs a duration of 0 to {LONGEST:g} seconds, not {value!r}.")
    return float(value)


def count(action: Action, name: str, default: int | None = None) -> int:
    """Return the whole number in argument `name`, 0 … MOST. Raises MachineError for anything else."""
    value = action.arguments.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise MachineError(f"{action.name} needs a whole number of 0 to {MOST} as {name}, not {value!r}.")
    return value


def region(action: Action, screen: tuple[int, int]) -> Region:
    """Return the part of the screen in argument `region` [x0, y0, x1, y1]. Raises MachineError where it is none."""
    value = action.arguments.get("region")
    try:
        x0, y0, x1, y1 = (round(number) for number in value or ())
    except (TypeError, ValueError, OverflowError):
        raise MachineError(f"{action.name} needs a region [x0, y0, x1, y1], not {value!r}.") from None
    width, height = screen
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise MachineError(f"The region {[x0, y0, x1, y1]} is no part of the screen of {width} x {height} pixels.")
    return Region(x0, y0, x1 - x0, y1 - y0)
