"""
One client's connection to the proxy: requests go on as they come, replies come back as they come.

What the agent sees is what it would see without a proxy between. A service that cannot be reached, or that breaks off,
shows as a connection that ends. When the agent hangs up, that is told at once. The service is then hung up on as well:
before its reply has begun at once, in the middle of it after `REST_SECONDS`, until when the rest is read.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from footage.recorder.proxy.relay_process.upstream import HOP_BY_HOP, Connecting, Upstream, is_idle

if TYPE_CHECKING:
    from footage.recorder.proxy.listener import Proxy
    from footage.recorder.proxy.writer_process.observers import Tee

__all__ = ["ENDED", "HOLD_SECONDS", "HUNG_UP", "REST_SECONDS", "Relay"]

HOLD_SECONDS = 0.05
"""How long the piece that completes a tool call is held back at most, until the call is stored."""

_PIECE = 65536
_REQUEST_PIECE = 262144
"""Bytes of a request that are passed on at once: large enough to be few, small enough for the service to read along."""
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", "host.docker.internal"})
_NO_BODY = frozenset({204, 304})
_log = logging.getLogger("footage")

REST_SECONDS = 3.0
"""How long the rest of a reply is still read once the agent has hung up."""
HUNG_UP = "The agent hung up before the end of the reply."
ENDED = "The recording ended before the reply did."

_Broken = (OSError, http.client.HTTPException)


class Relay(BaseHTTPRequestHandler):
    """Serves one connection; its class attribute `proxy` is set by the `Proxy`."""

    proxy: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Begin a connection."""
        super().setup()
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self._tee: Tee | None = None
        self._turn = threading.Lock()
        self._asked = self._begun = self._ending = self._over = self._given_up = False
        self._gone: Callable[[], object] = bool
        """What ends the connecting that is under way."""
        self.hung_up = False
        """Whether the agent of the exchange under way is gone."""

    def finish(self) -> None:
        """End it, and those to the services that were opened for it."""
        for connection in self._connections.values():
            connection.close()
        super().finish()

    def give_up(self) -> None:
        """End the wait for a reply that is under way, from another thread."""
        self._given_up = True
        self._gone()
        for connection in tuple(self._connections.values()):
            with contextlib.suppress(OSError, AttributeError):  # it has just ended by itself
                connection.sock.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Tell, from another thread, that the exchange under way is over: nothing ends the wait for the service."""
        if self._tee is not None:
            self._tee.end(ENDED)

    def _come_to_end(self) -> None:
        """From the last piece on, it is its being passed on that says whether the agent is there."""
        self.proxy.waiting.look()
        self._ending = True

    def _hang_up(self) -> None:
        self._ending = False
        self._left()

    def _left(self) -> None:
        """Tell, from any thread, that the agent hung up; its next request may be on its way already."""
        with self._turn:
            if self.hung_up or self._ending or self._tee is None:
                return
            self.hung_up = True
            self._gone()
            if self._asked:  # else it is seen once the request has been passed on
                self._leave(self._tee)

    def _leave(self, tee: Tee) -> None:
        tee.hang_up()
        if self._begun and tee.reads_on:
            timer = threading.Timer(REST_SECONDS, self.give_up)
            timer.daemon = True
            timer.start()
            return
        if not self._begun:
            tee.end(HUNG_UP)
            self._over = True
        self.give_up()

    def log_message(self, *_: object) -> None:
        """Say nothing: paths may hold keys, and agents hang up as they please."""

    def _relay(self) -> None:
        if not self._is_local():
            self.send_error(403, "This proxy serves programs on this machine only.")
            return
        if not all(length.isdecimal() for length in self._lengths) or len(self._lengths) > 1:
            self.send_error(400, "The length of the request is none.")
            return
        self.proxy.waiting.look()  # whoever asks again hung up before
        self._asked = self._begun = self._ending = self._over = self._given_up = self.hung_up = False
        with self.proxy.busy(self), self.proxy.waiting.client(self.connection, self._left):
            upstream, path, self._tee = self.proxy.route(self.command, self.path, self.headers.items())
            try:
                self._exchange(upstream, path, self._tee)
            finally:
                if self.close_connection:
                    self._forget(upstream)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _relay  # noqa: N815 - the base class's

    def _is_local(self) -> bool:
        """Whether it is a program on this machine that asks, and no web page in somebody's browser."""
        host = self.headers.get("Host", "127.0.0.1").rpartition(":")
        name = host[0] if host[0] and host[2].isdecimal() else "".join(host)
        return name.lower() in _LOCAL_HOSTS and self.headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}

    def _exchange(self, upstream: Upstream, path: str, tee: Tee) -> None:
        try:
            connection = self._connected(upstream)
        except _Broken as error:
            if not self._hear_out(tee):
                tee.drop()
            elif not self._left_before_connected(tee):
                self._gave_up(upstream, tee, error)
            return
        try:
            if not self._send(connection, upstream, path, tee):
                tee.drop()
                return
            with self._turn:
                self._asked = True
                tee.asked()
                if self.hung_up:
                    self._leave(tee)
            response = connection.getresponse()
        except _Broken as error:
            self._gave_up(upstream, tee, error)
            return
        with self._turn:
            if self._over:
                self.close_connection = True
                return
            self._begun = True
        tee.answered(response.status, response.getheaders())
        self._answer(upstream, response, tee)

    def _hear_out(self, tee: Tee) -> bool:
        """Receive a request that is passed on to nobody; False where it did not come as a whole."""
        try:
            return self._listen(tee)
        except OSError:
            self.close_connection = True
            return False

    def _left_before_connected(self, tee: Tee) -> bool:
        """Tell of a request whose agent hung up before there was a service to pass it on to."""
        with self._turn:
            if self.hung_up:
                self.close_connection = self._asked = True
                tee.asked()
                self._leave(tee)
            return self.hung_up

    def _gave_up(self, upstream: Upstream, tee: Tee, error: Exception) -> None:
        """End the connection without a reply, which is what the agent would see of a service that is not there."""
        self.close_connection = True
        with self._turn:
            if self._over:
                return
            self._over = True
        said = ENDED if self.proxy.closed else f"{type(error).__name__}: {error}".removesuffix(": ")
        _log.warning("%s gave no reply (%s).", upstream.url, said)
        tee.end(said)

    def _cut(self, error: Exception | None = None) -> str:
        """Return why a reply broke off."""
        if self.proxy.closed:
            return ENDED
        if self.hung_up:
            return HUNG_UP
        known = f" ({type(error).__name__}: {error})" if isinstance(error, OSError) else ""
        return f"The reply was cut off before its end{known}."

    # --- to the service ---

    def _connected(self, upstream: Upstream) -> http.client.HTTPConnection:
        connection = self._connections.get(upstream.url)
        if connection is None or not is_idle(connection):
            if connection is not None:
                connection.close()
            connection = self._connections[upstream.url] = self._connect(upstream)
        return connection

    def _connect(self, upstream: Upstream) -> http.client.HTTPConnection:
        """Connect to a service for as long as the agent waits. Raises OSError."""
        connecting = Connecting(upstream)
        with self._turn:
            self._gone, gone = connecting.give_up, self.hung_up
        try:
            if gone:
                connecting.give_up()
            return connecting.wait()
        finally:
            with self._turn:
                self._gone = bool

    def _forget(self, upstream: Upstream) -> None:
        connection = self._connections.pop(upstream.url, None)
        if connection is not None:
            connection.close()

    def _send(self, connection: http.client.HTTPConnection, upstream: Upstream, path: str, tee: Tee) -> bool:
        """Pass the request on; False where the agent went away before it was complete."""
        connection.putrequest(self.command, upstream.target(path), skip_host=True, skip_accept_encoding=True)
        for name, value in upstream.headers(self.headers.items()):
            connection.putheader(name, value.encode("latin-1", "replace"))
        chunked = self._is_chunked
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif "Content-Length" in self.headers:
            connection.putheader("Content-Length", self.headers["Content-Length"])
        connection.endheaders()
        whole = self._listen(
            tee, lambda piece: self._pass_on(connection, b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        )
        if whole and chunked:
            self._pass_on(connection, b"0\r\n\r\n")
        return whole

    @property
    def _lengths(self) -> set[str]:
        """Return the lengths that the request says it has; more than one, or one that is no number, is a fault."""
        return {each.strip() for value in self.headers.get_all("Content-Length", ()) for each in value.split(",")}

    @property
    def _is_chunked(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    def _listen(self, tee: Tee, pass_on: Callable[[bytes], object] = bytes) -> bool:
        """Receive the request's body, piece by piece; False where the agent went away before it was complete."""
        try:
            for piece in self._body_in_chunks() if self._is_chunked else self._body():
                tee.sent(piece)
                pass_on(piece)
        except (EOFError, ValueError):
            self.close_connection = True
            return False
        return True

    @staticmethod
    def _pass_on(connection: http.client.HTTPConnection, piece: bytes) -> None:
        try:
            connection.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            return  # the service has heard enough: its reply says why

    def _body(self, size: int | None = None) -> Iterator[bytes]:
        length = int(self.headers.get("Content-Length") or 0) if size is None else size
        while length > 0:
            piece = self.rfile.read1(min(length, _REQUEST_PIECE))
            if not piece:
                raise EOFError
            length -= len(piece)
            yield piece

    def _body_in_chunks(self) -> Iterator[bytes]:
        """Yield the pieces of a body sent in chunks; trailers are passed over."""
        while size := int(self.rfile.readline(1024).split(b";")[0], 16):
            yield from self._body(size)
            self.rfile.readline(8)
        while self.rfile.readline(65536).strip():
            pass

    # --- back to the agent ---

    def _answer(self, upstream: Upstream, response: http.client.HTTPResponse, tee: Tee) -> None:
        empty = self.command == "HEAD" or response.status in _NO_BODY
        length = response.getheader("Content-Length")
        chunked = not empty and length is None and self.request_version != "HTTP/1.0"
        present = self._begin(response, chunked=chunked, closing=not empty and length is None and not chunked)
        if not present:
            self._hang_up()
        error = ""
        while (present or tee.reads_on) and not empty:
            try:
                piece = response.read1(_PIECE)
            except _Broken as problem:
                error = self._cut(problem)
                break
            if not piece:
                until_closed = length is None and not response.chunked
                cut = self.proxy.closed or self._given_up if until_closed else length is not None and response.length
                error = self._cut() if cut else ""
                break
            stored = tee.pass_by(piece, time.monotonic_ns() + int(HOLD_SECONDS * 1e9))
            if stored is not None and not stored.wait(HOLD_SECONDS):
                tee.ahead()
            whole = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
            present = present and self._give(whole, last=length is not None and not response.length)
        if error or not present:
            self.close_connection = True
        elif chunked:
            self._come_to_end()
            self._write(b"0\r\n\r\n")
        tee.end(error)
        response.close()
        if error or not present or response.will_close:
            self._forget(upstream)

    def _give(self, piece: bytes, *, last: bool) -> bool:
        """Pass a piece of the reply on; False where nobody is there to receive it."""
        if last:
            self._come_to_end()
        if self.hung_up:
            return False
        if not self._write(piece):
            self._hang_up()
            return False
        return True

    def _begin(self, response: http.client.HTTPResponse, *, chunked: bool, closing: bool) -> bool:
        """Send status and headers as they came; False where nobody is there to receive them."""
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if closing:
            self.close_connection = True
        try:
            self.end_headers()
        except OSError:
            return False
        return True

    def _write(self, data: bytes) -> bool:
        try:
            self.wfile.write(data)
        except OSError:
            return False
        return True
