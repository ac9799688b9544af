"""What the tape answers, as the service would: a recorded reply whole or as events, a recorded failure, a refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace

from footage.providers.contract import Provider
from footage.providers.registry import default_provider, provider_named
from footage.providers.streams.aws_events import aws_message
from footage.trajectory import JSON, RawExchange, Turn

__all__ = ["Answer", "answer_of", "as_clouds_send", "message_of", "raw_answer", "refusal"]

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
    provider = provider_named(turn.provider)
    if turn.status == "errored":
        return _failure(turn, provider)
    cut = turn.status != "completed"
    pieces = provider.write_reply(message_of(turn), stream=stream, cut=cut)
    kind = [("Content-Type", "text/event-stream")] if stream else _JSON_TYPE
    return Answer(200, [*kind, ("request-id", f"req_tape_{turn.number}")], pieces, cut)


def as_clouds_send(answer: Answer, path: str) -> Answer:
    """Return an answer as the service at a path sends it: Bedrock wraps the events of a reply in messages of AWS."""
    if not path.endswith("/invoke-with-response-stream") or ("Content-Type", "text/event-stream") not in answer.headers:
        return answer
    headers = [("Content-Type", "application/vnd.amazon.eventstream"), *answer.headers[1:]]
    return replace(answer, headers=headers, pieces=[aws_message(piece) for piece in answer.pieces])


def message_of(turn: Turn) -> JSON:
    """Return the reply that a turn holds, in the common form."""
    head = {"id": turn.response_id or f"msg_tape_{turn.number}", "model": turn.model, "content": list(turn.content)}
    return {**head, "stop_reason": turn.stop_reason or None, "usage": dict(turn.usage)}


def _failure(turn: Turn, provider: Provider) -> Answer:
    """Return the failure of a turn that never got a reply; one that never got a status is a cut connection."""
    last = next((a for a in reversed(turn.attempts) if a.status is not None and a.status >= 400), None)
    if last is None or last.status is None:
        return Answer(200, [], [], cut=True)
    kind, _, text = last.error.partition(": ")
    return Answer(last.status, [*_JSON_TYPE], [provider.write_error(kind, text or last.error)])


def refusal(why: str, *, status: int = 400, provider: Provider | None = None) -> Answer:
    """Return what says that the tape has no answer; clients must not ask again."""
    body = (provider or default_provider()).write_error("footage_tape", f"footage: {why}")
    return Answer(status, [*_JSON_TYPE, _FINAL], [body])


def raw_answer(exchange: RawExchange) -> Answer:
    """Return the recorded response of another endpoint."""
    kept = {"content-type", "request-id"}
    headers = [(name, value) for name, value in exchange.response_headers.items() if name.lower() in kept]
    return Answer(exchange.status or 502, headers, [exchange.response], exchange.status is None)
