"""
What a store must know of requests to models, whichever provider's: where the messages, the cache marks and the
pictures are.

Each place of a picture is a slot:

| form | what stands there |
|---|---|
| image block (Messages) | `"source": {"type": "base64", "media_type": …, "data": …}` |
| data URL (Responses, chat completions) | any text `data:image/png;base64,…` |
| inline data (Gemini, MCP) | `"data": …` beside `"mimeType"` or `"mime_type"` of an image |

Somebody who takes pictures out puts a mark in their place: an object of the type `footage`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from footage.trajectory import JSON

__all__ = ["CACHE_MARK", "MARK", "change_pictures", "messages_key", "source_of"]

CACHE_MARK = "cache_control"
"""The key of a mark that agents move on from message to message, and that says nothing to the model."""
_LISTS = ("messages", "input", "contents")
MARK = "footage"
"""The type of what stands in a picture's place where it was taken out."""
_URL = re.compile(r"data:(image/[\w.+-]+)((?:;[\w.+=-]+)*);base64,", re.IGNORECASE)
_LONGEST_HEAD = 200
_KINDS = ("mimeType", "mime_type")
_FROM_URLS, _TO_URLS = str.maketrans("-_", "+/"), str.maketrans("+/", "-_")
_AS = "as"
"""How a picture stood in its slot where that was no image block: `url`, `data`; `literal` is no picture at all."""


def messages_key(body: JSON) -> str | None:
    """Return the key of a request's list of messages, the part that is sent again each time; None where it has none."""
    return next((key for key in _LISTS if key in body), None)


def change_pictures(value: Any, change: Callable[[JSON], JSON]) -> Any:
    """
    Return a copy of a JSON value in which `change` has changed what stands in the slots of pictures.

    It gets and returns a source: {"type": "base64", "media_type", "data"}, a mark, or what else an image block has as
    its source. What is no slot is kept as it is.
    """
    if isinstance(value, str):
        return _changed_url(value, change) if value[:11].lower() == "data:image/" else value
    if isinstance(value, list | tuple):
        return [change_pictures(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == MARK and _AS in value:
        return _written(change(value))
    source = value.get("source")
    if value.get("type") == "image" and isinstance(source, dict):
        return {
            key: change(source) if key == "source" else change_pictures(item, change) for key, item in value.items()
        }
    kind = next((str(value[key]) for key in _KINDS if key in value), "")
    if kind.startswith("image/") and isinstance(value.get("data"), str):
        inline = {"type": "base64", "media_type": kind, **_standard(value["data"]), _AS: "data"}
        return {k: _written(change(inline)) if k == "data" else change_pictures(v, change) for k, v in value.items()}
    return {key: change_pictures(item, change) for key, item in value.items()}


def source_of(slot: Any, media_type: str = "image/png") -> JSON | None:
    """Return the source of an image block for what stands in a slot (a URL, base64, or a mark); None for no picture."""
    if isinstance(slot, dict):
        return slot if slot.get("type") == MARK else None
    if not isinstance(slot, str):
        return None
    head = _URL.match(slot, 0, _LONGEST_HEAD)
    if head is not None:
        return {"type": "base64", "media_type": head[1].lower(), "data": slot[head.end() :]}
    if re.match(r"[a-z]+:", slot[:12]):
        return {"type": "url", "url": slot}
    return {"type": "base64", "media_type": media_type, "data": _standard(slot)["data"]}


def _standard(data: str) -> JSON:
    """Return base64 in the standard alphabet; Google's clients write that of URLs."""
    if "-" in data or "_" in data:
        return {"data": data.translate(_FROM_URLS), "alphabet": "url"}
    return {"data": data}


def _changed_url(text: str, change: Callable[[JSON], JSON]) -> Any:
    head = _URL.match(text, 0, _LONGEST_HEAD)
    if head is None:
        return text
    source = {"type": "base64", "media_type": head[1], "data": text[head.end() :], _AS: "url"}
    changed = change({**source, "with": head[2]} if head[2] else source)
    return text if changed.get("data") == source["data"] else _written(changed)


def _written(source: JSON) -> Any:
    """Return what stands in a slot that is no image block: a mark, or the picture as it was there."""
    if source.get("type") != "base64":
        return source
    if source.get(_AS) == "url":
        return f"data:{source['media_type']}{source.get('with', '')};base64,{source['data']}"
    return source["data"].translate(_TO_URLS) if source.get("alphabet") == "url" else source["data"]
