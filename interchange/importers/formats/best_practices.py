"""
Runs of the computer-use best practices: `runs/<time>/` with `meta.json`, `transcript.jsonl` and `images/NNN.jpg`.

    {"role", "content"}                               one line a message
    {"type": "image", "path": "images/003.jpg"}       in place of a picture's base64

Pictures are what the model was sent, taken after the action, and coordinates are pixels of them. A batch call is
several steps, and the parts of its result are labelled. Only the run's beginning is timed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import blocks_of, picture_of, wall_ns
from footage.interchange.importers.common.conversation import ConversationReader
from footage.interchange.importers.common.derive import derive_before_from_last
from footage.interchange.importers.draft import DraftPicture, DraftRun
from footage.interchange.importers.entry import Entry
from footage.trajectory import JSON, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "anthropic-best-practices"
LINE = "transcript.jsonl: lines of role and content"
PRIORITY = 140

_STOPPED = "[stopped before completing]"


def recognise(entry: Entry) -> bool:
    """Tell a transcript by its first line: a role and content, and nothing of a session around them."""
    first = entry.first if entry.kind in {"json", "jsonl"} else None
    if not isinstance(first, dict) or first.get("role") not in {"user", "assistant"} or "content" not in first:
        return False
    return not {"type", "message", "sessionId", "uuid"} & first.keys()


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the run."""
    meta = entry.at("meta.json")
    about: Any = meta.value if meta else None
    known: JSON = about if isinstance(about, dict) else {}
    run = DraftRun(identity=entry.sha256, model=str(known.get("model") or ""), started=_time(known.get("started")))
    prompt = entry.at("system_prompt.txt")
    run.task = ""
    reader = ConversationReader(run, lambda block, call: _picture(entry, run, reader, block, call))
    words = prompt.data.decode("utf-8", "replace") if prompt else ""
    for line in entry.lines():
        with run.trying(f"line {line.number}"):
            if line.problem:
                run.problem(line.problem.rstrip("."))
            else:
                _message(reader, line.value, words)
    run.task = run.task or str(known.get("task") or "")
    reader.end()
    if run.turns and any(block.get("text") == _STOPPED for block in run.turns[-1].content):
        run.status = RunStatus.INTERRUPTED
    derive_before_from_last(run)
    yield run


def _message(reader: ConversationReader, message: JSON, system: str) -> None:
    if message["role"] != "assistant":
        reader.user(message["content"])
        return
    request: JSON | None = None
    if not reader.run.turns and reader.run.task:  # later ones were pruned in a way that is not told
        request = {"model": reader.run.model, "messages": [{"role": "user", "content": reader.run.task}]}
        request |= {"system": system} if system else {}
    content = blocks_of(message["content"])
    reader.reply(content, model=reader.run.model, request=request, identity=str(message.get("id") or ""))


def _picture(entry: Entry, run: DraftRun, reader: ConversationReader, block: JSON, call: str) -> DraftPicture | None:
    path = block.get("path") if block.get("type") == "image" else None
    if not isinstance(path, str):
        return picture_of(block, f"result of {call}")
    found = entry.picture(path, f"images/{path.replace(chr(92), '/').rsplit('/', 1)[-1]}")
    if found is None:
        run.problem("there is no such picture", path, step=reader.calls.step_number(call))
    return found


def _time(given: Any) -> int | None:
    """Return the moment of "20250801-142233", in the recorder's own zone, which is not told: UTC."""
    try:
        return int(datetime.strptime(str(given), "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()) * 10**9
    except ValueError:
        return wall_ns(given)
