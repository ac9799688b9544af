"""
Computer actions as other vendors' tools name them, as canonical actions: `click {x, y, button}`, `keypress {keys}` ….

The names are those of the Responses API's computer tool and of the agents that took them over. Points are pixels of the
picture; scrolling is told in pixels or in clicks of the wheel, which only their size tells apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footage.providers.anthropic.tool_calls import COMPUTER_ACTIONS, PointerTracker, actions_of, point_of
from footage.trajectory import JSON, Action

__all__ = ["action_of_call", "computer_action", "key_name"]

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
_LAST_WORDS = frozenset({"terminate", "done", "fail", "finished", "answer"})
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


def action_of_call(name: str, arguments: Any, pointer: PointerTracker | None = None) -> list[Action]:
    """
    Return the actions of a call of any tool: a computer's by the names above or those of the Messages API, or another.

    `arguments` may be {"action": "click", …}, {"type": "click", …} or the fields alone.
    """
    fields: Mapping[str, Any] = arguments if isinstance(arguments, Mapping) else {}
    named = fields.get("action") if isinstance(fields.get("action"), str) else fields.get("type")
    for kind, given in ((name, fields), (named, fields)):
        is_tool = given is fields and kind is named and not name.lower().startswith(("computer", "browser"))
        if isinstance(kind, str) and not is_tool:
            found = computer_action(kind, given, pointer)
            if found is not None:
                return [found]
    raw = arguments if isinstance(arguments, Mapping) else {"input": arguments}
    inner = fields.get("action") if isinstance(fields.get("action"), Mapping) else None
    if inner is not None and name.lower().startswith("computer"):
        return action_of_call(name, inner, pointer)
    if isinstance(named, str) and name.lower().startswith("computer"):
        return [_other(named, fields)]
    return actions_of({"type": "tool_use", "name": name, "input": raw}, toolset=True, pointer=pointer)


def computer_action(kind: str, fields: Mapping[str, Any], pointer: PointerTracker | None = None) -> Action | None:
    """Return the action of this kind; None where it is none of a computer, or in the form of the Messages API."""
    kind, tracker = kind.lower(), pointer or PointerTracker()
    others = {"x", "y", "keys", "ms", "path", "scroll_x", "scroll_y"} & fields.keys()
    if kind in COMPUTER_ACTIONS and not others and (kind not in {"key", "type"} or "text" in fields):
        block = {"type": "tool_use", "name": "computer", "input": {**fields, "action": kind}}
        return actions_of(block, pointer=tracker)[0]
    found = _made(kind, fields, tracker)
    if found is not None:
        tracker.follow(found)
    return found


def _made(kind: str, fields: Mapping[str, Any], tracker: PointerTracker) -> Action | None:
    raw = dict(fields)
    at = _at(fields)
    tracked = None if at else tracker.position
    if kind == "click":
        button = str(fields.get("button") or "left").lower()
        return Action(_BUTTONS.get(button, "left_click"), at, raw=raw, tracked=tracked)
    if kind in _SAME and (at or "coordinate" not in fields):
        return Action(_SAME[kind], at, raw=raw, tracked=tracked if _SAME[kind] != "mouse_move" else None)
    if kind in {"drag", "left_click_drag"}:
        return Action("left_click_drag", _drag(fields), raw=raw)
    if kind == "scroll":
        return Action("scroll", {**_scroll(fields), **at}, raw=raw, tracked=tracked)
    if kind in _TYPING:
        return Action("type", {"text": str(fields.get("text", ""))}, raw=raw)
    if kind in _KEYS:
        return Action("key", {"text": _keys(fields)}, raw=raw)
    if kind == "wait":
        seconds = _number(fields.get("ms")) / 1000 if "ms" in fields else _number(fields.get("duration"))
        return Action("wait", {"duration": seconds} if seconds else {}, raw=raw)
    return Action("screenshot", {}, raw=raw) if kind == "screenshot" else None


def _other(kind: str, fields: Mapping[str, Any]) -> Action:
    """Return an action that no other tool has (`visit_url`, `terminate`), with what it was given."""
    given = {key: value for key, value in fields.items() if key not in {"action", "type", "x", "y", "coordinate"}}
    return Action(kind, {**_at(fields), **given}, "agent" if kind in _LAST_WORDS else "computer", dict(fields))


def _at(fields: Mapping[str, Any]) -> JSON:
    point = point_of([fields.get("x"), fields.get("y")]) or point_of(fields.get("coordinate"))
    return {"coordinate": [int(point[0]), int(point[1])]} if point else {}


def _drag(fields: Mapping[str, Any]) -> JSON:
    """Return where a drag begins and ends: of a path its first and last point."""
    given = fields.get("path")
    path = given if isinstance(given, list) else []
    points = [_at(point) if isinstance(point, Mapping) else _at({"coordinate": point}) for point in path]
    if not points:
        start, end = (fields.get("start_x"), fields.get("start_y")), (fields.get("end_x"), fields.get("end_y"))
        points = [_at({"coordinate": list(start)}), _at({"coordinate": list(end)})]
    ends = {"start_coordinate": points[0].get("coordinate"), "coordinate": points[-1].get("coordinate")}
    return {key: value for key, value in ends.items() if value}


def _scroll(fields: Mapping[str, Any]) -> JSON:
    """Return direction and clicks, down and right being positive."""
    if isinstance(fields.get("direction") or fields.get("scroll_direction"), str):
        amount = _number(fields.get("clicks") or fields.get("amount") or fields.get("scroll_amount") or 1)
        way = str(fields.get("direction") or fields.get("scroll_direction")).lower()
        return {"scroll_direction": way, "scroll_amount": int(amount)} if way in {"up", "down", "left", "right"} else {}
    x = _number(fields.get("scroll_x", fields.get("delta_x", 0)))
    y = _number(fields.get("scroll_y", fields.get("delta_y", 0)))
    amount, ways = (y, ("up", "down")) if abs(y) >= abs(x) else (x, ("left", "right"))
    clicks = abs(amount) if abs(amount) <= _MOST_CLICKS else max(1, round(abs(amount) / _PIXELS_A_CLICK))
    return {"scroll_direction": ways[amount > 0], "scroll_amount": int(clicks)}


def _number(value: Any) -> float:
    point = point_of([value, 0])
    return point[0] if point else 0.0


def _keys(fields: Mapping[str, Any]) -> str:
    given = fields.get("keys") or fields.get("key") or fields.get("text") or []
    listed = given if isinstance(given, list) else str(given).replace("-", "+").split("+") if given else []
    return "+".join(key_name(str(key)) for key in listed)


def key_name(name: str) -> str:
    """Return the canonical name of a key, whatever others call it; letters are their own."""
    plain = name.strip() or name
    return _KEY_NAMES.get(plain.lower(), plain)
