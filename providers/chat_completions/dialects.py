"""
Calls that models write as text, and the units that their coordinates are in.

| dialect | text | units |
|---|---|---|
| UI-TARS | `Action: click(start_box='(600,400)')`, or with `point=…` | 1.0 and 2: thousandths; 1.5: pixels |
| Qwen-VL | `<tool_call>{"name": "computer_use", "arguments": {…}}</tool_call>` | 3: thousandths; 2.5: resized pixels |
| OpenCUA | `pyautogui.click(x=1443, y=343)` in a block of code | resized pixels |

Resized pixels are those of the picture after `smart_resize`, as Qwen's processor does it
(https://github.com/QwenLM/Qwen2.5-VL, qwen_vl_utils). What looks like none of these is no call.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from typing import Any

from footage.providers.actions.any_call import actions_of_call
from footage.providers.actions.canonical import on_screen
from footage.providers.actions.canvas import Canvas
from footage.providers.actions.computer_calls import key_name
from footage.providers.actions.points import PointerTracker, point_of
from footage.providers.actions.pyautogui import actions_in
from footage.trajectory import JSON, Action, Space

__all__ = ["actions_of_text_call", "calls_in_text", "smart_resize", "units_of"]

_TOOL_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
_ACTION = re.compile(r"^\s*Action\s*:\s*(.+)\Z", re.DOTALL | re.MULTILINE)
_FENCED = re.compile(r"```(?:python|code)?[ \t]*\n(.*?)```", re.DOTALL)
_CODE_LINE = re.compile(r"^\s*(?:pyautogui|computer)\.\w+\(.*\)\s*$", re.MULTILINE)
_LONGEST = 100_000
_NAME, _DIALECT = "ui_tars", "pyautogui"
_BOX = re.compile(r"<\|box_(?:start|end)\|>")
_POINTED = {
    "click": "left_click",
    "left_single": "left_click",
    "left_double": "double_click",
    "right_single": "right_click",
    "long_press": "left_click",
    "hover": "mouse_move",
}
_WORDS = frozenset({"finished", "call_user"})
"""What says that there is nothing to do any more."""
_THOUSANDTHS = (1000, 1000)
_FACTOR, _LEAST, _MOST = 28, 4 * 28 * 28, 16384 * 28 * 28


def calls_in_text(text: str) -> list[JSON]:
    """Return the calls that a reply writes as text, as `tool_use` blocks without ids; [] for mere words."""
    if len(text) > _LONGEST:
        return []
    return _of_qwen(text) or _of_ui_tars(text) or _of_code(text)


def _use(name: str, given: JSON) -> JSON:
    return {"type": "tool_use", "id": "", "name": name, "input": given}


def _of_qwen(text: str) -> list[JSON]:
    found = []
    for match in _TOOL_CALL.finditer(text):
        try:
            call = json.loads(match[1])
        except (ValueError, RecursionError):
            continue
        if isinstance(call, dict) and isinstance(call.get("name"), str):
            given = call.get("arguments")
            found.append(_use(call["name"], given if isinstance(given, dict) else {"input": given}))
    return found


def _of_ui_tars(text: str) -> list[JSON]:
    said = _ACTION.search(text)
    if said is None:
        return []
    calls = []
    for line in re.split(r"\n\s*\n|\n(?=\s*\w+\()", _BOX.sub("", said[1]).strip()):
        call = _parsed(line.strip())
        if call is None:
            return []  # words that are no action
        if call["function"] not in _WORDS:
            calls.append(_use(_NAME, call))
    return calls


def _parsed(line: str) -> JSON | None:
    """Return {"function", …its arguments} of one call; None for what is none."""
    try:
        node = ast.parse(line.replace("\n", "\\n"), mode="eval").body
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
            return None
        given = {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    return {"function": node.func.id, **given}


def _of_code(text: str) -> list[JSON]:
    blocks = [block for block in _FENCED.findall(text) if _CODE_LINE.search(block)]
    code = blocks[-1] if blocks else "\n".join(match[0].strip() for match in _CODE_LINE.finditer(text))
    return [_use(_DIALECT, {"code": code.strip()})] if code.strip() else []


# --- actions ------------------------------------------------------------------------------------------------------


def actions_of_text_call(block: JSON, *, space: Space | None, pointer: PointerTracker | None) -> list[Action]:
    """Return the actions of a call, written as text or not."""
    name, given = str(block.get("name") or ""), block.get("input")
    tracker = pointer or PointerTracker()
    if name == _DIALECT and isinstance(given, dict) and isinstance(given.get("code"), str):
        canvas = Canvas((space.screen_width, space.screen_height), (space.width, space.height)) if space else Canvas()
        return actions_in(given["code"], canvas, tracker)
    if name == _NAME and isinstance(given, dict):
        found = _action_of_ui_tars(given, space, tracker)
        tracker.follow(found)
        return [found]
    return actions_of_call(name, given, space=space, pointer=tracker)


def _action_of_ui_tars(given: JSON, space: Space | None, tracker: PointerTracker) -> Action:
    name = str(given.get("function") or "")
    start, end = (_point(given.get(f"{end}_box", given.get(f"{end}_point"))) for end in ("start", "end"))
    start = start or _point(given.get("point"))
    at: JSON = {"coordinate": on_screen(start, space)} if start else {}
    tracked = None if start else tracker.position
    if name in _POINTED:
        return Action(_POINTED[name], at, raw=given, space=space, tracked=tracked if name != "hover" else None)
    if name in {"drag", "select"}:
        first = {"start_coordinate": at["coordinate"]} if at else {}
        last = {"coordinate": on_screen(end, space)} if end else {}
        return Action("left_click_drag", {**first, **last}, raw=given, space=space)
    if name == "scroll":
        way = str(given.get("direction") or "down").lower()
        return Action(
            "scroll", {"scroll_direction": way, "scroll_amount": 5, **at}, raw=given, space=space, tracked=tracked
        )
    made: Callable[[JSON], Action] | None = _PLAIN.get(name)
    return (
        made(given)
        if made
        else Action(name or "unknown", {k: v for k, v in given.items() if k != "function"}, "agent", given)
    )


def _keys(given: JSON) -> str:
    words = re.split(r"[ +]+", str(given.get("key") or given.get("hotkey") or "").strip())
    return "+".join(key_name(word) for word in words if word)


_PLAIN: dict[str, Callable[[JSON], Action]] = {
    "type": lambda given: Action("type", {"text": str(given.get("content") or "")}, raw=given),
    "hotkey": lambda given: Action("key", {"text": _keys(given)}, raw=given),
    "press": lambda given: Action("key", {"text": _keys(given)}, raw=given),
    "wait": lambda given: Action("wait", {"duration": 5}, raw=given),
}


def _point(box: Any) -> tuple[float, float] | None:
    """Return the point of a box: two numbers, or the middle of four."""
    if isinstance(box, str):
        numbers = re.fullmatch(r"[\[(]?\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*[\])]?", box.strip())
        if numbers:
            try:
                x0, y0, x1, y1 = (float(number) for number in numbers.groups())
            except ValueError:
                return None
            return (x0 + x1) / 2, (y0 + y1) / 2
    return point_of(box)


# --- units --------------------------------------------------------------------------------------------------------


def units_of(model: str, picture: tuple[int, int]) -> tuple[int, int] | None:
    """Return the units that span a picture for a model's family; None where they are its pixels, as far as is known."""
    name = model.lower().replace("_", "-")
    if "ui-tars" in name or "uitars" in name:
        return None if "1.5" in name or "1-5" in name else _THOUSANDTHS
    if "qwen" in name and ("vl" in name or "3.5" in name):
        return smart_resize(*picture) if "2.5" in name or "2-5" in name else _THOUSANDTHS
    return smart_resize(*picture) if "opencua" in name else None


def smart_resize(width: int, height: int) -> tuple[int, int]:
    """
    Return the (width, height) to which Qwen's processor resizes a picture: multiples of 28, within its limits.

    >>> smart_resize(1920, 1080)
    (1932, 1092)
    """
    wide, high = (max(_FACTOR, round(side / _FACTOR) * _FACTOR) for side in (width, height))
    if wide * high > _MOST:
        scale = (width * height / _MOST) ** 0.5
        wide, high = (max(_FACTOR, int(side / scale) // _FACTOR * _FACTOR) for side in (width, height))
    elif wide * high < _LEAST:
        scale = (_LEAST / (width * height)) ** 0.5
        wide, high = (-int(-side * scale // _FACTOR) * _FACTOR for side in (width, height))
    return wide, high
