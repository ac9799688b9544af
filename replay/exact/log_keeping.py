"""Keeping with a run what its machine recorded of itself, so that the run can be executed exactly again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from footage.errors import MachineError, StoreError
from footage.recorder.recording import Recording
from footage.storage import Store
from footage.storage.exact_records import NewCheckpoint, Timeline, keep_exact_recording
from footage.trajectory import JSON, Machine

__all__ = ["KeepsLog", "keeping"]

_log = logging.getLogger("footage")


class LeftBehind(Protocol):
    """What a machine's own recording consists of, in files that may be moved away."""

    @property
    def log(self) -> Path: ...
    @property
    def end(self) -> int: ...
    @property
    def checkpoints(self) -> Sequence[tuple[str, int, Path]]: ...
    @property
    def timeline(self) -> Timeline: ...
    @property
    def dropped(self) -> int: ...


@runtime_checkable
class KeepsLog(Protocol):
    """A machine that records itself: a `Machine` may offer this too."""

    @property
    def facts(self) -> JSON:
        """What must be the same for the recording to be executed again."""
        ...

    def finish(self, on_progress: Callable[[int, int], None] | None = None) -> LeftBehind:
        """End the machine's recording, and the machine; its files stay until `close`."""
        ...


@contextmanager
def keeping(
    store: Store,
    recording: Recording,
    machine: Machine | None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[None]:
    """
    Keep what the machine recorded of itself once the block is left, however that happens.

    Nothing is done for a machine that does not record itself. What cannot be kept leaves a gap with its reason: the
    run is then replayed anchored, as any other. So does a KeyboardInterrupt while it is being kept.
    """
    try:
        yield
    finally:
        if isinstance(machine, KeepsLog) and recording.writer is not None:
            recording.stop_watching()
            recording.flush()
            try:
                _keep(store, recording, machine, on_progress)
            except (MachineError, StoreError, OSError) as error:
                _lost(recording, str(error))
            except KeyboardInterrupt:
                _lost(recording, "nobody waited until it was packed")
                raise


def _lost(recording: Recording, why: str) -> None:
    reason = f"the exact recording is lost: {why}"
    _log.warning("Run %s: %s", recording.id, reason)
    recording.gap(reason)


def _keep(
    store: Store, recording: Recording, machine: KeepsLog, on_progress: Callable[[int, int], None] | None
) -> None:
    left = machine.finish(on_progress)
    assert recording.writer is not None  # looked at by the caller
    keep_exact_recording(
        store,
        recording.writer,
        log=left.log,
        end=left.end,
        checkpoints=[NewCheckpoint(name, icount, path) for name, icount, path in left.checkpoints],
        facts=machine.facts,
        timeline=left.timeline,
    )
