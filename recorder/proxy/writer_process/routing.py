"""The runs that requests are recorded into, by the names they come by; each has a thread that writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from footage.recorder.proxy.copy_protocol import Passing
from footage.recorder.proxy.writer_process.observers import MessageTee, NoTee, RawTee, Tee
from footage.recorder.recording import Recording
from footage.recorder.worker import Worker

__all__ = ["Lanes", "Tees", "Unrecorded"]


class Tees(Protocol):
    """Whatever remembers requests that pass a proxy."""

    def tee(self, passing: Passing) -> Tee:
        """Return what is to be told of a request."""


class Unrecorded:
    """Remembers no request."""

    def tee(self, _passing: Passing) -> Tee:
        """Return what remembers nothing."""
        return NoTee()


@dataclass(slots=True, eq=False)
class _Lane:
    recording: Recording
    worker: Worker
    finisher: Worker
    """Waits for pictures, which nobody else does."""
    used: float = field(default_factory=time.monotonic)

    def close(self) -> None:
        self.worker.close()
        self.finisher.close()


class Lanes:
    """
    Records requests. Thread-safe.

    `open_run` begins a recording for a name that no run was added by ("" for requests without one); without it such
    requests go to the only run, or are not recorded.
    """

    def __init__(self, open_run: Callable[[str], Recording] | None = None) -> None:
        self._open_run = open_run
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    def add(self, recording: Recording, name: str) -> None:
        """Record the requests that come by this name into a run."""
        with self._lock:
            self._lanes[name] = _lane_of(recording)

    def tee(self, passing: Passing) -> Tee:
        """Return what records a request."""
        lane = self._lane(passing.run)
        if lane is None:
            return NoTee()
        named = {name.lower(): value for name, value in passing.headers}
        lane.recording.guard.secrets.learn(dict(passing.headers), passing.path)
        provider = passing.provider
        if provider is not None:
            retry = named.get("x-stainless-retry-count", "0") not in {"", "0"}
            return MessageTee(lane.recording.wire, lane.worker, passing, provider, retry=retry)
        return RawTee(lane.recording.guard, lane.worker, passing, lane.recording.wire.results.uploads)

    def settled(self, name: str, then: Callable[[], object]) -> None:
        """Call back when everything so far that came by this name is stored, frames aside."""
        lane = self._lane(name)
        if lane is None:
            then()
        else:
            lane.worker.do(then)

    def stored(self, name: str, then: Callable[[], object]) -> None:
        """Call back when everything so far that came by this name is stored."""
        lane = self._lane(name)

        def finish() -> None:
            assert lane is not None
            lane.recording.pictures.flush()
            then()

        if lane is None:
            then()
        else:
            lane.worker.do(lambda: lane.finisher.do(finish))

    def gap(self, name: str, reason: str, *, lost: int | None = None) -> None:
        """Mark a gap in the run of this name."""
        lane = self._lane(name)
        if lane is not None:
            lane.worker.do(lambda: lane.recording.gap(reason, lost=lost))

    def _lane(self, name: str) -> _Lane | None:
        with self._lock:
            lane = self._lanes.get(name)
            if lane is None and self._open_run is not None:
                recording = self._open_run(name)
                lane = self._lanes[name] = _lane_of(recording)
            if lane is None and len(self._lanes) == 1:
                (lane,) = self._lanes.values()
            if lane is not None:
                lane.used = time.monotonic()
            return lane

    def end_idle(self, seconds: float) -> list[Recording]:
        """End the runs by whose names nothing came for so long, and return them."""
        with self._lock:
            now = time.monotonic()
            idle = {name: lane for name, lane in self._lanes.items() if now - lane.used > seconds}
            for name in idle:
                del self._lanes[name]
        for lane in idle.values():
            lane.close()
            lane.recording.end()
        return [lane.recording for lane in idle.values()]

    def close(self) -> None:
        """Record what is still to be recorded. Does not end the runs. Safe to call twice."""
        with self._lock:
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.close()


def _lane_of(recording: Recording) -> _Lane:
    return _Lane(recording, Worker(recording.guard), Worker(recording.guard))
