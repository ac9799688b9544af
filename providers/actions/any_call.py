"""
A call of any tool, as canonical actions: of a computer under whatever name, of a shell, an editor, an MCP server.

Recordings and wires of every provider are read by this. What is no computer's keeps its own name, in a namespace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from footage.providers.actions.canonical import canonical_action
from footage.providers.actions.computer_calls import computer_action
from footage.providers.actions.named_tools import action_of_named_tool
from footage.providers.actions.points import PointerTracker, point_of
from footage.trajectory import JSON, Action, Space

__all__ = ["actions_of_call", "harmless", "other_tool"]

_CALLED_COMPUTER = re.compile(r"(?:^|[_.:/-])computer(?:_use|_tool|_\d+)?$")
"""What a harness or an MCP server calls its computer: `desktop_computer`, `mcp__claude-in-chrome__computer`."""
_BATCHES = {"computer_batch": "computer", "browser_batch": "browser"}
_SHELLS = frozenset({"bash", "code_execution", "bash_code_execution"})
_EDITORS = frozenset({"str_replace_based_edit_tool", "str_replace_editor", "text_editor_code_execution"})
_SAID = frozenset({"action", "type", "x", "y", "coordinate", "start_coordinate"})
"""Fields of a computer's call that its action's name and points tell."""
_LAST_WORDS = frozenset({"terminate", "done", "fail", "finished", "answer"})


def actions_of_call(
    name: str, arguments: Any, *, space: Space | None = None, pointer: PointerTracker | None = None
) -> list[Action]:
    """
    Return the actions that one call of tool `name` asks for: one, or several for a batch.

    `arguments` is what the call gave: {"action": "click", ...}, {"type": "click", ...}, or the fields alone. `space` is
    the image the model saw and the screen it shows; None where they are the same. `pointer` is moved along. Never
    raises.
    """
    fields: Mapping[str, Any] = arguments if isinstance(arguments, Mapping) else {}
    raw: Mapping[str, Any] = arguments if isinstance(arguments, Mapping) else {"input": arguments}
    tracker = pointer or PointerTracker()
    listed = fields.get("actions")
    is_computer = name.startswith("computer")
    batch = _BATCHES.get(name, "computer" if is_computer else "")
    if batch and isinstance(listed, list) and listed:
        return [_batched(batch, item, space, tracker) for item in listed]
    if is_computer or _CALLED_COMPUTER.search(name):
        inner = fields.get("action")
        inner = inner if isinstance(inner, Mapping) else fields
        found = computer_action(_kind(inner), inner, tracker, space=space, raw=raw)
        if found is not None or is_computer:
            return [found or _unknown(inner, raw, space, tracker)]
    return [action_of_named_tool(name, fields, tracker, space) or other_tool(name, fields, raw)]


def _kind(fields: Mapping[str, Any]) -> str:
    """Return which action a call of a computer asks for: `action` or `type` says it."""
    named = fields.get("action") if isinstance(fields.get("action"), str) else fields.get("type")
    return named if isinstance(named, str) else ""


def _unknown(fields: Mapping[str, Any], raw: Mapping[str, Any], space: Space | None, tracker: PointerTracker) -> Action:
    """Return an action that no other tool has (`visit_url`, `terminate`), with what it was given."""
    kind = _kind(fields)
    made = canonical_action(kind, fields, raw, space, tracker)
    given = {key: value for key, value in fields.items() if key not in _SAID}
    namespace = "agent" if kind.lower() in _LAST_WORDS else "computer"
    return replace(made, arguments={**given, **made.arguments}, namespace=namespace)


def _batched(namespace: str, item: Any, space: Space | None, tracker: PointerTracker) -> Action:
    """One action of a batch; its coordinates are in the picture from before the batch."""
    if not isinstance(item, Mapping):
        return Action("unknown", {}, namespace, {"input": item})
    inner = item.get("input")
    fields = inner if isinstance(inner, Mapping) else item
    name = str(item.get("action") or item.get("name") or item.get("type") or "")
    if namespace == "computer":
        named = {**fields, "action": name}
        return computer_action(name, named, tracker, space=space, raw=item) or _unknown(named, item, space, tracker)
    return Action(name or "unknown", harmless({k: v for k, v in fields.items() if k != "action"}), namespace, item)


def other_tool(name: str, fields: Mapping[str, Any], raw: Mapping[str, Any]) -> Action:
    """Return the action of a tool that is no computer: a shell, an editor, an MCP server's, or any other."""
    arguments = harmless(fields)
    if name in _SHELLS:
        return Action("restart" if fields.get("restart") else "run", arguments, "bash", raw)
    if name in _EDITORS:
        return Action(str(fields.get("command") or "edit"), arguments, "edit", raw)
    parts = name.split("__", 2)
    if len(parts) == 3 and parts[0] == "mcp" and parts[2]:
        return Action(parts[2], arguments, f"mcp/{parts[1]}", raw)
    return Action(name or "unknown", arguments, "tool", raw)


def harmless(fields: Mapping[str, Any]) -> JSON:
    """Return the input of another tool; a `coordinate` that is no point stays in the raw input only."""
    return {k: v for k, v in fields.items() if k != "coordinate" or point_of(v) is not None}
