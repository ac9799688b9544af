"""One thread that records, in their order, what others saw: they go on at once, or wait for at most a moment."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable

from footage.errors import StoreError
from footage.recorder.guard import Guard

__all__ = ["Worker"]

BACKLOG_BYTES = 128 * 1024 * 1024
"""What may wait to be recorded; more is passed over, with a gap."""


class Worker:
    """
    Carries out jobs that write into one run. Thread-safe; the thread begins with the first job.

    After `close`, and in a child of `fork`, which has no such thread, a job is done at once.
    """

    def __init__(self, guard: Guard, *, backlog: int = BACKLOG_BYTES) -> None:
        self._guard = guard
        self._backlog = backlog
        self._waiting = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[Callable[[], object], int, threading.Event] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._process = os.getpid()

    def do(self, job: Callable[[], object], *, size: int = 0) -> threading.Event:
        """Have a job done after those before it; the event is set when it is. `size` are the bytes it holds."""
        done = threading.Event()
        if os.getpid() != self._process:
            self._carry_out(job, done)
            return done
        with self._lock:
            late = self._closed
            full = self._waiting > 0 and self._waiting + size > self._backlog
            if not late:
                self._start()
                self._waiting += 0 if full else size
                self._jobs.put((self._pass_over if full else job, 0 if full else size, done))
        if late:
            self._carry_out(job, done)
        return done

    def flush(self) -> None:
        """Wait until everything so far is done."""
        self.do(lambda: None).wait()

    def close(self) -> None:
        """Do what is left, and end. Safe to call twice."""
        with self._lock:
            self._closed = True
            thread = self._thread if os.getpid() == self._process else None
            self._jobs.put(None)
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="footage-worker", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, size, done = entry
            self._carry_out(job, done)
            with self._lock:
                self._waiting -= size

    def _carry_out(self, job: Callable[[], object], done: threading.Event) -> None:
        with contextlib.suppress(Exception):  # of a strict guard: this thread has nobody to raise to
            self._guard.attempt("an exchange", job)
        done.set()

    def _pass_over(self) -> None:
        raise StoreError("The store is slower than the agent: too much waits to be recorded.")
