"""Serving the viewer on this machine alone."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer, WSGIRequestHandler

from footage.errors import CannotDo, UsageError
from footage.storage import Store
from footage.viewer.access import new_token
from footage.viewer.app import create_app

if TYPE_CHECKING:
    from flask import Flask

    from footage.viewer.routes import Viewer

__all__ = ["make_viewer", "serve"]

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}


class _Quiet(WSGIRequestHandler):
    """Logs nothing: the first request's line holds the token. A request that does not arrive is given up."""

    timeout = 30  # seconds without a byte; a thread waits for each

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's own name
        """Drop it."""


class _Server(ThreadedWSGIServer):
    """Ends with everything that its pages began."""

    def __init__(self, host: str, port: int, app: Flask, fd: int) -> None:
        self._viewer: Viewer | None = None  # werkzeug closes a socket of its own first
        super().__init__(host, port, app, _Quiet, fd=fd)
        self._viewer = app.extensions["footage"]

    def server_close(self) -> None:
        super().server_close()
        if self._viewer is not None:
            self._viewer.close()


def make_viewer(
    store: Store, *, host: str = "127.0.0.1", port: int = 0, machine: str | None = None
) -> tuple[BaseWSGIServer, str]:
    """
    Return a server that listens already, and the address to open (its token included).

    Port 0 takes any free one. Raises UsageError for a host that is not this machine, CannotDo for a port in use.
    """
    if host not in _LOOPBACK:
        hint = "Leave --host out; to look from elsewhere, forward the port through ssh."
        raise UsageError(f"The viewer listens on this machine only, not on {host}.", hint=hint)
    if not 0 <= port <= 65535:
        raise UsageError(f"{port} is no port.", hint="Ports are 1 to 65535; 0 takes any free one.")
    token = new_token()
    with _listen(_LOOPBACK[host], port) as listener:
        app = create_app(store, token=token, machine=machine)
        server = _Server(_LOOPBACK[host], port, app, listener.fileno())
    name = f"[{host}]" if ":" in host else host
    return server, f"http://{name}:{server.port}/?token={token}"


def _listen(address: str, port: int) -> socket.socket:
    """Return a listening socket: werkzeug's own would end the process where the port is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            hint = "Name another with --port, or leave it out for any free one."
            raise CannotDo(f"Port {port} is in use by another program.", hint=hint) from error
        raise CannotDo(f"The viewer cannot listen on {address}, port {port}: {error.strerror}.") from error
    return listener


def serve(
    store: Store,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    machine: str | None = None,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """
    Serve until Ctrl-C. `on_ready` is called once with the address to open.

    Raises what `make_viewer` raises.
    """
    server, url = make_viewer(store, host=host, port=port, machine=machine)
    try:
        if on_ready is not None:
            on_ready(url)
        server.serve_forever()  # returns on Ctrl-C
    finally:
        server.server_close()
