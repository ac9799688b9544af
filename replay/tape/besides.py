"""
What passes a tape beside exchanges with a model: probes, token counts, telemetry, lists of models.

It gets the answer that it got in the recording. What was not recorded gets one that does no harm and says nothing, or
a 404. Either way it never decides how a run compares: that is told by what the model was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from footage.replay.tape.tape_answers import Answer, raw_answer, refusal
from footage.trajectory import RawExchange

__all__ = ["Besides", "asks_model", "plain_path"]

_PREFIX = re.compile(r"^/run/[\w.-]{1,80}(?=/|$)")
"""Of a recording proxy: whose run a request belongs to."""
_OF_MODELS = re.compile(
    r"/(?:messages|messages/batches|chat/completions|completions|complete|responses|interactions|invoke|converse"
    r"|invoke-with-response-stream|converse-stream)$|:(?:stream)?(?:generateContent|rawPredict)$",
    re.IGNORECASE,
)
_TELEMETRY = re.compile(r"event|metric|telemetr|/logs?\b|trace|analytic|statsig|rgstr|feature", re.IGNORECASE)
_ALIVE = re.compile(r"(?:^|/)(?:health|healthz|ping|hello|status|alive|ready)?$", re.IGNORECASE)
_CHARACTERS = 4  # of a request for each token that it is said to have
_JSON_TYPE = [("Content-Type", "application/json")]


def plain_path(path: str) -> str:
    """Return a path as the service has it: without a proxy's prefix, a query, and a slash at its end."""
    return _PREFIX.sub("", re.sub(r"^/+", "/", path.partition("?")[0])).rstrip("/")


def asks_model(method: str, path: str) -> bool:
    """Tell whether a request asks a model for a reply, whichever provider's."""
    return method == "POST" and _OF_MODELS.search(plain_path(path)) is not None


class Besides:
    """What was recorded beside the Messages API, to be given in the recorded order. Not thread-safe."""

    def __init__(self, recorded: Iterable[RawExchange]) -> None:
        self._left = list(recorded)
        self._given: list[RawExchange] = []

    def of_model(self, method: str, path: str) -> RawExchange | None:
        """Return the next reply of a model whose requests footage does not read; None where none is left."""
        found = next((each for each in self._left if _fits(each, method, path)), None)
        if found is not None:
            self._left.remove(found)
        return found

    def answer(self, method: str, path: str, body: bytes) -> tuple[Answer, str]:
        """
        Return the answer to a request that asks no model; and why it is not the recorded one, "" where it is.

        `body` is as it would be stored. One that was asked more often than it was recorded gets the last answer again.
        """
        fits = [each for each in self._left if _fits(each, method, path) and each.status is not None]
        before = [each for each in reversed(self._given) if _fits(each, method, path)]
        same = [each for each in (*fits, *before) if each.request == body]
        found = next(iter((*same, *fits, *before)), None)
        if found is None:
            return _harmless(method, plain_path(path), body)
        if found in self._left:
            self._left.remove(found)
            self._given.append(found)
        if found.response_bytes > len(found.response) and not found.response:
            return _harmless(method, plain_path(path), body)
        return raw_answer(found), ""


def _fits(exchange: RawExchange, method: str, path: str) -> bool:
    return exchange.method == method and plain_path(exchange.path) == plain_path(path)


def _harmless(method: str, path: str, body: bytes) -> tuple[Answer, str]:
    """Return an answer that lets a client go on where one can be thought of, else a 404."""
    if method in {"HEAD", "OPTIONS"}:
        return Answer(200 if method == "HEAD" else 204, [], []), "an empty answer was given"
    if method == "POST" and path.endswith("/count_tokens"):
        told = {"input_tokens": max(1, len(body) // _CHARACTERS)}
        return Answer(200, _JSON_TYPE, [json.dumps(told).encode()]), "an estimate was given"
    if (method == "POST" and _TELEMETRY.search(path)) or (method == "GET" and _ALIVE.search(path)):
        return Answer(200, _JSON_TYPE, [b"{}"]), "an empty answer was given"
    why = f"the tape does not answer {method} {path or '/'}: nothing was recorded for it"
    return refusal(why, status=404), "404 was given"
