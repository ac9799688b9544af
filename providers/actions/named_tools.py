"""
Tools that are computers under another name: an MCP server's `left_click`, Playwright MCP's `browser_mouse_click_xy`,
functions of one's own (`click {x, y}`, `type_text {text}`).

A name alone does not make a computer: a tool that acts on an element (by its index, a reference, a selector) is none,
and one that says where it acts must say it by a point. What a server's other tools are (`type`, `scroll`, `zoom`) is
told by the server's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from footage.providers.actions.canonical import CLICKS
from footage.providers.actions.computer_calls import computer_action
from footage.providers.actions.points import PointerTracker, gives_point, named_point
from footage.trajectory import Action, Space

__all__ = ["action_of_named_tool"]

_COMPUTER_SERVERS = re.compile(
    r"computer|desktop|screen|mouse|gui|vnc|rdp|pyautogui|xdotool|browser-?(?:use|batch)", re.IGNORECASE
)
"""MCP servers of such a name act on a screen: all that their tools do is a computer's."""
_OF_ELEMENTS = "index ref selector element_id uid locator xpath target node_id backend_node_id"
_ELEMENTS = frozenset(_OF_ELEMENTS.split())
"""Fields of tools that act on an element instead of a point."""
_PREFIXES = re.compile(r"^(?:browser_mouse|browser|computer|desktop|mouse)_(?=[a-z])")
_SUFFIXES = re.compile(r"_(?:xy|at|at_coordinates|coordinates?)$")
_POINTING = (
    "click doubleclick tap move mouse_move hover move_cursor moveto mouse_down mouse_up left_mouse_down left_mouse_up"
    " left_double right_single scroll down up"
)
_POINTED = CLICKS | frozenset(_POINTING.split())
_DRAGGED = frozenset({"drag", "left_click_drag", "drag_and_drop"})
_TEXTS = frozenset({"type", "type_text", "typewrite"})
_KEYS = frozenset({"press_key", "keypress", "hotkey", "key_combination"})
_LOOKING = frozenset({"screenshot", "take_screenshot"})
_OWN = {"moveto": "mouse_move", "down": "left_mouse_down", "up": "left_mouse_up", "key_combination": "hotkey"}
_ENDS = {"startX": "start_x", "startY": "start_y", "endX": "end_x", "endY": "end_y"}


def action_of_named_tool(
    name: str, fields: Mapping[str, Any], pointer: PointerTracker, space: Space | None = None
) -> Action | None:
    """
    Return the canonical action of a tool that is a computer by another name; None for every other tool.

    >>> action_of_named_tool("mcp__playwright__browser_mouse_click_xy", {"x": 600, "y": 400}, PointerTracker()).title
    'left_click'
    >>> action_of_named_tool("browser_click", {"ref": "e7", "element": "OK"}, PointerTracker()) is None
    True
    """
    parts = name.split("__", 2)
    server, tool = (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "mcp" else ("", name)
    if _ELEMENTS & fields.keys():
        return None
    kind = _SUFFIXES.sub("", _PREFIXES.sub("", tool.lower()))
    given = {_ENDS.get(key, key): value for key, value in fields.items()}
    known = _COMPUTER_SERVERS.search(server) if server else _by_itself(kind, given)
    if not known and not _acts_by_point(kind, given):
        return None
    return computer_action(_OWN.get(kind, kind), given, pointer, space=space, raw=fields)


def _acts_by_point(kind: str, fields: Mapping[str, Any]) -> bool:
    if kind in _DRAGGED:
        return isinstance(fields.get("path"), list) or named_point(fields, "end") is not None
    return kind in _POINTED and gives_point(fields)


def _by_itself(kind: str, fields: Mapping[str, Any]) -> bool:
    """Whether a tool needs no point and is a computer's all the same."""
    if kind in _TEXTS:
        return isinstance(fields.get("text"), str)
    return kind in _LOOKING or (kind in _KEYS and bool({"key", "keys", "text"} & fields.keys()))
