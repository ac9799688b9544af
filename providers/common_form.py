"""Reading the common form of requests and replies (`contract`): what is not as it should be is passed over."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from footage.trajectory import JSON

__all__ = ["content_of", "invented_id", "objects", "parsed", "plain", "says_not_executed", "tool_results"]


def objects(value: Any) -> list[JSON]:
    """Return the JSON objects in a list; [] for anything that is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def content_of(holder: JSON) -> list[JSON]:
    """Return the content blocks of a message or of a tool result; content given as a string is one text block."""
    content = holder.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)


def tool_results(messages: list[JSON]) -> Iterator[JSON]:
    """Yield the results of tool calls in messages, in their order."""
    for message in messages:
        for block in content_of(message):
            if block.get("type") == "tool_result":
                yield block


def invented_id() -> str:
    """Return an id for a reply that came without one: its calls are named by it."""
    return f"footage-{uuid.uuid4().hex[:12]}"


def parsed(body: bytes | bytearray) -> object:
    """Return the JSON value that a body is, or the text of what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def plain(value: Any) -> Any:
    """Return a snapshot of a request body as plain JSON values: agents change their lists in place."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | int | float) or value is None:
        return value
    if callable(dump := getattr(value, "model_dump", None)):
        return plain(dump(mode="json", exclude_unset=True))
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def says_not_executed(text: str) -> bool:
    """Whether the text of a failed result says that its call was not tried, since an earlier one had failed."""
    return text.lower().lstrip().startswith("not executed")
