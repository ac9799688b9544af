"""Where a fork of an exactly recorded run begins: the machine as it was at the last checkpoint before a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.replay.exact.player import made_on, packed_snapshot, recording_of
from footage.storage import Store
from footage.storage.exact_records import Checkpoint, ExactRecording
from footage.trajectory import Run, RunKind

if TYPE_CHECKING:
    from footage.machines.contract import Machine

__all__ = ["machine_at", "steps_behind"]


def steps_behind(store: Store, run: str, at: int) -> int:
    """Return how many steps of a run lie before the last checkpoint from which step `at` can be reached."""
    return _start(store, store.run(run), at)[1].step or 0


def _start(store: Store, run: Run, at: int) -> tuple[ExactRecording, Checkpoint]:
    """
    Return the last checkpoint before a step, and the recording that it is of.

    A fork's own recording begins at a checkpoint of the run it was made from: what lies before is that run's to tell.
    """
    recording = recording_of(store, run.id)
    checkpoint = recording.for_step(at)
    if (checkpoint.step or 0) <= at or run.kind is not RunKind.FORK or run.parent is None:
        return recording, checkpoint
    return _start(store, store.run(run.parent.run), at)


def machine_at(
    store: Store, source: Run, at: int, *, anyway: bool = False, budget: int | None = None, remote: bool = False
) -> Machine:
    """
    Start the machine of a run from its last checkpoint before step `at`, with a recording of its own.

    The steps from there to `at` are still to be performed (`steps_behind` says from which one on). Checkpoints were
    made while recording: those made in a replay cannot be gone on from. With `remote` other processes can reach it.
    Raises UsageError, CannotDo, MachineError.
    """
    recording, checkpoint = _start(store, source, at)
    points = [step.action.point for step in store.steps(source.id)[: checkpoint.step or 0]]
    known = [point for point in points if point is not None]
    return made_on(source, recording, anyway=anyway).go_on(
        packed_snapshot(store, checkpoint), pointer=known[-1] if known else None, budget=budget, remote=remote
    )
