"""The screen of a machine that another process acts on: frames before and after each call, and between them."""

from __future__ import annotations

import threading

from footage.recorder.pictures import queued
from footage.recorder.sampler import Sampler, eye_of
from footage.recorder.session import Recording
from footage.recorder.steps import StepEntry
from footage.trajectory import FrameRole, Machine, Screenshot

__all__ = ["Screens"]


class Screens:
    """
    Records a machine's screen into a run whose requests pass a proxy, until `close`.

    When a call is asked for, the screen is the one `before` it; when its result comes, the one `after` it. Of several
    calls in one reply the first has a `before` and the last an `after`: when the others begin cannot be seen from here.
    """

    def __init__(self, recording: Recording, machine: Machine) -> None:
        self._recording = recording
        eye = eye_of(machine, alone=True)
        assert eye is not None  # nobody else uses this machine object
        self._eye = eye
        self._lock = threading.Lock()
        self._waiting: list[StepEntry] = []
        self._current: StepEntry | None = None
        self._sampler = Sampler(eye, self._between, recording.guard)
        recording.wire.on_calls = self._asked
        recording.wire.results.on_results = self._told

    def close(self) -> None:
        """Stop looking. Safe to call twice."""
        self._recording.wire.on_calls = self._recording.wire.results.on_results = lambda _: None
        self._sampler.close()

    def _asked(self, entries: list[StepEntry]) -> None:
        with self._lock:
            first = not self._waiting
            self._waiting += entries
            if first and entries:
                self._current = entries[0]
        if first and entries:
            self._look(entries[0], FrameRole.BEFORE)

    def _told(self, entries: list[StepEntry]) -> None:
        with self._lock:
            known = [entry for entry in entries if entry in self._waiting]
            self._waiting = [entry for entry in self._waiting if entry not in known]
            last = bool(known) and not self._waiting
        if last:
            self._look(known[-1], FrameRole.AFTER)

    def _look(self, entry: StepEntry, role: FrameRole) -> None:
        shot = self._recording.guard.attempt("a frame", self._eye.look)
        if shot is not None:
            self._sampler.seen(shot)
            self._put(shot, entry, role)

    def _between(self, shot: Screenshot) -> None:
        self._put(shot, self._current, FrameRole.BETWEEN)

    def _put(self, shot: Screenshot, entry: StepEntry | None, role: FrameRole) -> None:
        roles = [(entry.index, role)] if entry is not None and entry.index is not None else []
        self._recording.pictures.put(queued(shot, roles))
