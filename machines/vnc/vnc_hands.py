"""
The hands of a VNC machine: actions done with the keyboard and the pointer of an RFB server.

Keys travel as X symbols, characters above Latin-1 as 0x01000000 plus their code point; on which key they are is the
server's business. There are no acknowledgements, and what stands behind a server (an emulated keyboard) holds few
events at once: so events are paced.
"""

from __future__ import annotations

import string
import time
from collections.abc import Iterable, Sequence

from footage.machines.rfb.rfb_client import RfbClient
from footage.machines.shared import hands
from footage.machines.shared import key_names as keys
from footage.machines.shared.input_log import InputLog
from footage.machines.shared.key_names import Key
from footage.machines.shared.keyboard import Keyboard
from footage.machines.shared.pointer import LEFT, MIDDLE, RIGHT, Pointer
from footage.trajectory import Instant, Screenshot

__all__ = ["Hands", "VncScreen"]

PACE = 0.01
"""Seconds between two events."""
_WITH_SHIFT = dict(
    zip(
        string.ascii_lowercase + "`1234567890-=[]\\;',./", string.ascii_uppercase + '~!@#$%^&*()_+{}|:"<>?', strict=True
    )
)
_SHIFTED = frozenset(_WITH_SHIFT.values())
"""
What takes Shift on the keyboard that servers assume. A symbol must fit the state of Shift: a server that is sent `t`
while Shift is down presses Caps Lock to get there.
"""


class Hands(hands.Hands):
    """What performs actions by way of one connection."""

    def __init__(self, client: RfbClient, screen: VncScreen, log: InputLog) -> None:
        self._keys, self._mouse = VncKeyboard(client, log), VncPointer(client, log)
        super().__init__("VNC machine", self._keys, self._mouse, screen, log, catch_up=lambda: None, flush=client.sync)

    def let_go(self) -> None:
        """Release whatever is still held down."""
        self._keys.let_go()
        self._mouse.let_go()


class VncScreen:
    """The screen of a server."""

    def __init__(self, client: RfbClient, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._client.size

    def take(self) -> Screenshot:
        """Return the whole screen as it is now, the pointer drawn in where the server leaves that to its clients."""
        self._client.sync()
        return self._last()

    def seen(self, patience: float) -> Screenshot | None:
        """Return the same, from after all input that was given before; None where that takes longer, in seconds."""
        return self._last() if self._client.sync(patience) else None

    def _last(self) -> Screenshot:
        return Screenshot(self._client.picture(), Instant.now(), self._name)


class VncKeyboard(Keyboard):
    """A server's keyboard. Held keys are repeated by the server's side, as with a real one."""

    repeats_itself = True

    def __init__(self, client: RfbClient, log: InputLog) -> None:
        super().__init__(log)
        self._client = client

    def let_go(self) -> None:
        """Release the keys that are down."""
        for key in self._down[::-1]:
            self._send(key, down=False)

    def _put(self, key: Key, *, down: bool) -> None:
        name = _WITH_SHIFT.get(key.name, "") if keys.SHIFT in self._down else ""
        self._client.key(ord(name) if name else key.symbol, down=down)
        time.sleep(PACE)

    def _modifiers(self, key: Key) -> Sequence[Key]:
        return [keys.SHIFT] if key.name in _SHIFTED else []

    def _bind(self, wanted: Iterable[Key]) -> None:
        """Leave it to the server: it finds a key for every symbol that it knows."""

    def _flush(self) -> None:
        """Events are sent one by one: nothing is held back."""


class VncPointer(Pointer):
    """A server's pointer: each of its messages tells where it is, and all the buttons that are down."""

    def __init__(self, client: RfbClient, log: InputLog) -> None:
        super().__init__(log, (0, 0))
        self._client = client
        self._buttons = 0

    def let_go(self) -> None:
        """Release the buttons that are down."""
        for number in (LEFT, MIDDLE, RIGHT):
            if self._buttons & _bit(number):
                self.button(number, down=False)

    def _put_move(self, x: int, y: int) -> None:
        self._client.pointer(x, y, self._buttons)
        time.sleep(PACE)

    def _put_button(self, number: int, *, down: bool) -> None:
        self._buttons = self._buttons | _bit(number) if down else self._buttons & ~_bit(number)
        self._put_move(*self._at)

    def _flush(self) -> None:
        """Events are sent one by one: nothing is held back."""

    def _pause(self) -> None:
        """Each event has its pace already."""


def _bit(number: int) -> int:
    return 1 << (number - 1)
