"""
Streamed replies of the Messages API, put together again as they arrive.

`MessageBuilder` makes the message of events, and tells of each content block the moment it is complete. What a cut
stream left unfinished is kept: text as far as it came, the JSON of a tool's input as `input_partial`.
"""

from __future__ import annotations

import json
from typing import Any

from footage.providers.streams.server_sent_events import EventReader
from footage.trajectory import JSON

__all__ = ["MessageBuilder"]

_APPENDED = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


class MessageBuilder:
    """
    A message under construction.

    `message` is what the same reply would have been without streaming; `finished` says whether its end has come,
    `error` holds the error the service sent in mid-stream.
    """

    def __init__(self) -> None:
        self.message: JSON = {"content": []}
        self.finished = False
        self.error: JSON | None = None
        self._blocks: dict[int, JSON] = {}
        self._json: dict[int, str] = {}
        self._complete: set[int] = set()
        self._events = EventReader()

    def feed(self, chunk: bytes) -> list[JSON]:
        """Take bytes as they come; return the content blocks that they complete."""
        blocks = (self.add(event) for event in self._events.feed(chunk))
        return [block for block in blocks if block is not None]

    def add(self, event: JSON) -> JSON | None:
        """Take one event; return the content block that it completed, if it did."""
        kind = event.get("type")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            self.message = {**event["message"], "content": []}
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            self._blocks[_index(event)] = dict(event["content_block"])
        elif kind == "content_block_delta" and isinstance(event.get("delta"), dict):
            self._append(_index(event), event["delta"])
        elif kind == "content_block_stop" and _index(event) in self._blocks:
            return self._close(_index(event))
        elif kind == "message_delta":
            self._merge(event)
        elif kind == "message_stop":
            self.finished = True
        elif kind == "error":
            self.error = event.get("error") if isinstance(event.get("error"), dict) else event
        return None

    def content(self) -> list[JSON]:
        """Return the blocks so far, in order, unfinished ones included."""
        return [self._blocks[i] if i in self._complete else self._partial(i) for i in sorted(self._blocks)]

    def _append(self, index: int, delta: JSON) -> None:
        block = self._blocks.setdefault(index, {})
        kind = str(delta.get("type"))
        if kind == "input_json_delta":
            self._json[index] = self._json.get(index, "") + str(delta.get("partial_json") or "")
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta.get("citation")]
        elif kind in _APPENDED:
            field = _APPENDED[kind]
            block[field] = str(block.get(field) or "") + str(delta.get(field) or "")
        else:
            # A kind of delta not known yet: its fields are taken over, strings are appended.
            for field, value in delta.items():
                if field != "type":
                    block[field] = block[field] + value if _both_text(block.get(field), value) else value

    def _close(self, index: int) -> JSON:
        block = self._blocks[index]
        text = self._json.get(index, "")
        if text:
            try:
                block["input"] = json.loads(text)
            except ValueError:
                block["input_partial"] = text
        self._complete.add(index)
        return block

    def _partial(self, index: int) -> JSON:
        block = dict(self._blocks[index])
        if index in self._json:
            block["input_partial"] = self._json[index]
        return block

    def _merge(self, event: JSON) -> None:
        delta, usage = event.get("delta"), event.get("usage")
        if isinstance(delta, dict):
            self.message.update(delta)
        if isinstance(usage, dict):
            self.message["usage"] = {**(self.message.get("usage") or {}), **usage}
        self.message.update({k: v for k, v in event.items() if k not in {"type", "delta", "usage"}})


def _both_text(a: Any, b: Any) -> bool:
    return isinstance(a, str) and isinstance(b, str)


def _index(event: JSON) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0
