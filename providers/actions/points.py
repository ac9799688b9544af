"""
Points as models and harnesses write them: two numbers, texts of numbers, mappings, x and y side by side.

What is given and cannot be read is told apart from what is not given: the one has no point at all, the other lands
where the pointer is. Nothing is guessed: four numbers are no point, and fractions are none where pixels are meant.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from footage.trajectory import Action

__all__ = ["PointerTracker", "gives_point", "named_point", "number_of", "numbers_of", "point_in", "point_of"]

_FARTHEST = 1_000_000
"""No screen has a pixel farther out than this; a larger number is no point."""
_LONGEST = 100
"""A text of more characters is no point."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PAIR = re.compile(
    r"(?:<point>|\(|\[|<)?\s*(?:x\s*[=:]\s*)?(?P<x>[+-]?[0-9.]+)\s*(?:px)?\s*(?:[,;]\s*|\s+)"
    r"(?:y\s*[=:]\s*)?(?P<y>[+-]?[0-9.]+)\s*(?:px)?\s*(?:</point>|\)|\]|>)?"
)
_WHOLE = ("coordinate", "coordinates", "position", "point")
"""Fields that hold a whole point, in the order in which they are asked."""


def number_of(value: Any) -> float | None:
    """Return a finite number, given as one or as text (`"600"`); None for anything else."""
    if isinstance(value, str):
        written = value.strip()
        if len(written) > _LONGEST or not _NUMBER.fullmatch(written):
            return None
        value = float(written)
        value = int(value) if math.isfinite(value) and value == int(value) else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def numbers_of(value: Any, count: int) -> list[float] | None:
    """Return a list of exactly so many numbers, each given as one or as text; None for anything else."""
    if isinstance(value, str) and len(value) <= _LONGEST:
        value = _parsed(value)
    if not isinstance(value, list | tuple) or len(value) != count:
        return None
    numbers = [number_of(item) for item in value]
    return None if None in numbers else [number for number in numbers if number is not None]


def point_of(value: Any) -> tuple[float, float] | None:
    """
    Return the point that a value says; None where it says none.

    >>> point_of([600, 400]) == point_of("(600, 400)") == point_of({"x": "600", "y": 400}) == (600, 400)
    True
    """
    if isinstance(value, str):
        return _written(value)
    if isinstance(value, Mapping):
        value = [value.get("x"), value.get("y")]
    numbers = numbers_of(value, 2) if isinstance(value, list | tuple) else None
    if numbers is None or max(abs(numbers[0]), abs(numbers[1])) > _FARTHEST:
        return None
    return numbers[0], numbers[1]


def point_in(fields: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the point that an action's fields give: `coordinate` and its like, or x and y; None where none is read."""
    for name in _WHOLE:
        if fields.get(name) is not None:
            return point_of(fields[name])
    return point_of([fields.get("x"), fields.get("y")])


def gives_point(fields: Mapping[str, Any]) -> bool:
    """Whether an action's fields give a point at all, readable or not."""
    return any(fields.get(name) is not None for name in (*_WHOLE, "x", "y"))


def named_point(fields: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Return the `start` or `end` point of a drag: `start_coordinate`, `start`, or `start_x` and `start_y`."""
    for key in (f"{name}_coordinate", name):
        if fields.get(key) is not None:
            return point_of(fields[key])
    return point_of([fields.get(f"{name}_x"), fields.get(f"{name}_y")])


def _written(text: str) -> tuple[float, float] | None:
    written = text.strip()
    if len(written) > _LONGEST:
        return None
    if found := _PAIR.fullmatch(written):
        return point_of([found["x"], found["y"]])
    said = _parsed(written)
    return None if said is None or isinstance(said, str) else point_of(said)


def _parsed(text: str) -> Any:
    """Return what a text is as JSON; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(slots=True)
class PointerTracker:
    """Where the pointer is, as far as the actions so far tell, in screen pixels; None where they do not tell."""

    position: tuple[int, int] | None = None

    def follow(self, action: Action) -> None:
        """Take note of where an action leaves the pointer."""
        given = point_of(action.arguments.get("coordinate")) if action.is_computer else None
        if given is not None:
            self.position = (int(given[0]), int(given[1]))
