"""
Content blocks of the Messages API as recordings hold them, whatever their shape: texts, pictures, tool calls, results.

The blocks come from other people's files: what is not as it should be is passed over.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from footage.errors import BadImport
from footage.interchange.importers.draft import DraftPicture
from footage.trajectory import JSON

__all__ = ["base64_picture", "blocks_of", "objects", "picture_of", "text_of", "usage_of", "wall_ns"]


_USAGE = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "cached_tokens": "cache_read_input_tokens",
}


def usage_of(given: Any) -> JSON:
    """Return counts of tokens, those of other vendors under the names of the Messages API; lists are left out."""
    counts: JSON = given if isinstance(given, dict) else {}
    return {_USAGE.get(key, key): value for key, value in counts.items() if not isinstance(value, list)}


def objects(value: Any) -> list[JSON]:
    """Return the JSON objects in a list; [] for anything that is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def blocks_of(content: Any) -> list[JSON]:
    """Return content blocks; a string is one text block, a single block a list of one."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if isinstance(content, dict):
        return [content]
    found = content if isinstance(content, list) else []
    blocks = [{"type": "text", "text": item} if isinstance(item, str) else item for item in found]
    return objects(blocks)


def text_of(content: Any) -> str:
    """Return the texts of content blocks, joined by line breaks."""
    kinds = {"text", "input_text", "output_text"}
    return "\n".join(str(b.get("text") or "") for b in blocks_of(content) if _kind(b) in kinds).strip()


def _kind(block: Any) -> str:
    return str(block.get("type") or "") if isinstance(block, Mapping) else ""


def picture_of(block: Any, name: str) -> DraftPicture | None:
    """Return the picture that a content block holds as base64, in any of its shapes; None where it holds none."""
    if not isinstance(block, Mapping):
        return None
    source, url = block.get("source"), block.get("image_url")
    if isinstance(url, Mapping):
        url = url.get("url")
    if isinstance(source, Mapping) and block.get("type") == "image" and isinstance(source.get("data"), str):
        return base64_picture(source["data"], name)
    if isinstance(url, str) and url.startswith("data:image/"):
        return base64_picture(url, name)
    if block.get("type") == "image" and isinstance(block.get("data"), str):  # as MCP servers give it
        return base64_picture(block["data"], name)
    return None


def base64_picture(data: str, name: str, *, at: int | None = None) -> DraftPicture:
    """Return a picture that is given as base64, or as a `data:` URL."""
    return DraftPicture(_decoder(data), name, at)


def _decoder(data: str) -> Callable[[], bytes]:
    def load() -> bytes:
        text = data.partition(",")[2] if data.startswith("data:") else data
        try:
            return base64.b64decode(text, validate=False)
        except (binascii.Error, ValueError) as error:
            raise BadImport(f"A picture of {len(text):,} characters is no base64: {error}.") from error

    return load


def wall_ns(value: Any) -> int | None:
    """
    Return nanoseconds since 1970 for a time as recordings write them; None for anything else.

    ISO 8601 (without a zone: UTC), or seconds, milliseconds, microseconds or nanoseconds since 1970.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _epoch(float(value))
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        try:
            return _epoch(float(value))
        except ValueError:
            return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    made = int((found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6) * 1000
    return made if abs(made) < 1 << 62 else None  # a store counts nanoseconds in 64 bits


def _epoch(number: float) -> int | None:
    """Tell seconds from milliseconds, microseconds and nanoseconds by the year they would mean."""
    for unit in (1e9, 1e6, 1e3, 1.0):
        if 1e17 < number * unit < 2e19 and number * unit < 1 << 62:  # 1973 to 2116
            return int(number * unit)
    return None
