"""
Footage nobody took: what a machine showed between two recorded screens, found by executing that stretch again.

The stretch goes from the last look at one step to the last look at another. It is cut by the time that passed while
recording: a guest at rest executes few instructions in a second, a busy one many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from footage.errors import UsageError
from footage.replay.engine import check_replayable
from footage.replay.exact.player import ExactPlayer, made_on, recording_of
from footage.storage import RunWriter, Store
from footage.storage.exact_records import Timeline
from footage.trajectory import JSON, FrameRole, Instant, Pixels, Run, Step

if TYPE_CHECKING:
    from footage.storage.exact_records import ExactRecording

__all__ = ["EVERY_MS", "Unseen", "take_frames"]

EVERY_MS = 100.0
"""Milliseconds between two looks, by default: what shows for twice as long cannot be missed."""
SOURCE = "replay"


@dataclass(frozen=True, slots=True)
class Taken:
    """One frame that was taken."""

    id: int
    step: int
    """The step it belongs to, as its `between`."""
    icount: int
    after_ms: float
    """Time since the beginning of the stretch, as it passed while recording."""


@dataclass(slots=True)
class Unseen:
    """What was found in a stretch."""

    run: str
    first: int
    last: int
    looks: int = 0
    duration_ms: float = 0.0
    """Of the stretch, while recording."""
    frames: list[Taken] = field(default_factory=list)
    """Each that differs from the one before it and was not recorded already."""
    known: int = 0
    """How many differing screens in it had been recorded."""
    restarts: list[str] = field(default_factory=list)

    def as_json(self) -> JSON:
        """Return the document of `footage frames --json`."""
        taken = [
            {"id": t.id, "step": t.step, "icount": t.icount, "after_ms": round(t.after_ms, 1)} for t in self.frames
        ]
        head = {"format": 1, "run": self.run, "between": [self.first, self.last], "looks": self.looks}
        rest = {"duration_ms": round(self.duration_ms, 1), "known": self.known, "frames": taken}
        return {**head, **rest, "restarts": self.restarts}


def take_frames(
    store: Store,
    reference: str,
    first: int,
    last: int,
    *,
    every_ms: float = EVERY_MS,
    count: int | None = None,
    anyway: bool = False,
    on_look: Callable[[int, int], None] | None = None,
    on_restart: Callable[[str], None] | None = None,
) -> Unseen:
    """
    Take every distinct frame between the screens after step `first` and after step `last`; they join the run.

    A look every `every_ms` milliseconds of the recording, or `count` of them in all. `on_look` is called with (done,
    total). Raises RunNotFound, UsageError (no exact recording, no such steps), CannotDo, MachineError.
    """
    source = store.run(reference)
    check_replayable(source)
    recording = recording_of(store, source.id)
    if last <= first:
        raise UsageError(f"{first} {last} is no stretch.", hint="Name an earlier step, then a later one.")
    steps = [store.step(source.id, index) for index in range(first, last + 1)]
    begin, end = _last_look(steps[0]), _last_look(steps[-1])
    instants = looks_between(recording.timeline, begin, end, every_ms=every_ms, count=count)
    again = made_on(source, recording, anyway=anyway)
    found = Unseen(source.id, first, last, len(instants))
    found.duration_ms = (_time_of(recording.timeline, end) - _time_of(recording.timeline, begin)) / 1e6
    with (
        ExactPlayer(store, recording, again, on_restart=on_restart) as player,
        closing(_Taker(store, source, steps, recording, found)) as taker,
    ):
        player.plan(instants)
        for done, icount in enumerate(instants):
            if on_look:
                on_look(done, len(instants))
            taker.take(icount, player.screen_at(icount))
        found.restarts = player.restarts
    return found


def looks_between(
    timeline: Timeline, begin: int, end: int, *, every_ms: float = EVERY_MS, count: int | None = None
) -> list[int]:
    """
    Return the instants of the looks after `begin` and before `end` (all are instruction counts), growing.

    Evenly spaced in the time that passed while recording, `every_ms` apart or `count` of them.
    """
    start, stop = _time_of(timeline, begin), _time_of(timeline, end)
    wanted = count if count is not None else int((stop - start) / 1e6 / every_ms)
    times = [start + (stop - start) * (number + 1) / (wanted + 1) for number in range(wanted)]
    return sorted({icount for at in times if begin < (icount := _instant_at(timeline, at)) < end})


def _between(pairs: Sequence[tuple[float, float]], x: float) -> float:
    """Return y at x on the line through the pairs, which grow in both; beyond its ends, along its ends."""
    at = min(max(bisect_left(pairs, (x,)), 1), len(pairs) - 1)
    (x0, y0), (x1, y1) = pairs[at - 1], pairs[at]
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0)


def _time_of(timeline: Timeline, icount: int) -> float:
    return _between(timeline, icount)


def _instant_at(timeline: Timeline, ns: float) -> int:
    return round(_between([(at, icount) for icount, at in timeline], ns))


def _last_look(step: Step) -> int:
    """Return the instant of a step's screen after it, else before it. Raises UsageError where it has none."""
    for role in (FrameRole.AFTER, FrameRole.BEFORE):
        for frame in step.frames.get(role, ()):
            if frame.icount is not None:
                return frame.icount
    raise UsageError(f"Step {step.index} was not recorded exactly, so there is no instant to start or end at.")


class _Taker:
    """Keeps each screen of a stretch that is another than the one before it."""

    def __init__(
        self, store: Store, source: Run, steps: Sequence[Step], recording: ExactRecording, found: Unseen
    ) -> None:
        self._source = source
        self._steps = steps
        self._timeline = recording.timeline
        self._begin = _time_of(recording.timeline, _last_look(steps[0]))
        self._found = found
        own = [f for f in store.frames(source.id) if f.icount is not None]
        self._recorded = sorted(((f.icount or 0, f.sha256) for f in own), key=lambda pair: pair[0])
        self._last = self._shown_before(_last_look(steps[0]) + 1)
        self._writer: RunWriter = store.join_run(source.id, layer="frames")

    def take(self, icount: int, pixels: Pixels) -> None:
        """Keep a screen, unless it is the one before it, or one that was recorded right before this instant."""
        from footage.storage.pictures.tiles import picture_hash

        sha256 = picture_hash(pixels)
        if sha256 in {self._last, self._shown_before(icount + 1)}:
            self._found.known += sha256 != self._last
            self._last = sha256
            return
        self._last = sha256
        at = _time_of(self._timeline, icount)
        step = next((s for s in reversed(self._steps) if s.icounts and s.icounts[0] <= icount), self._steps[0])
        frame = self._writer.frame(
            pixels,
            captured=self._instant(at),
            roles=[(step.index, FrameRole.BETWEEN)],
            source=SOURCE,
            icount=icount,
        )
        self._found.frames.append(Taken(frame, step.index, icount, (at - self._begin) / 1e6))

    def close(self) -> None:
        """Let go of the run."""
        self._writer.leave()

    def _shown_before(self, icount: int) -> str:
        """Return the hash of the last screen that is on record from before an instant."""
        index = bisect_left(self._recorded, (icount,))
        return self._recorded[index - 1][1] if index else ""

    def _instant(self, ns: float) -> Instant:
        """Return when the guest was there, on the clocks of the host that recorded it."""
        started = self._source.started
        return Instant(started.boot_id, round(ns), started.wall_ns + round(ns) - started.monotonic_ns)
