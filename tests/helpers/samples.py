"""What the store's tests store: noisy and drawn screens, their encoded forms, requests with pictures."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from footage.trajectory import Action, Instant

if TYPE_CHECKING:
    from footage.storage import RunWriter
    from footage.trajectory import JSON, Pixels

CLICK = Action("left_click", {"coordinate": [12, 34]})


def noise(width: int, height: int, seed: int = 0) -> Pixels:
    """Return a picture in which no two tiles are equal."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(picture: Pixels | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """Return a picture as a file's bytes."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def image_block(data: bytes, media_type: str = "image/png") -> JSON:
    """Return an image block of the Messages API."""
    text = base64.b64encode(data).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": text}}


def result(call: str, *content: JSON) -> JSON:
    """Return a user message with one tool result."""
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": list(content)}]}


def call(name: str) -> JSON:
    """Return an assistant message with one tool call."""
    block = {"type": "tool_use", "id": name, "name": "computer", "input": {"action": "screenshot"}}
    return {"role": "assistant", "content": [{"type": "text", "text": f"Let me look ({name})."}, block]}


def ask(writer: RunWriter, body: JSON, **options: Any) -> int:
    """Record a turn with this request; return its number."""
    return writer.begin_turn(model="m", started=Instant.now(), request=body, **options)
