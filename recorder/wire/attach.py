"""
Recording an Anthropic client in process, through the SDK's public middleware.

The middleware runs once for each HTTP attempt, inside the SDK's retries and above what the cloud variants make of a
request. Replies are recorded as they pass by: nothing is held back, except for the moment it takes to store a tool call
before the agent learns of it. Loads anthropic, so it is imported where a client is attached. Its HTTP library is httpx2
since 1.0 and was httpx before; what is used of them is the same.
"""

from __future__ import annotations

from typing import Any, TypeVar

from anthropic import APIRequest, APIResponse, AsyncAPIResponse, AsyncCallNext, CallNext, Middleware

from footage.errors import UsageError
from footage.providers.common_form import plain
from footage.providers.registry import default_provider
from footage.recorder.wire.exchanges import Exchange
from footage.recorder.wire.recorded_body import record_body
from footage.recorder.wire.run_wire import Wire

__all__ = ["RecordingMiddleware", "attach"]

_Client = TypeVar("_Client")


def attach(client: _Client, wire: Wire) -> _Client:
    """
    Return a client like `client` (sync or async) whose exchanges are recorded.

    A client that is attached to this recording already is returned as it is. Raises UsageError for anything else that
    has no middleware.
    """
    middleware = getattr(client, "middleware", None)
    derive = getattr(client, "with_middleware", None)
    if middleware is None or derive is None:
        raise UsageError(
            f"A {type(client).__name__} cannot be attached: it is no Anthropic client with middleware.",
            hint="Use a client of anthropic 0.76 or newer, or record with run.turn() and run.step().",
        )
    if any(isinstance(entry, RecordingMiddleware) and entry.wire is wire for entry in middleware):
        return client
    attached: _Client = derive(RecordingMiddleware(wire))
    return attached


class RecordingMiddleware(Middleware):
    """Tells a `Wire` of every exchange with the Messages API."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def handle(self, request: APIRequest, call_next: CallNext) -> APIResponse[Any]:
        """Record one attempt of a synchronous client."""
        exchange = self._asked(request)
        if exchange is None:
            return call_next(request)
        with exchange.asking():
            response = call_next(_readable(request))
        http = response.http_response
        if not http.is_success:
            http.read()
        record_body(http, exchange, awaited=False)
        return response

    async def handle_async(self, request: APIRequest, call_next: AsyncCallNext) -> AsyncAPIResponse[Any]:
        """Record one attempt of an asynchronous client."""
        exchange = self._asked(request)
        if exchange is None:
            return await call_next(request)
        with exchange.asking():
            response = await call_next(_readable(request))
        http = response.http_response
        if not http.is_success:
            await http.aread()
        record_body(http, exchange, awaited=True)
        return response

    def _asked(self, request: APIRequest) -> Exchange | None:
        """Record a request that asks for a message; None for any other."""
        asks = default_provider().recognises(request.method.upper(), request.url, {})
        if not asks or not isinstance(request.json, dict):
            return None
        return self.wire.ask(plain(request.json), path=request.url)


def _readable(request: APIRequest) -> APIRequest:
    """Return the request for a reply that is not compressed, so that it can be read as it passes."""
    return request.copy(headers={**request.headers, "Accept-Encoding": "identity"})
