"""
One client's connection to a server of footage: its requests, one after another, and the replies to them.

A body is read, and a reply is sent, piece by piece as it comes. A request that is no HTTP/1.1, or whose length can be
read in two ways, is refused with a status that says so, and the connection ends.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

import h11

from footage.http1.headers import NO_BODY, Headers, header, readable, sendable

__all__ = ["LARGEST_HEAD", "METHODS", "HungUp", "Refused", "Request", "ServerConnection"]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LARGEST_HEAD = 128 * 1024
"""Bytes of a request's first line and headers, of one chunk's first line, or of the trailers."""

_PIECE = 131072
"""Bytes that are received at once where lines are looked for: few, so that a line that is too long is seen to be."""
_SIZED_PIECE = 262144
"""Bytes of a body that are received at once: large enough to be few, small enough for a service to read along."""
_REST_SECONDS = 2.0
"""How long the rest of a refused request is still received, so that its client gets to read why."""

_log = logging.getLogger("footage")


class HungUp(Exception):
    """The client went away before its request was complete."""


class Refused(Exception):
    """A request that cannot be taken; `status` is that of the reply."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request."""

    method: str
    target: str
    """The path with its query, as it came."""
    headers: list[tuple[str, str]]
    chunked: bool
    """Whether its body comes in chunks."""
    length: int | None
    """Bytes of its body; None where they come in chunks, or where nothing was said of a body."""

    def header(self, name: str, default: str = "") -> str:
        """Return the first value of a header, by its name in lower case."""
        return header(self.headers, name, default)


