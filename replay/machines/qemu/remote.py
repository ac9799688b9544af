"""A guest that another process acts on, through its screen: what it does passes a gate, and is held for a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from footage.replay.machines.qemu.devices import motion, press
from footage.replay.machines.vnc.connection import UNIX
from footage.replay.machines.vnc.door import VncDoor
from footage.replay.machines.vnc.gate import Gate
from footage.trajectory import Instant, Screenshot

if TYPE_CHECKING:
    from footage.replay.machines.qemu.process import Process
    from footage.trajectory import Pixels

__all__ = ["Host", "Remote", "Unrecorded"]


class Host(Protocol):
    """What a guest runs in, as it is needed here; a `Recorder` is one. Thread-safe."""

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

    def look(self, *, checkpoint: bool = False) -> tuple[Pixels, int | None]:
        """Return the screen, and its instruction count; with `checkpoint` one is made, where one is due."""
        ...


class Unrecorded:
    """The host of a guest that does not record itself: input is taken at any time, and instants have no count."""

    def __init__(self, process: Callable[[], Process]) -> None:
        """`process` returns the one that the guest runs in now."""
        self._process = process

    @property
    def address(self) -> str:
        """Where its VNC server is now."""
        return f"{UNIX}{self._process().display}"

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Give the guest input events."""
        self._process().execute("input-send-event", {"events": [*events]})

    def admit(self, act: Callable[[], object]) -> None:
        """Have something give the guest input."""
        act()

    def look(self, *, checkpoint: bool = False) -> tuple[Pixels, None]:  # noqa: ARG002 - there are none
        """Return the screen."""
        return self._process().screendump(), None


class Remote:
    """
    The way to a guest with a screen of (width, height) from outside. Thread-safe.

    `gate` lets clients in, `door` tells of what they do.
    """

    def __init__(self, host: Host, screen: tuple[int, int]) -> None:
        self._host = host
        self._screen = screen
        self._buttons = 0
        self.door = VncDoor(self._mark)
        self.gate = Gate(host.address, host.admit, self._point, door=self.door)

    def move(self) -> None:
        """Take note that the guest runs in another process now; who is connected has lost the connection."""
        self.gate.server = self._host.address
        self._buttons = 0

    def _point(self, x: int, y: int, buttons: int) -> None:
        """Put the pointer on that very pixel, as the guest's own hands do: QEMU's server is one off here and there."""
        changed = [number for number in range(1, 8) if (buttons ^ self._buttons) >> (number - 1) & 1]
        presses = [press(number, down=bool(buttons >> (number - 1) & 1)) for number in changed]
        self._host.send([*motion(x, y, self._screen), *presses])
        self._buttons = buttons

    def _mark(self) -> Screenshot:
        """Look at the screen; a checkpoint is made at that very instant where one is due."""
        pixels, icount = self._host.look(checkpoint=True)
        return Screenshot(pixels, Instant.now(), "qemu", icount)
