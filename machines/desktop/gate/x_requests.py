"""
Requests of an X client, as they pass: where each begins, and which of them are input.

A request says how long it is, so that what it asks for need not be known. Nothing is changed. A stream that cannot be
followed is passed on unread: a program must never be hurt by being watched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Numbers", "Request", "RequestReader"]

WARP_POINTER, SEND_EVENT, CHANGE_KEYBOARD_MAPPING = 41, 25, 100
FAKE_INPUT = 2
"""XTEST's request."""
XI_SEND_EVENT, XI_WARP_POINTER = 31, 41
_BIG_ENABLE = 0
_INPUT_EVENTS = frozenset({2, 3, 4, 5, 6})
"""Keys and buttons that go down and up, and motion."""
_LONGEST = 1 << 16
"""Bytes of a request that is held; an input has far fewer."""
_ORDERS = {0x6C: "<", 0x42: ">"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the server calls the requests of its extensions; None where it has no such extension."""

    test: int | None
    input: int | None
    input_event: int
    """The first of XInput's events."""
    big: int | None


class Request(NamedTuple):
    """A request that is held: its whole bytes, and the byte order of its client."""

    data: bytes
    order: str

    @property
    def opcode(self) -> int:
        """The request's number; of an extension, that of the extension."""
        return self.data[0]

    @property
    def minor(self) -> int:
        """The second byte: within an extension, the request's number."""
        return self.data[1]

    def unpack(self, form: str, offset: int) -> tuple[int, ...]:
        """Return numbers at an offset, in a form of `struct` without its byte order."""
        return struct.unpack_from(self.order + form, self.data, offset)


class RequestReader:
    """
    Follows what one client sends.

    `feed` yields what may go on at once as bytes, and each input (or change of the keyboard) as a `Request`, in order.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._order = ""
        self._rest = b""
        """The beginning of something that is not whole yet."""
        self._skip = 0
        """Bytes of a request that are still to come and go on unread."""
        self._unread = False
        self._big = False

    def feed(self, piece: bytes) -> Iterator[bytes | Request]:
        """Take what the client sent next."""
        if self._unread:
            yield piece
            return
        if self._skip >= len(piece) and not self._rest:
            self._skip -= len(piece)
            yield piece
            return
        whole = self._rest + piece
        self._rest = b""
        begin, at = 0, self._skip
        self._skip = 0
        end = len(whole)
        while at < end:
            length, kept = self._next(whole, at)
            if self._unread:
                at = end
                break
            if not length or (kept and at + length > end):
                self._rest = whole[at:]
                break
            if kept:
                if at > begin:
                    yield whole[begin:at]
                yield Request(whole[at : at + length], self._order)
                begin = at + length
            at += length
        if at > end:
            self._skip = at - end
            at = end
        if at > begin:
            yield whole[begin:at]

    def _next(self, data: bytes, at: int) -> tuple[int, bool]:
        """Return the length of what begins there, and whether it is held; 0 where that cannot be told yet."""
        left = len(data) - at
        if not self._order:
            return self._setup(data, at, left), False
        if left < 4:
            return 0, False
        opcode, minor, units = struct.unpack_from(self._order + "BBH", data, at)
        head = 4
        if units == 0 and self._big:
            head = 8
            if left < 8:
                return 0, False
            (units,) = struct.unpack_from(self._order + "I", data, at + 4)
        length = units * 4
        if length < head:
            self._unread = True
            return 0, False
        if opcode == self._numbers.big and minor == _BIG_ENABLE:
            self._big = True
        return length, length <= _LONGEST and self._is_held(opcode, minor, data, at, left)

    def _setup(self, data: bytes, at: int, left: int) -> int:
        """Return the length of a client's first words, with whatever it proves itself by."""
        if data[at] not in _ORDERS:
            self._unread = True
            return 0
        if left < 12:
            return 0
        order = _ORDERS[data[at]]
        name, proof = struct.unpack_from(order + "HH", data, at + 6)
        self._order = order
        return 12 + (int(name) + 3) // 4 * 4 + (int(proof) + 3) // 4 * 4

    def _is_held(self, opcode: int, minor: int, data: bytes, at: int, left: int) -> bool:
        numbers = self._numbers
        if opcode == SEND_EVENT:  # most are messages between programs
            return left <= 12 or self._is_input(data[at + 12])
        if opcode in {WARP_POINTER, CHANGE_KEYBOARD_MAPPING}:
            return True
        if opcode == numbers.test:
            return minor == FAKE_INPUT
        return opcode == numbers.input and minor in {XI_SEND_EVENT, XI_WARP_POINTER}

    @staticmethod
    def _is_input(kind: int) -> bool:
        return kind & 0x7F in _INPUT_EVENTS
