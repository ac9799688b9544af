"""What the recorder's tests share: a recording in a fresh store, messages, small pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from footage.recorder.recording import Recording, record
from footage.storage import open_store
from footage.trajectory import JSON, FrameRole, Pixels, Run, Step, Turn

CLASSIC: JSON = {
    "type": "computer_20251124",
    "name": "computer",
    "display_width_px": 64,
    "display_height_px": 48,
}


def pixels(shade: int, size: tuple[int, int] = (64, 48)) -> Pixels:
    return np.full((size[1], size[0], 3), shade, np.uint8)


def png(shade: int, size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels(shade, size)).save(out, "PNG")
    return out.getvalue()


def image(shade: int, size: tuple[int, int] = (64, 48)) -> JSON:
    data = base64.b64encode(png(shade, size)).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def shade_of(call_id: str) -> int:
    """Return the grey of the picture in the result of a call `NAME-NUMBER`."""
    return int(call_id.rpartition("-")[2]) % 256


def request(*messages: JSON, tools: list[JSON] | None = None, **more: Any) -> JSON:
    given = [CLASSIC] if tools is None else tools
    return {"model": "claude-x", "max_tokens": 100, "tools": given, "messages": list(messages), **more}


def user(content: Any) -> JSON:
    return {"role": "user", "content": content}


def said(*content: JSON) -> JSON:
    return {"role": "assistant", "content": list(content)}


def text(words: str) -> JSON:
    return {"type": "text", "text": words}


def call(call_id: str, **fields: Any) -> JSON:
    return {"type": "tool_use", "id": call_id, "name": "computer", "input": fields}


def result(call_id: str, *content: JSON, **more: Any) -> JSON:
    return {"type": "tool_result", "tool_use_id": call_id, "content": list(content), **more}


def reply(*content: JSON, message_id: str = "msg_1", stop_reason: str = "tool_use") -> JSON:
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": "claude-x-1",
        "content": list(content),
        "stop_reason": stop_reason,
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }


class Recorded:
    """A recording that has ended, read back."""

    def __init__(self, path: Path, run: str) -> None:
        with open_store(path) as store:
            self.run: Run = store.run(run)
            self.steps: list[Step] = store.steps(run)
            self.turns: list[Turn] = store.turns(run)
            self.requests = [store.request(turn.id, pictures=True) for turn in self.turns]
            self.labels = [conversation.label for conversation in store.conversations(run)]
            self.gaps = store.gaps(run)
            self.shades = {frame.id: int(store.pixels(frame.picture)[0, 0, 0]) for frame in store.frames(run)}

    def shade(self, step: int, role: FrameRole) -> list[int]:
        return [self.shades[frame.id] for frame in self.steps[step].frames.get(role, ())]


class Tape:
    """A recording into a fresh store: `with Tape(tmp_path) as run: …`, then `tape.read()`."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path = folder / "footage.db"
        self.run: Recording = record("a task", store=self.path, **options)

    def read(self) -> Recorded:
        self.run.end()
        return Recorded(self.path, self.run.id)
