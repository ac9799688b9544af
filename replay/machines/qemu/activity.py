"""
Whether a guest has come to rest: told by how much of the time its virtual processor wants to run.

An idle guest's processor halts; what is left is its clock's ticks. The time it waits for the host's processor counts
as if it ran, so that a guest on a busy host is not mistaken for an idle one.
"""

from __future__ import annotations

import time
from pathlib import Path

from footage.errors import MachineError
from footage.replay.machines.qemu.process import Process

LOOK = 0.02
"""Seconds of one look."""
IDLE = 0.35
"""Share of the time that the processor of an idle guest may take: its ticks, under emulation."""
CALM = 3
"""Idle looks in a row that make rest."""


class Activity:
    """Watches the virtual processor of one guest."""

    def __init__(self, process: Process) -> None:
        (cpu,) = process.execute("query-cpus-fast")
        self._file = Path(f"/proc/{process.pid}/task/{cpu['thread-id']}/schedstat")

    def wanted(self) -> int:
        """Return the nanoseconds that it has run, or waited for its turn to run, so far."""
        try:
            ran, waited, _ = self._file.read_text("ascii").split()
        except (OSError, ValueError):
            raise MachineError("QEMU is gone: its processor cannot be watched.") from None
        return int(ran) + int(waited)

    def rest(self, at_most: float, *, look: float = LOOK, calm: int = CALM) -> bool:
        """Wait until the guest has been idle for `calm` looks in a row; False if it is not within `at_most` s."""
        deadline = time.monotonic() + at_most
        since, before, found = time.monotonic_ns(), self.wanted(), 0
        while True:
            time.sleep(look)
            now, wanted = time.monotonic_ns(), self.wanted()
            found = found + 1 if wanted - before < IDLE * (now - since) else 0
            if found == calm:
                return True
            if time.monotonic() > deadline:
                return False
            since, before = now, wanted
