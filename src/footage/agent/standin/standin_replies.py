"""The stand-in's replies in the form of the Messages API: whole, as events, and errors."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from footage.agent.standin.goals import Character
from footage.agent.standin.policy import decide
from footage.agent.standin.request_reading import read_history
from footage.agent.standin.sight import open_picture
from footage.providers.anthropic.computer_tools import wire_call
from footage.trajectory import JSON, Space

__all__ = ["BadRequest", "error_body", "events_of", "reply_to"]

ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_PIECE = 12
"""Characters in one delta of a streamed reply."""
_PICTURE_TOKENS = 1500
"""What a picture is counted as; texts count as a quarter of their characters."""


class BadRequest(Exception):
    """A request that the service turns down: an HTTP status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def error_body(status: int, message: str) -> JSON:
    """Return the body of an error response."""
    error = {"type": ERRORS.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": f"req_standin_{secrets.token_hex(8)}"}


def reply_to(body: Any) -> JSON:
    """
    Return the message that answers a request's JSON body. Raises BadRequest.

    An agent that asks for another model gets the careful one: the message says which one answered.
    """
    character = _check(body)
    history = read_history(body)
    decision = decide(history, character)
    content: list[JSON] = [
        {"type": "thinking", "thinking": decision.thinking, "signature": "stand-in"},
        {"type": "text", "text": decision.text},
    ]
    if decision.action is not None:
        space = None
        if history.screen is not None and history.declared is not None:
            height, width = open_picture(history.screen).shape[:2]
            # The declared size is the space of coordinates, the picture is where they were found.
            space = Space(*history.declared, width, height) if history.declared != (width, height) else None
        call_id = f"toolu_standin_{secrets.token_hex(8)}"
        content.append(wire_call(decision.action, history.version, call_id=call_id, space=space))
    return {
        "id": f"msg_standin_{secrets.token_hex(8)}",
        "type": "message",
        "role": "assistant",
        "model": character.model,
        "content": content,
        "stop_reason": "end_turn" if decision.action is None else "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": _tokens(body.get("messages")), "output_tokens": _tokens(content)},
    }


def _check(body: Any) -> Character:
    if not isinstance(body, dict):
        raise BadRequest(400, "The request body must be a JSON object.")
    for field in ("model", "messages", "max_tokens"):
        if field not in body:
            raise BadRequest(400, f"{field}: Field required")
    if not isinstance(body["messages"], list) or not body["messages"]:
        raise BadRequest(400, "messages: at least one message is required")
    model = str(body["model"])
    character = Character.of_model(model)
    if character is None and model.startswith("stand-in/"):
        raise BadRequest(404, f"model: {model} (this server has stand-in/careful and stand-in/hasty only)")
    return character or Character("careful")


def _tokens(value: Any) -> int:
    """Return a made-up but steady count of tokens."""
    if isinstance(value, dict):
        return _PICTURE_TOKENS if value.get("type") == "image" else sum(_tokens(v) for v in value.values())
    if isinstance(value, list):
        return sum(_tokens(item) for item in value)
    return (len(value) + 3) // 4 if isinstance(value, str) else 1


def events_of(message: JSON) -> Iterator[JSON]:
    """Yield the events by which a message is streamed."""
    usage = message["usage"]
    started = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": started}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        empty, deltas = _deltas(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


def _deltas(block: JSON) -> tuple[JSON, list[JSON]]:
    """Return a block as it starts, and the pieces that fill it."""
    if block["type"] == "thinking":
        pieces = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"])]
        signature = {"type": "signature_delta", "signature": block["signature"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [*pieces, signature]
    if block["type"] == "text":
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": p} for p in _pieces(block["text"])]
    pieces = [{"type": "input_json_delta", "partial_json": p} for p in _pieces(json.dumps(block["input"]))]
    return {**block, "input": {}}, pieces


def _pieces(text: str) -> list[str]:
    return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]
