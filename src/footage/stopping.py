"""
How a command is stopped: by Ctrl-C, SIGTERM or SIGHUP, each of which raises one exception in the main thread.

The exception is a KeyboardInterrupt that knows its signal. What must not be left half done asks the stop to wait for
its end (`held`); what would keep the main thread in C code for long says how it is interrupted (`interrupting`). Where
nothing was set up, in a program that only uses the package, signals are that program's affair.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["Stopped", "Stops", "asked", "held", "interrupting", "is_stop"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_STOP_SECONDS = 1.0
"""Signals that come within such a time are one stop, said more than once; a later one is said to what still goes on."""

_AGAIN_SECONDS = 0.02
"""After such a time the finalizer that swallowed a stop has ended."""

_ONCE_MORE_SECONDS = 0.02
"""What is interrupted may just be about to begin."""


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
        self._interrupter: _Interrupter | None = None

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
            if self._interrupter is not None:
                self._interrupter.close()
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
        if self._waits or self._is_unwinding:
            self._late = self._late or number
        elif not self._is_again:
            self._raise(number)

    @property
    def _is_unwinding(self) -> bool:
        """Whether what was interrupted is on its way to the end of its block, which raises the stop in its place."""
        return self._interrupter is not None and self._interrupter.has_interrupted and sys.exc_info()[1] is not None

    @property
    def _is_again(self) -> bool:
        return self.asked is not None and time.monotonic() - self._at < _ONE_STOP_SECONDS

    @property
    def is_asked(self) -> bool:
        """Whether somebody asked for a stop, also one that is not raised yet."""
        return self.asked is not None or self._late is not None

    def is_about_to_raise(self, number: int) -> bool:
        """Tell, in any thread, whether a signal that has just come will be raised once Python code runs again."""
        waits = self._waits or self._late is not None or self._is_again
        return number in self._before and signal.getsignal(number) == self._come and not waits

    def interrupter(self) -> _Interrupter | None:
        """Return what interrupts the main thread; None while a stop would wait anyway."""
        if self._waits:
            return None
        if self._interrupter is None:
            with self.waiting():
                self._interrupter = _Interrupter(self.is_about_to_raise, self._raise_late)
        return self._interrupter

    def _raise(self, number: int) -> None:
        stop = Stopped(number)
        self.asked, self._at, self._late = self.asked or stop, time.monotonic(), None
        raise stop

    def _go_on(self) -> None:
        self._waits -= 1
        self._raise_late()

    def _raise_late(self) -> None:
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


class _Interrupter:
    """A thread that hears of each signal at once, and interrupts what keeps the main thread from raising it."""

    def __init__(self, is_due: Callable[[int], bool], at_end: Callable[[], object]) -> None:
        self._is_due, self._at_end = is_due, at_end
        self.has_interrupted = False
        """Whether it interrupted something in the block that is under way."""
        self._lock = threading.Lock()
        self._under_way: list[Callable[[], object]] = []
        self._heard, self._told = os.pipe()
        os.set_blocking(self._told, False)
        self._before = signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="footage-stops", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def during(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Call `interrupt` when a signal comes in the block; not once the block has ended."""
        before = len(self._under_way)
        try:
            self._under_way.append(interrupt)
            yield
        finally:
            with self._lock:
                del self._under_way[before:]
                self.has_interrupted = False
            self._at_end()

    def close(self) -> None:
        """Hear no more."""
        signal.set_wakeup_fd(self._before)
        os.close(self._told)
        self._thread.join()
        os.close(self._heard)

    def _watch(self) -> None:
        while numbers := os.read(self._heard, 64):
            while any(map(self._is_due, numbers)) and self._interrupt():
                time.sleep(_ONCE_MORE_SECONDS)

    def _interrupt(self) -> bool:
        with self._lock:
            for interrupt in self._under_way:
                self.has_interrupted = True
                interrupt()
            return bool(self._under_way)


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


@contextlib.contextmanager
def interrupting(interrupt: Callable[[], object]) -> Iterator[None]:
    """
    Have a stop interrupt what runs in the block, which would keep the main thread in C code.

    `interrupt` is called by another thread, more than once where that is of no use at first; what it ends may raise any
    exception, the stop is raised in its place. In other threads, and where no stops are raised, nothing changes.
    """
    stops = _current
    if stops is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupter = stops.interrupter()
    if interrupter is None:
        yield
        return
    with interrupter.during(interrupt):
        yield


def asked() -> bool:
    """Tell, in any thread, whether somebody has asked this process to stop: it waits for nobody any more."""
    return _current is not None and _current.is_asked


def is_stop(error: BaseException) -> bool:
    """Tell whether an exception is a stop, or hides one that came before it."""
    return isinstance(error, KeyboardInterrupt) or asked()
