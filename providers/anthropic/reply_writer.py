"""What the tape answers, as the service would: a recorded reply whole or as events, a recorded failure, a refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from footage.trajectory import JSON, RawExchange, Turn

__all__ = ["Answer", "answer_of", "raw_answer", "refusal"]

_PIECE = 24
"""Characters in one delta; how a reply was cut up when it was recorded is not stored."""
_FILLED = {"text": ("text", "text_delta"), "thinking": ("thinking", "thinking_delta")}
_JSON_TYPE = [("Content-Type", "application/json")]
_FINAL = ("x-should-retry", "false")
"""Tells the SDKs not to ask again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: list[tuple[str, str]]
    pieces: list[bytes]
    """The body. A stream's events, one a piece."""
    cut: bool = False
    """Whether the connection ends without the end of the reply, as it did in the recording."""


def answer_of(turn: Turn, *, stream: bool) -> Answer:
    """Return a recorded turn's reply, as a stream or whole; a turn that failed fails again in the same way."""
    if turn.status == "errored":
        return _failure(turn)
    cut = turn.status != "completed"
    message = message_of(turn)
    headers = [("request-id", f"req_tape_{turn.number}")]
    if stream:
        events = list(events_of(message, cut=cut))
        return Answer(200, [("Content-Type", "text/event-stream"), *headers], [_event(e) for e in events], cut)
    body = b"" if cut else json.dumps(message).encode()
    return Answer(200, [*_JSON_TYPE, *headers], [body], cut)


def message_of(turn: Turn) -> JSON:
    """Return the message of the Messages API that a turn holds."""
    head = {"id": turn.response_id or f"msg_tape_{turn.number}", "type": "message", "role": "assistant"}
    body = {"model": turn.model, "content": list(turn.content), "stop_reason": turn.stop_reason or None}
    return {**head, **body, "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0, **turn.usage}}


def _failure(turn: Turn) -> Answer:
    """Return the failure of a turn that never got a reply; one that never got a status is a cut connection."""
    last = next((a for a in reversed(turn.attempts) if a.status is not None and a.status >= 400), None)
    if last is None or last.status is None:
        return Answer(200, [], [], cut=True)
    kind, _, text = last.error.partition(": ")
    error = {"type": kind or "api_error", "message": text or last.error}
    return Answer(last.status, [*_JSON_TYPE], [json.dumps({"type": "error", "error": error}).encode()])


def refusal(why: str, *, status: int = 400) -> Answer:
    """Return what says that the tape has no answer; clients must not ask again."""
    error = {"type": "footage_tape", "message": f"footage: {why}"}
    return Answer(status, [*_JSON_TYPE, _FINAL], [json.dumps({"type": "error", "error": error}).encode()])


def raw_answer(exchange: RawExchange) -> Answer:
    """Return the recorded response of another endpoint."""
    kept = {"content-type", "request-id"}
    headers = [(name, value) for name, value in exchange.response_headers.items() if name.lower() in kept]
    return Answer(exchange.status or 502, headers, [exchange.response], exchange.status is None)


# --- streams ------------------------------------------------------------------------------------------------------


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


def _event(event: JSON) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
