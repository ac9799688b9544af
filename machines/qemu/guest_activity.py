"""
Whether a guest has come to rest: told by how much of the time its virtual processor runs.

An idle guest's processor halts; what is left is its clock's ticks. The time in which it could not run, since the host
was busy with something else, is left out: a guest on a busy host is neither taken for an idle one nor for a busy one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from footage.errors import MachineError
from footage.machines.qemu.qemu_process import Process

LOOK = 0.02
"""Seconds of one look."""
IDLE = 0.3
"""Share of the time that the processor of an idle guest may take: its ticks, under emulation."""
CALM = 3
"""Idle looks in a row that make rest."""
_ENOUGH = 3_000_000
"""Nanoseconds in which it could have run, below which a look tells nothing."""


class _Look(NamedTuple):
    at: int
    """All in nanoseconds."""
    ran: int
    waited: int
    runs: bool
    """Whether it runs, or waits for its turn, at this moment."""


class Activity:
    """Watches the virtual processor of one guest."""

    def __init__(self, process: Process) -> None:
        (cpu,) = process.execute("query-cpus-fast")
        self._folder = Path(f"/proc/{process.pid}/task/{cpu['thread-id']}")

    def rest(self, at_most: float, *, look: float = LOOK, calm: int = CALM) -> bool:
        """Wait until the guest has been idle for `calm` looks in a row; False if it is not within `at_most` s."""
        deadline = time.monotonic() + at_most
        before, found = self._look(), 0
        while True:
            time.sleep(look)
            now = self._look()
            found = found + 1 if _idle(before, now) else 0
            if found == calm:
                return True
            if time.monotonic() > deadline:
                return False
            before = now

    def _look(self) -> _Look:
        try:
            ran, waited, _ = (self._folder / "schedstat").read_text("ascii").split()
            state = (self._folder / "stat").read_text("ascii").rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            raise MachineError("QEMU is gone: its processor cannot be watched.") from None
        return _Look(time.monotonic_ns(), int(ran), int(waited), state == "R")


def halted(process: Process) -> bool:
    """Tell whether a guest's processor is halted at this moment, since there is nothing for it to do."""
    return "HLT=1" in process.hmp("info registers")


class Halts:
    """
    The same for an emulated guest: its processor also stands still where it waits for QEMU's other threads, so that on
    a busy host the time in which it runs tells little. What does is whether it has halted.
    """

    def __init__(self, halted: Callable[[], bool]) -> None:
        """`halted` tells whether the processor is halted at this moment, in a guest that is not stopped."""
        self._halted = halted

    def rest(self, at_most: float, *, look: float = LOOK, calm: int = CALM) -> bool:
        """Wait until it was halted at `calm` looks in a row; False if it is not within `at_most` s."""
        deadline, found = time.monotonic() + at_most, 0
        while True:
            time.sleep(look)
            found = found + 1 if self._halted() else 0
            if found == calm:
                return True
            if time.monotonic() > deadline:
                return False


def _idle(before: _Look, now: _Look) -> bool:
    """Tell whether a guest was idle between two looks."""
    could = now.at - before.at - (now.waited - before.waited)
    return not now.runs and could >= _ENOUGH and now.ran - before.ran < IDLE * could