class ServerConnection:
    """
    A client's connection; `sock` is closed by whoever opened it.

    Of one exchange, in this order: `read_request`, `pieces`, then `reply`, or `begin`, `send` … and `end`. All of them
    but `pieces` and `read_request` raise OSError where the client is gone.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.closing = False
        """Set it to end the connection after this exchange."""
        self._http = _connection(b"")
        self._method = ""
        self._left: int | None = 0
        """Bytes of the request's body that have not been read yet; None where they come in chunks, until their end."""
        self._ahead = b""
        """What was received with the head, or the last chunk, and comes after it."""
        self._empty = False
        """Whether the reply under way has no body, whatever its headers say."""

    def serve(self, answer: Callable[[Request], None], say_no: Callable[[Refused], None] | None = None) -> None:
        """Have every request answered, one after another, until the connection ends. Does not raise."""
        try:
            while not self.closing and (request := self.read_request()) is not None:
                answer(request)
        except Refused as no:
            self._refuse(no, say_no or self._say_no)
        except (HungUp, OSError):
            pass  # there is nobody to answer
        except h11.LocalProtocolError:
            _log.debug("A reply could not be written as HTTP.", exc_info=True)
        else:
            if self._left != 0:
                self._hear_out()

    # --- the request ---

    def read_request(self) -> Request | None:
        """Return the next request; None where the client asks no more. Raises Refused."""
        if self._http.our_state is h11.DONE and self._left == 0:
            self._http = _connection(self._ahead)
        elif self._http.our_state is not h11.IDLE:
            return None
        try:
            event = self._next()
        except HungUp:
            return None
        if not isinstance(event, h11.Request):
            return None
        self._method, self._left = event.method.decode("ascii"), None
        request = _request(event)
        if not request.chunked:
            self._left, self._ahead = request.length or 0, self._http.trailing_data[0]
        return request

    def pieces(self, limit: int | None = None) -> Iterator[bytes]:
        """
        Yield the body of the request, piece by piece as it comes; trailers are passed over.

        Raises HungUp, and Refused where it is no HTTP or has more than `limit` bytes.
        """
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            self.sock.sendall(self._http.send(go_on) or b"")
        size = 0
        for piece in self._in_chunks() if self._left is None else self._sized():
            size += len(piece)
            if limit is not None and size > limit:
                raise Refused(413, f"The request is larger than {limit:,} bytes.")
            yield piece

    def body(self, request: Request, limit: int | None = None) -> bytes:
        """Return the whole body of the request. Raises as `pieces` does, before it is sent where its length says so."""
        if limit is not None and (request.length or 0) > limit:
            raise Refused(413, f"The request is larger than {limit:,} bytes.")
        return b"".join(self.pieces(limit))

    def _sized(self) -> Iterator[bytes]:
        """Yield a body of a known length as it is received: h11 would copy it three times, to count its bytes."""
        while self._left:
            piece = self._ahead[: self._left] or self._receive(min(self._left, _SIZED_PIECE))
            self._ahead = self._ahead[len(piece) :]
            self._left -= len(piece)
            yield piece

    def _in_chunks(self) -> Iterator[bytes]:
        """Yield all of the body that is there already, then what comes next."""
        came: list[bytes | bytearray] = []
        while self._http.their_state is h11.SEND_BODY:
            event = self._event()
            if isinstance(event, h11.Data):
                came.append(event.data)
            elif event is h11.NEED_DATA and came:
                yield b"".join(came)
                came.clear()
            elif event is h11.NEED_DATA:
                self._http.receive_data(self._receive())
        self._left, self._ahead = 0, self._http.trailing_data[0]
        if came:
            yield b"".join(came)

    def _next(self) -> object:
        while (event := self._event()) is h11.NEED_DATA:
            self._http.receive_data(self._receive())
        return event

    def _event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            self.closing = True
            raise Refused(error.error_status_hint, f"This is no request of HTTP/1.1: {error}.") from error

    def _receive(self, limit: int = _PIECE) -> bytes:
        try:
            came = self.sock.recv(limit)
        except OSError as error:
            raise HungUp from error
        if not came:
            raise HungUp
        return came

    # --- the reply ---

    def reply(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Send a whole reply; its length is told."""
        head = self._head(status, [*headers, ("Content-Length", str(len(body)))])
        self._send_all(head, *([] if self._empty else [h11.Data(data=body)]), h11.EndOfMessage())

    def begin(self, status: int, headers: Headers, reason: str = "") -> None:
        """Send the head of a reply; one without a Content-Length comes in chunks, if the client knows them."""
        self._send_all(self._head(status, headers, reason))

    def send(self, piece: bytes) -> None:
        """Send a piece of the body. Where the reply has none (to HEAD, 204, 304) it is passed over."""
        if not self._empty:
            self._send_all(h11.Data(data=piece))

    def end(self) -> None:
        """End the reply, all of whose length was sent."""
        self._send_all(h11.EndOfMessage())

    def _head(self, status: int, headers: Headers, reason: str = "") -> h11.Response:
        self._empty = self._method == "HEAD" or status in NO_BODY
        said = reason.encode("latin-1", "replace") if reason else _reason(status)
        return h11.Response(status_code=status, headers=sendable(headers), reason=said)

    def _send_all(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        if data:
            self.sock.sendall(data)

    # --- the end ---

    def _refuse(self, no: Refused, say_no: Callable[[Refused], None]) -> None:
        self.closing = True
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            with contextlib.suppress(OSError):
                say_no(no)
                self._hear_out()

    def _say_no(self, no: Refused) -> None:
        self.reply(no.status, [("Content-Type", "text/plain; charset=utf-8")], f"{no.why}\n".encode())

    def _hear_out(self) -> None:
        """Receive what comes after an early reply: a closed ear would take the reply from its client."""
        until = time.monotonic() + _REST_SECONDS
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(_SIZED_PIECE):
                    return


def _connection(received: bytes) -> h11.Connection:
    """Return the state of one exchange, with what was received of it before."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
    if received:
        connection.receive_data(received)
    return connection


def _request(event: h11.Request) -> Request:
    """Return what h11 read, once it can be read in one way only. Raises Refused."""
    headers = readable(event.headers.raw_items())
    method, target = event.method.decode("ascii"), event.target.decode("ascii")
    if event.http_version not in {b"1.0", b"1.1"}:
        raise Refused(505, f"HTTP/{event.http_version.decode('ascii')} is not spoken here.")
    if method not in METHODS:
        raise Refused(501, f"{method} is not answered here.")
    if len(target) + sum(len(name) + len(value) for name, value in headers) > LARGEST_HEAD:
        raise Refused(431, f"The headers are larger than {LARGEST_HEAD} bytes.")
    length, chunked = header(headers, "content-length"), bool(header(headers, "transfer-encoding"))
    if chunked and (length or event.http_version == b"1.0"):
        raise Refused(400, "The length of the request can be read in two ways.")
    return Request(method, target, headers, chunked, int(length) if length else None)


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
