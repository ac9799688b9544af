"""Input requests, read as the events they make: keys by their names, moves by their place on the screen."""

from __future__ import annotations

import time

from footage.machines.desktop.gate.server_connection import Server
from footage.machines.desktop.gate.x_requests import (
    CHANGE_KEYBOARD_MAPPING,
    SEND_EVENT,
    WARP_POINTER,
    XI_SEND_EVENT,
    XI_WARP_POINTER,
    Request,
)
from footage.machines.shared.key_names import name_of_symbol
from footage.trajectory import InputEvent

__all__ = ["Decoder"]

_KINDS = {2: "key_down", 3: "key_up", 4: "button_down", 5: "button_up", 6: "move"}
_SHIFT, _LEVELS = frozenset({0xFFE1, 0xFFE2}), frozenset({0xFE03, 0xFF7E})
_SHIFT_MASK = 1


class Decoder:
    """Reads the input of all clients of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._down: dict[int, str] = {}
        """The keys that are down, by code, under the names they went down by."""
        self._symbols: dict[int, int] = {}
        self.pointer = server.pointer
        """Where the pointer is, as far as is known."""

    def read(self, request: Request) -> InputEvent | None:
        """Return what a held request does; None where it is no input."""
        server, opcode, minor = self._server, request.opcode, request.minor
        if opcode == CHANGE_KEYBOARD_MAPPING:
            self._rebind(request)
            return None
        if opcode == WARP_POINTER:
            window, x, y = request.unpack("I8xhh", 8)
            return self._moved(self._place(window, x, y))
        if opcode == server.numbers.input and minor == XI_WARP_POINTER:
            (window,) = request.unpack("I", 8)
            x, y = request.unpack("ii", 24)
            return self._moved(self._place(window, x >> 16, y >> 16))
        if opcode == SEND_EVENT:
            return self._sent(request)
        if opcode == server.numbers.input and minor == XI_SEND_EVENT:
            return self._faked(request, 16)
        return self._faked(request, 4)

    def _rebind(self, request: Request) -> None:
        first, each = request.unpack("BB", 4)
        count = request.data[1]
        if each and len(request.data) >= 8 + 4 * count * each:
            self._server.bind(first, each, request.unpack(f"{count * each}I", 8))

    def _faked(self, request: Request, at: int) -> InputEvent | None:
        """Read an event that the server is to make as if a device had."""
        kind, detail = request.data[at] & 0x7F, request.data[at + 1]
        own = self._server.numbers.input_event
        by_device = own and own < kind <= own + 5
        kind = kind - own + 1 if by_device else kind
        name = _KINDS.get(kind)
        if name is None:
            return None
        if name != "move":
            return self._key(name, detail, None) if name.startswith("key") else self._button(name, detail)
        if by_device:
            return self._moved(None)
        x, y = request.unpack("hh", at + 20)
        if detail:
            return self._moved((self.pointer[0] + x, self.pointer[1] + y) if self.pointer else None)
        return self._moved((x, y))

    def _sent(self, request: Request) -> InputEvent | None:
        """Read an event that is sent to a window as if the server had made it."""
        kind, detail = request.data[12] & 0x7F, request.data[13]
        name = _KINDS.get(kind)
        if name is None or len(request.data) < 44:
            return None
        x, y = request.unpack("hh", 32)
        (state,) = request.unpack("H", 40)
        if name.startswith("key"):
            return self._key(name, detail, state)
        return self._event("move", x, y) if name == "move" else self._event(name, detail, x, y)

    # --- events ---

    def _place(self, window: int, x: int, y: int) -> tuple[int, int] | None:
        if window in self._server.roots:
            return x, y
        if window == 0:
            return (self.pointer[0] + x, self.pointer[1] + y) if self.pointer else None
        return self._server.place_in(window, x, y)

    def _moved(self, place: tuple[int, int] | None) -> InputEvent:
        if place is None:
            self.pointer = None
            return self._event("move")
        x, y = place
        self.pointer = min(max(x, 0), self._server.width - 1), min(max(y, 0), self._server.height - 1)
        return self._event("move", *self.pointer)

    def _button(self, name: str, number: int) -> InputEvent:
        return self._event(name, number, *(self.pointer or ()))

    def _key(self, name: str, code: int, state: int | None) -> InputEvent:
        symbols = self._server.keys.get(code, ())
        if name == "key_up":
            self._symbols.pop(code, None)
            return self._event(name, self._down.pop(code, "") or self._named(code, symbols, state))
        called = self._named(code, symbols, state)
        self._down[code] = called
        self._symbols[code] = symbols[0] if symbols else 0
        return self._event(name, called)

    def _named(self, code: int, symbols: tuple[int, ...], state: int | None) -> str:
        down = set(self._symbols.values())
        shifted = bool(state & _SHIFT_MASK) if state is not None else bool(down & _SHIFT)
        columns = [4 + shifted, 2 + shifted] if down & _LEVELS else []
        for column in [*columns, int(shifted), 0]:
            if column < len(symbols) and symbols[column]:
                return name_of_symbol(symbols[column])
        return f"code {code}"

    @staticmethod
    def _event(kind: str, *values: str | int) -> InputEvent:
        return InputEvent(kind, values, time.monotonic_ns())
