"""
Forking a process that has stores open.

A connection must not be carried across a fork (https://sqlite.org/howtocorrupt.html, section 2.6), and a new one in the
child is no better while the library's memory, copied too, says that the parent's locks are the child's own. So a fork
waits until no thread is inside SQLite, all connections are closed before it, and parent and child open them again when
they need them. Locks of files live as long as any copy of the file is open: the child closes its copies.

Other libraries have locks too, and so has each module while it is being loaded: one that a thread holds just then is
never free in the child. So each thread of a recording does its work `before_a_fork`, a whole job at a time.
"""

from __future__ import annotations

import contextlib
import logging  # noqa: F401 - first, so that a fork takes its lock after the wait for threads, which may need it
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Protocol

__all__ = ["Closed", "Forked", "before_a_fork", "between_forks", "close_before_forks", "keep_for_ever", "watch_forks"]

PATIENCE = 10.0  # seconds that a fork waits for threads that work


class Forked(Protocol):
    """An object that has something to do in a child process."""

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; called in the child, before anything else runs there."""


class Closed(Protocol):
    """An object that closes what must not be open during a fork."""

    def before_fork(self) -> None:
        """Close it; no other thread is inside SQLite."""


_forked: weakref.WeakSet[Forked] = weakref.WeakSet()
_closed: weakref.WeakSet[Closed] = weakref.WeakSet()


def watch_forks(forked: Forked) -> None:
    """Have `after_fork` called in every child, for as long as the object lives."""
    _forked.add(forked)


def close_before_forks(closed: Closed) -> None:
    """Have `before_fork` called before every fork, for as long as the object lives."""
    _closed.add(closed)


def keep_for_ever(thing: object) -> None:
    """Never free this object, not even at exit: freeing a connection would close it."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


class _Gate:
    """Counts the threads that work, and keeps others out while the process forks."""

    def __init__(self) -> None:
        self._depth = threading.local()
        self._changed = threading.Condition()
        self._inside = 0
        self._forking = False

    @property
    def _own_depth(self) -> int:
        return int(getattr(self._depth, "value", 0))

    @contextlib.contextmanager
    def passed(self) -> Iterator[None]:
        depth = self._own_depth
        if not depth:
            with self._changed:
                self._changed.wait_for(lambda: not self._forking)
                self._inside += 1
        self._depth.value = depth + 1
        try:
            yield
        finally:
            self._depth.value = depth
            if not depth:
                with self._changed:
                    self._inside -= 1
                    self._changed.notify_all()

    @contextlib.contextmanager
    def left(self) -> Iterator[None]:
        depth = self._own_depth
        if depth:
            self._depth.value = 0
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            if depth:
                with self._changed:
                    self._changed.wait_for(lambda: not self._forking)
                    self._inside += 1
                self._depth.value = depth

    def close(self) -> bool:
        """Keep threads out; return whether none is left inside (the calling one may be)."""
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)
            self._forking = True
            return not self._own_depth and self._changed.wait_for(lambda: not self._inside, PATIENCE)

    def open(self) -> None:
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def start_anew(self) -> None:
        """In a child: other threads are gone, and with them what they held."""
        self._changed = threading.Condition()
        self._inside = 1 if self._own_depth else 0
        self._forking = False


_gate = _Gate()


def before_a_fork() -> contextlib.AbstractContextManager[None]:
    """Have a fork wait for the end of the block, which uses SQLite or something else with locks. It may be nested."""
    return _gate.passed()


def between_forks() -> contextlib.AbstractContextManager[None]:
    """
    Let the process fork in the block, which waits for another thread: that one may be kept out until the fork is over.

    For a job that works `before_a_fork`, and is not inside a transaction.
    """
    return _gate.left()


def _before() -> None:
    if _gate.close():
        for closed in list(_closed):
            closed.before_fork()


def _in_child() -> None:
    _gate.start_anew()
    for forked in list(_forked):
        forked.after_fork()


os.register_at_fork(before=_before, after_in_parent=_gate.open, after_in_child=_in_child)
