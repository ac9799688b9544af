"""
Recording an Anthropic client in process, through the SDK's public middleware.

The middleware runs once for each HTTP attempt, inside the SDK's retries and above what the cloud variants make of a
request. Replies are recorded as they pass by: nothing is held back, except for the moment it takes to store a tool call
before the agent learns of it. Loads anthropic, so it is imported where a client is attached. Its HTTP library is httpx2
since 1.0 and was httpx before; what is used of them is the same.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from anthropic import APIRequest, APIResponse, AsyncAPIResponse, AsyncCallNext, CallNext, Middleware

from footage.errors import UsageError
from footage.providers.common_form import parsed, plain
from footage.providers.registry import default_provider
from footage.providers.streams.aws_events import events_reader
from footage.recorder.wire.exchanges import Exchange
from footage.recorder.wire.run_wire import Wire

if TYPE_CHECKING:
    import httpx2

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
        if not _is_message(request):
            return call_next(request)
        exchange = self.wire.ask(plain(request.json), path=request.url)
        try:
            response = call_next(_readable(request))
        except Exception as error:
            exchange.fail(f"{type(error).__name__}: {error}")
            raise
        http = response.http_response
        if http.is_stream_consumed:
            exchange.reply(http.status_code, parsed(http.content))
        elif http.is_success:
            http.stream = _recorded(http, _Tee, "SyncByteStream", exchange)
        else:
            http.read()
            exchange.reply(http.status_code, parsed(http.content))
        return response

    async def handle_async(self, request: APIRequest, call_next: AsyncCallNext) -> AsyncAPIResponse[Any]:
        """Record one attempt of an asynchronous client."""
        if not _is_message(request):
            return await call_next(request)
        exchange = self.wire.ask(plain(request.json), path=request.url)
        try:
            response = await call_next(_readable(request))
        except Exception as error:
            exchange.fail(f"{type(error).__name__}: {error}")
            raise
        http = response.http_response
        if http.is_stream_consumed:
            exchange.reply(http.status_code, parsed(http.content))
        elif http.is_success:
            http.stream = _recorded(http, _AsyncTee, "AsyncByteStream", exchange)
        else:
            await http.aread()
            exchange.reply(http.status_code, parsed(http.content))
        return response


def _is_message(request: APIRequest) -> bool:
    asked = default_provider().recognises(request.method.upper(), request.url, {})
    return asked and isinstance(request.json, dict)


def _readable(request: APIRequest) -> APIRequest:
    """Return the request for a reply that is not compressed, so that it can be read as it passes."""
    return request.copy(headers={**request.headers, "Accept-Encoding": "identity"})


def _recorded(http: httpx2.Response, tee: type[Any], kind: str, exchange: Exchange) -> Any:
    """Return the response's body, of the kind that its library knows, so that `tee` records it as it is read."""
    stream = getattr(_library_of(http), kind)  # the only kind that its responses take
    return type(tee.__name__, (tee, stream), {})(http.stream, _Sink(exchange, http))


def _library_of(http: httpx2.Response) -> ModuleType:
    """Return the HTTP library that a response is of; both may be loaded."""
    loaded = (sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules)
    return next(library for library in loaded if isinstance(http, library.Response))


class _Sink:
    """Takes the bytes of a body on their way: events one by one, anything else as a whole at the end."""

    def __init__(self, exchange: Exchange, http: httpx2.Response) -> None:
        self._exchange = exchange
        self._status = http.status_code
        unframe = events_reader(str(http.headers.get("content-type", "")))
        self._events = unframe is not None
        self._unframe = unframe or bytes
        self._whole = bytearray()

    def take(self, chunk: bytes) -> None:
        if self._events:
            self._exchange.feed(self._unframe(chunk), self._status)
        else:
            self._whole += chunk

    def end(self) -> None:
        if self._events:
            self._exchange.close()
        elif self._whole:
            whole, self._whole = bytes(self._whole), bytearray()
            self._exchange.reply(self._status, parsed(whole))

    def fail(self, error: BaseException) -> None:
        self._exchange.fail(f"{type(error).__name__}: {error}")


class _Tee:
    """A response body that is recorded as it is read."""

    def __init__(self, body: Any, sink: _Sink) -> None:
        self._body = body
        self._sink = sink
        # The SDK's own tracing finds what it put on the body there.
        self.stream_observer = getattr(body, "stream_observer", None)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._body:
                self._sink.take(chunk)
                yield chunk
        except Exception as error:
            self._sink.fail(error)
            raise
        self._sink.end()

    def close(self) -> None:
        """Close the body; what was not read is not waited for."""
        self._sink.end()
        self._body.close()


class _AsyncTee:
    """The same for an asynchronous client."""

    def __init__(self, body: Any, sink: _Sink) -> None:
        self._body = body
        self._sink = sink
        self.stream_observer = getattr(body, "stream_observer", None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                self._sink.take(chunk)
                yield chunk
        except Exception as error:
            self._sink.fail(error)
            raise
        self._sink.end()

    async def aclose(self) -> None:
        """Close the body; what was not read is not waited for."""
        self._sink.end()
        await self._body.aclose()
