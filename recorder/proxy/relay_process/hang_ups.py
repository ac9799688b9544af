"""
Who still waits for a reply: clients that hang up are noticed at once, also while nothing comes from the service.

One thread sleeps until the kernel tells of a connection that is closed. A client that only says that it will send
nothing more, and listens on, has not hung up.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Waiting"]

_LOOK_SECONDS = 0.25
"""How often one is looked at again that will send nothing more."""
_SOCKETS = Path("/proc/net/tcp")
_BROKEN = select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(slots=True, eq=False)
class _Client:
    connection: socket.socket
    gone: Callable[[], None]
    told: bool = False
    half: bool = False
    """It will send nothing more, and listened when it was last looked at."""

    def look(self) -> None:
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        events = sum(event for _, event in poll.poll(0))
        self.half = bool(events) and not events & _BROKEN and _listens(self.connection)
        if events and not self.half and not self.told:
            self.told = True
            self.gone()


class Waiting:
    """The clients that wait for replies. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[int, _Client] = {}
        self._epoll = select.epoll()
        self._wake, self._woken = socket.socketpair()
        self._epoll.register(self._woken, select.EPOLLIN)
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="footage-waiting", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def client(self, connection: socket.socket, gone: Callable[[], None]) -> Iterator[None]:
        """Call `gone`, once and from any thread, where the client closes its connection before the block ends."""
        number = connection.fileno()
        with self._lock:
            self._clients[number] = _Client(connection, gone)
            if not self._epoll.closed:
                self._epoll.register(number, select.EPOLLRDHUP | select.EPOLLET)  # told once of each
        try:
            yield
        finally:
            with self._lock:
                del self._clients[number]
                if not self._epoll.closed:
                    self._epoll.unregister(number)

    def look(self) -> None:
        """Tell of those that are gone by now; when this returns, all of them are told."""
        with self._lock:
            for client in self._clients.values():
                client.look()

    def close(self) -> None:
        """Sleep no more. Safe to call twice."""
        self._closed = True
        self._wake.close()
        self._thread.join()
        with self._lock:
            self._epoll.close()
            self._woken.close()

    def _watch(self) -> None:
        while not self._closed:
            half = any(client.half for client in tuple(self._clients.values()))
            self._epoll.poll(_LOOK_SECONDS if half else -1)
            self.look()


def _listens(connection: socket.socket) -> bool:
    """Whether the other end of a connection on this machine is still somebody's, whose socket has an inode."""
    try:
        ends = [_address(connection.getpeername()), _address(connection.getsockname())]
        rows = _SOCKETS.read_text("ascii").splitlines()[1:]
    except OSError:
        return False
    # Fields: number, local and remote address, state, queues, timers, retransmissions, user, time-out, inode.
    return any(row[1:3] == ends and row[9] != "0" for row in map(str.split, rows))


def _address(name: tuple[str, int]) -> str:
    return f"{int.from_bytes(socket.inet_aton(name[0]), 'little'):08X}:{name[1]:04X}"
