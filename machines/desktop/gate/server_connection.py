"""
A connection of the gate's own to the server: what its numbers mean, which key is which, where the pointer is.

Written for a process that loads next to nothing. After the beginning nothing is waited for: a program may keep the
server to itself, and what passes must not wait for that.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from pathlib import Path

from footage.machines.desktop.display.cookies import cookie_in
from footage.machines.desktop.gate.x_requests import Numbers

__all__ = ["Server"]

_PATIENCE = 10.0
_QUERY_POINTER, _TRANSLATE, _QUERY_EXTENSION, _GET_KEYBOARD_MAPPING = 38, 40, 98, 101
_MAPPING_NOTIFY = 34
_COOKIE = b"MIT-MAGIC-COOKIE-1"


class Server:
    """The X server behind the gate. Raises OSError where it does not let us in, or does not answer."""

    def __init__(self, path: str, authority: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(_PATIENCE)
        self.socket.connect(path)
        self._data = b""
        self._sequence = 0
        self._waiting: dict[int, str] = {}
        self.keys: dict[int, tuple[int, ...]] = {}
        """The symbols of each key code, without Shift, with it, and so on."""
        self.pointer: tuple[int, int] | None = None
        """Where the pointer was when it was last asked for."""
        cookie = cookie_in(authority)
        head = struct.pack("<BxHHHHxx", 0x6C, 11, 0, len(_COOKIE), len(cookie))
        self.socket.sendall(head + _padded(_COOKIE) + _padded(cookie))
        self._begin()
        test, big, own = (self._extension(name) for name in (b"XTEST", b"BIG-REQUESTS", b"XInputExtension"))
        self.numbers = Numbers(test[0], own[0], own[1], big[0])
        self._ask_for_keys()
        self.ask_for_pointer()
        while self._waiting:
            self._take(self._receive())
        self.socket.setblocking(False)

    # --- the beginning ---

    def _begin(self) -> None:
        head = self._exactly(8)
        body = self._exactly(4 * struct.unpack_from("<H", head, 6)[0])
        if head[0] != 1:
            raise OSError(f"the X server refuses: {body[: head[1]].decode('latin-1')}")
        vendor, screens, formats = struct.unpack_from("<H2xBB", body, 16)
        self._first_key, self._last_key = body[26], body[27]
        at = 32 + (vendor + 3) // 4 * 4 + 8 * formats
        roots = []
        for _ in range(screens):
            root, width, height, depths = struct.unpack_from("<I16xHH15xB", body, at)
            roots.append((root, width, height))
            at += 40
            for _ in range(depths):
                (visuals,) = struct.unpack_from("<2xH", body, at)
                at += 8 + 24 * visuals
        self.root, self.width, self.height = roots[0]
        self.roots = frozenset(root for root, _, _ in roots)

    def _extension(self, name: bytes) -> tuple[int | None, int]:
        """Return an extension's number, and that of its first event; None where there is no such extension."""
        self._send(struct.pack("<BxHHxx", _QUERY_EXTENSION, 2 + (len(name) + 3) // 4, len(name)) + _padded(name))
        answer = self._exactly(32)
        present, opcode, event = answer[8], answer[9], answer[10]
        return (opcode if present else None), event

    def _exactly(self, count: int) -> bytes:
        while len(self._data) < count:
            self._data += self._receive()
        found, self._data = self._data[:count], self._data[count:]
        return found

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 16)
        if not data:
            raise OSError("the X server closed the connection")
        return data

    # --- afterwards ---

    def read(self) -> None:
        """Take in what the server has said, if anything. Raises OSError where it is gone."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._take(self._receive())

    def ask_for_pointer(self) -> None:
        """Ask where the pointer is; `pointer` says so once the server has answered."""
        if "pointer" not in self._waiting.values():
            self._send(struct.pack("<BxHI", _QUERY_POINTER, 2, self.root), "pointer")

    def place_in(self, window: int, x: int, y: int, patience: float = 0.005) -> tuple[int, int] | None:
        """Return a window's point on the screen; None where the server does not say so within `patience` seconds."""
        self._place: tuple[int, int] | None = None
        self._send(struct.pack("<BxHIIhh", _TRANSLATE, 4, window, self.root, x, y), "place")
        deadline = time.monotonic() + patience
        while "place" in self._waiting.values():
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            self.read()
        return self._place

    def _ask_for_keys(self) -> None:
        count = self._last_key - self._first_key + 1
        self._send(struct.pack("<BxHBBxx", _GET_KEYBOARD_MAPPING, 2, self._first_key, count), "keys")

    def _send(self, request: bytes, what: str = "") -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        if what:
            self._waiting[self._sequence] = what
        with contextlib.suppress(BlockingIOError):  # a server that is kept busy for so long: then it is not asked
            self.socket.send(request)

    def _take(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= 32:
            kind = self._data[0]
            size = 32 + (4 * struct.unpack_from("<I", self._data, 4)[0] if kind in {1, 35} else 0)
            if len(self._data) < size:
                return
            said, self._data = self._data[:size], self._data[size:]
            if kind in {0, 1}:
                self._answered(self._waiting.pop(struct.unpack_from("<H", said, 2)[0], ""), said)
            elif kind & 0x7F == _MAPPING_NOTIFY and said[4] == 1 and "keys" not in self._waiting.values():
                self._ask_for_keys()

    def _answered(self, what: str, said: bytes) -> None:
        if said[0] == 0:
            return
        if what == "pointer":
            x, y = struct.unpack_from("<hh", said, 16)
            self.pointer = x, y
        elif what == "place":
            x, y = struct.unpack_from("<hh", said, 12)
            self._place = x, y
        elif what == "keys" and said[1]:
            self.bind(self._first_key, said[1], struct.unpack_from(f"<{(len(said) - 32) // 4}I", said, 32))

    def bind(self, first: int, each: int, symbols: tuple[int, ...]) -> None:
        """Take note of the symbols of key codes from `first` on, `each` for every one of them."""
        for number in range(len(symbols) // each):
            self.keys[first + number] = symbols[number * each : (number + 1) * each]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
