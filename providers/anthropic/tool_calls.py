"""
Tool calls of the Messages API, and the canonical actions they mean.

All four computer tools (`computer_20241022`, `computer_20250124`, `computer_20251124` and
`computer_toolset_20260801`), custom tools with an `action` in their input, batch tools, and every other tool. Input
that makes no sense becomes an action without a point, never an error: what the model said is recorded as it came.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from footage.trajectory import JSON, Action, Space

__all__ = ["CLICKS", "COMPUTER_ACTIONS", "PointerTracker", "actions_of", "point_of", "says_not_executed"]

CLICKS = frozenset({"left_click", "right_click", "middle_click", "double_click", "triple_click"})
_OTHERS = (
    "key hold_key type cursor_position mouse_move left_mouse_down left_mouse_up left_click_drag scroll wait"
    " screenshot zoom"
)
COMPUTER_ACTIONS = CLICKS | frozenset(_OTHERS.split())
"""Names of the canonical computer actions."""

_FARTHEST = 1_000_000
"""No screen has a pixel farther out than this; a larger number is no point."""

_DIRECTIONS = ("up", "down", "left", "right")
_CALLED_COMPUTER = re.compile(r"[_.:/-]computer$")
"""What a harness or an MCP server calls its computer: `desktop_computer`, `mcp__claude-in-chrome__computer`."""
_BATCHES = {"computer_batch": "computer", "browser_batch": "browser"}
_SHELLS = frozenset({"bash", "code_execution", "bash_code_execution"})
_EDITORS = frozenset({"str_replace_based_edit_tool", "str_replace_editor", "text_editor_code_execution"})


@dataclass(slots=True)
class PointerTracker:
    """Where the pointer is, as far as the actions so far tell, in screen pixels; None before the first of them."""

    position: tuple[int, int] | None = None

    def follow(self, action: Action) -> None:
        """Take note of where an action leaves the pointer."""
        given = point_of(action.arguments.get("coordinate")) if action.is_computer else None
        if given is not None:
            self.position = (int(given[0]), int(given[1]))


def actions_of(
    block: Mapping[str, Any],
    *,
    space: Space | None = None,
    toolset: bool = False,
    pointer: PointerTracker | None = None,
) -> list[Action]:
    """
    Return the actions that one complete `tool_use` block asks for: one, or several for a batch tool.

    `space` is the image the model saw and the screen it shows; None where they are the same. `toolset` says that the
    request declared the toolset, for blocks that do not repeat its name. `pointer` is moved along. Never raises.
    """
    name = str(block.get("name") or "")
    given = block.get("input")
    fields: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    raw: Mapping[str, Any] = given if isinstance(given, Mapping) else {"input": given}
    tracker = pointer or PointerTracker()
    listed = fields.get("actions")
    if name in _BATCHES and isinstance(listed, list) and listed:
        return [_batched(_BATCHES[name], item, space, tracker) for item in listed]
    if block.get("toolset_name") == "computer" or (toolset and name in COMPUTER_ACTIONS):
        return [_computer(name, fields, raw, space, tracker)]
    if isinstance(block.get("toolset_name"), str) and block["toolset_name"]:
        return [Action(name, _harmless(fields), str(block["toolset_name"]), raw)]
    if name.startswith("computer") or (_CALLED_COMPUTER.search(name) and str(fields.get("action")) in COMPUTER_ACTIONS):
        return [_computer(str(fields.get("action") or ""), fields, raw, space, tracker)]
    return [_other(block, name, fields, raw)]


def _batched(namespace: str, item: Any, space: Space | None, tracker: PointerTracker) -> Action:
    """One action of a batch; its coordinates are in the picture from before the batch."""
    if not isinstance(item, Mapping):
        return Action("unknown", {}, namespace, {"input": item})
    inner = item.get("input")
    fields = inner if isinstance(inner, Mapping) else item
    name = str(item.get("action") or item.get("name") or "")
    if namespace == "computer":
        return _computer(name, fields, item, space, tracker)
    return Action(name or "unknown", _harmless({k: v for k, v in fields.items() if k != "action"}), namespace, item)


def _computer(
    name: str, fields: Mapping[str, Any], raw: Mapping[str, Any], space: Space | None, tracker: PointerTracker
) -> Action:
    arguments: JSON = {}
    for field in ("start_coordinate", "coordinate"):
        point = point_of(fields.get(field))
        if point is not None:
            arguments[field] = list(space.to_screen(*point) if space else (int(point[0]), int(point[1])))
    region = _numbers(fields.get("region"), 4)
    if name == "zoom" and region:
        arguments["region"] = _screen_region(region, space)
    tracked = tracker.position if "coordinate" not in arguments else None
    if name == "left_click_drag" and "start_coordinate" not in arguments and tracker.position:
        arguments = {"start_coordinate": list(tracker.position), **arguments}
    arguments |= _plain_arguments(name, fields)
    needs_point = name in CLICKS or name in {"scroll", "left_mouse_down", "left_mouse_up"}
    action = Action(name or "unknown", arguments, "computer", raw, space, tracked if needs_point else None)
    tracker.follow(action)
    return action


def _plain_arguments(name: str, fields: Mapping[str, Any]) -> JSON:
    """Return the arguments that are no points, under their canonical names; those of the wrong type are left out."""
    found: JSON = {}
    held = fields.get("text") or (fields.get("key") if name not in {"key", "hold_key", "type"} else None)
    if name in {"type", "key", "hold_key"} and isinstance(fields.get("text"), str):
        found["text"] = fields["text"]
    elif isinstance(held, str) and (name in CLICKS or name in {"scroll", "left_click_drag"}):
        found["text"] = held
    repeat = _number(fields.get("repeat"))
    if name == "key" and repeat is not None and repeat > 1:
        found["repeat"] = int(repeat)
    duration = _number(fields.get("duration"))
    if name in {"wait", "hold_key"} and duration is not None:
        found["duration"] = duration
    if name == "scroll" and fields.get("scroll_direction") in _DIRECTIONS:
        found["scroll_direction"] = fields["scroll_direction"]
    amount = _number(fields.get("scroll_amount"))
    if name == "scroll" and amount is not None:
        found["scroll_amount"] = int(amount)
    return found


def _other(block: Mapping[str, Any], name: str, fields: Mapping[str, Any], raw: Mapping[str, Any]) -> Action:
    arguments = _harmless(fields)
    if name in _SHELLS:
        return Action("restart" if fields.get("restart") else "run", arguments, "bash", raw)
    if name in _EDITORS:
        return Action(str(fields.get("command") or "edit"), arguments, "edit", raw)
    parts = name.split("__", 2)
    if len(parts) == 3 and parts[0] == "mcp" and parts[2]:
        return Action(parts[2], arguments, f"mcp/{parts[1]}", raw)
    if block.get("type") == "mcp_tool_use":
        return Action(name, arguments, f"mcp/{block.get('server_name') or 'server'}", raw)
    return Action(name or "unknown", arguments, "server" if block.get("type") == "server_tool_use" else "tool", raw)


def _harmless(fields: Mapping[str, Any]) -> JSON:
    """Return the input of another tool; a `coordinate` that is no point stays in the raw input only."""
    return {k: v for k, v in fields.items() if k != "coordinate" or point_of(v) is not None}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _numbers(value: Any, count: int) -> list[float] | None:
    if not isinstance(value, list | tuple) or len(value) != count:
        return None
    numbers = [_number(item) for item in value]
    return None if None in numbers else [n for n in numbers if n is not None]


def point_of(value: Any) -> tuple[float, float] | None:
    """Return two numbers that can be a point; None for anything else."""
    numbers = _numbers(value, 2)
    if numbers is None or max(abs(numbers[0]), abs(numbers[1])) > _FARTHEST:
        return None
    return numbers[0], numbers[1]


def _screen_region(region: list[float], space: Space | None) -> list[int]:
    """Corners on edges between pixels: scaled without the half pixel of points."""
    if space is None:
        return [int(v) for v in region]
    sx, sy = space.screen_width / space.width, space.screen_height / space.height
    return [round(region[0] * sx), round(region[1] * sy), round(region[2] * sx), round(region[3] * sy)]


def says_not_executed(text: str) -> bool:
    """Whether the text of a failed result says that its call was not tried, since an earlier one had failed."""
    return text.lower().lstrip().startswith("not executed")
