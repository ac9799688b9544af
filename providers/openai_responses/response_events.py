"""
Streamed responses: events as they arrive, and as they are written.

An item is complete with `response.output_item.done`. What a cut stream left unfinished is kept as far as it came.
"""

from __future__ import annotations

from collections.abc import Iterator

from footage.providers.openai_responses.items import block_of_item, reply_of
from footage.providers.streams.server_sent_events import EventReader
from footage.trajectory import JSON

__all__ = ["ResponseBuilder", "events_of"]

_PIECE = 24
"""Characters in one delta; how a reply was cut up when it was recorded is not stored."""
_GROWING = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "text",
    "response.function_call_arguments.delta": "input_partial",
    "response.custom_tool_call_input.delta": "input_partial",
    "response.reasoning_summary_text.delta": "thinking",
    "response.reasoning_text.delta": "thinking",
}
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponseBuilder:
    """A response under construction (`footage.providers.contract.StreamReader`)."""

    def __init__(self) -> None:
        self.message: JSON = {"content": []}
        self.finished = False
        self.error: JSON | None = None
        self._events = EventReader()
        self._blocks: dict[int, JSON] = {}
        self._done: set[int] = set()

    def feed(self, chunk: bytes) -> list[JSON]:
        """Take bytes as they come; return the blocks that they complete."""
        return [block for event in self._events.feed(chunk) for block in self._add(event)]

    def content(self) -> list[JSON]:
        """Return the blocks so far, unfinished ones included."""
        return [self._blocks[number] for number in sorted(self._blocks)]

    def _add(self, event: JSON) -> list[JSON]:
        kind, number = str(event.get("type") or ""), event.get("output_index")
        at = number if isinstance(number, int) else len(self._blocks)
        item, response = event.get("item"), event.get("response")
        if kind == "response.output_item.added" and isinstance(item, dict):
            self._blocks[at] = {**block_of_item(item), "origin": item}
        elif kind == "response.output_item.done" and isinstance(item, dict):
            return self._complete(at, {**block_of_item(item), "origin": item})
        elif kind in _GROWING and at in self._blocks:
            field = _GROWING[kind]
            self._blocks[at][field] = str(self._blocks[at].get(field) or "") + str(event.get("delta") or "")
        elif kind == "error":
            inner = event.get("error")
            said = inner if isinstance(inner, dict) else event
            self.error = {"type": str(said.get("code") or "error"), "message": str(said.get("message") or "")}
        if isinstance(response, dict):
            return self._head(response, ended=kind in _ENDS)
        return []

    def _head(self, response: JSON, *, ended: bool) -> list[JSON]:
        """Take in what an event says of the whole response; its items that no event told of are complete now."""
        reply = reply_of(response)
        self.message = {**reply, "content": []}
        if not ended:
            return []
        self.finished = True
        error = response.get("error")
        if isinstance(error, dict):
            self.error = {"type": str(error.get("code") or "error"), "message": str(error.get("message") or "")}
        found = [block for at, block in enumerate(reply["content"]) for block in self._complete(at, block)]
        calls = any(block.get("type") == "tool_use" for block in self._blocks.values())
        if calls and self.message["stop_reason"] == "end_turn":
            self.message["stop_reason"] = "tool_use"
        return found

    def _complete(self, at: int, block: JSON) -> list[JSON]:
        if at in self._done:
            return []
        self._done.add(at)
        self._blocks[at] = block
        return [block]


def events_of(response: JSON, *, cut: bool = False) -> Iterator[JSON]:
    """Yield the events by which a response is streamed; of one that was `cut` off, those up to there."""
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    for number, event in enumerate(_events(response, begun, cut=cut)):
        yield {**event, "sequence_number": number}


def _events(response: JSON, begun: JSON, *, cut: bool) -> Iterator[JSON]:
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        place = {"output_index": index, "item_id": item.get("id", "")}
        yield {"type": "response.output_item.added", "output_index": index, "item": {**item, **_empty(item)}}
        yield from _filled(item, place)
        if not (cut and index == len(response["output"]) - 1):
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
    if not cut:
        ended = "response.completed" if response["status"] == "completed" else "response.incomplete"
        yield {"type": ended, "response": response}


def _empty(item: JSON) -> JSON:
    """Return what an item has at its start in place of what deltas bring."""
    if item.get("type") == "message":
        return {"content": [], "status": "in_progress"}
    return {"arguments": "", "status": "in_progress"} if item.get("type") == "function_call" else {}


def _filled(item: JSON, place: JSON) -> Iterator[JSON]:
    """Yield the events that fill an item."""
    if item.get("type") == "function_call":
        arguments = str(item.get("arguments") or "")
        for piece in _pieces(arguments):
            yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        yield {"type": "response.function_call_arguments.done", **place, "arguments": arguments}
    if item.get("type") != "message" or not isinstance(item.get("content"), list):
        return
    for number, part in enumerate(item["content"]):
        at = {**place, "content_index": number}
        yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""} if "text" in part else part}
        if part.get("type") == "output_text":
            for piece in _pieces(str(part.get("text") or "")):
                yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}
            yield {"type": "response.output_text.done", **at, "text": part.get("text") or "", "logprobs": []}
        yield {"type": "response.content_part.done", **at, "part": part}


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
