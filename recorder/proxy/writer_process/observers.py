"""
What a proxy remembers of a request that passes it, and of the reply.

A tee is told of everything as it passes, by the thread that passes it on, and never keeps that thread waiting: it
reads, and has a `Worker` record. Only for a tool call it hands out an event, for which the last piece may be held back.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterable
from typing import Protocol

from footage.providers.common_form import parsed
from footage.providers.contract import Provider
from footage.providers.streams.aws_events import events_reader
from footage.providers.uploads import Uploads
from footage.recorder.proxy.copy_protocol import Passing
from footage.recorder.safe_writer import Guard
from footage.recorder.wire.exchanges import Exchange
from footage.recorder.wire.run_wire import Wire
from footage.recorder.worker import Worker
from footage.trajectory import JSON, Instant, RawExchange

__all__ = ["AHEAD", "MessageTee", "NoTee", "RawTee", "Tee"]

RAW_LIMIT = 4 * 1024 * 1024
"""Bytes that are kept of the body of a request or a response which no provider reads."""

AHEAD = "A tool call was passed on before it was stored: the store took longer than 50 ms."
"""The gap where the moment that a tool call may be held back was not enough."""

_INFLATED = frozenset({"gzip", "x-gzip", "deflate"})
_READABLE = _INFLATED | {"", "identity"}
_Headers = Iterable[tuple[str, str]]


class Tee(Protocol):
    """What the proxy tells of one request, in this order; the calls do not block and do not raise."""

    reads_on: bool
    """Whether the reply is to be read to its end when the agent is gone."""

    def sent(self, piece: bytes) -> None:
        """Take a piece of the request's body, which has been passed on."""

    def asked(self) -> None:
        """Take note that the request has been passed on as a whole."""

    def answered(self, status: int, headers: _Headers) -> None:
        """Take note that the reply begins."""

    def pass_by(self, piece: bytes, until_ns: int | None = None) -> threading.Event | None:
        """
        Take a piece of the reply before it is passed on; the event, if any, is set when a tool call is stored.

        `until_ns` (monotonic) is until when it can be held back for that; None: as long as it takes.
        """

    def hang_up(self) -> None:
        """Take note that the agent is gone."""

    def ahead(self) -> None:
        """Take note that a piece was passed on before the tool call in it was stored."""

    def end(self, error: str = "") -> None:
        """Take note that the exchange is over; `error` says why the reply broke off, or never came."""

    def drop(self) -> None:
        """Take note that the request never was complete: it is forgotten."""


class NoTee:
    """Remembers nothing."""

    reads_on = False

    def sent(self, piece: bytes) -> None:
        """Let it pass."""

    def asked(self) -> None:
        """Let it pass."""

    def answered(self, status: int, headers: _Headers) -> None:
        """Let it pass."""

    def pass_by(
        self,
        piece: bytes,  # noqa: ARG002 - the protocol's signature
        until_ns: int | None = None,  # noqa: ARG002
    ) -> threading.Event | None:
        """Let it pass."""
        return None

    def hang_up(self) -> None:
        """Let it pass."""

    def ahead(self) -> None:
        """Let it pass."""

    def end(self, error: str = "") -> None:
        """Let it pass."""

    def drop(self) -> None:
        """Let it pass."""


class MessageTee:
    """An exchange with a provider's model. `retry`: the client says that it asked the same before."""

    reads_on = True

    def __init__(self, wire: Wire, worker: Worker, passing: Passing, provider: Provider, *, retry: bool) -> None:
        self._worker = worker
        self._guard = wire.guard
        self._exchange = Exchange(
            wire, started=passing.started, again=passing.again, provider=provider, path=passing.path
        )
        self._retry = retry
        self._body = bytearray()
        self._encoded = _decoder(_named(passing.headers).get("content-encoding", ""))
        self._status = 0
        self._events = False
        self._decode: Callable[[bytes], bytes] = bytes
        self._unframe: Callable[[bytes], bytes] = bytes
        self._unread = ""
        self._whole = bytearray()
        self._message: object = None
        self._asked = False
        self._until_ns = 0

    def sent(self, piece: bytes) -> None:
        """Collect the request."""
        self._body += piece

    def asked(self) -> None:
        """Record the request."""
        self._asked = True
        body, self._body = self._encoded(bytes(self._body)), bytearray()
        self._worker.do(lambda: self._exchange.open(_request(body), retry=self._retry), size=len(body))

    def answered(self, status: int, headers: _Headers) -> None:
        """See how the reply is to be read."""
        named = _named(headers)
        self._status = status
        unframe = events_reader(named.get("content-type", ""))
        self._events = status < 400 and unframe is not None
        self._unframe = unframe or bytes
        encoding = named.get("content-encoding", "")
        self._decode = _decoder(encoding)
        self._unread = "" if encoding in _READABLE else f"The reply came encoded as {encoding}: it cannot be read here."

    def pass_by(self, piece: bytes, until_ns: int | None = None) -> threading.Event | None:
        """Read the piece; record the tool calls that it completes."""
        self._until_ns = until_ns or 0
        plain = self._decode(piece)
        if self._events:
            calls = self._exchange.read(self._unframe(plain), self._status)
        else:
            self._whole += plain
            calls = self._calls_of_whole()
        return self._worker.do(lambda: self._exchange.take(calls, until_ns)) if calls else None

    def _calls_of_whole(self) -> list[JSON]:
        """Return the tool calls of a reply that is no stream, once all of it is there."""
        if self._status >= 400 or not self._whole.rstrip().endswith(b"}"):
            return []
        self._message = parsed(bytes(self._whole))
        return self._exchange.read_whole(self._message)

    def hang_up(self) -> None:
        """Record that the agent is gone, unless it has all it waits for; a retry may follow."""
        if not self._exchange.is_whole:
            self._worker.do(self._exchange.hang_up)

    def ahead(self) -> None:
        """Mark a gap at the call's last step, if that was stored too late: a look at the screen may take longer."""
        exchange, until_ns = self._exchange, self._until_ns

        def mark() -> None:
            if exchange.intended_ns > until_ns:
                self._guard.write("a gap", lambda w: w.gap(AHEAD, step=exchange.newest_step, lost=0))

        self._worker.do(mark)

    def end(self, error: str = "") -> None:
        """Record the reply, or why there is none."""
        if not self._asked:
            self.asked()
        exchange, status, whole = self._exchange, self._status, bytes(self._whole)
        error = error or self._unread
        if self._events and not self._unread:
            self._worker.do(lambda: exchange.close(error))
        elif error:
            self._worker.do(lambda: exchange.fail(error, status or None))
        else:
            message = self._message if self._message is not None else parsed(whole)
            self._worker.do(lambda: exchange.reply(status, message), size=len(whole))

    def drop(self) -> None:
        """Forget it: the service never saw it."""


