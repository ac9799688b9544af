"""
The qemu machine in its exact mode: a guest that records itself, so that the very same instructions can run again.

It is emulated, never under KVM, and starts from a state of its own (see exactbase.py) or from a checkpoint of another
recording. `finish` ends it and tells what it left behind.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footage.errors import CannotDo, MachineError
from footage.machines.qemu.exact.base import make_base, put_base
from footage.machines.qemu.exact.log_recorder import BUDGET, INTERVAL, Left, Recorder
from footage.machines.qemu.exact.reexecution import Reexecution
from footage.machines.qemu.exact.sameness import facts_of, same_guest
from footage.machines.qemu.guest_activity import Halts
from footage.machines.qemu.guest_agent import PACE
from footage.machines.qemu.guest_screen import Eye, Screen
from footage.machines.qemu.guests.known_guests import load_guest
from footage.machines.qemu.input.devices import Give
from footage.machines.qemu.machine import Qemu
from footage.machines.qemu.packing import unpack
from footage.machines.qemu.qemu_process import Process
from footage.machines.qemu.remote import Remote
from footage.trajectory import JSON, Instant, Pixels, Screenshot

if TYPE_CHECKING:
    from footage.machines.exact_contract import PackedSnapshot
    from footage.machines.qemu.guests.known_guests import Guest
    from footage.machines.rfb.rfb_door import VncDoor
    from footage.machines.rfb.rfb_gate import Gate
    from footage.trajectory import Action, Performed

__all__ = ["ExactQemu", "RecordedGuest"]

_WORKING_ROOM = 2 << 30
"""Bytes beside the budget: snapshots before they are packed."""


class ExactQemu(Qemu):
    """A guest that records itself. Implements `Machine` and `RecordsItself`; its class is an `ExactDriver`."""

    def __init__(
        self,
        guest: str = "desktop",
        *,
        budget: int = BUDGET,
        interval: float = INTERVAL,
        start: Callable[[Path], str] | None = None,
        pointer: tuple[int, int] | None = None,
        remote: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """
        Start it: a few seconds, and a minute more where the guest was never recorded here before (`tell` says so).

        `budget` is how many bytes its checkpoints may take, `interval` how many seconds lie between two at the least.
        `start` puts the snapshot of a checkpoint where it is told to and returns its name; `pointer` is where the
        pointer is there. With `remote` other processes find its screen in `environment`.

        Raises UsageError, CannotDo (not built, no room), MissingProgram, MachineError.
        """
        self._guest = load_guest(guest)
        self._accelerator = "tcg"
        self._states = {}
        self._keeper = None
        self._process = None
        self._icounts: list[int] = []
        check_room(self._guest.folder, budget)
        snapshot = start or put_base(make_base(self._guest, tell))
        self._recorder = Recorder(self._guest, snapshot, budget=budget, interval=interval, remote=remote)
        self._end_recorder = weakref.finalize(self, self._recorder.close)
        self._remote = Remote(self._recorder, self._guest) if remote else None
        self._marked = MarkedScreen(self._recorder)
        self._use(self._recorder.process, self._marked, pointer or self._guest.pointer)

    interval = INTERVAL
    """Seconds between two checkpoints at the least, by default."""

    @classmethod
    def recorded(cls, facts: Mapping[str, Any], *, anyway: bool = False) -> RecordedGuest:
        """Return the guest that a run was recorded on. Raises CannotDo where it is not the same any more."""
        return RecordedGuest(same_guest(facts, anyway=anyway))

    @property
    def facts(self) -> JSON:
        """What must be the same for the recording to be executed again."""
        return facts_of(self._guest)

    @property
    def capabilities(self) -> frozenset[str]:
        """As of the ordinary machine, without `snapshot`: its checkpoints are the recording's."""
        return super().capabilities - {"snapshot"}

    @property
    def environment(self) -> Mapping[str, str]:
        """`FOOTAGE_VNC`, where its VNC server is to be found (host:port); nothing unless it was started `remote`."""
        return {"FOOTAGE_VNC": self._remote.gate.address} if self._remote else {}

    @property
    def gate(self) -> Gate | None:
        """What other processes reach the guest through; None unless it was started `remote`."""
        return self._remote.gate if self._remote is not None else None

    def door(self) -> VncDoor | None:
        """Return where the input of other processes passes; None unless it was started `remote`."""
        return self._remote.door if self._remote is not None else None

    def finish(self, on_progress: Callable[[int, int], None] | None = None) -> Left:
        """End the recording, and the guest; the files stay until `close`. Raises MachineError."""
        self._running()
        return self._recorder.finish(on_progress)

    def screenshot_before(self) -> Screenshot:
        """Return the screen; a checkpoint is made at that very instant where one is due."""
        self._running()
        return self._marked.mark(checkpoint=True)

    def eye(self) -> Eye:
        """Return a second way to look at the screen, for another thread."""
        self._running()
        return MarkedEye(self._recorder)

    def perform(self, action: Action) -> Performed:
        """Carry out one action, with the instruction count before it and after each of its input events."""
        self._running()
        self._icounts[:] = [self._recorder.icount()]
        self._marked.forget()
        try:
            performed = super().perform(action)
        finally:
            self._marked.forget()
        return replace(performed, icounts=tuple(self._icounts))

    def snapshot(self, name: str) -> None:
        """Refuse: raises MachineError."""
        raise MachineError(f"No snapshot {name!r}: a guest that is being recorded has its checkpoints.")

    def restore(self, name: str) -> None:
        """Refuse: raises MachineError."""
        raise MachineError(f"A guest that is being recorded cannot go back to {name!r}.")

    def reset(self) -> None:
        """Refuse: raises MachineError."""
        raise MachineError("A guest that is being recorded cannot be reset.", hint="Start another one.")

    def close(self) -> None:
        """End it, and remove what it left. Safe to call twice."""
        super().close()
        self._end_recorder()

    def _watcher(self, process: Process) -> Halts:  # noqa: ARG002 - the recorder has it
        return Halts(self._recorder.halted)

    _pace = PACE
    _lags = True

    def _giver(self, _process: Process) -> Give:
        """Return what hands input events to the guest, and notes when."""
        icounts, recorder = self._icounts, self._recorder

        def give(events: Sequence[Mapping[str, Any]]) -> None:
            icounts.append(recorder.send(events))

        return give


