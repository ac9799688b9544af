"""
A guest that records itself while another process acts on it.

When that process begins an action is seen from its input alone, and what the recorder hears of its requests comes
late: so the screen is kept as it was whenever input came after a pause.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from footage.replay.machines.qemu.devices import motion, press
from footage.replay.machines.vnc.gate import Gate
from footage.trajectory import Instant, Screenshot

if TYPE_CHECKING:
    from footage.replay.machines.qemu.recorder import Recorder

__all__ = ["Remote"]

_PAUSE = 0.1
"""Seconds without input that end an action; the keys of a text come sooner after each other."""
_KEPT = 16


class Remote:
    """The way to a guest with a screen of (width, height) from outside: `gate` is the door. Thread-safe."""

    def __init__(self, recorder: Recorder, screen: tuple[int, int]) -> None:
        self._recorder = recorder
        self._screen = screen
        self._lock = threading.Lock()
        self._undisturbed: deque[Screenshot] = deque(maxlen=_KEPT)
        self._touched_at = 0.0
        self._buttons = 0
        self.gate = Gate(recorder.address, self._admit, self._point)

    def before_input(self, since_ns: int) -> Screenshot:
        """
        Return the screen as it was before the first input after an instant (monotonic, in ns), else as it is now.

        A checkpoint is made at that very instant where one is due.
        """
        with self._lock:
            kept = next((shot for shot in self._undisturbed if shot.captured.monotonic_ns >= since_ns), None)
            return kept or self._mark()

    def _point(self, x: int, y: int, buttons: int) -> None:
        """Put the pointer on that very pixel, as the guest's own hands do: QEMU's server is one off here and there."""
        changed = [number for number in range(1, 8) if (buttons ^ self._buttons) >> (number - 1) & 1]
        presses = [press(number, down=bool(buttons >> (number - 1) & 1)) for number in changed]
        self._recorder.send([*motion(x, y, self._screen), *presses])
        self._buttons = buttons

    def _mark(self) -> Screenshot:
        pixels, icount = self._recorder.look(checkpoint=True)
        return Screenshot(pixels, Instant.now(), "qemu", icount)

    def _admit(self, act: Callable[[], object]) -> None:
        with self._lock:
            if time.monotonic() - self._touched_at > _PAUSE:
                self._undisturbed.append(self._mark())
            self._recorder.admit(act)
            self._touched_at = time.monotonic()
