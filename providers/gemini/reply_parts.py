"""Replies of Gemini: whole, as they stream in, and as they are written again."""

from __future__ import annotations

from collections.abc import Iterator

from footage.providers.common_form import invented_id, objects
from footage.providers.gemini.content_parts import block_of_part, either
from footage.providers.streams.server_sent_events import EventReader
from footage.trajectory import JSON

__all__ = ["ContentBuilder", "bodies_of", "body_of", "reply_of"]

_STOPS = {"STOP": "end_turn", "MAX_TOKENS": "max_tokens"}
_FINISHES = {"end_turn": "STOP", "tool_use": "STOP", "max_tokens": "MAX_TOKENS"}


def reply_of(body: JSON) -> JSON:
    """Return a whole reply in the common form; each block keeps its part as `origin`."""
    builder = ContentBuilder()
    builder.add(body)
    return {**builder.message, "content": builder.content()}


class ContentBuilder:
    """A reply under construction (`footage.providers.contract.StreamReader`): each event is a reply with more parts."""

    def __init__(self) -> None:
        self.message: JSON = {"id": "", "model": "", "content": [], "stop_reason": "", "usage": {}}
        self.finished = False
        self.error: JSON | None = None
        self._events = EventReader()
        self._blocks: list[JSON] = []

    def feed(self, chunk: bytes) -> list[JSON]:
        """Take bytes as they come; return the blocks that they complete."""
        return [block for event in self._events.feed(chunk) for block in self.add(event)]

    def content(self) -> list[JSON]:
        """Return the blocks so far."""
        return list(self._blocks)

    def add(self, body: JSON) -> list[JSON]:
        """Take in one reply, or a piece of a streamed one; return the calls in it."""
        error = body.get("error")
        if isinstance(error, dict):
            self.error = {"type": str(error.get("status") or "error"), "message": str(error.get("message") or "")}
            return []
        usage = either(body, "usageMetadata")
        if isinstance(usage, dict):
            tokens = {"input_tokens": "promptTokenCount", "output_tokens": "candidatesTokenCount"}
            self.message["usage"] = {**usage, **{key: either(usage, name) or 0 for key, name in tokens.items()}}
        self.message["model"] = str(either(body, "modelVersion") or self.message["model"])
        self.message["id"] = str(either(body, "responseId") or self.message["id"] or invented_id())
        calls: list[JSON] = []
        for candidate in objects(body.get("candidates"))[:1]:
            content = candidate.get("content")
            for part in objects(content.get("parts")) if isinstance(content, dict) else []:
                block = self._said(part)
                if block["type"] == "tool_use":
                    calls.append(block)
            if finish := either(candidate, "finishReason"):
                self.finished = True
                self.message["stop_reason"] = _STOPS.get(str(finish), str(finish).lower())
        if self.finished and any(block["type"] == "tool_use" for block in self._blocks):
            self.message["stop_reason"] = "tool_use"
        return calls

    def _said(self, part: JSON) -> JSON:
        """Take in a part; pieces of one text are one block."""
        block, last = block_of_part(part), self._blocks[-1] if self._blocks else None
        kind = block["type"]
        if (
            last is not None
            and last["type"] == kind
            and kind in {"text", "thinking"}
            and len(last["origin"]) == len(part)
        ):
            last[kind] += block[kind]
            last["origin"] = {**last["origin"], "text": last[kind]}
            return last
        if kind == "tool_use" and not block["id"]:
            block["id"] = f"{self.message['id']}#{len(self._blocks)}"
        self._blocks.append({**block, "origin": part})
        return self._blocks[-1]


def body_of(message: JSON) -> JSON:
    """Return a reply in the common form as Gemini's: by its parts as they came, else by its blocks."""
    parts = [_part(block) for block in objects(message.get("content"))]
    return _body(message, parts, str(message.get("stop_reason") or "end_turn"))


def bodies_of(message: JSON, *, cut: bool = False) -> Iterator[JSON]:
    """Yield the bodies by which a reply is streamed; the one that says that it is over is left out where it was cut."""
    parts = [_part(block) for block in objects(message.get("content"))]
    for part in parts[:-1]:
        yield _body(message, [part], "")
    yield _body(message, parts[-1:], "" if cut else str(message.get("stop_reason") or "end_turn"))


def _body(message: JSON, parts: list[JSON], stop: str) -> JSON:
    candidate: JSON = {"content": {"role": "model", "parts": parts}, "index": 0}
    if stop:
        candidate["finishReason"] = _FINISHES.get(stop, stop.upper())
    usage = {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0, **(message.get("usage") or {})}
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": message.get("model") or "",
        "responseId": message.get("id") or "tape",
    }


def _part(block: JSON) -> JSON:
    if isinstance(block.get("origin"), dict):
        return dict(block["origin"])
    if block.get("type") == "tool_use":
        return {"functionCall": {"name": block.get("name") or "", "args": block.get("input") or {}}}
    if block.get("type") == "thinking":
        return {"text": str(block.get("thinking") or ""), "thought": True}
    return {"text": str(block.get("text") or "")}
