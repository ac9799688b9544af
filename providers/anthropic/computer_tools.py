"""
Actions on the wire: which tool says them, what is wrong with one, and how one is said.

What a tool call means is `footage.providers.anthropic.tool_calls`, which the importers read by as well; its names are
given on here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from footage.providers.anthropic.tool_calls import CLICKS, COMPUTER_ACTIONS, PointerTracker, actions_of, point_of
from footage.trajectory import JSON, Action, Space

__all__ = [
    "COMPUTER_ACTIONS",
    "TOOLSET",
    "TOOL_VERSIONS",
    "PointerTracker",
    "actions_of",
    "from_screen",
    "problem",
    "tool_version",
    "wire_call",
]

TOOLSET = "computer_toolset_20260801"
TOOL_VERSIONS = ("computer_20241022", "computer_20250124", "computer_20251124", TOOLSET)

_EARLY = (
    "key type mouse_move left_click left_click_drag right_click middle_click double_click screenshot cursor_position"
)
_MEMBERS = {TOOL_VERSIONS[0]: frozenset(_EARLY.split()), TOOL_VERSIONS[1]: COMPUTER_ACTIONS - {"zoom"}}
"""What the older tools can say; the newer ones know every action."""

_NEEDED = {
    "left_click_drag": ("start_coordinate", "coordinate"),
    "mouse_move": ("coordinate",),
    "type": ("text",),
    "key": ("text",),
    "hold_key": ("text", "duration"),
    "scroll": ("scroll_direction", "scroll_amount"),
    "wait": ("duration",),
    "zoom": ("region",),
}


def tool_version(tools: Iterable[Any]) -> str:
    """Return the first computer tool among a request's `tools` ("" if there is none of the four)."""
    for tool in tools:
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind in TOOL_VERSIONS:
            return str(kind)
    return ""


def problem(action: Action) -> str:
    """
    Return what keeps a computer action from being carried out, as a sentence for the model; "" if nothing does.

    Coordinates are judged in the space the model gave them in.
    """
    if action.is_computer and action.name not in COMPUTER_ACTIONS:
        return f"There is no computer action named {action.name!r}."
    for field in _NEEDED.get(action.name, ()) if action.is_computer else ():
        if field not in action.arguments:
            return f"{action.name} needs a valid `{field}`."
    raw = action.raw if action.is_computer and isinstance(action.raw, Mapping) else {}
    for field in ("coordinate", "start_coordinate"):
        if raw.get(field) is not None and field not in action.arguments:
            return f"`{field}` must be two numbers, not {raw[field]!r}."
        point = point_of(raw.get(field))
        if point and action.space and not action.space.shows(*point):
            size = f"{action.space.width} x {action.space.height}"
            return f"`{field}` {list(point)} is outside the screenshot of {size} pixels."
    return ""


# --- to the wire ----------------------------------------------------------------------------------


def from_screen(space: Space | None, x: int, y: int) -> list[int]:
    """Return the image pixel that shows screen pixel (x, y). `Space.to_screen` leads back where no pixel was lost."""
    if space is None:
        return [x, y]
    return [
        min(round(x * space.width / space.screen_width), space.width - 1),
        min(round(y * space.height / space.screen_height), space.height - 1),
    ]


def wire_call(action: Action, version: str, *, call_id: str, space: Space | None = None) -> JSON:
    """
    Return the `tool_use` block by which a model with tool `version` would have asked for a computer action.

    Raises BadAction where that version cannot say it.
    """
    from footage.errors import BadAction

    known = _MEMBERS.get(version, COMPUTER_ACTIONS if version in TOOL_VERSIONS else frozenset())
    if not action.is_computer or action.name not in known:
        hint = f"It knows: {', '.join(sorted(known))}." if known else f"Known tools: {', '.join(TOOL_VERSIONS)}."
        raise BadAction(f"The tool {version} has no action {action.title}.", hint=hint)
    fields: JSON = {k: v for k, v in action.arguments.items() if v is not None}
    for field in ("start_coordinate", "coordinate"):
        if field in fields:
            fields[field] = from_screen(space, *fields[field])
    if "region" in fields and space is not None:
        sx, sy = space.width / space.screen_width, space.height / space.screen_height
        fields["region"] = [round(v * (sy if i % 2 else sx)) for i, v in enumerate(fields["region"])]
    if version == TOOLSET:
        return {"type": "tool_use", "id": call_id, "name": action.name, "input": fields, "toolset_name": "computer"}
    if action.name in CLICKS and "text" in fields and version != TOOL_VERSIONS[2]:
        fields["key"] = fields.pop("text")
    return {"type": "tool_use", "id": call_id, "name": "computer", "input": {"action": action.name, **fields}}
