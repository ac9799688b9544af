"""Work in its order, and one thread that does it: what the queues of a recording have in common."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from footage.storage.file.forks import before_a_fork, watch_forks

__all__ = ["WorkQueue"]

Work = TypeVar("Work")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Work]):
    work: Work
    size: int
    due: float


class WorkQueue(Generic[Work]):
    """
    Work that waits, with the bytes it holds. The thread begins with the first.

    `carry_out` does one piece of work and raises nothing; what is due is done in the order in which it came. Where
    `ended` is true there is no thread, and nothing may be added: after `close`, and in a child of `fork`. What waited
    is the parent's then, and `leave` is told of each piece. What should not change between two looks is looked at
    with `changed` held.
    """

    def __init__(
        self, name: str, carry_out: Callable[[Work], None], leave: Callable[[Work], None] = lambda _: None
    ) -> None:
        self._name = name
        self._carry_out = carry_out
        self._leave = leave
        self._waiting: deque[_Waiting[Work]] = deque()
        self._busy = False
        self._thread: threading.Thread | None = None
        self.changed = threading.Condition()
        self.size = 0
        """Bytes of what is not done yet."""
        self.ended = False
        watch_forks(self)

    def after_fork(self) -> None:
        """Leave to the parent what waits there."""
        left, self._waiting = self._waiting, deque()
        self.changed = threading.Condition()
        self.size, self._busy = 0, False
        self.ended, self._thread = True, None
        for each in left:
            self._leave(each.work)

    @property
    def waiting(self) -> list[Work]:
        """What no thread has begun with, in its order."""
        return [each.work for each in self._waiting]

    @property
    def idle(self) -> bool:
        """Whether everything is done."""
        return not self._waiting and not self._busy

    def add(self, work: Work, size: int = 0, *, delay: float = 0.0) -> None:
        """Have work of `size` bytes done after all before it, `delay` seconds from now at the latest."""
        with self.changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._waiting.append(_Waiting(work, size, time.monotonic() + delay))
            self.size += size
            if not delay:
                self.hurry()  # what is before it does not wait any longer either
            self.changed.notify_all()

    def drop(self, work: Work) -> None:
        """Let go of work that waits."""
        with self.changed:
            found = next(each for each in self._waiting if each.work is work)
            self._waiting.remove(found)
            self.size -= found.size

    def hurry(self) -> None:
        """Have everything so far be due now."""
        with self.changed:
            for each in self._waiting:
                each.due = 0.0
            self.changed.notify_all()

    def close(self) -> None:
        """Do what is left, and end. Safe to call twice."""
        with self.changed:
            self.ended = True
            self.hurry()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _next(self) -> _Waiting[Work] | None:
        """Wait for work that is due, and take it; None at the end."""
        with self.changed:
            while self._waiting or not self.ended:
                if not self._waiting:
                    self.changed.wait()
                elif (left := self._waiting[0].due - time.monotonic()) > 0:
                    self.changed.wait(left)
                else:
                    self._busy = True
                    return self._waiting.popleft()
        return None

    def _work(self) -> None:
        while (taken := self._next()) is not None:
            with before_a_fork():
                self._carry_out(taken.work)
            with self.changed:
                self.size -= taken.size
                self._busy = False
                self.changed.notify_all()
