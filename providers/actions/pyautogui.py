"""
Python that drives a screen (`pyautogui.click(x=0.3, y=0.6)`), read as actions. It is parsed, and never run.

Statements that are no such call become one action of the namespace `python`, with their code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from footage.providers.actions.canvas import Canvas
from footage.providers.actions.computer_calls import key_name
from footage.providers.actions.points import PointerTracker
from footage.trajectory import JSON, Action

__all__ = ["action_named", "actions_in"]

_LONGEST = 100_000  # characters; code beyond that is kept as it is
_BUTTONS = {"left": "left_click", "right": "right_click", "middle": "middle_click"}
_CLICKS = {
    "click": "",
    "leftClick": "left_click",
    "rightClick": "right_click",
    "middleClick": "middle_click",
    "doubleClick": "double_click",
    "tripleClick": "triple_click",
    "triple_click": "triple_click",
}
_BUTTON_MOVES = {"mouseDown": "left_mouse_down", "mouseUp": "left_mouse_up"}
_POSITIONAL = {
    "mouseDown": ("x", "y", "button"),
    "mouseUp": ("x", "y", "button"),
    "copy": ("text",),
    "dragTo": ("x", "y", "duration"),
    "moveTo": ("x", "y", "duration"),
    "write": ("message", "interval"),
    "typewrite": ("message", "interval"),
    "press": ("keys", "presses"),
    "keyDown": ("key",),
    "keyUp": ("key",),
    "sleep": ("seconds",),
    "scroll": ("clicks", "x", "y"),
    "vscroll": ("clicks", "x", "y"),
    "hscroll": ("clicks", "x", "y"),
    "terminate": ("status",),
}
_CLICK_ARGUMENTS = ("x", "y", "clicks", "interval", "button")
_MODULES = {"pyautogui", "computer", "time", "pag", "pyperclip"}


def actions_in(code: str, canvas: Canvas, pointer: PointerTracker | None = None) -> list[Action]:
    """Return the actions of a piece of code, in its order; `pointer` is moved along. Never raises."""
    tracker = pointer or PointerTracker()
    word = code.strip()
    if not word:
        return []
    if word in {"WAIT", "DONE", "FAIL"}:
        return [_word(word)]
    try:
        tree = ast.parse(word) if len(word) <= _LONGEST else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None:
        return [Action("run", {"code": code}, "python", {"code": code})]
    found = []
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom) or _is_remark(statement):
            continue
        text = ast.get_source_segment(word, statement) or word
        action = _call(statement, text, canvas, tracker) or Action("run", {"code": text}, "python", {"code": text})
        tracker.follow(action)
        found.append(action)
    return found


def _is_remark(statement: ast.stmt) -> bool:
    """Tell a text that stands alone, and what is merely printed."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    called = value.func if isinstance(value, ast.Call) else None
    return isinstance(value, ast.Constant) or (isinstance(called, ast.Name) and called.id == "print")


def _word(word: str) -> Action:
    """Return what a bare word means that stands in place of code."""
    raw = {"code": word}
    return Action("wait", {}, raw=raw) if word == "WAIT" else Action(word.lower(), {}, "agent", raw)


def _call(statement: ast.stmt, text: str, canvas: Canvas, tracker: PointerTracker) -> Action | None:
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return None
    target = call.func
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id in _MODULES:
        name = target.attr
    else:
        return None
    try:
        given = [ast.literal_eval(argument) for argument in call.args]
        fields = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    if name == "hotkey" and given:
        fields = {"keys": given[0] if isinstance(given[0], list | tuple) else given, **fields}
    else:
        names = _POSITIONAL.get(name, _CLICK_ARGUMENTS if name in _CLICKS else ())
        first = given[0] if given else None
        if names[:2] == ("x", "y") and isinstance(first, list | tuple) and len(first) == 2:
            given = [*first, *given[1:]]
        fields = {**dict(zip(names, given, strict=False)), **fields}
    return action_named(name, fields, {"code": text}, canvas, tracker)


