"""The body of a response that is recorded as it is read, by whichever client, synchronous or not."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from footage.providers.common_form import parsed
from footage.providers.streams.aws_events import events_reader
from footage.recorder.wire.exchanges import Exchange

__all__ = ["library_of", "record_body"]


def library_of(thing: Any, *kinds: str) -> Any:
    """Return the HTTP library whose class of one of these names a thing is: `httpx2` or `httpx`; both may be loaded."""
    loaded = (sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules)
    return next(library for library in loaded if isinstance(thing, tuple(getattr(library, kind) for kind in kinds)))


def record_body(response: Any, exchange: Exchange, *, awaited: bool) -> None:
    """Have a response's body recorded as it is read; `awaited`: by an asynchronous client."""
    sink = _Sink(exchange, response)
    if response.is_stream_consumed:  # a transport of the agent's own, which had it all
        sink.take(response.content)
        sink.end()
        return
    base = getattr(library_of(response, "Response"), "AsyncByteStream" if awaited else "SyncByteStream")
    response.stream = type("RecordedBody", (_Body, base), {})(response.stream, sink)


class _Sink:
    """Takes the bytes of a body on their way: events one by one, anything else as a whole at the end."""

    def __init__(self, exchange: Exchange, response: Any) -> None:
        self._exchange = exchange
        self._status: int = response.status_code
        self._unframe = None
        if self._status < 400:
            self._unframe = events_reader(str(response.headers.get("content-type", "")))
        self._whole = bytearray()
        self._ended = False

    def take(self, chunk: bytes) -> None:
        if self._unframe is not None:
            self._exchange.feed(self._unframe(chunk), self._status)
        else:
            self._whole += chunk

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._whole or self._status >= 400:
            self._exchange.reply(self._status, parsed(self._whole))
        else:
            self._exchange.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Record how the reading of the body ends."""
        try:
            yield
        except Exception as error:
            self._ended = True
            self._exchange.fail(f"{type(error).__name__}: {error}", self._status)
            raise
        self.end()


class _Body:
    """A response's body. Of each pair of methods a client uses the one of its kind."""

    def __init__(self, body: Any, sink: _Sink) -> None:
        self._body = body
        self._sink = sink
        # Anthropic's tracing finds what it put on the body there.
        self.stream_observer = getattr(body, "stream_observer", None)

    def __iter__(self) -> Iterator[bytes]:
        with self._sink.reading():
            for chunk in self._body:
                self._sink.take(chunk)
                yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._sink.reading():
            async for chunk in self._body:
                self._sink.take(chunk)
                yield chunk

    def close(self) -> None:
        """Close the body; what was not read is not waited for."""
        self._sink.end()
        self._body.close()

    async def aclose(self) -> None:
        """Close the body; what was not read is not waited for."""
        self._sink.end()
        await self._body.aclose()
