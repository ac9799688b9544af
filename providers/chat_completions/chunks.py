"""
Streamed completions: chunks as they arrive, and as they are written.

A call is complete with the chunk that has a `finish_reason`: deltas of several calls may be mixed. What a cut stream
left unfinished is kept as far as it came.
"""

from __future__ import annotations

from collections.abc import Iterator

from footage.providers.chat_completions.chat_messages import reply_of_message
from footage.providers.common_form import invented_id, objects
from footage.providers.streams.server_sent_events import EventReader
from footage.trajectory import JSON

__all__ = ["CompletionBuilder", "chunks_of"]

_PIECE = 24
"""Characters in one delta; how a reply was cut up when it was recorded is not stored."""
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


class CompletionBuilder:
    """A completion under construction (`footage.providers.contract.StreamReader`)."""

    def __init__(self) -> None:
        self.message: JSON = {"content": []}
        self.finished = False
        self.error: JSON | None = None
        self._events = EventReader()
        self._said: JSON = {"role": "assistant", "content": None}
        self._calls: dict[int, JSON] = {}
        self._head: JSON = {"id": invented_id()}
        self._choice: JSON = {}
        self._blocks: list[JSON] | None = None

    def feed(self, chunk: bytes) -> list[JSON]:
        """Take bytes as they come; return the blocks that they complete."""
        return [block for event in self._events.feed(chunk) for block in self._add(event)]

    def content(self) -> list[JSON]:
        """Return the blocks so far, unfinished ones included."""
        return list(self._blocks if self._blocks is not None else self._reply()["content"])

    def _add(self, chunk: JSON) -> list[JSON]:
        error = chunk.get("error")
        if isinstance(error, dict):
            self.error = {"type": str(error.get("type") or error.get("code") or "error"), **_worded(error)}
            return []
        self._head |= {key: chunk[key] for key in ("id", "model", "usage") if chunk.get(key)}
        found: list[JSON] = []
        for choice in objects(chunk.get("choices"))[:1]:
            if choice.get("index"):
                continue
            delta = choice.get("delta")
            if isinstance(delta, dict):
                self._grow(delta)
            if choice.get("finish_reason") and not self.finished:
                self._choice = choice
                self.finished = True
                self._blocks = self._reply()["content"]
                found = list(self._blocks)
        self.message = {**self._reply(), "content": []}
        return found

    def _grow(self, delta: JSON) -> None:
        for name in _TEXTS:
            if isinstance(delta.get(name), str):
                self._said[name] = str(self._said.get(name) or "") + delta[name]
        for call in objects(delta.get("tool_calls")):
            at = call.get("index")
            known = self._calls.setdefault(at if isinstance(at, int) else len(self._calls), {"type": "function"})
            if call.get("id"):
                known["id"] = call["id"]
            function = call.get("function")
            if isinstance(function, dict):
                held = known.setdefault("function", {"name": "", "arguments": ""})
                held["name"] += str(function.get("name") or "")
                held["arguments"] += str(function.get("arguments") or "")
        if self._calls:
            self._said["tool_calls"] = [self._calls[at] for at in sorted(self._calls)]

    def _reply(self) -> JSON:
        return reply_of_message(self._said, self._choice, self._head)


def _worded(error: JSON) -> JSON:
    return {"message": str(error.get("message") or "")}


def chunks_of(completion: JSON, *, cut: bool = False) -> Iterator[JSON]:
    """Yield the chunks by which a completion is streamed; of one that was `cut` off, those up to its end."""
    choice = completion["choices"][0]
    said = choice["message"]
    head = {"id": completion["id"], "object": "chat.completion.chunk", "created": 0, "model": completion["model"]}

    def chunk(delta: JSON, finish: str | None = None) -> JSON:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]}

    yield chunk({"role": "assistant", "content": ""})
    for name in _TEXTS:
        for piece in _pieces(said.get(name)):
            yield chunk({name: piece})
    for number, call in enumerate(objects(said.get("tool_calls"))):
        function = call.get("function") or {}
        named = {"index": number, "id": call.get("id"), "type": "function"}
        yield chunk({"tool_calls": [{**named, "function": {"name": function.get("name"), "arguments": ""}}]})
        for piece in _pieces(function.get("arguments")):
            yield chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    if not cut:
        yield chunk({}, choice["finish_reason"])
        yield {**head, "choices": [], "usage": completion["usage"]}


def _pieces(text: object) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)] if isinstance(text, str) else []
