"""
Pictures on their way into the store: encoded by one worker thread, never by the agent's.

The queue is bounded by bytes. When it is full, the oldest `between` frames are dropped first (and counted as a gap);
frames before and after an action are never dropped: whoever brings one waits for room.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from footage.recorder.safe_writer import Guard
from footage.storage.file.forks import before_a_fork, between_forks, watch_forks
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
        self._waiting: deque[QueuedFrame] = deque()
        self._size = 0
        self._busy = False
        self._dropped = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._error: Exception | None = None
        self._alone = False
        watch_forks(self)

    def after_fork(self) -> None:
        """Leave to the parent what waits there; a child, which has no such thread, stores each frame at once."""
        self._waiting, self._size, self._busy, self._dropped = deque(), 0, False, 0
        self._changed = threading.Condition()
        self._alone, self._thread = True, None

    def put(self, frame: QueuedFrame) -> None:
        """Queue a frame; waits only when the queue is full of frames that may not be dropped."""
        with between_forks(), self._changed:  # a job that waits for room keeps no fork waiting
            if self._closed or self._guard.writer is None:
                return
            self._raise()
            if self._alone:
                self._store(frame)
                return
            self._start()
            self._drop(frame.size)
            if frame.droppable and self._size + frame.size > self._limit:
                self._dropped += 1
                return
            self._changed.wait_for(lambda: not self._waiting or self._size + frame.size <= self._limit)
            self._waiting.append(frame)
            self._size += frame.size
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything that was queued is stored."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._busy)
            self._raise()
            self._report()

    def close(self) -> None:
        """Flush, and end the thread. Safe to call twice; what comes later is passed over."""
        try:
            self.flush()
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            if self._thread is not None:
                self._thread.join()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="footage-pictures", daemon=True)
            self._thread.start()

    def _drop(self, needed: int) -> None:
        """Make room by letting go of the oldest frames from between actions."""
        for frame in [f for f in self._waiting if f.droppable]:
            if self._size + needed <= self._limit:
                return
            self._waiting.remove(frame)
            self._size -= frame.size
            self._dropped += 1

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                frame = self._waiting.popleft()
                self._busy = True
            try:
                with before_a_fork():
                    self._store(frame)
            except Exception as error:  # noqa: BLE001 - from a strict guard; this thread has nobody to raise to
                self._error = error
            with self._changed:
                self._size -= frame.size
                self._busy = False
                self._changed.notify_all()

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
