"""A guest that another process acts on, through its screen: what it does passes a gate, and is held for a look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from footage.machines.qemu.input.client_keys import ClientKeys
from footage.machines.qemu.input.devices import Inlet, key_event, motion, press
from footage.machines.rfb.rfb_connection import UNIX
from footage.machines.rfb.rfb_door import VncDoor
from footage.machines.rfb.rfb_gate import Gate
from footage.trajectory import Instant, Screenshot

if TYPE_CHECKING:
    from footage.machines.qemu.guests.known_guests import Guest
    from footage.machines.qemu.qemu_process import Process
    from footage.trajectory import Pixels

__all__ = ["Host", "Remote", "Unrecorded"]

CATCH_UP = 2.0
"""Seconds a guest gets to deal with the input before; emulated programs are slow."""
BREATH, _TOGETHER = 0.2, 0.5
"""Seconds it gets between two clicks, of a double click maybe, that come within so many seconds."""
_CLICKING = 0b111
"""The buttons that click; the others are the wheel."""
TURNS_TO_TAKE = 3
"""Of QEMU's main loop, after which it has read what came through a socket."""


class Host(Protocol):
    """What a guest runs in, as it is needed here; a `Recorder` is one. Thread-safe."""

    @property
    def lags(self) -> bool:
        """Whether its guest's clock stands behind the host's while the guest is busy."""
        ...

    @property
    def address(self) -> str:
        """Where its VNC server is."""
        ...

    def send(self, events: Sequence[Mapping[str, Any]]) -> object:
        """Give the guest input events, when it may have some."""
        ...

    def admit(self, act: Callable[[], object]) -> object:
        """Have something give the guest input by another way, when it may have some."""
        ...

    def rest(self, at_most: float) -> object:
        """Wait until the guest has dealt with its input, for so many seconds at most."""
        ...

    def look(self, *, checkpoint: bool = False) -> tuple[Pixels, int | None]:
        """Return the screen, and its instruction count; with `checkpoint` one is made, where one is due."""
        ...


class Unrecorded:
    """The host of a guest that does not record itself: input is taken at any time, and instants have no count."""

    lags = False

    def __init__(self, process: Callable[[], Process], rest: Callable[[float], object]) -> None:
        """`process` returns the one that the guest runs in now, `rest` waits until that is idle."""
        self._process = process
        self.rest = rest

    @property
    def address(self) -> str:
        """Where its VNC server is now."""
        return f"{UNIX}{self._process().display}"

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Give the guest input events."""
        self._process().execute("input-send-event", {"events": [*events]})

    def admit(self, act: Callable[[], object]) -> None:
        """Have something give the guest input, and QEMU take it."""
        act()
        for _ in range(TURNS_TO_TAKE):
            self._process().execute("query-status")

    def look(self, *, checkpoint: bool = False) -> tuple[Pixels, None]:  # noqa: ARG002 - there are none
        """Return the screen."""
        return self._process().screendump(), None


class Remote:
    """
    The way to a guest with a screen of (width, height) from outside. Thread-safe.

    `gate` lets clients in, `door` tells of what they do.
    """

    def __init__(self, host: Host, guest: Guest) -> None:
        self._host = host
        self._screen = guest.screen
        self._characters = guest.characters
        self._inlet = Inlet(host.send, lambda: host.rest(CATCH_UP), lambda: host.rest(BREATH), lags=host.lags)
        self._keys = ClientKeys(guest.characters)
        self._lock = threading.Lock()
        self._buttons = 0
        self._released = 0.0, (-1, -1)
        self.door = VncDoor(self._mark)
        self.gate = Gate(host.address, self._admit, self._point, self._strike, door=self.door)

    def move(self) -> None:
        """Take note that the guest runs in another process now; who is connected has lost the connection."""
        self.gate.server = self._host.address
        self._buttons = 0
        self._keys = ClientKeys(self._characters)

    def _point(self, x: int, y: int, buttons: int) -> None:
        """Put the pointer on that very pixel, as the guest's own hands do: QEMU's server is one off here and there."""
        changed = [number for number in range(1, 8) if (buttons ^ self._buttons) >> (number - 1) & 1]
        presses = [press(number, down=bool(buttons >> (number - 1) & 1)) for number in changed]
        released, there = self._released
        again = time.monotonic() - released < _TOGETHER and (x, y) == there
        if buttons & ~self._buttons & _CLICKING and not again and (x, y) != there:
            with self._lock:
                self._inlet.keep_apart(released)
        with self._lock:
            if buttons & ~self._buttons & _CLICKING and again:
                self._inlet.breathe()  # see `QemuPointer.click`; what had to wait comes without a pause
            self._inlet.send(*motion(x, y, self._screen), *presses)
        if self._buttons & ~buttons & _CLICKING:
            self._released = time.monotonic(), (x, y)
        self._buttons = buttons

    def _strike(self, symbol: int, down: bool, number: int) -> bool:
        """Press or release a key of the guest's keyboard; False where QEMU's server has to find it."""
        events = [key_event(number, down=down)] if number else self._keys.events(symbol, down=down)
        with self._lock:
            for event in events or ():
                self._inlet.send(event)
        return events is not None

    def _mark(self) -> Screenshot:
        """Look at the screen; a checkpoint is made at that very instant where one is due."""
        pixels, icount = self._host.look(checkpoint=True)
        return Screenshot(pixels, Instant.now(), "qemu", icount)

    def _admit(self, act: Callable[[], object]) -> None:
        """Have QEMU's server give the guest input: keys that only it knows."""
        with self._lock:
            self._inlet.give_keys(lambda: self._host.admit(act))
