"""Keeping with a run what its machine recorded of itself, so that the run can be executed exactly again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from footage.errors import MachineError, StoreError
from footage.machines.contract import Machine
from footage.machines.exact_contract import RecordsItself
from footage.recorder.recording import Recording
from footage.storage import Store
from footage.storage.exact_records import NewCheckpoint, keep_exact_recording

__all__ = ["keeping"]

_log = logging.getLogger("footage")


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
        if isinstance(machine, RecordsItself) and recording.writer is not None:
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
    store: Store, recording: Recording, machine: RecordsItself, on_progress: Callable[[int, int], None] | None
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
