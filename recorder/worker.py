"""One thread that records, in their order, what others saw: they go on at once, or wait for at most a moment."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

from footage.errors import StoreError
from footage.recorder.safe_writer import Guard
from footage.recorder.work_queue import WorkQueue
from footage.storage.file.forks import before_a_fork, between_forks

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
    done: Done


class Worker:
    """
    Carries out jobs that write into one run. Thread-safe; the thread begins with the first job.

    After `close`, and in a child of `fork`, which has no such thread, a job is done at once.
    """

    def __init__(self, guard: Guard, *, backlog: int = BACKLOG_BYTES) -> None:
        self._guard = guard
        self._backlog = backlog
        self._queue = WorkQueue[_Job]("footage-worker", self._carry_out, lambda job: job.done.set())

    def do(self, work: Callable[[], object], *, size: int = 0, delay: float = 0.0) -> Done:
        """
        Have a job done after those before it, `delay` seconds from now at the latest; tell of its end by an event.

        `size` are the bytes it holds. A job without a delay does not let those before it wait any longer either.
        """
        job = _Job(work, Done(self._queue.hurry))
        with self._queue.changed:
            late = self._queue.ended
            if not late:
                if self._queue.size > 0 and self._queue.size + size > self._backlog:
                    job.work, size = self._pass_over, 0
                self._queue.add(job, size, delay=delay)
        if late:
            with before_a_fork():
                self._carry_out(job)
        return job.done

    def flush(self) -> None:
        """Wait until everything so far is done."""
        self.do(lambda: None).wait()

    def close(self) -> None:
        """Do what is left, and end. Safe to call twice."""
        self._queue.close()

    def _carry_out(self, job: _Job) -> None:
        with contextlib.suppress(Exception):  # of a strict guard: this thread has nobody to raise to
            self._guard.attempt("an exchange", job.work)
        job.done.set()

    def _pass_over(self) -> None:
        raise StoreError("The store is slower than the agent: too much waits to be recorded.")
