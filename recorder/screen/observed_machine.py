"""
The screen of a machine that another process acts on: frames before and after each call, and between them.

A frame is `before` a call only if it was captured before the call was passed on to the agent, or before the first input
of that call came to the machine. Where there is no such frame the run says so; a later one never stands for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from footage.machines.contract import Arrival, Door, Eye, Gone, Machine, Over, door_of
from footage.machines.shared.call_inputs import Asked
from footage.recorder.recording import Recording
from footage.recorder.screen.frame_queue import queued
from footage.recorder.screen.sampler import Sampler, eye_of
from footage.recorder.screen.settle import same_pixels
from footage.recorder.step_book import StepEntry
from footage.trajectory import FrameRole, InputEvent, Instant, Screenshot

__all__ = ["GONE", "LATE", "SEVERAL", "UNSEEN", "Screens"]

_log = logging.getLogger("footage")

LATE = "No frame from before this call: it was passed on before the screen could be looked at."
UNSEEN = "No frame from before this call: its input came before the screen was looked at for it."
UNREST = "No frame from after this call: the screen was not seen between its input and the next."
UNTOLD = "Input events are missing: more came than could be told."
SEVERAL = "No frame from before this call: one reply asked for several, and the input of this machine is not seen."
GONE = "The gate that the agent's input passes has ended: programs lost their display, and later input is not known."
_QUIET, _LIMIT, _POLL = 0.25, 2.0, 0.04
"""Seconds without a change after which a screen is at rest, seconds it is waited for, and between two looks."""
_DRAIN = 5.0
"""Seconds that a door gets, at the end, to tell what is still on its way."""
_PASSING = 4
"""Screens that are remembered while rest is waited for: the latest may turn out to show other input."""
_STRAYS = 16
"""Frames from before input that nobody asked for, kept for calls that are told of late."""


@dataclass(slots=True, eq=False)
class _Step:
    """A call that is under way."""

    asked: Asked
    reply: _Reply
    shot: Screenshot | None
    """The screen from before the call was passed on, where it could be looked at in time."""
    looked_ns: int
    """When that look began."""
    passed_on_ns: int
    told_ns: int | None = None
    events: dict[int, InputEvent] = field(default_factory=dict)
    """By their numbers."""
    begun: bool = False
    has_before: bool = False
    has_after: bool = False


@dataclass(slots=True, eq=False)
class _Reply:
    """The calls of one reply, in their order, by when the request came that it answers."""

    since_ns: int
    steps: list[_Step] = field(default_factory=list)

    def before(self, step: _Step) -> list[_Step]:
        """Return the calls before one."""
        return self.steps[: self.steps.index(step)]


@dataclass(slots=True, eq=False)
class _Waiting:
    """Steps whose screen is to come to rest."""

    steps: list[int]
    input_ns: int
    """When the last of their input was let in: what was looked at before that is from before it."""
    over: threading.Event = field(default_factory=threading.Event)
    seen: deque[Screenshot] = field(default_factory=partial(deque, maxlen=_PASSING))
    """The latest that differ from one another."""
    rested_ns: int | None = None
    """When it was at rest: that is so unless other input had come by then, of which the door has not told yet."""

    def latest(self, until_ns: int | None = None) -> Screenshot | None:
        """Return the latest screen that was captured by then."""
        return next((s for s in reversed(self.seen) if until_ns is None or s.captured.monotonic_ns <= until_ns), None)


class Screens:
    """
    Records a machine's screen into a run whose requests pass a proxy, until `close`.

    What the agent does passes the machine's door, where it has one: there each call's first input is held until its
    frame is taken, and what was delivered is noted. Without a door, the frame before the first call of a reply is from
    before the reply was passed on, and the others have none. The frame after a call is from before the next one's first
    input; after the last of a reply, from when its effect has come to rest, and from before anything else is done.
    """

    def __init__(self, recording: Recording, machine: Machine) -> None:
        self._recording = recording
        eye = eye_of(machine, alone=True)
        assert eye is not None  # nobody else uses this machine object
        self._eye: Eye = eye
        self._lock = threading.RLock()
        self._steps: dict[int, _Step] = {}
        self._known: set[int] = set()
        """The steps that were asked for, answered ones too."""
        self._waiting: list[_Waiting] = []
        self._strays: dict[int, Screenshot] = {}
        self._begun: deque[tuple[int, int | None, Screenshot | None]] = deque(maxlen=16)
        """When the latest things were begun, which steps, and the screens from before them, where they were seen."""
        self._current: int | None = None
        self._input_ns = 0
        """When the latest input came that is known."""
        self._closed = False
        self._heard = threading.Event()
        """Set when all input from before the end is known."""
        self._lost = 0
        self._sampler = Sampler(eye, self._between, recording.guard)
        self._door: Door | None = recording.guard.attempt("input", lambda: self._open(machine))
        recording.wire.on_calls = self._asked
        recording.wire.results.on_results = lambda entries, since: self.told(
            [entry.index for entry in entries if entry.index is not None], since.monotonic_ns
        )

    def _open(self, machine: Machine) -> Door | None:
        door = door_of(machine)
        if door is not None:
            door.listen(self._arrived)
        return door

    def close(self) -> None:
        """Stop looking. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._recording.wire.on_calls = lambda _entries, _since, _until_ns: None
        self._recording.wire.results.on_results = lambda _entries, _since: None
        if self._door is not None:
            self._door.answered([], time.monotonic_ns())
            self._heard.wait(_DRAIN)
            self._door.close()
        self._settled(self._look() if self._waiting else None)
        with self._lock:
            for step in list(self._steps.values()):
                self._finish(step, step.told_ns)
        self._sampler.close()

    # --- what the wire tells ---

    def _asked(self, entries: Sequence[StepEntry], since: Instant, until_ns: int | None) -> None:
        calls = [Asked(entry.index, entry.action, entry.secret) for entry in entries if entry.index is not None]
        self.asked(calls, since.monotonic_ns, until_ns)

    def asked(self, calls: Sequence[Asked], since_ns: int, until_ns: int | None = None) -> None:
        """
        Take note of calls before the agent learns of them: it does when this returns, or at `until_ns` (monotonic).

        Their reply answers a request from `since_ns`. Calls that were told of before change nothing: a recorder that
        takes a dead one's place tells of them again.
        """
        with self._lock:
            calls = [call for call in calls if call.step not in self._known]
            self._known.update(call.step for call in calls)
            reply = next((s.reply for s in self._steps.values() if s.reply.since_ns == since_ns), _Reply(since_ns))
            new = [_Step(call, reply, None, 0, 0) for call in calls]
            reply.steps += new
            self._steps |= {step.asked.step: step for step in new}
        if not new:
            return
        if self._door is not None:
            self._door.expect(calls, since_ns)
        looked_ns = time.monotonic_ns()
        shot = self._look()
        in_time = shot is not None and (until_ns is None or shot.captured.monotonic_ns <= until_ns)
        if in_time:
            self._settled(shot, since_ns=looked_ns)
        with self._lock:
            self._current = self._current if any(s.begun for s in self._steps.values()) else new[0].asked.step
            for step in new:
                step.shot, step.looked_ns = shot if in_time else None, looked_ns
                step.passed_on_ns = time.monotonic_ns() if until_ns is None else min(time.monotonic_ns(), until_ns)
                through = [*reply.before(step), step]
                if self._door is None or all(each.asked.action.looks_only for each in through):
                    self._fall_back(step)

    def told(self, steps: Sequence[int], since_ns: int) -> None:
        """Take note that the model is about to be told of calls' results, by a request from `since_ns`."""
        if self._door is None:
            self._over(steps, since_ns)
            return
        with self._lock:
            for step in steps:
                if step in self._steps:
                    self._steps[step].told_ns = since_ns
        self._door.answered(steps, since_ns)

    def _over(self, steps: Sequence[int], since_ns: int) -> None:
        """End steps, once all their input is known."""
        with self._lock:
            over = [self._steps[step] for step in steps if step in self._steps]
            for step in over:
                self._finish(step, since_ns)
            input_ns = max((event.at_ns for step in over for event in step.events.values()), default=0)
            waiting = _Waiting([step.asked.step for step in over if self._is_last(step)], input_ns)
            for step in over:
                del self._steps[step.asked.step]
            if not waiting.steps:
                return
            self._waiting.append(waiting)
            own = {step.asked.step for step in over}
            ahead = [
                shot if at_ns > input_ns else None  # where input of both is mixed, none is from between them
                for at_ns, begun, shot in self._begun
                if at_ns > since_ns and begun not in own and (at_ns > input_ns or begun is not None)
            ]
            if ahead:  # the agent has begun something else already: the screen from before that is the one
                self._settled(ahead[0])
                return
        threading.Thread(target=self._settle, args=(waiting,), name="footage-settle", daemon=True).start()

    def _is_last(self, step: _Step) -> bool:
        """Tell whether nothing came after a step in its reply: the screen after it is still to come."""
        if step.has_after:
            return False
        later = step.reply.steps[step.reply.steps.index(step) + 1 :]
        begun = [each for each in step.reply.steps if each.begun]
        return not later or (bool(begun) and not any(each.begun for each in later))

    # --- what comes through the door ---

    def _arrived(self, heard: Arrival | Over | Gone) -> None:
        if isinstance(heard, Gone):
            self._recording.guard.attempt("the end of a gate", self._go_on_without)
        elif isinstance(heard, Arrival):
            self._recording.guard.attempt("an input", lambda: self._take(heard))
        elif heard.steps:
            self._recording.guard.attempt("the end of a step", lambda: self._end(heard))
        else:
            self._rested(heard.since_ns)
            if self._closed:
                self._heard.set()

    def _go_on_without(self) -> None:
        """Say that the door is gone, and end what it was to tell the end of."""
        _log.warning(GONE)
        self._recording.gap(GONE)
        with self._lock:
            for step in self._steps.values():
                self._fall_back(step)
            self._door = None
            told = [(number, step.told_ns) for number, step in self._steps.items() if step.told_ns is not None]
            rested = [waiting for waiting in self._waiting if waiting.rested_ns is not None]
        for waiting in rested:
            self._settled(waiting.latest(), waiting)
        for number, since_ns in told:
            self._over([number], since_ns)
        self._heard.set()

    def _end(self, over: Over) -> None:
        with self._lock:
            for step in over.steps:
                if step in self._steps:
                    for number in over.moved:
                        self._steps[step].events.pop(number, None)
        self._over(over.steps, over.since_ns)

    def _take(self, arrival: Arrival) -> None:
        found = arrival.sorted
        with self._lock:
            earlier_ns, self._input_ns = self._input_ns, max(self._input_ns, found.event.at_ns)
            step = None if found.step is None else self._steps.get(found.step)
            if (lost := arrival.lost - self._lost) > 0:
                self._lost = arrival.lost
                self._recording.gap(UNTOLD, step=found.step, lost=lost)
            shot = arrival.shot or self._strays.pop(found.number, None)
            if step is not None:
                for other in self._steps.values():  # it was told as another's before the news of its own call
                    other.events.pop(found.number, None)
                step.events[found.number] = found.event
                if found.begins and not step.begun:
                    step.begun = True
                    if step.looked_ns < earlier_ns:
                        step.shot = None  # what was done before this call came to the machine only after that
                    self._begin(step, shot, found.event.at_ns)
                    return
            if shot is not None:
                self._stray(found.number, shot, found.event.at_ns)
            elif (found.begins or found.look) and found.event.at_ns > earlier_ns:  # no late news of an earlier one
                self._begun.append((found.event.at_ns, None, None))
                self._settled(None, until_ns=found.event.at_ns)

    def _stray(self, number: int, shot: Screenshot, at_ns: int) -> None:
        """Keep a screen from before input that may be another call's, of which the news is late."""
        self._begun.append((at_ns, None, shot))
        self._strays[number] = shot
        while len(self._strays) > _STRAYS:
            del self._strays[next(iter(self._strays))]
        self._settled(shot)

    def _begin(self, step: _Step, shot: Screenshot | None, at_ns: int) -> None:
        """Take the screen before a step's first input for what it is: after those before it, and before this one."""
        seen = shot or step.shot  # either is from after all input before this
        self._begun.append((at_ns, step.asked.step, seen))
        self._settled(seen, until_ns=at_ns)
        self._current = step.asked.step
        if shot is None:
            self._fall_back(step)
            return
        roles = []
        for earlier in step.reply.before(step):
            if not earlier.has_after:
                earlier.has_after = True
                roles.append((earlier.asked.step, FrameRole.AFTER))
        if not step.has_before:
            step.has_before = True
            roles.append((step.asked.step, FrameRole.BEFORE))
        self._put(shot, roles)

    def _fall_back(self, step: _Step) -> None:
        """Have the screen from before a call was passed on stand before it, or say that there is none."""
        if step.has_before:
            return
        step.has_before = True
        earlier = step.reply.before(step)
        acts = not step.asked.action.looks_only
        if self._door is None and any(not each.asked.action.looks_only for each in earlier):
            if acts and step.asked.action.is_computer:
                self._recording.gap(SEVERAL, step=step.asked.step)
        elif any(each.begun for each in earlier):
            if step.begun:
                self._recording.gap(UNSEEN, step=step.asked.step)
        elif step.shot is not None:
            self._put(step.shot, [(step.asked.step, FrameRole.BEFORE)])
        else:
            self._recording.gap(UNSEEN if step.begun else LATE, step=step.asked.step)

    # --- the end of a step ---

    def _finish(self, step: _Step, told_ns: int | None) -> None:
        """Store what was seen of a step; `told_ns` is when a request came that tells of its result."""
        if self._door is not None:
            self._fall_back(step)
        events = list(step.events.values())
        alone = len(step.reply.steps) == 1
        started = ended = None
        if events:
            started, ended = _instant(events[0].at_ns), _instant(events[-1].at_ns)
        elif alone and told_ns is not None and step.passed_on_ns:
            started, ended = _instant(min(step.passed_on_ns, told_ns)), _instant(told_ns)
        delivered = events if self._door is not None and self._may_be_told(step) else None
        if started is not None or delivered:
            number = step.asked.step
            self._recording.guard.write(
                "what was delivered", lambda w: w.seen(number, started=started, ended=ended, delivered=delivered)
            )

    def _may_be_told(self, step: _Step) -> bool:
        """Tell whether the keys of a step spell nothing that is to be kept out."""
        typed = "".join(
            str(e.values[0]) for e in step.events.values() if e.kind == "key_down" and len(str(e.values[0])) == 1
        )
        return not step.asked.secret and self._recording.guard.secrets.clean(typed) == typed

    # --- frames ---

    def _settle(self, waiting: _Waiting) -> None:
        """Look until the screen is at rest, or something else is done."""
        begun = calm = time.monotonic()
        while not waiting.over.is_set():
            looked = self._recording.guard.attempt("a frame", lambda: (self._eye.look(),))
            if looked is None:
                break
            (shot,) = looked
            now = time.monotonic()
            if shot is None:  # the machine does not show it in time
                calm = now
            elif not waiting.seen or not same_pixels(shot, waiting.seen[-1]):
                calm = now
                waiting.seen.append(shot)
            if now - calm >= _QUIET or now - begun >= _LIMIT:
                break
            waiting.over.wait(_POLL)
        if self._door is None:
            self._settled(waiting.latest(), waiting)
            return
        waiting.rested_ns = time.monotonic_ns()
        self._door.answered([], waiting.rested_ns)

    def _rested(self, at_ns: int) -> None:
        """Keep the screen of steps that was at rest then: the door has told of all input that had come."""
        with self._lock:
            waiting = next((each for each in self._waiting if each.rested_ns == at_ns), None)
        if waiting is not None:
            self._settled(waiting.latest(), waiting)

    def _settled(
        self,
        shot: Screenshot | None,
        only: _Waiting | None = None,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> None:
        """
        Keep a screen as the one after the steps that wait for it: it was captured before anything else was done.

        It was looked at from `since_ns` on: whose input came after that goes on waiting. Without one, the latest of
        each is kept that was captured at `until_ns` at the latest; where there is none, there is a gap.
        """
        with self._lock:
            waiting = [each for each in self._waiting if only is None or each is only]
            waiting = [each for each in waiting if since_ns is None or each.input_ns <= since_ns]
            self._waiting = [each for each in self._waiting if each not in waiting]
            found = list[tuple[Screenshot, list[tuple[int, FrameRole]]]]()
            for each in waiting:
                each.over.set()
                latest = shot or each.latest(until_ns)
                if latest is None:
                    for step in each.steps:
                        self._recording.gap(UNREST, step=step)
                else:
                    found.append((latest, [(step, FrameRole.AFTER) for step in each.steps]))
        for latest, roles in found:
            self._put(latest, roles)

    def _look(self) -> Screenshot | None:
        return self._recording.guard.attempt("a frame", self._eye.look)

    def _between(self, shot: Screenshot) -> None:
        current = self._current
        self._recording.pictures.put(queued(shot, [] if current is None else [(current, FrameRole.BETWEEN)]))

    def _put(self, shot: Screenshot, roles: Sequence[tuple[int, FrameRole]]) -> None:
        self._sampler.seen(shot)
        if roles:
            self._recording.pictures.put(queued(shot, roles))


def _instant(monotonic_ns: int) -> Instant:
    """Return a moment of this boot by the monotonic clock."""
    now = Instant.now()
    return Instant(now.boot_id, monotonic_ns, now.wall_ns - (now.monotonic_ns - monotonic_ns))
