"""
A recorder's sign of life, so that the moment it died is known even where nothing happened for long.

Whatever is written into a run is such a sign; only a pen that was silent for `BEAT_SECONDS` writes one for its own
sake. It costs one small transaction that nobody waits for to reach the disk.
"""

from __future__ import annotations

import logging
import threading

from footage.errors import StoreError
from footage.recorder.safe_writer import Guard

__all__ = ["BEAT_SECONDS", "Heartbeat"]

BEAT_SECONDS = 5.0

_log = logging.getLogger("footage")


class Heartbeat:
    """A thread that beats for one run while the store can be written, and marks the gap once it can be again."""

    def __init__(self, guard: Guard, *, every: float = BEAT_SECONDS) -> None:
        self._guard = guard
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="footage-heartbeat", daemon=True)
        if guard.writer is not None:
            self._thread.start()

    def stop(self) -> None:
        """End the thread. Safe to call twice, and in a child of `fork()`, which has no such thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        writer = self._guard.writer
        while writer is not None and not self._stopped.wait(self._every):
            try:
                if self._guard.lost:
                    self._guard.mark()
                if writer.silent_for > self._every / 2:
                    writer.heartbeat()
            except (StoreError, OSError) as error:  # the next event that is lost tells of it
                _log.debug("no sign of life: %s", error)
