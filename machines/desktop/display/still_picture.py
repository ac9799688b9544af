"""
A picture of a screen in memory while its server sleeps: whole, and with all drawn that was asked for.

The server is not asked: a program may keep it to itself. A server that sleeps has served every request that reached it
and has drawn the pointer; one that slept before the copy and after it, and has not run between, drew nothing meanwhile.
"""

from __future__ import annotations

import time
from pathlib import Path

from footage.machines.desktop.display.framebuffer import Framebuffer

__all__ = ["StillScreen"]

_LOOK = 0.0005
"""Seconds between two looks at a server that runs."""


class StillScreen:
    """The memory of a screen, and the process that draws into it."""

    def __init__(self, framebuffer: Path, process: int) -> None:
        """Map the memory. Raises MachineError where it is no screen, OSError where it is not there."""
        self.framebuffer = Framebuffer(framebuffer)
        self._status = Path(f"/proc/{process}/status")

    def take(self, patience: float, raw: bytearray | None = None) -> tuple[bytearray, bool]:
        """
        Return the screen's bytes, and whether they are a picture that stood still; `raw` is memory to be used for them.

        A screen on which the server draws for all of `patience` seconds is copied as it is.
        """
        raw = bytearray(self.framebuffer.length) if raw is None else raw
        deadline = time.monotonic() + patience
        while True:
            before = self._asleep()
            if before is not None:
                self.framebuffer.copy_into(raw)
                if self._asleep() == before:
                    return raw, True
            if time.monotonic() >= deadline:
                if before is None:
                    self.framebuffer.copy_into(raw)
                return raw, False
            time.sleep(_LOOK)

    def close(self) -> None:
        """Let go of the memory."""
        self.framebuffer.close()

    def _asleep(self) -> str | None:
        """Return how often the server has run so far, if it sleeps; None if it runs, or waits for its turn."""
        try:
            status = self._status.read_text("ascii", "replace")
        except OSError:
            return ""  # it is gone: nothing is drawn any more
        if "\nState:\tS" not in status:
            return None
        return status.partition("\nvoluntary_ctxt_switches:")[2]
