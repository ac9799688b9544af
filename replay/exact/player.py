"""
An exact recording, played: the screen of a run at any instant, byte for byte.

A process goes forward from a checkpoint to the next one, and never past it: where the recording was stopped, a replay
cannot be relied on to go on. The next one starts while it runs, so that nobody waits for it; there are never more than
these two. Where a process died, another one starts from the same checkpoint, and that is told.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from footage.errors import MachineError, UsageError
from footage.machines.exact_contract import PackedSnapshot
from footage.storage import Store
from footage.storage.artefacts import Artefacts
from footage.storage.exact_records import Checkpoint, ExactRecording, exact_recording

if TYPE_CHECKING:
    from footage.machines.exact_contract import ExecutesAgain, Execution
    from footage.trajectory import Pixels, Run

__all__ = ["ExactPlayer", "made_on", "packed_snapshot", "recording_of"]

_TRIES = 2


def recording_of(store: Store, run: str) -> ExactRecording:
    """Return a run's exact recording. Raises UsageError where it has none."""
    found = exact_recording(store, run)
    if found is None:
        raise UsageError(
            f"Run {run} was not recorded exactly.",
            hint="Record with `footage agent … --machine qemu/desktop --exact`; without --exact it is replayed"
            " anchored.",
        )
    return found


def made_on(run: Run, recording: ExactRecording, *, anyway: bool = False) -> ExecutesAgain:
    """
    Return what a run was recorded on, as it is here. Raises CannotDo where it is not the same any more.

    With `anyway` changes are let pass: whether the same comes out is then a matter of luck, and seen at every screen.
    """
    from footage.machines.opening import exact_driver_of

    return exact_driver_of(run.machine or {}).recorded(recording.facts, anyway=anyway)


def packed_snapshot(store: Store, checkpoint: Checkpoint) -> PackedSnapshot:
    """Return a checkpoint with the file that it is stored in."""
    path = Artefacts(store.database).path(checkpoint.artefact)
    return PackedSnapshot(checkpoint.name, checkpoint.icount, path)


class ExactPlayer:
    """Executes one run's recording again. A context manager."""

    def __init__(
        self,
        store: Store,
        recording: ExactRecording,
        again: ExecutesAgain,
        *,
        on_restart: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._recording = recording
        self._again = again
        self._on_restart = on_restart
        self._process: Execution | None = None
        self._from: Checkpoint | None = None
        self._ahead: _Ahead | None = None
        self._plan: list[int] = []
        self._shown: tuple[int, Pixels] | None = None
        self.restarts: list[str] = []
        """A sentence for each process that ended before its time."""

    def plan(self, instants: Sequence[int]) -> None:
        """
        Say which instants will be asked for: after each the next one is run to at once, while the caller works.

        Where the next ones lie behind another checkpoint, the process from there is started ahead.
        """
        self._plan = sorted(set(instants))

    def screen_at(self, icount: int) -> Pixels:
        """
        Return the screen at an instant.

        A process that dies on the way is started again once from the nearest checkpoint. Raises MachineError where
        that one ends too, UsageError for an instant outside the recording.
        """
        if self._shown is not None and self._shown[0] == icount:
            return self._shown[1]
        first, end = self._recording.checkpoints[0].icount, self._recording.end
        if not first <= icount <= end:
            raise UsageError(f"Instruction {icount} lies outside the recording ({first} to {end}).")
        for attempt in range(_TRIES):
            try:
                process = self._ready_for(icount)
                process.run_to(icount)
                pixels = process.screen()
                self._run_on(process, icount)
            except MachineError as error:
                self.close()
                if attempt + 1 == _TRIES:
                    raise
                self._tell(icount, error)
            else:
                self._shown = icount, pixels
                return pixels
        raise AssertionError  # the loop returns or raises

    def _run_on(self, process: Execution, icount: int) -> None:
        following = bisect_right(self._plan, icount)
        if following < len(self._plan) and self._recording.before(self._plan[following]) == self._from:
            process.begin(self._plan[following])

    def close(self) -> None:
        """End the processes. Safe to call twice."""
        try:
            self._end()
        finally:
            ahead, self._ahead = self._ahead, None
            if ahead is not None:
                ahead.close()

    def _end(self) -> None:
        """End the process that was asked last."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ready_for(self, icount: int) -> Execution:
        """Return a process that has come from the last checkpoint before an instant, and is not past it."""
        checkpoint = self._recording.before(icount)
        if self._process is not None and self._from == checkpoint and self._process.reach <= icount:
            return self._process
        self._end()
        self._process, self._from = self._started(checkpoint, icount), checkpoint
        self._start_ahead(icount)
        return self._process

    def _started(self, checkpoint: Checkpoint, icount: int) -> Execution:
        """Return a process from a checkpoint: the one that was started ahead, else a new one."""
        if self._ahead is not None and (self._ahead.checkpoint, self._ahead.icount) == (checkpoint, icount):
            process = self._ahead.take()
        else:
            if self._ahead is not None:
                self._ahead.close()
            process = self._start(checkpoint, icount)
        self._ahead = None  # only now: until it is taken, `close` ends it
        return process

    def _start(self, checkpoint: Checkpoint, icount: int) -> Execution:
        log = Artefacts(self._store.database).path(self._recording.log)
        return self._again.execute(log, packed_snapshot(self._store, checkpoint), to=icount)

    def _start_ahead(self, icount: int) -> None:
        """Begin to start the process that the plan needs next, if it is another one."""
        for instant in self._plan[bisect_right(self._plan, icount) :]:
            checkpoint = self._recording.before(instant)
            if checkpoint != self._from:
                if instant > checkpoint.icount:  # else it would be stopped there for long, which is the end of it
                    self._ahead = _Ahead(checkpoint, instant, self._start)
                return

    def _tell(self, icount: int, error: MachineError) -> None:
        name = self._recording.before(icount).name
        sentence = f"The VM's process ended ({error.message}); another one was started from the checkpoint {name}."
        self.restarts.append(sentence)
        if self._on_restart:
            self._on_restart(sentence)


class _Ahead:
    """A process that is being started from a checkpoint, on its way to an instant, before anybody waits for it."""

    def __init__(self, checkpoint: Checkpoint, icount: int, start: Callable[[Checkpoint, int], Execution]) -> None:
        self.checkpoint = checkpoint
        self.icount = icount
        self._start = start
        self._process: Execution | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="footage-ahead", daemon=True)
        self._thread.start()

    def take(self) -> Execution:
        """Wait until it is started, and return it. Raises what starting it has raised."""
        self._thread.join()
        if self._process is None:
            assert self._error is not None  # one of the two
            raise self._error
        return self._process

    def close(self) -> None:
        """End it, as soon as it is started."""
        self._thread.join()
        if self._process is not None:
            self._process.close()

    def _run(self) -> None:
        try:
            self._process = self._start(self.checkpoint, self.icount)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error
