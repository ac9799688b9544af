"""
How a command is stopped: by Ctrl-C, SIGTERM or SIGHUP, each of which raises one exception in the main thread.

The exception is a KeyboardInterrupt that knows its signal. What must not be left half done asks the stop to wait for
its end (`held`). Where nothing was set up, in a program that only uses the package, signals are that program's affair.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["Stopped", "Stops", "held", "is_stop"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_STOP_SECONDS = 1.0
"""Signals that come within such a time are one stop, said more than once; a later one is said to what still goes on."""

_AGAIN_SECONDS = 0.02
"""After such a time the finalizer that swallowed a stop has ended."""


class Stopped(KeyboardInterrupt):
    """Somebody stops the command, by the signal of this `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """As shells have it: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.number


class Stops:
    """
    Takes the signals for as long as its block lasts, and raises `Stopped` for them while it is `raising`.

    What was ignored, or handled by others, stays so. `for_good`: the process ends with the block; signals that come
    later end it at once, unless one has stopped it already. Inside another's block, and in other threads, it does
    nothing. A stop that is raised where Python cannot pass exceptions on, in a finalizer or in a callback of C code, is
    raised again.
    """

    def __init__(self, *, for_good: bool = False) -> None:
        self.asked: Stopped | None = None
        """The first stop, once somebody asked for it: whatever else is raised later, that is why."""
        self._for_good = for_good
        self._at = 0.0
        self._waits = 1
        self._late: int | None = None
        self._before: dict[int, Any] = {}
        self._hook = sys.unraisablehook

    def __enter__(self) -> Self:
        global _current  # noqa: PLW0603 - signals are the whole process's
        if _current is None and threading.current_thread() is threading.main_thread():
            _current = self
            self._hook, sys.unraisablehook = sys.unraisablehook, self._not_raised
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler in {signal.SIG_DFL, signal.default_int_handler}:
                    self._before[number] = handler
                    signal.signal(number, self._come)
        return self

    def __exit__(self, *_: object) -> None:
        global _current  # noqa: PLW0603 - as above
        if _current is self:
            for number, handler in self._before.items():
                last = signal.SIG_IGN if self.asked else signal.SIG_DFL  # a stop keeps its exit code
                signal.signal(number, last if self._for_good else handler)
            sys.unraisablehook = self._hook
            _current = None

    @contextlib.contextmanager
    def raising(self) -> Iterator[None]:
        """Raise them in the block, and what came before it at its beginning."""
        try:
            self._go_on()
            yield
        finally:
            self._waits += 1

    def _come(self, number: int, _frame: FrameType | None) -> None:
        again = self.asked is not None and time.monotonic() - self._at < _ONE_STOP_SECONDS
        if self._waits:
            self._late = self._late or number
        elif not again:
            self._raise(number)

    def _raise(self, number: int) -> None:
        stop = Stopped(number)
        self.asked, self._at, self._late = self.asked or stop, time.monotonic(), None
        raise stop

    def _go_on(self) -> None:
        self._waits -= 1
        if not self._waits and self._late is not None:
            self._raise(self._late)

    def _come_again(self, number: int) -> None:
        if _current is self:
            self._at = 0.0
            signal.pthread_kill(threading.main_thread().ident or 0, number)

    def _not_raised(self, told: UnraisableHookArgs) -> None:
        if isinstance(told.exc_value, KeyboardInterrupt):
            number = getattr(told.exc_value, "number", signal.SIGINT)
            again = threading.Timer(_AGAIN_SECONDS, self._come_again, (number,))
            again.daemon = True
            again.start()
        else:
            self._hook(told)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Have a stop wait for the end of the block."""
        self._waits += 1
        try:
            yield
        finally:
            self._go_on()


_current: Stops | None = None


@contextlib.contextmanager
def held() -> Iterator[None]:
    """
    Have a stop wait for the end of the block, which must be short: half of it could be neither used nor undone.

    In other threads, which no signal interrupts, and where no stops are raised, nothing changes.
    """
    stops = _current
    if stops is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    with stops.waiting():
        yield


def is_stop(error: BaseException) -> bool:
    """Tell whether an exception is a stop, or hides one that came before it."""
    return isinstance(error, KeyboardInterrupt) or (_current is not None and _current.asked is not None)
