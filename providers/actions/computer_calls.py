"""
Computer actions as many tools name them, as canonical actions: `click {x, y, button}`, `keypress {keys}` ….

The names are those of the Responses API's computer tool, of MCP servers, and of the agents that took them over.
Scrolling is told in pixels or in clicks of the wheel, which only their size tells apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footage.providers.actions.canonical import CLICKS, COMPUTER_ACTIONS, DIRECTIONS, canonical_action, on_screen
from footage.providers.actions.points import PointerTracker, gives_point, named_point, number_of, point_in, point_of
from footage.trajectory import JSON, Action, Space

__all__ = ["computer_action", "key_name"]

_BUTTONS = {
    "right": "right_click",
    "middle": "middle_click",
    "wheel": "middle_click",
    "back": "back_click",
    "forward": "forward_click",
}
_SAME = {
    "double_click": "double_click",
    "doubleclick": "double_click",
    "triple_click": "triple_click",
    "left_click": "left_click",
    "right_click": "right_click",
    "middle_click": "middle_click",
    "tap": "left_click",
    "move": "mouse_move",
    "mouse_move": "mouse_move",
    "hover": "mouse_move",
    "move_cursor": "mouse_move",
    "left_mouse_down": "left_mouse_down",
    "left_mouse_up": "left_mouse_up",
    "mouse_down": "left_mouse_down",
    "mouse_up": "left_mouse_up",
    "left_double": "double_click",
    "right_single": "right_click",
}
_KEYS = frozenset({"keypress", "key", "hotkey", "press_key", "press"})
_TYPING = frozenset({"type", "type_text", "input_text", "typewrite"})
_DRAGS = frozenset({"drag", "left_click_drag", "mouse_drag", "drag_and_drop"})
_LOOKING = frozenset({"screenshot", "take_screenshot"})
_OTHERS = frozenset({"keys", "ms", "path", "scroll_x", "scroll_y", "delta_x", "delta_y"})
_OTHER_WORDS = frozenset({"key", "content", "direction", "clicks", "amount"})
"""Fields that say in other tools what `_NEEDED` says in those of the Messages API."""
_NEEDED = {"key": "text", "type": "text", "hold_key": "text", "scroll": "scroll_direction"}
_PIXELS_A_CLICK = 100
_MOST_CLICKS = 20
"""A scroll of a larger number is told in pixels."""
_KEY_NAMES = {
    "enter": "Return",
    "return": "Return",
    "\n": "Return",
    " ": "space",
    "esc": "Escape",
    "escape": "Escape",
    "backspace": "BackSpace",
    "left": "Left",
    "right": "Right",
    "up": "Up",
    "down": "Down",
    "arrowleft": "Left",
    "arrowright": "Right",
    "arrowup": "Up",
    "arrowdown": "Down",
    "del": "Delete",
    "ctrl": "ctrl",
    "control": "ctrl",
    "cmd": "super",
    "command": "super",
    "meta": "super",
    "win": "super",
    "winleft": "super",
    "alt": "alt",
    "option": "alt",
    "shift": "shift",
    "space": "space",
    "tab": "Tab",
    "pageup": "Page_Up",
    "pagedown": "Page_Down",
    "page_up": "Page_Up",
    "page_down": "Page_Down",
    "pgup": "Page_Up",
    "pgdn": "Page_Down",
    "delete": "Delete",
    "home": "Home",
    "end": "End",
}


def computer_action(
    kind: str,
    fields: Mapping[str, Any],
    pointer: PointerTracker | None = None,
    *,
    space: Space | None = None,
    raw: Mapping[str, Any] | None = None,
) -> Action | None:
    """
    Return the action that `kind` names, with what its fields say; None where it names none of a computer.

    Points are mapped from `space` to the screen. `raw` is the call as it came, where that is more than its fields.
    `pointer` is moved along. Never raises.
    """
    kind, tracker, raw = kind.lower(), pointer or PointerTracker(), dict(fields) if raw is None else raw
    if _is_canonical(kind, fields):
        return canonical_action(kind, fields, raw, space, tracker)
    found = _made(kind, fields, raw, tracker, space)
    if found is not None:
        tracker.follow(found)
        if gives_point(fields) and "coordinate" not in found.arguments:
            tracker.position = None
    return found


def _is_canonical(kind: str, fields: Mapping[str, Any]) -> bool:
    """Whether a call has the fields of the Messages API's tools, and none of others'."""
    if kind not in COMPUTER_ACTIONS or _OTHERS & fields.keys():
        return False
    needed = _NEEDED.get(kind)
    return needed is None or needed in fields or not (_OTHER_WORDS & fields.keys())


def _made(
    kind: str, fields: Mapping[str, Any], raw: Mapping[str, Any], tracker: PointerTracker, space: Space | None
) -> Action | None:
    at = _at(point_in(fields), space)
    tracked = tracker.position if not gives_point(fields) else None
    if kind == "click":
        button = str(fields.get("button") or "left").lower()
        return Action(
            _BUTTONS.get(button, "left_click"), {**at, **_held(fields)}, raw=raw, space=space, tracked=tracked
        )
    if kind in _SAME:
        name = _SAME[kind]
        arguments = {**at, **_held(fields)} if name in CLICKS else at
        return Action(name, arguments, raw=raw, space=space, tracked=tracked if name != "mouse_move" else None)
    if kind in _DRAGS:
        return Action("left_click_drag", {**_drag(fields, space), **_held(fields)}, raw=raw, space=space)
    if kind == "scroll":
        return Action("scroll", {**_scroll(fields), **at, **_held(fields)}, raw=raw, space=space, tracked=tracked)
    if kind in _TYPING:
        return Action("type", {"text": str(fields.get("text", fields.get("content", "")))}, raw=raw)
    if kind in _KEYS:
        return Action("key", {"text": _keys(fields)}, raw=raw)
    if kind == "wait":
        seconds = _number(fields.get("ms")) / 1000 if "ms" in fields else _number(fields.get("duration"))
        return Action("wait", {"duration": seconds} if seconds else {}, raw=raw)
    return Action("screenshot", {}, raw=raw) if kind in _LOOKING else None


def _at(point: tuple[float, float] | None, space: Space | None) -> JSON:
    return {"coordinate": on_screen(point, space)} if point else {}


def _held(fields: Mapping[str, Any]) -> JSON:
    """Return the keys that are held down during an action of the pointer."""
    given = fields.get("keys") or fields.get("modifiers")
    return {"text": "+".join(key_name(str(key)) for key in given)} if isinstance(given, list) and given else {}


def _drag(fields: Mapping[str, Any], space: Space | None) -> JSON:
    """Return where a drag begins and ends: of a path its first and last point."""
    path = fields.get("path")
    if isinstance(path, list) and path:
        start, end = point_of(path[0]), point_of(path[-1])
    else:
        start, end = named_point(fields, "start"), named_point(fields, "end") or point_in(fields)
    ends = {"start_coordinate": start, "coordinate": end}
    return {name: on_screen(point, space) for name, point in ends.items() if point}


def _scroll(fields: Mapping[str, Any]) -> JSON:
    """Return direction and clicks, down and right being positive."""
    if isinstance(fields.get("direction") or fields.get("scroll_direction"), str):
        amount = _number(fields.get("clicks") or fields.get("amount") or fields.get("scroll_amount") or 1)
        way = str(fields.get("direction") or fields.get("scroll_direction")).lower()
        return {"scroll_direction": way, "scroll_amount": int(amount)} if way in DIRECTIONS else {}
    x = _number(fields.get("scroll_x", fields.get("delta_x", 0)))
    y = _number(fields.get("scroll_y", fields.get("delta_y", 0)))
    amount, ways = (y, ("up", "down")) if abs(y) >= abs(x) else (x, ("left", "right"))
    clicks = abs(amount) if abs(amount) <= _MOST_CLICKS else max(1, round(abs(amount) / _PIXELS_A_CLICK))
    return {"scroll_direction": ways[amount > 0], "scroll_amount": int(clicks)}


def _number(value: Any) -> float:
    return number_of(value) or 0.0


def _keys(fields: Mapping[str, Any]) -> str:
    given = fields.get("keys") or fields.get("key") or fields.get("text") or []
    listed = given if isinstance(given, list) else str(given).replace("-", "+").split("+") if given else []
    names = [key_name(str(key)) for key in listed]
    return "+".join(name.lower() if len(names) > 1 and len(name) == 1 else name for name in names)


def key_name(name: str) -> str:
    """Return the canonical name of a key, whatever others call it; letters are their own."""
    plain = name.strip() or name
    return _KEY_NAMES.get(plain.lower(), plain)
