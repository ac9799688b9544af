"""
What a store must know of requests to models, whichever provider's: where the messages, the cache marks and the
pictures are.

Each place of a picture is a slot:

| form | what stands there |
|---|---|
| image block (Messages) | `"source": {"type": "base64", "media_type": …, "data": …}` |
| data URL (Responses, chat completions) | any text `data:image/png;base64,…` |
| inline data (Gemini, MCP) | `"data": …` beside `"mimeType"` or `"mime_type"` of an image |
| JSON text (results in chat completions) | `"data":"…"` in a text that is a JSON array or object |

Somebody who takes pictures out puts a mark in their place: an object of the type `footage`. A
text with pictures in it becomes such an object with `parts`: what stands between them, and their marks.
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
"""How a picture stood in its slot where that was no image block: `url`, `data`, `part` of a `text`; `literal` is no
picture at all."""
_IN_TEXT = re.compile(r'(?<="data":")[A-Za-z0-9+/]{64,}={0,2}(?=")')


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
        if value[:11].lower() == "data:image/":
            return _changed_url(value, change)
        return _changed_text(value, change) if value[:1] in {"[", "{"} and '"data":"' in value else value
    if isinstance(value, list | tuple):
        return [change_pictures(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == MARK and _AS in value:
        changed = change(value)
        is_text = value[_AS] == changed.get(_AS) == "text"
        return _changed_parts(changed, change) if is_text else _written(changed)
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


def _changed_text(text: str, change: Callable[[JSON], JSON]) -> Any:
    """Change the pictures in a text that is JSON."""
    parts: list[Any] = []
    at = 0
    for found in _IN_TEXT.finditer(text):
        picture = {"type": "base64", "media_type": "image/png", "data": found[0], _AS: "part"}
        changed = change(picture)
        if changed.get("data") != found[0]:
            parts += [text[at : found.start()], changed]
            at = found.end()
    return _joined({"type": MARK, _AS: "text", "parts": [*parts, text[at:]]}) if parts else text


def _changed_parts(text: JSON, change: Callable[[JSON], JSON]) -> Any:
    """Change the pictures of a text from which they were taken out."""
    parts = text.get("parts")
    if not isinstance(parts, list):
        return text
    return _joined({**text, "parts": [change(part) if isinstance(part, dict) else part for part in parts]})


def _joined(text: JSON) -> Any:
    """Return a text with all its pictures in it as text again."""
    parts = [part.get("data") if isinstance(part, dict) else part for part in text["parts"]]
    plain = [part for part in parts if isinstance(part, str)]
    return "".join(plain) if len(plain) == len(parts) else text


def _written(source: JSON) -> Any:
    """Return what stands in a slot that is no image block: a mark, or the picture as it was there."""
    if source.get("type") != "base64":
        return source
    if source.get(_AS) == "url":
        return f"data:{source['media_type']}{source.get('with', '')};base64,{source['data']}"
    return source["data"].translate(_TO_URLS) if source.get("alphabet") == "url" else source["data"]
