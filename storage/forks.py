"""
What a child of `fork()` must not take over from its parent: held locks, mutexes and database connections.

A lock lives as long as any copy of its file is open, so that a child which outlives a killed recorder would keep its
run alive and the writers' lock taken; and an SQLite connection must not be used, or even closed, by two processes.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["Forkable", "keep_for_ever", "watch_forks"]


class Forkable(Protocol):
    """An object that has something to do in a child process."""

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; called in the child, before anything else runs there."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch_forks(forkable: Forkable) -> None:
    """Have `after_fork` called in every child, for as long as the object lives."""
    _watched.add(forkable)


def keep_for_ever(thing: object) -> None:
    """Never free this object, not even at exit: freeing a connection would close it."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _after_fork() -> None:
    for forkable in list(_watched):
        forkable.after_fork()


os.register_at_fork(after_in_child=_after_fork)
