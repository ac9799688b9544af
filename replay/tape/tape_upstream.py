"""
A tape in the place of a service: an upstream for the recording proxy whose connections end in this process.

Each connection is a pair of sockets without an address: there is no port, and no way from there to a network. Only a
fork's tape knows another upstream, to which it lets pass what comes after it.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from footage.providers.anthropic.reply_writer import Answer
from footage.recorder.proxy.relay_process.upstream import HOP_BY_HOP, Upstream
from footage.replay.tape.tape_service import TapeService

__all__ = ["TapeUpstream"]

_PIECE = 65536
_NO_BODY = frozenset({204, 304})
_Broken = (OSError, http.client.HTTPException)


class TapeUpstream(Upstream):
    """
    A service's place, taken by a tape; `name` is the service's, as in `upstream.PROVIDERS`.

    `live` is where a request goes that the tape lets through.
    """

    def __init__(self, service: TapeService, name: str = "anthropic", *, live: Upstream | None = None) -> None:
        super().__init__(f"http://{name}.tape.invalid")
        self._service = service
        self._prefix = "" if name == "anthropic" else f"/via/{name}"  # as the recording has the paths
        self._live = live

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection to the tape."""
        near, far = socket.socketpair()
        connection = http.client.HTTPConnection(self.host)
        connection.sock, connection.auto_open = near, 0
        bound: dict[str, Any] = {"service": self._service, "prefix": self._prefix, "live": self._live}
        handler = type("_Bound", (_Handler,), bound)
        threading.Thread(target=_serve, args=(handler, far), name="footage-tape", daemon=True).start()
        return connection


def _serve(handler: type[_Handler], far: socket.socket) -> None:
    with far, contextlib.suppress(OSError):
        handler(far, ("tape", 0), None)  # type: ignore[arg-type] # there is no server: a connection is all there is


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    service: TapeService
    prefix: str
    live: Upstream | None
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        body = self._body()
        answer = self.service.answer(self.command, self.prefix + self.path, body)
        if answer is not None:
            self._send(answer)
        elif self.live is not None:
            self._let_through(self.live, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - the base class's

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline(1024).split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline(8)
        self.rfile.readline(8)
        return whole

    def _send(self, answer: Answer) -> None:
        if answer.cut and not any(answer.pieces):
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status in _NO_BODY:
            self.end_headers()
            return
        self._write(answer.pieces, cut=answer.cut)

    def _write(self, pieces: Any, *, cut: bool = False) -> None:
        """End the headers, and send a body of so many pieces in chunks."""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command != "HEAD":
            for piece in filter(None, pieces):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if not cut:
                self.wfile.write(b"0\r\n\r\n")
        self.close_connection = self.close_connection or cut

    # --- a fork, live ---

    def _let_through(self, upstream: Upstream, body: bytes) -> None:
        """Pass a request on to the service, and its reply back as it comes."""
        try:
            connection = upstream.connect()
        except OSError:
            self.close_connection = True  # what the agent would see of a service that is not there
            return
        with contextlib.closing(connection):
            try:
                response = self._asked(connection, upstream, body)
                self._pass_back(response)
            except _Broken:
                self.close_connection = True

    def _asked(
        self, connection: http.client.HTTPConnection, upstream: Upstream, body: bytes
    ) -> http.client.HTTPResponse:
        connection.putrequest(self.command, upstream.target(self.path), skip_host=True, skip_accept_encoding=True)
        for name, value in upstream.headers(self.headers.items()):
            connection.putheader(name, value.encode("latin-1", "replace"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse()

    def _pass_back(self, response: http.client.HTTPResponse) -> None:
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        if response.status in _NO_BODY:
            self.end_headers()
            return
        head = response.read1(_PIECE)
        self.service.live_reply(response.status, head)
        self._write(itertools.chain([head], iter(lambda: response.read1(_PIECE), b"")))
