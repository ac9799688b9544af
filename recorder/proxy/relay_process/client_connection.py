"""
One client's connection to the proxy: requests go on as they come, replies come back as they come.

What the agent sees is what it would see without a proxy between. A service that cannot be reached, or that breaks off,
shows as a connection that ends. When the agent hangs up, that is told at once. The service is then hung up on as well:
before its reply has begun at once, in the middle of it after `REST_SECONDS`, until when the rest is read.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from footage.http1.client_side import BadReply, ClientConnection, Reply
from footage.http1.headers import NO_BODY, end_to_end
from footage.http1.server_side import HungUp, Refused, Request, ServerConnection
from footage.recorder.proxy.relay_process.upstream import Connecting, Upstream
from footage.trajectory import WEBSOCKET_REFUSED

if TYPE_CHECKING:
    from footage.recorder.proxy.listener import Proxy
    from footage.recorder.proxy.writer_process.observers import Tee

__all__ = ["ENDED", "HOLD_SECONDS", "HUNG_UP", "REST_SECONDS", "Relay"]

HOLD_SECONDS = 0.05
"""How long the piece that completes a tool call is held back at most, until the call is stored."""

_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", "host.docker.internal"})
_log = logging.getLogger("footage")

REST_SECONDS = 3.0
"""How long the rest of a reply is still read once the agent has hung up."""
HUNG_UP = "The agent hung up before the end of the reply."
ENDED = "The recording ended before the reply did."

_Broken = (OSError, BadReply)


class Relay:
    """Serves one connection that came to a proxy."""

    def __init__(self, proxy: Proxy, sock: socket.socket) -> None:
        self._proxy = proxy
        self._agent = ServerConnection(sock)
        self._connections: dict[str, ClientConnection] = {}
        self._tee: Tee | None = None
        self._turn = threading.Lock()
        self._asked = self._begun = self._ending = self._over = self._given_up = False
        self._gone: Callable[[], object] = bool
        """What ends the connecting that is under way."""
        self.hung_up = False
        """Whether the agent of the exchange under way is gone."""

    def serve(self) -> None:
        """Pass on all that is asked, until the connection ends; those to the services end with it."""
        try:
            self._agent.serve(self._relay)
        finally:
            for connection in tuple(self._connections.values()):
                connection.close()

    def give_up(self) -> None:
        """End the wait for a reply that is under way, from another thread."""
        self._given_up = True
        self._gone()
        for connection in tuple(self._connections.values()):
            with contextlib.suppress(OSError):  # it has just ended by itself
                connection.hang_up()

    def forget(self) -> None:
        """Tell, from another thread, that the exchange under way is over: nothing ends the wait for the service."""
        if self._tee is not None:
            self._tee.end(ENDED)

    def _come_to_end(self) -> None:
        """From the last piece on, it is its being passed on that says whether the agent is there."""
        self._proxy.waiting.look()
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

    def _relay(self, request: Request) -> None:
        if not _is_local(request):
            raise Refused(403, "This proxy serves programs on this machine only.")
        self._proxy.waiting.look()  # whoever asks again hung up before
        self._asked = self._begun = self._ending = self._over = self._given_up = self.hung_up = False
        with self._proxy.busy(self), self._proxy.waiting.client(self._agent.sock, self._left):
            upstream, path, self._tee = self._proxy.route(request.method, request.target, request.headers)
            if request.header("upgrade").lower() == "websocket":
                _refuse_websocket(self._tee)
            try:
                self._exchange(upstream, path, request, self._tee)
            except BaseException:
                self._forget(upstream)
                raise
            if self._agent.closing:
                self._forget(upstream)

    def _exchange(self, upstream: Upstream, path: str, request: Request, tee: Tee) -> None:
        try:
            connection = self._connected(upstream)
        except _Broken as error:
            self._hear_out(tee)
            if not self._left_before_connected(tee):
                self._gave_up(upstream, tee, error)
            return
        try:
            self._send(connection, upstream, path, request, tee)
            with self._turn:
                self._asked = True
                tee.asked()
                if self.hung_up:
                    self._leave(tee)
            reply = connection.read_reply()
        except _Broken as error:
            self._gave_up(upstream, tee, error)
            return
        with self._turn:
            if self._over:
                self._agent.closing = True
                return
            self._begun = True
        tee.answered(reply.status, reply.headers)
        self._answer(upstream, connection, request, reply, tee)

    def _left_before_connected(self, tee: Tee) -> bool:
        """Tell of a request whose agent hung up before there was a service to pass it on to."""
        with self._turn:
            if self.hung_up:
                self._agent.closing = self._asked = True
                tee.asked()
                self._leave(tee)
            return self.hung_up

    def _gave_up(self, upstream: Upstream, tee: Tee, error: Exception) -> None:
        """End the connection without a reply, which is what the agent would see of a service that is not there."""
        self._agent.closing = True
        with self._turn:
            if self._over:
                return
            self._over = True
        said = ENDED if self._proxy.closed else f"{type(error).__name__}: {error}".removesuffix(": ")
        _log.warning("%s gave no reply (%s).", upstream.url, said)
        tee.end(said)

    def _cut(self, error: Exception | None = None) -> str:
        """Return why a reply broke off."""
        if self._proxy.closed:
            return ENDED
        if self.hung_up:
            return HUNG_UP
        known = f" ({type(error).__name__}: {error})" if isinstance(error, OSError) else ""
        return f"The reply was cut off before its end{known}."

    # --- to the service ---

    def _connected(self, upstream: Upstream) -> ClientConnection:
        connection = self._connections.get(upstream.url)
        if connection is None or not connection.is_idle:
            if connection is not None:
                connection.close()
            connection = self._connections[upstream.url] = self._connect(upstream)
        return connection

    def _connect(self, upstream: Upstream) -> ClientConnection:
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

    def _send(self, connection: ClientConnection, upstream: Upstream, path: str, request: Request, tee: Tee) -> None:
        """Pass the request on. Raises what `_hear_out` raises."""
        framing = [("Transfer-Encoding", "chunked")] if request.chunked else []
        if request.length is not None:
            framing = [("Content-Length", str(request.length))]
        connection.ask(request.method, upstream.target(path), [*upstream.headers(request.headers), *framing])
        self._hear_out(tee, connection.send)
        _pass_on(connection.end)

    def _hear_out(self, tee: Tee, send: Callable[[bytes], None] | None = None) -> None:
        """Receive the request's body, piece by piece. Raises HungUp, Refused where it does not come as a whole."""
        try:
            for piece in self._agent.pieces():
                tee.sent(piece)
                if send is not None:
                    _pass_on(send, piece)
        except (HungUp, Refused):
            tee.drop()
            raise

    # --- back to the agent ---

    def _answer(
        self, upstream: Upstream, connection: ClientConnection, request: Request, reply: Reply, tee: Tee
    ) -> None:
        empty = request.method == "HEAD" or reply.status in NO_BODY
        present = self._begin(reply)
        if not present:
            self._hang_up()
        error = ""
        while (present or tee.reads_on) and not empty:
            try:
                piece = connection.read_piece()
            except _Broken as problem:
                error = self._cut(problem)
                break
            if not piece:
                error = self._cut() if reply.until_closed and (self._proxy.closed or self._given_up) else ""
                break
            stored = tee.pass_by(piece, time.monotonic_ns() + int(HOLD_SECONDS * 1e9))
            if stored is not None and not stored.wait(HOLD_SECONDS):
                tee.ahead()
            present = present and self._give(piece, last=connection.left == 0)
        if error or not present:
            self._agent.closing = True
        else:
            self._come_to_end()
            _written(self._agent.end)
        tee.end(error)
        if error or not present or not connection.is_idle:
            self._forget(upstream)

    def _give(self, piece: bytes, *, last: bool) -> bool:
        """Pass a piece of the reply on; False where nobody is there to receive it."""
        if last:
            self._come_to_end()
        if self.hung_up:
            return False
        if not _written(lambda: self._agent.send(piece)):
            self._hang_up()
            return False
        return True

    def _begin(self, reply: Reply) -> bool:
        """Send status and headers as they came; False where nobody is there to receive them."""
        return _written(lambda: self._agent.begin(reply.status, end_to_end(reply.headers), reply.reason))


def _is_local(request: Request) -> bool:
    """Whether it is a program on this machine that asks, and no web page in somebody's browser."""
    host = request.header("host", "127.0.0.1").rpartition(":")
    name = host[0] if host[0] and host[2].isdecimal() else "".join(host)
    return name.lower() in _LOCAL_HOSTS and request.header("sec-fetch-site", "none") in {"none", "same-origin"}


def _refuse_websocket(tee: Tee) -> None:
    """Record that a WebSocket was asked for, and raise Refused: what passes in one could not be recorded."""
    tee.asked()
    tee.answered(501, [])
    tee.end(WEBSOCKET_REFUSED)
    raise Refused(501, WEBSOCKET_REFUSED)


def _pass_on(send: Callable[..., None], *piece: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the service has heard enough: its reply says why
        send(*piece)


def _written(write: Callable[[], None]) -> bool:
    """Send something to the agent; False where it is gone."""
    try:
        write()
    except OSError:
        return False
    return True
