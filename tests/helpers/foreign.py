"""Recordings as other tools write them, made small: what the tests of importing import."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from footage.interchange.importers import import_paths
from footage.storage import Store
from footage.trajectory import FrameRole, Run, Step
from samples import encoded, noise

JSON = dict[str, Any]


def shot(seed: int, width: int = 64, height: int = 48) -> bytes:
    """Return a picture as PNG; equal seeds, equal pictures."""
    return encoded(noise(width, height, seed))


def inline(seed: int) -> JSON:
    """Return an image block with a picture in base64."""
    data = base64.b64encode(shot(seed)).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def call(identity: str, name: str, **given: Any) -> JSON:
    """Return a tool call of the Messages API."""
    return {"type": "tool_use", "id": identity, "name": name, "input": given}


def result(identity: str, *content: JSON, is_error: bool = False) -> JSON:
    """Return the result of a tool call."""
    return {"type": "tool_result", "tool_use_id": identity, "content": list(content), "is_error": is_error}


def text(words: str) -> JSON:
    """Return a text block."""
    return {"type": "text", "text": words}


def write(path: Path, *documents: Any) -> Path:
    """Write JSON, one document a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(document) for document in documents) + "\n", "utf-8")
    return path


def imported(store: Store, path: Path, name: str, *, skipped: int = 0) -> Run:
    """Import the one run in a file or folder, of the format with this name."""
    report = import_paths(store, [path])
    assert len(report.skipped) == skipped, report.skipped
    assert [run.format for run in report.imported] == [name]
    return store.run(report.imported[0].run)


def shown(step: Step) -> list[tuple[FrameRole, bool, int]]:
    """Return what a step shows: role, whether it is derived, and the picture's id, in the order of roles."""
    found = [(role, frame.derived, frame.picture) for role, frames in step.frames.items() for frame in frames]
    return sorted(found, key=lambda one: list(FrameRole).index(one[0]))
