"""
Pictures on their way into the store: encoded by one worker thread, never by the agent's.

The queue is bounded by bytes. When it is full, the oldest `between` frames are dropped first (and counted as a gap);
frames before and after an action are never dropped: whoever brings one waits for room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from footage.recorder.safe_writer import Guard
from footage.recorder.work_queue import WorkQueue
from footage.storage.file.forks import between_forks, watch_forks
from footage.trajectory import FrameRole, Instant, Pixels, Region, Screenshot

__all__ = ["PictureQueue", "QueuedFrame", "queued"]


@dataclass(slots=True, eq=False)
class QueuedFrame:
    """A frame to be stored; the arguments of `RunWriter.frame`."""

    picture: Pixels | bytes
    captured: Instant
    roles: Sequence[tuple[int, FrameRole]]
    display: str = ""
    screen: tuple[int, int] | None = None
    region: Region | None = None
    source: str = "machine"
    icount: int | None = None

    @property
    def size(self) -> int:
        """Bytes it holds in memory."""
        return len(self.picture) if isinstance(self.picture, bytes) else int(self.picture.nbytes)

    @property
    def droppable(self) -> bool:
        """Whether it shows only what happened between actions."""
        return bool(self.roles) and all(role is FrameRole.BETWEEN for _, role in self.roles)


def queued(shot: Screenshot, roles: Sequence[tuple[int, FrameRole]]) -> QueuedFrame:
    """Return a machine's whole screen as a frame to be stored."""
    return QueuedFrame(shot.pixels, shot.captured, roles, shot.display, shot.size, icount=shot.icount)


class PictureQueue:
    """
    Frames in the order they came, and the thread that stores them. `limit` is in bytes.

    With a strict guard, what failed in the thread is raised by the next `put`, `flush` or `close`.
    """

    def __init__(self, guard: Guard, *, limit: int = 256 * 1024 * 1024) -> None:
        self._guard = guard
        self._limit = limit
        self._dropped = 0
        self._closed = False
        self._error: Exception | None = None
        self._queue = WorkQueue[QueuedFrame]("footage-pictures", self._carry_out)
        watch_forks(self)

    def after_fork(self) -> None:
        """Leave to the parent what was lost there; a child, which has no such thread, stores each frame at once."""
        self._dropped = 0

    def put(self, frame: QueuedFrame) -> None:
        """Queue a frame; waits only when the queue is full of frames that may not be dropped."""
        queue = self._queue
        with between_forks(), queue.changed:  # a job that waits for room keeps no fork waiting
            if self._closed or self._guard.writer is None:
                return
            self._raise()
            if queue.ended:
                self._store(frame)
                return
            self._drop(frame.size)
            if frame.droppable and queue.size + frame.size > self._limit:
                self._dropped += 1
                return
            queue.changed.wait_for(lambda: not queue.waiting or queue.size + frame.size <= self._limit)
            queue.add(frame, frame.size)

    def flush(self) -> None:
        """Wait until everything that was queued is stored."""
        with self._queue.changed:
            self._queue.changed.wait_for(lambda: self._queue.idle)
            self._raise()
            self._report()

    def close(self) -> None:
        """Flush, and end the thread. Safe to call twice; what comes later is passed over."""
        try:
            self.flush()
        finally:
            with self._queue.changed:
                self._closed = True
            self._queue.close()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _drop(self, needed: int) -> None:
        """Make room by letting go of the oldest frames from between actions."""
        for frame in [f for f in self._queue.waiting if f.droppable]:
            if self._queue.size + needed <= self._limit:
                return
            self._queue.drop(frame)
            self._dropped += 1

    def _carry_out(self, frame: QueuedFrame) -> None:
        try:
            self._store(frame)
        except Exception as error:  # noqa: BLE001 - from a strict guard; this thread has nobody to raise to
            self._error = error

    def _store(self, frame: QueuedFrame) -> None:
        self._guard.write(
            "a frame",
            lambda w: w.frame(
                frame.picture,
                captured=frame.captured,
                roles=frame.roles,
                display=frame.display,
                screen=frame.screen,
                region=frame.region,
                source=frame.source,
                icount=frame.icount,
            ),
        )

    def _report(self) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            reason = "frames between actions came faster than they could be stored"
            self._guard.write("a gap", lambda w: w.gap(reason, lost=dropped))
