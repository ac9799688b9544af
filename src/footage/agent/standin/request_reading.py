"""What a request tells the stand-in: its task, what it did so far, and the screen as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from footage.providers.anthropic.computer_tools import TOOL_VERSIONS, TOOLSET, actions_of, tool_version
from footage.providers.common_form import content_of, objects
from footage.providers.images import image_bytes
from footage.trajectory import JSON, Action

__all__ = ["History", "PastCall", "read_history"]


@dataclass(frozen=True, slots=True)
class PastCall:
    """One of its own earlier tool calls."""

    action: Action
    text: str
    """What it said in the same turn."""
    failed: bool


@dataclass(frozen=True, slots=True)
class History:
    """A request, as far as the stand-in cares."""

    task: str
    version: str
    """The computer tool to answer with; "" if the request has none."""
    declared: tuple[int, int] | None
    """The screen size the tool was declared with, (width, height)."""
    screen: bytes | None
    """The picture in the newest message, as it came."""
    calls: list[PastCall] = field(default_factory=list)

    @property
    def looks(self) -> int:
        """How many calls at the end only looked at the screen."""
        count = 0
        for call in reversed(self.calls):
            if not call.action.looks_only:
                break
            count += 1
        return count


def read_history(body: JSON) -> History:
    """Return what a request (its JSON body) tells. Never raises on odd messages: what is odd is passed over."""
    messages = objects(body.get("messages"))
    tools = objects(body.get("tools"))
    version = tool_version(tools)
    if not version and any(tool.get("name") == "computer" for tool in tools):
        version = TOOL_VERSIONS[1]
    return History(
        task=next((text for m in messages if m.get("role") == "user" for text in _texts(m)), ""),
        version=version,
        declared=next((size for tool in tools if (size := _declared(tool))), None),
        screen=_last_picture(messages[-1:]),
        calls=_calls(messages, toolset=version == TOOLSET),
    )


def _calls(messages: list[JSON], *, toolset: bool) -> list[PastCall]:
    failed = {
        str(block.get("tool_use_id"))
        for message in messages
        for block in content_of(message)
        if block.get("type") == "tool_result" and block.get("is_error")
    }
    found: list[PastCall] = []
    for message in messages:
        if message.get("role") == "assistant":
            text = "\n".join(_texts(message))
            for block in content_of(message):
                if block.get("type") == "tool_use":
                    actions = actions_of(block, toolset=toolset)
                    found += [PastCall(action, text, str(block.get("id")) in failed) for action in actions]
    return found


def _last_picture(messages: list[JSON]) -> bytes | None:
    pictures = [data for m in messages for block in _flat(content_of(m)) if (data := image_bytes(block))]
    return pictures[-1] if pictures else None


def _flat(blocks: list[JSON]) -> Iterator[JSON]:
    """Yield blocks, those inside tool results included."""
    for block in blocks:
        if block.get("type") == "tool_result":
            yield from _flat(content_of(block))
        else:
            yield block


def _texts(message: JSON) -> list[str]:
    return [str(block.get("text") or "") for block in content_of(message) if block.get("type") == "text"]


def _declared(tool: JSON) -> tuple[int, int] | None:
    size: tuple[Any, Any] = (tool.get("display_width_px"), tool.get("display_height_px"))
    return size if all(isinstance(n, int) and n > 0 for n in size) else None
