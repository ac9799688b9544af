"""
Recording a client that has no middleware and stands on httpx: Anthropic's before 0.108, and OpenAI's.

The client gets a copy of its HTTP client whose transports are wrapped; the original client stays as it was. Loads
nothing but the HTTP library that the client brings.
"""

from __future__ import annotations

import copy
import functools
import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

from footage.errors import UsageError
from footage.providers.common_form import parsed
from footage.providers.registry import provider_asked
from footage.recorder.wire.exchanges import Exchange
from footage.recorder.wire.run_wire import Wire

__all__ = ["attach"]

_CLOUDS = ("Bedrock", "Vertex")
"""How the names of clients end that have another form for their requests."""
_Client = TypeVar("_Client")


def attach(client: _Client, wire: Wire) -> _Client:
    """
    Return a client like `client` (sync or async) whose exchanges are recorded.

    A client that is attached to this recording already is returned as it is. Raises UsageError for what is no client
    of this kind.
    """
    inner: Any = getattr(client, "_client", None)
    derive = getattr(client, "copy", None)
    if any(kind.__name__.endswith(_CLOUDS) for kind in type(client).__mro__):
        raise UsageError(
            f"This {type(client).__name__} is too old to be attached: its requests are rewritten before they are seen.",
            hint="Use anthropic 0.108 or newer, or record with run.turn() and run.step().",
        )
    if derive is None or not hasattr(inner, "_transport") or not hasattr(inner, "_mounts"):
        raise UsageError(
            f"A {type(client).__name__} cannot be attached: it is no client of Anthropic's or OpenAI's.",
            hint="Record with run.turn() and run.step(), or run the agent with `footage record`.",
        )
    if isinstance(inner._transport, _Recorded) and inner._transport.wire is wire:  # noqa: SLF001 - no public way in
        return client
    library = _library_of(inner)
    wrapped = functools.partial(_wrapped, wire=wire, library=library, awaited=isinstance(inner, library.AsyncClient))
    swapped = copy.copy(inner)
    swapped._footage_original = inner  # noqa: SLF001 - it would close the shared connections when it is collected
    swapped._transport = wrapped(inner._transport)  # noqa: SLF001 - no public way in
    swapped._mounts = {  # noqa: SLF001 - no public way in
        pattern: transport and wrapped(transport)
        for pattern, transport in inner._mounts.items()  # noqa: SLF001 - no public way in
    }
    attached: _Client = derive(http_client=swapped)
    return attached


def _library_of(inner: Any) -> Any:
    """Return the HTTP library that a client stands on: `httpx2`, or `httpx` before; both may be loaded."""
    loaded = (sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules)
    return next(library for library in loaded if isinstance(inner, (library.Client, library.AsyncClient)))


def _wrapped(transport: Any, *, wire: Wire, library: Any, awaited: bool) -> Any:
    """Return a transport of the library's kind that records what passes `transport`; `awaited`: its client is async."""
    bases: tuple[Any, ...] = (_Transport, library.BaseTransport)
    if awaited:
        bases = (_AsyncTransport, library.AsyncBaseTransport)
    made = type("RecordedTransport", bases, {})()
    made.inner, made.wire, made.library = transport, wire, library
    return made


class _Recorded:
    """What both kinds of transport share."""

    inner: Any
    wire: Wire
    library: Any

    def ask(self, request: Any) -> Exchange | None:
        """Record a request that asks a provider's model for a reply; None for any other."""
        provider = provider_asked(request.method, request.url.path)
        if provider is None:
            return None
        try:
            body = json.loads(request.content)
        except (ValueError, RuntimeError):
            return None
        request.headers["Accept-Encoding"] = "identity"
        retry = request.headers.get("x-stainless-retry-count", "0") != "0"
        return self.wire.ask(body, retry=retry, provider=provider, path=request.url.path)

    def tee(self, response: Any, exchange: Exchange, kind: type, base: Any) -> Any:
        """Have the response's body recorded as it is read."""
        events = response.status_code < 400 and "event-stream" in response.headers.get("content-type", "")
        sink = _Sink(exchange, response.status_code, events=events)
        if response.is_stream_consumed:  # a transport of the agent's own, which had it all
            sink.take(response.content)
            sink.end()
            return response
        made = type("RecordedStream", (kind, base), {})()
        made.inner, made.sink = response.stream, sink
        response.stream = made
        return response


class _Transport(_Recorded):
    def handle_request(self, request: Any) -> Any:
        """Pass a request on."""
        exchange = self.ask(request)
        if exchange is None:
            return self.inner.handle_request(request)
        try:
            response = self.inner.handle_request(request)
        except Exception as error:
            exchange.fail(f"{type(error).__name__}: {error}")
            raise
        return self.tee(response, exchange, _Stream, self.library.SyncByteStream)

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


class _AsyncTransport(_Recorded):
    async def handle_async_request(self, request: Any) -> Any:
        """Pass a request on."""
        exchange = self.ask(request)
        if exchange is None:
            return await self.inner.handle_async_request(request)
        try:
            response = await self.inner.handle_async_request(request)
        except Exception as error:
            exchange.fail(f"{type(error).__name__}: {error}")
            raise
        return self.tee(response, exchange, _AsyncStream, self.library.AsyncByteStream)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.inner.aclose()


class _Sink:
    """Takes the bytes of a body on their way."""

    def __init__(self, exchange: Exchange, status: int, *, events: bool) -> None:
        self._exchange = exchange
        self._status = status
        self._events = events
        self._whole = bytearray()
        self._ended = False

    def take(self, chunk: bytes) -> None:
        if self._events:
            self._exchange.feed(chunk, self._status)
        else:
            self._whole += chunk

    def fail(self, error: BaseException) -> None:
        self._ended = True
        self._exchange.fail(f"{type(error).__name__}: {error}", self._status)

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._events:
            self._exchange.close()
            return
        self._exchange.reply(self._status, parsed(self._whole))


class _Stream:
    inner: Any
    sink: _Sink

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self.inner:
                self.sink.take(chunk)
                yield chunk
        except Exception as error:
            self.sink.fail(error)
            raise
        self.sink.end()

    def close(self) -> None:
        """Close the body; what was not read is not waited for."""
        self.sink.end()
        self.inner.close()


class _AsyncStream:
    inner: Any
    sink: _Sink

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self.inner:
                self.sink.take(chunk)
                yield chunk
        except Exception as error:
            self.sink.fail(error)
            raise
        self.sink.end()

    async def aclose(self) -> None:
        """Close the body; what was not read is not waited for."""
        self.sink.end()
        await self.inner.aclose()
