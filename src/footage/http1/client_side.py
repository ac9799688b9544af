"""A connection to a service: requests go out piece by piece, one after another, and replies come back as they come."""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass

import h11

from footage.http1.headers import NO_BODY, Headers, header, readable, sendable

__all__ = ["BadReply", "ClientConnection", "Reply"]

_LARGEST_HEAD = 128 * 1024
_PIECE = 65536


class BadReply(Exception):
    """What came is no reply of HTTP/1.1, or broke off before its end."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of a reply."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    """As they came; of a body that came in chunks, no length that is told beside them."""
    length: int | None
    """Bytes of its body; None where it comes in chunks, or until the connection ends."""
    until_closed: bool
    """Whether the end of the connection is the end of the body."""


class ClientConnection:
    """
    A connection that is open; `sock` is closed by `close`.

    Of one exchange, in this order: `ask`, `send` …, `end`, `read_reply`, `read_piece` … What sends raises OSError where
    the service listens no more; it may have answered all the same.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.left: int | None = None
        """How many bytes of a reply with a length have not been read yet."""
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._method = ""

    def ask(self, method: str, target: str, headers: Headers) -> None:
        """Send the head of a request; a Host is among the headers, and a Content-Length or the chunks it comes in."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        self._method = method
        self._send(h11.Request(method=method, target=target.encode("latin-1"), headers=sendable(headers)))

    def send(self, piece: bytes) -> None:
        """Send a piece of the body."""
        self._send(h11.Data(data=piece))

    def end(self) -> None:
        """End the request, all of whose length was sent."""
        self._send(h11.EndOfMessage())

    def read_reply(self) -> Reply:
        """Return the head of the reply; hints before it (103) are passed over. Raises BadReply, OSError."""
        begun = False
        while not isinstance(event := self._event(), h11.Response):
            if event is h11.NEED_DATA:
                if not self._receive():
                    where = "in the middle of its headers" if begun else "without a reply"
                    raise ConnectionResetError(f"The service hung up {where}")
                begun = True
        return self._begin(event)

    def _begin(self, event: h11.Response) -> Reply:
        headers = readable(event.headers.raw_items())
        chunked = bool(header(headers, "transfer-encoding"))
        if chunked:
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        length = header(headers, "content-length")
        empty = self._method == "HEAD" or event.status_code in NO_BODY
        self.left = 0 if empty else int(length) if length else None
        until_closed = not (empty or chunked or length)
        reason = event.reason.decode("latin-1")
        return Reply(event.status_code, reason, headers, int(length) if length else None, until_closed)

    def read_piece(self) -> bytes:
        """
        Return all of the body that is there already, else what comes next; nothing at the end.

        Raises BadReply where it is no HTTP, or ends too soon, OSError where the connection breaks.
        """
        came: list[bytes | bytearray] = []
        while self._http.their_state is h11.SEND_BODY:
            event = self._event()
            if isinstance(event, h11.Data):
                came.append(event.data)
            elif event is h11.NEED_DATA:
                if came:
                    break
                self._receive()
        piece = b"".join(came)
        if self.left is not None:
            self.left -= len(piece)
        return piece

    @property
    def is_idle(self) -> bool:
        """Whether another request may be sent: still open, the last exchange over, and nothing left in it."""
        if self.sock.fileno() < 0 or self._http.trailing_data != (b"", False):
            return False
        states = (self._http.our_state, self._http.their_state)
        if states not in {(h11.IDLE, h11.IDLE), (h11.DONE, h11.DONE)}:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def hang_up(self) -> None:
        """End the connection at once, from any thread; whoever reads from it sees its end."""
        self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it. Safe to call twice."""
        self.sock.close()

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self.sock.sendall(data)

    def _event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise BadReply(f"{error}"[:1].upper() + f"{error}"[1:]) from error

    def _receive(self) -> bool:
        came = self.sock.recv(_PIECE)
        self._http.receive_data(came)
        return bool(came)
