"""
A tape in the place of a service: an upstream for the recording proxy whose connections end in this process.

Each connection is a pair of sockets without an address: there is no port, and no way from there to a network. Only a
fork's tape knows another upstream, to which it lets pass what comes after it.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterable

from footage.http1.client_side import BadReply, ClientConnection, Reply
from footage.http1.headers import end_to_end
from footage.http1.server_side import Request, ServerConnection
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.replay.tape.tape_answers import Answer
from footage.replay.tape.tape_service import TapeService

__all__ = ["TapeUpstream"]

_Broken = (OSError, BadReply)


class TapeUpstream(Upstream):
    """
    A service's place, taken by a tape; `name` is the service's, as in `known_services.SERVICES`.

    `live` is where a request goes that the tape lets through.
    """

    def __init__(self, service: TapeService, name: str = "anthropic", *, live: Upstream | None = None) -> None:
        super().__init__(f"http://{name}.tape.invalid")
        self._service = service
        self._prefix = "" if name == "anthropic" else f"/via/{name}"  # as the recording has the paths
        self._live = live

    def connect(self) -> ClientConnection:
        """Return a connection to the tape."""
        near, far = socket.socketpair()
        tape = _TapeConnection(far, self._service, self._prefix, self._live)
        threading.Thread(target=tape.serve, name="footage-tape", daemon=True).start()
        return ClientConnection(near)


class _TapeConnection:
    """Answers the requests of one connection."""

    def __init__(self, far: socket.socket, service: TapeService, prefix: str, live: Upstream | None) -> None:
        self._proxy = ServerConnection(far)
        self._service = service
        self._prefix = prefix
        self._live = live

    def serve(self) -> None:
        with self._proxy.sock:
            self._proxy.serve(self._answer)

    def _answer(self, request: Request) -> None:
        body = self._proxy.body(request)
        answer = self._service.answer(request.method, self._prefix + request.target, body)
        if answer is not None:
            self._send(answer)
        elif self._live is not None:
            self._let_through(self._live, request, body)

    def _send(self, answer: Answer) -> None:
        if answer.cut and not any(answer.pieces):
            self._proxy.closing = True
            return
        self._proxy.begin(answer.status, answer.headers)
        self._write(answer.pieces, cut=answer.cut)

    def _write(self, pieces: Iterable[bytes], *, cut: bool = False) -> None:
        """Send a body of so many pieces."""
        for piece in filter(None, pieces):
            self._proxy.send(piece)
        if cut:
            self._proxy.closing = True
        else:
            self._proxy.end()

    # --- a fork, live ---

    def _let_through(self, upstream: Upstream, request: Request, body: bytes) -> None:
        """Pass a request on to the service, and its reply back as it comes."""
        try:
            with contextlib.closing(upstream.connect()) as service:
                headers = [*upstream.headers(request.headers), ("Content-Length", str(len(body)))]
                service.ask(request.method, upstream.target(request.target), headers)
                if body:
                    service.send(body)
                service.end()
                self._pass_back(service, service.read_reply())
        except _Broken:
            self._proxy.closing = True  # what the agent would see of a service that is not there

    def _pass_back(self, service: ClientConnection, reply: Reply) -> None:
        self._proxy.begin(reply.status, end_to_end(reply.headers), reply.reason)
        head = service.read_piece()
        self._service.live_reply(reply.status, head)
        self._write(itertools.chain([head], iter(service.read_piece, b"")))
