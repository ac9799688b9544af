"""
One way of a connection: bytes and file descriptors, passed on in their order.

Nobody reads more while what was read has not gone on. A descriptor travels with the first byte of the piece that it
came with, or before: the receiver takes them in order, when it comes to a request that needs one.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
from collections import deque

__all__ = ["Way"]

PIECE = 1 << 20
_MOST_DESCRIPTORS = 253
"""As many as the system lets travel with one piece."""
_ROOM = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
_buffer = bytearray(PIECE)
"""What is read stands here for the moment until it is sent: one thread does both."""


class Way:
    """From one socket to another; neither ever blocks. OSError of either shows as the end of both."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source = source
        self.target = target
        self._waiting: deque[tuple[memoryview, list[int]]] = deque()
        self.ended = False
        """Whether the source has said all that it will."""
        self._shut = False

    @property
    def waits(self) -> bool:
        """Whether the target takes no more for now."""
        return bool(self._waiting)

    def receive(self) -> tuple[memoryview, list[int]] | None:
        """Return what has come, good until the next call; None where nothing has. An end sets `ended`."""
        try:
            count, ancillary, _, _ = self.source.recvmsg_into([_buffer], _ROOM, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        except ConnectionError:
            count, ancillary = 0, []
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        self.ended = count == 0
        return memoryview(_buffer)[:count], [*descriptors]

    def send(self, piece: bytes | memoryview, descriptors: list[int]) -> None:
        """Pass a piece on, or keep what cannot go on yet. Raises OSError where the target is gone."""
        view = memoryview(piece)
        if not self._waiting:
            sent = self._push(view, descriptors)
            view, descriptors = view[sent:], [] if sent else descriptors
        if len(view) or descriptors:
            self._waiting.append((memoryview(bytes(view)), descriptors))

    def flush(self) -> None:
        """Pass on what waits, as far as it goes; then the end, where it has come. Raises OSError."""
        while self._waiting:
            view, descriptors = self._waiting.popleft()
            sent = self._push(view, descriptors)
            if sent < len(view) or (descriptors and not sent):
                self._waiting.appendleft((view[sent:], [] if sent else descriptors))
                return
        if self.ended and not self._shut:
            self._shut = True
            with contextlib.suppress(OSError):
                self.target.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Let go of the descriptors that wait."""
        for _, descriptors in self._waiting:
            _close(descriptors)
        self._waiting.clear()

    def _push(self, view: memoryview, descriptors: list[int]) -> int:
        if not len(view):
            return 0
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            sent = self.target.sendmsg([view], rights, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return 0
        except OSError:
            _close(descriptors)
            raise
        _close(descriptors)
        return sent


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