def action_named(name: str, fields: JSON, raw: JSON, canvas: Canvas, tracker: PointerTracker) -> Action | None:
    """Return the action of one call, by the function's name and its arguments' names; None for other functions."""
    point = canvas.point(fields.get("x"), fields.get("y"))
    at = {"coordinate": point} if point else {}
    tracked = tracker.position if fields.get("x") is None else None
    if name in _CLICKS:
        return Action(_click(name, fields), at, raw=raw, space=canvas.space, tracked=tracked)
    if name in _BUTTON_MOVES:
        return Action(_BUTTON_MOVES[name], at, raw=raw, space=canvas.space, tracked=tracked)
    if name == "moveTo":
        return Action("mouse_move", at, raw=raw, space=canvas.space)
    if name in {"dragTo", "drag"}:
        start = {"start_coordinate": list(tracker.position)} if tracker.position else {}
        return Action("left_click_drag", {**start, **at}, raw=raw, space=canvas.space)
    if name in {"scroll", "vscroll", "hscroll"}:
        return Action("scroll", {**_scroll(name, fields), **at}, raw=raw, space=canvas.space, tracked=tracked)
    made = _OTHERS.get(name)
    return made(fields, raw) if made else None


def _click(name: str, fields: Mapping[str, Any]) -> str:
    """Return the canonical name of a click, by its button and how often."""
    if _CLICKS[name]:
        return _CLICKS[name]
    button = str(fields.get("button") or "left").lower()
    many = {2: "double_click", 3: "triple_click"}.get(fields.get("clicks") or 1)
    return many if many and button in {"left", "primary"} else _BUTTONS.get(button, "left_click")


def _scroll(name: str, fields: Mapping[str, Any]) -> JSON:
    clicks = fields.get("clicks")
    amount = int(clicks) if isinstance(clicks, int | float) and abs(clicks) < 1_000_000 else 0
    ways = ("left", "right") if name == "hscroll" else ("down", "up")
    return {"scroll_direction": ways[amount > 0], "scroll_amount": abs(amount)}


def _keys(given: Any) -> list[str]:
    found = given if isinstance(given, list | tuple) else [given]
    return [key_name(str(key)) for key in found if key is not None]


def _press(fields: JSON, raw: JSON) -> Action:
    """Return the keys of `press`, which come one after the other."""
    keys, times = _keys(fields.get("keys") or fields.get("key")), fields.get("presses")
    repeat = {"repeat": times} if isinstance(times, int) and 1 < times < 10_000 and len(keys) == 1 else {}
    return Action("key", {"text": " ".join(keys), **repeat}, raw=raw)


def _wait(fields: JSON, raw: JSON) -> Action:
    seconds = fields.get("seconds")
    return Action("wait", {"duration": seconds} if isinstance(seconds, int | float) else {}, raw=raw)


_OTHERS: dict[str, Callable[[JSON, JSON], Action]] = {
    "write": lambda fields, raw: Action("type", {"text": str(fields.get("message", ""))}, raw=raw),
    "typewrite": lambda fields, raw: Action("type", {"text": _typed(fields.get("message", ""))}, raw=raw),
    "press": _press,
    "hotkey": lambda fields, raw: Action("key", {"text": "+".join(_keys(fields.get("keys")))}, raw=raw),
    "keyDown": lambda fields, raw: Action("key_down", {"text": "+".join(_keys(fields.get("key")))}, "keyboard", raw),
    "keyUp": lambda fields, raw: Action("key_up", {"text": "+".join(_keys(fields.get("key")))}, "keyboard", raw),
    "copy": lambda fields, raw: Action("copy", {"text": str(fields.get("text", ""))}, "clipboard", raw),
    "sleep": _wait,
    "wait": _wait,
    "terminate": lambda fields, raw: Action("terminate", {"status": str(fields.get("status", ""))}, "agent", raw),
}


def _typed(message: Any) -> str:
    return "".join(map(str, message)) if isinstance(message, list | tuple) else str(message)
