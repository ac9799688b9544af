"""What `footage show --raw` prints: what was asked and answered, in the provider's own form, in the order it passed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping

from footage.cli.shared.printing.text import clean, iso
from footage.errors import FootageError
from footage.providers.registry import provider_named
from footage.replay.tape.tape_answers import message_of
from footage.storage import Store
from footage.trajectory import JSON, RawExchange, Run, Turn

__all__ = ["raw_json", "raw_text"]


def raw_json(store: Store, run: Run) -> JSON:
    """
    Return {"run", "exchanges"}: turns ({"turn", …}) and what no provider reads ({"turn": None, …}), by time.

    A body is JSON, or a text, or {"base64"}. In the requests of turns pictures are places in the store.
    """
    found = [(turn.started.wall_ns, _turn(store, turn)) for turn in store.turns(run.id)]
    found += [(exchange.started.wall_ns, _exchange(exchange)) for exchange in store.raw_exchanges(run.id)]
    return {"run": run.id, "exchanges": [told for _, told in sorted(found, key=lambda each: each[0])]}


def raw_text(document: JSON) -> Iterator[str]:
    """Yield the document as text, a piece for each exchange; nothing in it steers a terminal."""
    for told in document["exchanges"]:
        asked = f"turn {told['turn']} · {told['provider']}" if told["turn"] is not None else ""
        head = asked or f"{told['method']} {told['path']} · {told['status'] or 'no response'}"
        yield clean("\n".join([f"=== {head} · {told['started_at']}", *_parts(told)]))


def _parts(told: JSON) -> Iterator[str]:
    for name in ("request_headers", "request", "response_headers", "response"):
        if told.get(name):
            yield f"--- {name.replace('_', ' ')}"
            body = told[name]
            yield body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
        missing = told.get(f"{name}_missing")
        if missing:
            yield f"({missing} more bytes were not kept)"
    if told["error"]:
        yield f"--- error\n{told['error']}"


def _turn(store: Store, turn: Turn) -> JSON:
    last = turn.attempts[-1] if turn.attempts else None
    return {
        "turn": turn.number,
        "provider": turn.provider or "anthropic",
        "started_at": iso(turn.started),
        "status": last.status if last else None,
        "error": last.error if last else "",
        "request": store.request(turn.id),
        "response": _reply(turn),
    }


def _reply(turn: Turn) -> JSON | None:
    """Return a turn's reply in its provider's own form; in the common form where that is not installed any more."""
    if turn.status == "errored" and not turn.content:
        return None
    message = message_of(turn)
    try:
        provider = provider_named(turn.provider)
    except FootageError:
        return message
    written: JSON = json.loads(b"".join(provider.write_reply(message, stream=False)))
    return written


def _exchange(exchange: RawExchange) -> JSON:
    return {
        "turn": None,
        "method": exchange.method,
        "path": exchange.path,
        "started_at": iso(exchange.started),
        "status": exchange.status,
        "error": exchange.error,
        "request_headers": dict(exchange.request_headers),
        "request": _body(exchange.request, exchange.request_headers),
        "request_missing": max(0, exchange.request_bytes - len(exchange.request)),
        "response_headers": dict(exchange.response_headers),
        "response": _body(exchange.response, exchange.response_headers),
        "response_missing": max(0, exchange.response_bytes - len(exchange.response)),
    }


def _body(body: bytes, headers: Mapping[str, str]) -> object:
    """Return a body as what it is: JSON, a text, or bytes."""
    named = {name.lower(): value for name, value in headers.items()}
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    if "json" in named.get("content-type", "json"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text
