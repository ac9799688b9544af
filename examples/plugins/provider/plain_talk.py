"""
A provider for footage: POST …/plain-talk.

    request  {"model": "m", "said": [{"who": "you", "words": "Click it", "picture": "data:image/png;base64,…"}]}
    reply    {"id": "r1", "words": "I click.", "do": [{"name": "click", "with": {"x": 600, "y": 400}}]}

With `"lines": true`, a reply comes as events: one for the words, one for each call, and `{"over": true}` at the end.
Calls have no ids. What the agent says next answers them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NAME = "plain-talk"
LINE = "a model that is spoken to in lines of JSON"
VARIABLES: Mapping[str, str] = {"OPENAI_BASE_URL": ""}


def recognises(method: str, path: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG001
    """Tell whether a request asks the model."""
    return method == "POST" and path.partition("?")[0].endswith("/plain-talk")


def may_complete(piece: bytes) -> bool:
    """Tell whether events may complete a call."""
    return b'"name"' in piece or b'"over"' in piece


def read_request(body: dict[str, Any], path: str = "") -> dict[str, Any]:  # noqa: ARG001
    """Return a request in the common form."""
    messages = [_message(said) for said in _objects(body.get("said"))]
    rest = {key: value for key, value in body.items() if key not in {"said", "lines"}}
    return {**rest, "messages": messages, **({"stream": True} if body.get("lines") else {})}


def _message(said: dict[str, Any]) -> dict[str, Any]:
    from footage.providers.request_parts import source_of

    blocks: list[dict[str, Any]] = [{"type": "text", "text": str(said.get("words") or "")}]
    if source := source_of(said.get("picture")):
        blocks.append({"type": "image", "source": source})
    blocks += [_call(done, "") for done in _objects(said.get("do"))]
    return {"role": "assistant" if said.get("who") == "model" else "user", "content": blocks}


def _call(done: dict[str, Any], call_id: str) -> dict[str, Any]:
    given = done.get("with")
    block = {"type": "tool_use", "id": call_id, "name": str(done.get("name") or ""), "origin": done}
    return {**block, "input": given if isinstance(given, dict) else {}}


def read_reply(body: dict[str, Any]) -> dict[str, Any]:
    """Return a reply in the common form."""
    reader = stream_reader()
    reader.add({"id": body.get("id"), "words": body.get("words")})
    for done in _objects(body.get("do")):
        reader.add(done)
    return {**reader.message, "content": reader.content(), "stop_reason": "tool_use" if body.get("do") else "end_turn"}


class _Reader:
    def __init__(self) -> None:
        from footage.providers.common_form import invented_id
        from footage.providers.streams.server_sent_events import EventReader

        self.message: dict[str, Any] = {"id": invented_id(), "model": "", "content": [], "stop_reason": "", "usage": {}}
        self.finished = False
        self.error: dict[str, Any] | None = None
        self._events = EventReader()
        self._blocks: list[dict[str, Any]] = []

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        return [block for event in self._events.feed(chunk) for block in self.add(event)]

    def content(self) -> list[dict[str, Any]]:
        return list(self._blocks)

    def add(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        if event.get("over"):
            self.finished = True
            self.message["stop_reason"] = "tool_use" if len(self._blocks) > 1 else "end_turn"
        if event.get("id"):
            self.message["id"] = str(event["id"])
        if isinstance(event.get("words"), str):
            self._blocks.append({"type": "text", "text": event["words"]})
        if "name" not in event:
            return []
        self._blocks.append(_call(event, f"{self.message['id']}#{len(self._blocks)}"))
        return self._blocks[-1:]


def stream_reader() -> _Reader:
    """Return what reads a streamed reply."""
    return _Reader()


def error_of(body: object) -> dict[str, Any] | None:
    """Return what went wrong, if something did."""
    wrong = body.get("wrong") if isinstance(body, dict) else None
    return {"type": "wrong", "message": str(wrong)} if wrong else None


def units(request: dict[str, Any], picture: tuple[int, int] | None) -> tuple[int, int] | None:  # noqa: ARG001
    """Return None: coordinates are pixels of the picture."""
    return None


def actions(block: dict[str, Any], *, space: Any = None, request: Any = None, pointer: Any = None) -> list[Any]:  # noqa: ARG001
    """Return what a call asks for."""
    from footage.providers.actions.any_call import actions_of_call

    return actions_of_call(str(block.get("name") or ""), block.get("input"), space=space, pointer=pointer)


def write_reply(message: dict[str, Any], *, stream: bool, cut: bool = False) -> list[bytes]:
    """Return a reply as the service would send it."""
    blocks = _objects(message.get("content"))
    words = "\n".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text")
    done = [_done(block) for block in blocks if block.get("type") == "tool_use"]
    head = {"id": message.get("id"), "words": words}
    if not stream:
        return [b"" if cut else json.dumps({**head, "do": done}).encode()]
    events = [head, *done, *([] if cut else [{"over": True}])]
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]


def _done(block: dict[str, Any]) -> dict[str, Any]:
    origin = block.get("origin")
    return dict(origin) if isinstance(origin, dict) else {"name": block.get("name"), "with": block.get("input")}


def write_error(kind: str, message: str) -> bytes:  # noqa: ARG001
    """Return what says that something went wrong."""
    return json.dumps({"wrong": message}).encode()


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
