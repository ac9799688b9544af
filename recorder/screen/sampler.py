"""
Frames between actions: whenever the picture changes, up to ten a second.

What flashes up between two of the model's screenshots (a notification, an error that closes itself) is so on record. A
machine that has an eye (`contract.HasEye`), a second way to look at its screen, is sampled while it is acted on; an
unchanged screen costs half a millisecond a look.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from footage.errors import MachineError
from footage.machines.contract import Eye, HasEye, Machine
from footage.recorder.safe_writer import Guard
from footage.recorder.screen.settle import same_pixels
from footage.trajectory import Screenshot

__all__ = ["Sampler", "eye_of"]

RATE = 10.0
"""Looks a second."""
_LINGERS = 1.0
"""Seconds after which a screen is kept though no other has followed it yet."""


class _OwnEye:
    """An eye for a machine that has none, where nobody else in this process looks at it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lock = threading.Lock()
        self._last: Screenshot | None = None

    def changed(self) -> bool:
        shot = self.look()
        changed = self._last is None or not same_pixels(shot, self._last)
        self._last = shot
        return changed

    def look(self) -> Screenshot:
        with self._lock:
            return self._machine.screenshot()

    def close(self) -> None:
        pass


def eye_of(machine: Machine, *, alone: bool = False) -> Eye | None:
    """
    Return a machine's eye; None where it has none and must not be looked at from another thread.

    `alone`: nobody else uses the machine object, so that its `screenshot` will do.
    """
    if isinstance(machine, HasEye):
        return machine.eye()
    return _OwnEye(machine) if alone else None


class Sampler:
    """
    Looks at a screen, in a thread of its own, and gives each new picture to `keep`.

    A picture that somebody else keeps as well (`seen`) is not kept twice. Ends when the screen is gone.
    """

    def __init__(self, eye: Eye, keep: Callable[[Screenshot], None], guard: Guard) -> None:
        self._eye = eye
        self._keep = keep
        self._guard = guard
        self._lock = threading.Lock()
        self._known: Screenshot | None = None
        self._waiting: Screenshot | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="footage-sampler", daemon=True)
        self._thread.start()

    def seen(self, shot: Screenshot) -> None:
        """Take note of a frame that was kept by somebody else."""
        with self._lock:
            self._known = shot
            if self._waiting is not None and same_pixels(self._waiting, shot):
                self._waiting = None

    def close(self) -> None:
        """Stop, and keep the last new picture. Safe to call twice."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._eye.close()
        self._let_go()

    def _run(self) -> None:
        while not self._stop.wait(1 / RATE):
            try:
                if self._eye.changed():
                    shot = self._eye.look()
                    if shot is not None:
                        self._take(shot)
                elif (waiting := self._waiting) and _age(waiting) > _LINGERS:
                    self._let_go()
            except MachineError as error:
                if not self._stop.is_set():
                    said = f"The screen could not be looked at any more: {error}"
                    self._guard.write("a gap", lambda w: w.gap(said))  # noqa: B023 - called at once
                return

    def _take(self, shot: Screenshot) -> None:
        """Keep the picture before, and have this one wait: the frame after an action may be the same."""
        with self._lock:
            latest = self._waiting or self._known
            if latest is not None and same_pixels(latest, shot):
                return
        self._let_go()
        with self._lock:
            self._waiting = shot

    def _let_go(self) -> None:
        with self._lock:
            shot, self._waiting = self._waiting, None
            if shot is None:
                return
            self._known = shot
        self._guard.attempt("a frame", lambda: self._keep(shot))


def _age(shot: Screenshot) -> float:
    return (time.monotonic_ns() - shot.captured.monotonic_ns) / 1e9
