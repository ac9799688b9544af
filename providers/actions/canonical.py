"""The canonical computer actions: their names, and one of them made of the fields that a call gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footage.providers.actions.points import PointerTracker, gives_point, named_point, number_of, numbers_of, point_in
from footage.trajectory import JSON, Action, Space

__all__ = ["CLICKS", "COMPUTER_ACTIONS", "DIRECTIONS", "LANDING", "canonical_action", "on_screen"]

CLICKS = frozenset({"left_click", "right_click", "middle_click", "double_click", "triple_click"})
_OTHERS = (
    "key hold_key type cursor_position mouse_move left_mouse_down left_mouse_up left_click_drag scroll wait"
    " screenshot zoom"
)
COMPUTER_ACTIONS = CLICKS | frozenset(_OTHERS.split())
"""Names of the canonical computer actions."""
LANDING = CLICKS | {"scroll", "left_mouse_down", "left_mouse_up"}
"""Actions that land where the pointer is, if they name no point."""
DIRECTIONS = ("up", "down", "left", "right")
"""Of a scroll."""


def canonical_action(
    name: str, fields: Mapping[str, Any], raw: Mapping[str, Any], space: Space | None, pointer: PointerTracker
) -> Action:
    """
    Return the action `name`, a canonical one or not, with what its fields give under canonical names.

    Points are mapped from `space` to the screen; one that cannot be read is left out, and `pointer` does not stand in
    for it. `pointer` is moved along. Never raises.
    """
    drags = name == "left_click_drag"
    end = named_point(fields, "end") if drags else None
    points = {"start_coordinate": named_point(fields, "start"), "coordinate": end or point_in(fields)}
    arguments: JSON = {
        field: on_screen(point, space) for field, point in points.items() if point is not None and _in_pixels(point)
    }
    region = numbers_of(fields.get("region"), 4)
    if name == "zoom" and region:
        arguments["region"] = _screen_region(region, space)
    if drags and pointer.position and not _gives_start(fields):
        arguments = {"start_coordinate": list(pointer.position), **arguments}
    arguments |= _plain_arguments(name, fields)
    tracked = pointer.position if name in LANDING and not gives_point(fields) else None
    action = Action(name or "unknown", arguments, "computer", raw, space, tracked)
    pointer.follow(action)
    if gives_point(fields) and "coordinate" not in arguments:
        pointer.position = None
    return action


def _in_pixels(point: tuple[float, float]) -> bool:
    """Whether a point can be of pixels: (0.52, 0.31) is a fraction of something else."""
    return not (all(0 <= number <= 1 for number in point) and any(number % 1 for number in point))


def _gives_start(fields: Mapping[str, Any]) -> bool:
    return any(fields.get(name) is not None for name in ("start_coordinate", "start", "start_x", "start_y"))


def _plain_arguments(name: str, fields: Mapping[str, Any]) -> JSON:
    """Return the arguments that are no points, under their canonical names; those of the wrong type are left out."""
    found: JSON = {}
    held = fields.get("text") or (fields.get("key") if name not in {"key", "hold_key", "type"} else None)
    if name in {"type", "key", "hold_key"} and isinstance(fields.get("text"), str):
        found["text"] = fields["text"]
    elif isinstance(held, str) and (name in CLICKS or name in {"scroll", "left_click_drag"}):
        found["text"] = held
    repeat = number_of(fields.get("repeat"))
    if name == "key" and repeat is not None and repeat > 1:
        found["repeat"] = int(repeat)
    duration = number_of(fields.get("duration"))
    if name in {"wait", "hold_key"} and duration is not None:
        found["duration"] = duration
    if name == "scroll" and fields.get("scroll_direction") in DIRECTIONS:
        found["scroll_direction"] = fields["scroll_direction"]
    amount = number_of(fields.get("scroll_amount"))
    if name == "scroll" and amount is not None:
        found["scroll_amount"] = int(amount)
    return found


def on_screen(point: tuple[float, float], space: Space | None) -> list[int]:
    """Return the screen pixel that a point of `space` means; one outside the picture stays outside the screen."""
    return list(space.to_screen(*point)) if space else [int(point[0]), int(point[1])]


def _screen_region(region: list[float], space: Space | None) -> list[int]:
    if space is None:
        return [int(v) for v in region]
    sx, sy = space.screen_width / space.width, space.screen_height / space.height
    return [round(region[0] * sx), round(region[1] * sy), round(region[2] * sx), round(region[3] * sy)]