class MarkedScreen(Screen):
    """
    The screen of a guest that records itself: each screenshot has its instruction count.

    An instant is looked for only where the screen is another than at the last one: as long as it shows the same, the
    count from then belongs to it.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder.process)
        self._recorder = recorder
        self._last: Screenshot | None = None

    def take(self) -> Screenshot:
        """Return the whole screen as it is now."""
        import numpy as np

        last = self._last
        if last is not None and np.array_equal(last.pixels, self.peek()):
            return replace(last, captured=Instant.now())
        return self.mark()

    def mark(self, *, checkpoint: bool = False) -> Screenshot:
        """Return the whole screen at an instant of its own."""
        pixels, icount = self._recorder.look(checkpoint=checkpoint)
        pixels.setflags(write=False)  # `take` gives it out again as long as the screen shows the same
        self._last = Screenshot(pixels, Instant.now(), "qemu", icount)
        return self._last

    def peek(self) -> Pixels:
        """Return the pixels as they are now, without an instant."""
        return self._process.screendump()

    def forget(self) -> None:
        """Have the next look be one of its own, since something has been done to the guest."""
        self._last = None


class MarkedEye(Eye):
    """A second look at the screen; only what has changed gets an instruction count."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder.process)
        self._screen = self._marked = MarkedScreen(recorder)

    def changed(self) -> bool:
        """Tell whether anything on the screen has changed since this was last asked."""
        import numpy as np

        with self._lock:
            self._check_open()
            before, self._seen = self._seen, self._marked.peek()
            return before is None or not np.array_equal(before, self._seen)


class RecordedGuest:
    """A guest that recordings were made on, to execute one of them again. Implements `ExecutesAgain`."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def execute(self, log: Path, snapshot: PackedSnapshot, *, to: int) -> Reexecution:
        """Start it from a snapshot, on its way to instant `to`. Raises MissingProgram, CannotDo, MachineError."""
        return Reexecution(
            self._guest, lambda target: unpack(log, target), _unpacked(snapshot), at=snapshot.icount, to=to
        )

    def go_on(
        self, snapshot: PackedSnapshot, *, pointer: tuple[int, int] | None, budget: int | None, remote: bool
    ) -> ExactQemu:
        """Start it from a snapshot, with a recording of its own; the arguments are those of `ExactQemu`."""
        return ExactQemu(
            self._guest.name,
            budget=BUDGET if budget is None else budget,
            start=_unpacked(snapshot),
            pointer=pointer,
            remote=remote,
        )


def _unpacked(snapshot: PackedSnapshot) -> Callable[[Path], str]:
    """Return what puts a snapshot where it is told to, and gives its name there."""

    def put(target: Path) -> str:
        unpack(snapshot.path, target)
        return snapshot.name

    return put


def check_room(folder: Path, budget: int) -> None:
    """Raise CannotDo where a recording with this budget would fill the disk."""
    free = shutil.disk_usage(folder).free
    if free < budget + _WORKING_ROOM:
        raise CannotDo(
            f"An exact recording may take {(budget + _WORKING_ROOM) / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
            f" in {folder}.",
            hint="Free some space, or give a smaller --budget.",
        )
