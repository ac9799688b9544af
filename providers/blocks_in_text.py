"""Results that are JSON text of content blocks: where a model API takes text alone, clients write pictures into it."""

from __future__ import annotations

import json
from typing import Any

from footage.providers.common_form import objects
from footage.providers.request_parts import MARK
from footage.trajectory import JSON

__all__ = ["blocks_in_text"]

_PICTURES = frozenset({"image", "image-data", "image_data", "media", "file-data", "file"})
"""Types under which a block holds a picture's base64 in `data`: MCP's, and those of Vercel's AI SDK
(https://ai-sdk.dev/docs/reference/ai-sdk-core/tool: `toModelOutput`)."""


def blocks_in_text(given: Any) -> list[JSON] | None:
    """
    Return the content blocks that a result spells out, with its pictures; None where it spells out none.

    `given` is the text, or what a store keeps of one (`footage.providers.request_parts`): an object with `parts`.
    """
    marks: dict[str, JSON] = {}
    if isinstance(given, dict) and given.get("type") == MARK and isinstance(given.get("parts"), list):
        given = "".join(_named(part, marks) for part in given["parts"])
    if not isinstance(given, str) or not given.startswith(("[", "{")) or '"data"' not in given:
        return None
    try:
        found: Any = json.loads(given)
    except (ValueError, RecursionError):
        return None
    found = found.get("content") if isinstance(found, dict) and isinstance(found.get("content"), list) else found
    blocks = [_block(item, marks) for item in objects(found)]
    return blocks if any("source" in block for block in blocks if block.get("type") == "image") else None


def _named(part: Any, marks: dict[str, JSON]) -> str:
    """Return a part of a text; a picture's mark is put down by a name, which is returned in its place."""
    if not isinstance(part, dict):
        return str(part)
    name = f"footage-picture-{len(marks)}"
    marks[name] = part
    return name


def _block(item: JSON, marks: dict[str, JSON]) -> JSON:
    data, media = item.get("data"), str(item.get("mediaType") or item.get("mimeType") or "image/png")
    if item.get("type") in _PICTURES and isinstance(data, str) and media.startswith("image/"):
        source = marks.get(data) or {"type": "base64", "media_type": media, "data": data}
        return {"type": "image", "source": source}
    return item
