"""One thread that records, in their order, what others saw: they go on at once, or wait for at most a moment."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from footage.errors import StoreError
from footage.recorder.safe_writer import Guard
from footage.storage.file.forks import before_a_fork, between_forks, watch_forks

__all__ = ["Done", "Worker"]

BACKLOG_BYTES = 128 * 1024 * 1024
"""What may wait to be recorded; more is passed over, with a gap."""


class Done(threading.Event):
    """Set when a job is done. Whoever waits for one has the worker begin at once with those that were put off."""

    def __init__(self, hurry: Callable[[], None]) -> None:
        super().__init__()
        self._hurry = hurry

    def wait(self, timeout: float | None = None) -> bool:
        """Do as `threading.Event.wait`."""
        if not self.is_set():
            self._hurry()
        with between_forks():
            return super().wait(timeout)


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[], object]
    size: int
    due: float
    done: Done


class Worker:
    """
    Carries out jobs that write into one run. Thread-safe; the thread begins with the first job.

    After `close`, and in a child of `fork`, which has no such thread, a job is done at once.
    """

    def __init__(self, guard: Guard, *, backlog: int = BACKLOG_BYTES) -> None:
        self._guard = guard
        self._backlog = backlog
        self._waiting = 0
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        watch_forks(self)

    def after_fork(self) -> None:
        """Leave to the parent what waits there."""
        jobs, self._jobs = self._jobs, deque()
        self._changed = threading.Condition()
        self._closed, self._thread = True, None
        for job in jobs:
            job.done.set()

    def do(self, work: Callable[[], object], *, size: int = 0, delay: float = 0.0) -> Done:
        """
        Have a job done after those before it, `delay` seconds from now at the latest; tell of its end by an event.

        `size` are the bytes it holds. A job without a delay does not let those before it wait any longer either.
        """
        done = Done(self._hurry)
        with self._changed:
            late = self._closed
            if not late:
                self._start()
                full = self._waiting > 0 and self._waiting + size > self._backlog
                held = 0 if full else size
                self._waiting += held
                self._jobs.append(_Job(self._pass_over if full else work, held, time.monotonic() + delay, done))
                if not delay:
                    self._hurry()
                self._changed.notify_all()
        if late:
            self._carry_out(work, done)
        return done

    def flush(self) -> None:
        """Wait until everything so far is done."""
        self.do(lambda: None).wait()

    def close(self) -> None:
        """Do what is left, and end. Safe to call twice."""
        with self._changed:
            self._closed = True
            self._hurry()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="footage-worker", daemon=True)
            self._thread.start()

    def _hurry(self) -> None:
        with self._changed:
            for job in self._jobs:
                job.due = 0.0
            self._changed.notify_all()

    def _next(self) -> _Job | None:
        """Wait for a job that is due, and take it; None at the end."""
        with self._changed:
            while True:
                if not self._jobs:
                    if self._closed:
                        return None
                    self._changed.wait()
                elif (left := self._jobs[0].due - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    return self._jobs.popleft()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._carry_out(job.work, job.done)
            with self._changed:
                self._waiting -= job.size

    def _carry_out(self, work: Callable[[], object], done: Done) -> None:
        # Of a strict guard: this thread has nobody to raise to.
        with contextlib.suppress(Exception), before_a_fork():
            self._guard.attempt("an exchange", work)
        done.set()

    def _pass_over(self) -> None:
        raise StoreError("The store is slower than the agent: too much waits to be recorded.")
