"""The screen of a machine that another process acts on: frames before and after each call, and between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

from footage.recorder.pictures import queued
from footage.recorder.sampler import Sampler, eye_of
from footage.recorder.session import Recording
from footage.trajectory import FrameRole, Machine, Screenshot

__all__ = ["Screens"]


_SEVERAL = "Several calls in one reply: when each of them began and ended cannot be seen from outside the agent."
"""Said once in a run: their frames are before the first of them, between, and after the last."""


class Screens:
    """
    Records a machine's screen into a run whose requests pass a proxy, until `close`.

    When a call is asked for, the screen is the one `before` it; when its result comes, the one `after` it. Where the
    agent is quicker than the news of its requests, an eye's `before_input(since_ns)` tells what it was then. Of several
    calls in one reply the first has a `before` and the last an `after`: when the others begin cannot be seen from here.
    Those of another reply do not wait for them: an agent that asks again may never answer the first.
    """

    def __init__(self, recording: Recording, machine: Machine) -> None:
        self._recording = recording
        eye = eye_of(machine, alone=True)
        assert eye is not None  # nobody else uses this machine object
        self._eye = eye
        self._lock = threading.Lock()
        self._asked: set[int] = set()
        self._waiting: dict[int, list[int | None]] = {}
        """The steps without a result yet, by the request that their reply answers: by when it came."""
        self._current: int | None = None
        self._said = False
        self._sampler = Sampler(eye, self._between, recording.guard)
        recording.wire.on_calls = lambda entries, since: self.asked(
            [entry.index for entry in entries], since.monotonic_ns
        )
        recording.wire.results.on_results = lambda entries, since: self.told(
            [entry.index for entry in entries], since.monotonic_ns
        )

    def close(self) -> None:
        """Stop looking. Safe to call twice."""
        self._recording.wire.on_calls = self._recording.wire.results.on_results = lambda _entries, _since: None
        self._sampler.close()

    def asked(self, steps: Sequence[int | None], since_ns: int) -> None:
        """
        Take note that a call was asked for: the steps it is to make. Its reply answers a request from `since_ns`.

        Steps that were asked for before change nothing: a recorder that takes a dead one's place tells of them again.
        """
        with self._lock:
            steps = [step for step in steps if step not in self._asked]
            self._asked.update(step for step in steps if step is not None)
            first = since_ns not in self._waiting
            if steps:
                self._waiting.setdefault(since_ns, []).extend(steps)
            if first and steps:
                self._current = steps[0]
        if first and steps:
            self._look(steps[0], FrameRole.BEFORE, since_ns)
        elif steps and not self._said:
            self._said = True
            self._recording.gap(_SEVERAL, step=steps[0])

    def told(self, steps: Sequence[int | None], since_ns: int) -> None:
        """Take note that the model is about to be told of a call's result, by a request from `since_ns`."""
        with self._lock:
            known = [step for waiting in self._waiting.values() for step in waiting if step in steps]
            left = {reply: [step for step in waiting if step not in steps] for reply, waiting in self._waiting.items()}
            self._waiting = {reply: waiting for reply, waiting in left.items() if waiting}
            last = len(self._waiting) < len(left)
        if last:
            self._look(known[-1], FrameRole.AFTER, since_ns)

    def _look(self, step: int | None, role: FrameRole, since_ns: int) -> None:
        past: Callable[[int], Screenshot] | None = getattr(self._eye, "before_input", None)
        look = partial(past, since_ns) if past else self._eye.look
        shot = self._recording.guard.attempt("a frame", look)
        if shot is not None:
            self._sampler.seen(shot)
            self._put(shot, step, role)

    def _between(self, shot: Screenshot) -> None:
        self._put(shot, self._current, FrameRole.BETWEEN)

    def _put(self, shot: Screenshot, step: int | None, role: FrameRole) -> None:
        self._recording.pictures.put(queued(shot, [] if step is None else [(step, role)]))