class RawTee:
    """Anything else: kept raw, without keys."""

    reads_on = False

    def __init__(self, guard: Guard, worker: Worker, passing: Passing, uploads: Uploads) -> None:
        self._guard = guard
        self._uploads = uploads
        self._worker = worker
        self._method = passing.method
        self._path = ("" if passing.service == "anthropic" else f"/via/{passing.service}") + passing.path
        self._headers = passing.headers
        self._started = passing.started
        self._again = passing.again
        self._request, self._request_bytes = bytearray(), 0
        self._status: int | None = None
        self._reply_headers: list[tuple[str, str]] = []
        self._response, self._response_bytes = bytearray(), 0
        self._hung_up = ""

    def sent(self, piece: bytes) -> None:
        """Collect the request."""
        self._request += piece[: max(0, RAW_LIMIT - len(self._request))]
        self._request_bytes += len(piece)

    def asked(self) -> None:
        """Go on."""

    def answered(self, status: int, headers: _Headers) -> None:
        """Keep the status and the headers."""
        self._status, self._reply_headers = status, list(headers)

    def pass_by(
        self,
        piece: bytes,
        until_ns: int | None = None,  # noqa: ARG002 - the protocol's signature
    ) -> threading.Event | None:
        """Collect the response."""
        self._response += piece[: max(0, RAW_LIMIT - len(self._response))]
        self._response_bytes += len(piece)
        return None

    def hang_up(self) -> None:
        """Remember it."""
        self._hung_up = "The agent hung up before the end of the reply."

    def ahead(self) -> None:
        """Let it pass: there are no tool calls to wait for."""

    def drop(self) -> None:
        """Forget it."""

    def end(self, error: str = "") -> None:
        """Record it."""
        ended = Instant.now()
        size = len(self._request) + len(self._response)
        self._worker.do(lambda: self._record(ended, error or self._hung_up), size=size)

    def _record(self, ended: Instant, error: str) -> None:
        secrets = self._guard.secrets
        plain = _decoder(_named(self._reply_headers).get("content-encoding", ""))(bytes(self._response))
        asked = _decoder(_named(self._headers).get("content-encoding", ""))(bytes(self._request))
        exchange = RawExchange(
            method=secrets.clean(self._method),
            path=secrets.clean_path(self._path),
            status=self._status,
            started=self._started,
            ended=ended,
            error=secrets.clean(error),
            request_headers=secrets.clean_headers(self._headers),
            request=secrets.clean_body(asked),
            request_bytes=self._request_bytes,
            response_headers=secrets.clean_headers(self._reply_headers),
            response=secrets.clean_body(plain),
            response_bytes=self._response_bytes,
        )
        self._uploads.learn(exchange)
        self._guard.write("a raw exchange", lambda w: w.raw_exchange(exchange, again=self._again))


def _named(headers: _Headers) -> dict[str, str]:
    return {name.lower(): value.lower() for name, value in headers}


def _request(body: bytes) -> JSON:
    found = parsed(body)
    return found if isinstance(found, dict) else {"not_an_object": found}


def _decoder(encoding: str) -> Callable[[bytes], bytes]:
    """Return what undoes a content encoding piece by piece; one that is not known is left as it is."""
    if encoding not in _INFLATED:
        return bytes
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def decode(piece: bytes) -> bytes:
        try:
            return inflate.decompress(piece)
        except zlib.error:
            return b""

    return decode
