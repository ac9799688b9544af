"""A server's socket: each client that connects gets a thread of its own."""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Accepting", "address_of"]

_LOOK_SECONDS = 0.05
_log = logging.getLogger("footage")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        super().__init__(listener.getsockname(), socketserver.BaseRequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self._serve = serve

    def finish_request(self, request: Any, client_address: object) -> None:  # noqa: ARG002 - the base class's
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._serve(request)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's
        _log.debug("A connection broke.", exc_info=True)


class Accepting:
    """
    Has `serve` called with each connection that a listening socket gets, in a thread, until `close`.

    A connection is closed when the call returns; the socket that listens when accepting ends.
    """

    def __init__(self, listener: socket.socket, serve: Callable[[socket.socket], None], *, name: str) -> None:
        self.url = address_of(listener)
        self._server = _Server(listener, serve)
        run = self._server.serve_forever
        self._thread = threading.Thread(target=run, args=(_LOOK_SECONDS,), name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Accept nobody any more; connections that are there go on. Safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def address_of(listener: socket.socket) -> str:
    """Return `http://127.0.0.1:PORT`."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"
