"""Where a proxy sends what it receives: a service's base address, and connections to it."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterable
from functools import cached_property
from urllib.parse import SplitResult, quote, unquote, urlsplit

from footage.errors import UsageError
from footage.http1.client_side import ClientConnection
from footage.http1.headers import HOP_BY_HOP

__all__ = ["Connecting", "Upstream"]

_CONNECT_SECONDS = 60.0
_SILENCE_SECONDS = 3600.0
"""A service that says nothing for so long is gone. Agents have time-outs of their own, which are much shorter."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that no proxy leads to."""
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"


class Upstream:
    """One service. Raises UsageError for an address that is none."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base.strip())
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1:
            raise UsageError(f"{base!r} is no address of a service.", hint="It looks like https://api.anthropic.com")
        self.base = base.strip()
        """The address as it was given, with a user and password that it may hold."""
        self.host = parts.hostname
        self.secure = parts.scheme == "https"
        self.port = port or (443 if self.secure else 80)
        self.base_path = parts.path.rstrip("/")
        self.authority = parts.netloc.rpartition("@")[2]
        """The Host header."""
        self._login = parts.netloc.rpartition("@")[0]

    @property
    def url(self) -> str:
        """The base address, without a user and password that it may hold."""
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.base_path}"

    def target(self, path: str) -> str:
        """Return what is asked for: the base path and `path`, with its query, as the service sees it."""
        return quote(self.base_path + path, safe=_URL_SAFE, encoding="latin-1") or "/"

    def headers(self, given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return a client's headers as they are passed on; replies are asked for uncompressed."""
        kept = list(given)
        named = {
            name.strip().lower() for key, value in kept if key.lower() == "connection" for name in value.split(",")
        }
        left_out = HOP_BY_HOP | named | {"host", "accept-encoding", "expect", "content-length"}
        passed = [(name, value) for name, value in kept if name.lower() not in left_out]
        if self._login and not any(name.lower() == "authorization" for name, _ in kept):
            passed.append(("Authorization", f"Basic {base64.b64encode(unquote(self._login).encode()).decode()}"))
        return [("Host", self.authority), *passed, ("Accept-Encoding", "identity")]

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def connect(self) -> ClientConnection:
        """Open a connection, by way of the proxy that the environment names for this host. Raises OSError, BadReply."""
        tunnel = self._way_out()
        host, port = (tunnel.hostname or "", tunnel.port or 80) if tunnel is not None else (self.host, self.port)
        sock = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if tunnel is not None:
                self._dig(sock, tunnel)
            if self.secure:
                sock = self._context.wrap_socket(sock, server_hostname=self.host)
            sock.settimeout(_SILENCE_SECONDS)
        except BaseException:
            sock.close()
            raise
        return ClientConnection(sock)

    def _dig(self, sock: socket.socket, tunnel: SplitResult) -> None:
        """Have the proxy of a network lead a connection on to this service."""
        there = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        headers = [("Host", there)]
        if tunnel.username:
            login = f"{unquote(tunnel.username)}:{unquote(tunnel.password or '')}"
            headers.append(("Proxy-Authorization", f"Basic {base64.b64encode(login.encode()).decode()}"))
        gate = ClientConnection(sock)
        gate.ask("CONNECT", there, headers)
        gate.end()
        reply = gate.read_reply()
        if not 200 <= reply.status < 300:
            raise ConnectionRefusedError(f"The network's proxy opened no tunnel: {reply.status} {reply.reason}")

    def _way_out(self) -> SplitResult | None:
        proxies = urllib.request.getproxies()
        named = proxies.get("https" if self.secure else "http") or proxies.get("all")
        if not named or self.host in _HERE or urllib.request.proxy_bypass(f"{self.host}:{self.port}"):
            return None
        found = urlsplit(named if "://" in named else f"http://{named}")
        return found if found.scheme == "http" and found.hostname else None


class Connecting:
    """A connection that another thread opens: whoever waits for it can be told, from any thread, to wait no more."""

    def __init__(self, upstream: Upstream) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._connection: ClientConnection | None = None
        self._error: Exception | None = None
        threading.Thread(target=self._connect, args=(upstream,), name="footage-connecting", daemon=True).start()

    def wait(self) -> ClientConnection:
        """Return the connection. Raises what `Upstream.connect` raises, ConnectionAbortedError once it is given up."""
        self._over.wait()
        if self._connection is None:
            raise self._error or ConnectionAbortedError("nobody waits for it any more")
        return self._connection

    def give_up(self) -> None:
        """Wait no more; a connection that comes later is closed. One that is there stays."""
        with self._lock:
            self._over.set()

    def _connect(self, upstream: Upstream) -> None:
        connection: ClientConnection | None = None
        error: Exception | None = None
        try:
            connection = upstream.connect()
        except Exception as problem:  # noqa: BLE001 - raised where it is waited for
            error = problem
        with self._lock:
            late = self._over.is_set()
            if not late:
                self._connection, self._error = connection, error
            self._over.set()
        if late and connection is not None:
            connection.close()
