"""The door of a machine that other processes reach by VNC: reads what a client does, and looks before it is let in."""

from __future__ import annotations

import queue
import select
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from footage.errors import FootageError
from footage.machines.contract import Arrival, Over
from footage.machines.shared.call_inputs import Asked, InputSorter
from footage.machines.shared.key_names import name_of_symbol
from footage.trajectory import InputEvent, Screenshot

__all__ = ["VncDoor"]

_KEY, _POINTER, _QEMU = 4, 5, 255
_BUTTONS = 8
_PATIENCE, _LOOK = 10.0, 0.005
"""Seconds that clients get until all they sent is let in, and between two looks."""


@dataclass(frozen=True, slots=True)
class _Answered:
    steps: tuple[int, ...]
    since_ns: int


_Queue: TypeAlias = "queue.SimpleQueue[Arrival | Over | _Answered | None]"


class VncDoor:
    """
    Implements `Door`.

    `look` returns the screen from after all input that was given before, or None where that cannot be had; what it
    takes is how long input is held. A gate calls `let_in` with each message of a client that is input.
    """

    def __init__(self, look: Callable[[], Screenshot | None]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._sorter = InputSorter()
        self._told: _Queue | None = None
        self._pointer: tuple[int, int] | None = None
        self._buttons = 0
        self._links: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._letting_in = 0

    def listen(self, hear: Callable[[Arrival | Over], None]) -> None:
        """Have input told from now on."""
        told: _Queue = queue.SimpleQueue()
        with self._lock:
            self._sorter, self._told = InputSorter(), told
        threading.Thread(target=self._work, args=(told, hear), name="footage-door", daemon=True).start()

    def expect(self, calls: Sequence[Asked], since_ns: int) -> None:
        """Take note of calls that the agent is about to learn of."""
        with self._lock:
            for found in self._sorter.expect(calls, since_ns):
                self._tell(Arrival(found))

    def answered(self, steps: Sequence[int], since_ns: int) -> None:
        """Take note that the model is told what came of these steps."""
        with self._lock:
            if self._told is not None:
                self._told.put(_Answered(tuple(steps), since_ns))

    def close(self) -> None:
        """Tell no more. Safe to call twice."""
        with self._lock:
            told, self._told = self._told, None
        if told is not None:
            told.put(None)

    def let_in(self, message: bytes, client: object, give: Callable[[], object]) -> None:
        """
        Look at the screen where a client's message begins something, tell of it, and have it given.

        Nobody else's is looked at or given meanwhile.
        """
        with self._lock:
            for event in self._events(message):
                if self._told is None:
                    continue
                found = self._sorter.sort(event, client, self._pointer)
                shot = self._seen() if found.look else None
                self._tell(Arrival(self._sorter.let_in(found, time.monotonic_ns()), shot))
            give()

    def _work(self, told: _Queue, hear: Callable[[Arrival | Over], None]) -> None:
        while (said := told.get()) is not None:
            if not isinstance(said, _Answered):
                hear(said)
                continue
            # What a client sent before the model was told belongs to the steps, though it may not be let in yet.
            deadline = time.monotonic() + _PATIENCE
            while self._is_behind() and time.monotonic() < deadline:
                time.sleep(_LOOK)
            with self._lock:
                moved = self._sorter.answered(said.steps, said.since_ns) if said.steps else []
                self._tell(Over(said.steps, said.since_ns, tuple(moved)))

    def _is_behind(self) -> bool:
        """Tell whether a client has sent what is not let in yet."""
        with self._lock:
            links = [link for link in self._links if link.fileno() >= 0]
            return bool(self._letting_in) or bool(links and select.select(links, [], [], 0)[0])

    def join(self, link: socket.socket) -> None:
        """Take note of a client, by its connection."""
        with self._lock:
            self._links.add(link)

    def comes(self) -> None:
        """Take note of a message that has begun to come; `is_in` is called once it was let in, or dropped."""
        with self._lock:
            self._letting_in += 1

    def is_in(self) -> None:
        """Take note that a message that had come was let in, or dropped."""
        with self._lock:
            self._letting_in -= 1

    def _tell(self, arrival: Arrival | Over) -> None:
        if self._told is not None:
            self._told.put(arrival)

    def _seen(self) -> Screenshot | None:
        try:
            return self._look()
        except FootageError:  # the machine is gone, or says nothing
            return None

    def _events(self, message: bytes) -> list[InputEvent]:
        """Read a message. The pointer's tells where it is and which buttons are down."""
        now = time.monotonic_ns()
        if message[0] == _KEY:
            down, symbol = struct.unpack(">xBxxI", message)
            return [InputEvent("key_down" if down else "key_up", (name_of_symbol(symbol),), now)]
        if message[0] == _QEMU and message[1] == 0:
            down, symbol = struct.unpack_from(">HI", message, 2)
            return [InputEvent("key_down" if down else "key_up", (name_of_symbol(symbol),), now)]
        if message[0] != _POINTER:
            return []
        buttons, x, y = struct.unpack(">xBHH", message)
        found = []
        if (x, y) != self._pointer:
            self._pointer = x, y
            found.append(InputEvent("move", (x, y), now))
        for number in range(1, _BUTTONS + 1):
            if (buttons ^ self._buttons) >> (number - 1) & 1:
                down = buttons >> (number - 1) & 1
                found.append(InputEvent("button_down" if down else "button_up", (number, x, y), now))
        self._buttons = buttons
        return found
