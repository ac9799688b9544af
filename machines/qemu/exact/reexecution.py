"""
A QEMU that executes a recorded log again (`-icount …,rr=replay`): the same instructions, up to any instant.

It only goes forward. For an earlier instant a new process starts from an earlier snapshot: going back inside one
hangs QEMU 7.2.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from footage.errors import MachineError
from footage.machines.qemu.exact.log_recorder import START, drive, escaped, icount_option
from footage.machines.qemu.guests.known_guests import Guest, command
from footage.machines.qemu.qemu_process import Process
from footage.machines.shared.process_keeper import Keeper

if TYPE_CHECKING:
    from footage.trajectory import Pixels

__all__ = ["Reexecution"]

_STUCK = 30.0
"""Seconds without a single instruction after which it is given up; a busy host is slow, but never still."""


class Reexecution:
    """A guest that does again what it did, from a snapshot on."""

    def __init__(
        self, guest: Guest, log: Callable[[Path], None], snapshot: Callable[[Path], str], *, at: int, to: int
    ) -> None:
        """
        Start it from a snapshot, which was taken at instant `at`, on its way to instant `to`.

        `log` and `snapshot` put the files where they are told to; `snapshot` returns the snapshot's name in its file.
        QEMU finds its first commands in a pipe: it is stopped at the snapshot, where a long stop would be the end of
        it (see `Recorder`), and somebody who had to connect first could be slow. Raises MissingProgram, CannotDo,
        MachineError.
        """
        self._target: int | None = to if to > at else None
        self._seen = 0
        self._keeper = Keeper("replay", within=guest.folder)
        self._end = weakref.finalize(self, self._keeper.stop)
        try:
            logged, start = self._keeper.folder / "log", self._keeper.folder / "start.qcow2"
            log(logged)
            option = icount_option("replay", logged, snapshot(start))
            with self._orders(f"replay_break {to}\ncont\n" if to > at else "") as orders:
                words = command(guest, icount=option, drives=[drive(start)], extra=("-S", *orders))
                self.process = Process(words, start=START)
            self.icount = at
            """How many instructions have been executed, at the last stop."""
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
        """Begin to execute up to an instant; `run_to` waits for it."""
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

    @contextlib.contextmanager
    def _orders(self, lines: str) -> Iterator[Sequence[str]]:
        """Have lines for the human monitor wait in a pipe; yield the options that make QEMU read it."""
        pipe = self._keeper.folder / "orders"
        os.mkfifo(f"{pipe}.in", 0o600)
        Path(f"{pipe}.out").symlink_to(os.devnull)
        end = os.open(f"{pipe}.in", os.O_RDWR)
        try:
            os.write(end, lines.encode("ascii"))
            yield "-chardev", f"pipe,id=orders,path={escaped(pipe)}", "-mon", "orders"
        finally:
            os.close(end)

    def _count(self) -> int:
        return int(self.process.execute("query-replay")["icount"])

    def _wait(self, seen: int) -> None:
        """Wait until it has stopped at its target."""
        last, since = -1, time.monotonic()
        while True:
            running, now = self.process.execute("query-status")["running"], self._count()
            if now == self._target and not running:
                return
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > _STUCK:
                self.process.kill()
                raise MachineError(f"QEMU stood still after {last} instructions, and was ended.")
            with contextlib.suppress(MachineError):  # it may have told before there was anybody to listen
                self.process.qmp.wait_for({"STOP"}, since=seen, timeout=1.0)
