"""The events by which the Messages API streams a message."""

from __future__ import annotations

import json
from collections.abc import Iterator

from footage.trajectory import JSON

__all__ = ["events_of"]

_PIECE = 24
"""Characters in one delta; how a reply was cut up when it was recorded is not stored."""
_FILLED = {"text": ("text", "text_delta"), "thinking": ("thinking", "thinking_delta")}


def events_of(message: JSON, *, cut: bool = False) -> Iterator[JSON]:
    """Yield the events by which a message is streamed; of one that was `cut` off, those up to there."""
    usage = message["usage"]
    started = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": started}
    for index, block in enumerate(message["content"]):
        last = cut and index == len(message["content"]) - 1
        empty, deltas = _parts(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        if not last:
            yield {"type": "content_block_stop", "index": index}
    if not cut:
        delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
        yield {"type": "message_delta", "delta": delta, "usage": usage}
        yield {"type": "message_stop"}


def _parts(block: JSON) -> tuple[JSON, list[JSON]]:
    """Return a block as it starts, and the deltas that fill it; a kind without deltas starts whole."""
    kind = str(block.get("type"))
    if kind in _FILLED:
        field, delta = _FILLED[kind]
        deltas = [{"type": delta, field: piece} for piece in _pieces(str(block.get(field) or ""))]
        deltas += [{"type": "citations_delta", "citation": each} for each in block.get("citations") or []]
        if block.get("signature"):
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        emptied = {name: "" for name in (field, "signature") if name in block}
        rest = {name: value for name, value in block.items() if name != "citations" or not value}
        return {**rest, **emptied}, deltas
    if "tool_use" in kind:
        text = str(block.get("input_partial") or "") or json.dumps(block.get("input") or {})
        rest = {name: value for name, value in block.items() if name != "input_partial"}
        return {**rest, "input": {}}, [{"type": "input_json_delta", "partial_json": p} for p in _pieces(text)]
    return dict(block), []


def _pieces(text: str) -> list[str]:
    return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]
