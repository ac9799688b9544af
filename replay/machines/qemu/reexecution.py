"""
A QEMU that executes a recorded log again (`-icount …,rr=replay`): the same instructions, up to any instant.

It only goes forward. For an earlier instant a new process starts from an earlier snapshot: going back inside one
hangs QEMU 7.2.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from footage.errors import MachineError
from footage.replay.machines.desktop.keeper import Keeper
from footage.replay.machines.qemu.guests import Guest, command
from footage.replay.machines.qemu.process import Process
from footage.replay.machines.qemu.recorder import START, drive, icount_option

if TYPE_CHECKING:
    from footage.trajectory import Pixels

__all__ = ["Reexecution"]

_STUCK = 30.0
"""Seconds without a single instruction after which it is given up; a busy host is slow, but never still."""


class Reexecution:
    """A guest that does again what it did, from a snapshot on."""

    def __init__(self, guest: Guest, log: Callable[[Path], None], snapshot: Callable[[Path], str]) -> None:
        """
        Start it, stopped at the snapshot.

        `log` and `snapshot` put the files where they are told to; `snapshot` returns the snapshot's name in its file.
        Raises MissingProgram, CannotDo, MachineError.
        """
        self._target: int | None = None
        self._seen = 0
        self._keeper = Keeper("replay", within=guest.folder)
        self._end = weakref.finalize(self, self._keeper.stop)
        try:
            logged, start = self._keeper.folder / "log", self._keeper.folder / "start.qcow2"
            log(logged)
            option = icount_option("replay", logged, snapshot(start))
            self.process = Process(command(guest, icount=option, drives=[drive(start)], extra=("-S",)), start=START)
            self.icount = self._count()
            """How many instructions have been executed."""
        except BaseException:
            self.close()
            raise

    def run_to(self, icount: int) -> None:
        """Execute up to an instant, which must not lie behind. Raises MachineError where QEMU ends or stands still."""
        if self._target is not None and self._target != icount:
            self._arrive()
        if icount < self.icount:
            raise MachineError(f"Instruction {icount} is past: {self.icount} have been executed.")
        if icount > self.icount:
            self.begin(icount)
            self._arrive()

    def begin(self, icount: int) -> None:
        """
        Begin to execute up to an instant; `run_to` waits for it.

        To be called as soon as the screen has been looked at: a stopped guest's clock is at risk (see `Recorder`).
        """
        if self._target is None:
            self._seen = len(self.process.qmp.events)
            self.process.execute("replay-break", {"icount": icount})
            self.process.execute("cont")
            self._target = icount

    @property
    def reach(self) -> int:
        """The instant it is at, or on its way to."""
        return self.icount if self._target is None else self._target

    def _arrive(self) -> None:
        """Wait until it has stopped at the instant that it is on its way to."""
        if self._target is not None:
            self._wait(self._seen)
            self.icount, self._target = self._target, None

    def screen(self) -> Pixels:
        """Return the screen as it is at this instant."""
        return self.process.screendump()

    def close(self) -> None:
        """End it and remove its files. Safe to call twice."""
        if self._end.alive:
            process = getattr(self, "process", None)
            if process is not None:
                process.close()
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count(self) -> int:
        return int(self.process.execute("query-replay")["icount"])

    def _wait(self, seen: int) -> None:
        """Wait until it has stopped at the instant it was told. QEMU itself says so: see `Recorder` on questions."""
        last, since = self.icount, time.monotonic()
        while True:
            try:
                self.process.qmp.wait_for({"STOP"}, since=seen, timeout=1.0)
            except MachineError:
                if not self.process.alive:
                    raise
            else:
                return
            if (now := self._count()) != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > _STUCK:
                self.process.kill()
                raise MachineError(f"QEMU stood still after {last} instructions, and was ended.")
