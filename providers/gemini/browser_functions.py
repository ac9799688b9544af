"""
The functions of Gemini's computer_use, as canonical actions.

Their coordinates count from 0 to 999 across the picture, whatever its size. Functions that act on the browser itself
(`navigate`, `go_back`) are of the namespace `browser`; those that agents declare themselves are read as any tool is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footage.providers.actions.any_call import actions_of_call
from footage.providers.actions.canonical import on_screen
from footage.providers.actions.computer_calls import key_name
from footage.providers.actions.points import PointerTracker, number_of, point_of
from footage.providers.common_form import objects
from footage.providers.gemini.content_parts import either
from footage.trajectory import JSON, Action, Space

__all__ = ["actions_of_function", "counts_in_thousandths"]

_CLICKS = {
    "click_at": "left_click",
    "click": "left_click",
    "double_click_at": "double_click",
    "double_click": "double_click",
    "right_click": "right_click",
    "right_click_at": "right_click",
    "middle_click": "middle_click",
    "long_press_at": "left_click",
    "hover_at": "mouse_move",
    "move": "mouse_move",
    "mouse_move": "mouse_move",
}
_BROWSER = frozenset({"navigate", "search", "go_back", "go_forward", "open_web_browser", "open_app", "go_home"})
_PIXELS_A_CLICK = 100


def counts_in_thousandths(request: JSON) -> bool:
    """Tell whether a request's tools are those whose coordinates are a grid, as far as it declares any tools."""
    tools = objects(request.get("tools"))
    return not tools or any(either(tool, "computerUse") is not None for tool in tools)


def actions_of_function(
    block: JSON, *, space: Space | None, request: JSON, pointer: PointerTracker | None
) -> list[Action]:
    """Return the actions of a call: typing at a place is a click, a text and Return."""
    name, given = str(block.get("name") or ""), block.get("input")
    fields: Mapping[str, Any] = given if isinstance(given, dict) else {}
    tracker = pointer or PointerTracker()
    if not counts_in_thousandths(request):
        return actions_of_call(name, given, space=space, pointer=tracker)
    found = _of_grid(name, fields, space) or actions_of_call(name, given, space=space, pointer=tracker)
    found = [action if space else _without_points(action) for action in found]
    for action in found:
        tracker.follow(action)
    return found


def _of_grid(name: str, fields: Mapping[str, Any], space: Space | None) -> list[Action]:
    at = _at(fields.get("x"), fields.get("y"), space)
    raw = dict(fields)
    if name in _CLICKS:
        return [Action(_CLICKS[name], at, raw=raw, space=space)]
    if name == "type_text_at":
        return _typed(fields, at, raw, space)
    if name in {"scroll_at", "scroll_document"}:
        way = {"scroll_direction": str(fields.get("direction") or "down").lower()}
        magnitude = number_of(fields.get("magnitude"))
        clicks = max(1, round(magnitude / _PIXELS_A_CLICK)) if magnitude else 8
        return [Action("scroll", {**way, "scroll_amount": clicks, **at}, raw=raw, space=space)]
    if name == "drag_and_drop":
        end = _at(fields.get("destination_x"), fields.get("destination_y"), space)
        start = {"start_coordinate": at["coordinate"]} if at else {}
        return [Action("left_click_drag", {**start, **end}, raw=raw, space=space)]
    if name == "key_combination":
        keys = "+".join(key_name(key) for key in str(fields.get("keys") or "").split("+") if key)
        return [Action("key", {"text": keys}, raw=raw)]
    if name.startswith("wait_") and name.endswith("_seconds"):
        return [Action("wait", {"duration": number_of(name.split("_")[1]) or 5}, raw=raw)]
    return [Action(name, raw, "browser", raw)] if name in _BROWSER else []


def _typed(fields: Mapping[str, Any], at: JSON, raw: JSON, space: Space | None) -> list[Action]:
    made = [Action("left_click", at, raw=raw, space=space)]
    if fields.get("clear_before_typing", True):
        made.append(Action("key", {"text": "ctrl+a"}, raw=raw))
    made.append(Action("type", {"text": str(fields.get("text") or "")}, raw=raw))
    if fields.get("press_enter"):
        made.append(Action("key", {"text": "Return"}, raw=raw))
    return made


def _at(x: Any, y: Any, space: Space | None) -> JSON:
    point = point_of([x, y])
    return {"coordinate": on_screen(point, space)} if point and space else {}


def _without_points(action: Action) -> Action:
    """Return an action without the points that nobody can place: the size of the screen is not known."""
    from dataclasses import replace

    kept = {k: v for k, v in action.arguments.items() if k not in {"coordinate", "start_coordinate"}}
    return replace(action, arguments=kept, tracked=None)
