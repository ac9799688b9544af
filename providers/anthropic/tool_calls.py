"""
Tool calls of the Messages API, and the canonical actions they mean.

All four computer tools (`computer_20241022`, `computer_20250124`, `computer_20251124` and
`computer_toolset_20260801`), custom tools with an `action` in their input, batch tools, and every other tool. Input
that makes no sense becomes an action without a point, never an error: what the model said is recorded as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from footage.providers.actions.any_call import actions_of_call, harmless
from footage.providers.actions.canonical import CLICKS, COMPUTER_ACTIONS, canonical_action
from footage.providers.actions.points import PointerTracker, point_of
from footage.trajectory import Action, Space

__all__ = ["CLICKS", "COMPUTER_ACTIONS", "PointerTracker", "actions_of", "point_of"]


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
    named = block.get("toolset_name")
    if named == "computer" or (toolset and name in COMPUTER_ACTIONS):
        return [canonical_action(name, fields, raw, space, tracker)]
    if isinstance(named, str) and named:
        return [Action(name, harmless(fields), named, raw)]
    if block.get("type") == "mcp_tool_use":
        name = f"mcp__{block.get('server_name') or 'server'}__{name}"
    found = actions_of_call(name, given, space=space, pointer=tracker)
    if block.get("type") == "server_tool_use":
        found = [replace(action, namespace="server") if action.namespace == "tool" else action for action in found]
    return found
