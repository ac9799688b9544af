"""A machine that is watched: each action leaves a frame from before it and one from when the screen was at rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from footage.errors import UnsupportedAction
from footage.machines.contract import Machine
from footage.recorder.safe_writer import Guard
from footage.recorder.screen.frame_queue import PictureQueue, QueuedFrame, queued
from footage.recorder.screen.sampler import Sampler, eye_of
from footage.recorder.screen.settle import look_before, settle
from footage.recorder.step_book import StepBook, StepEntry
from footage.trajectory import JSON, Action, FrameRole, InputEvent, Instant, Performed, Screenshot, StepStatus

__all__ = ["WatchedMachine"]

_BETWEEN_NS = 100_000_000
"""Frames between actions are kept at most this often."""

_QUIET = {"type": 0.5, "key": 0.5, "hold_key": 0.5}
"""
Seconds without a change, at the least, after some actions. Programs follow up on keys late: the editor of the desktop
marks its title as changed 0.35 seconds after the text.
"""

_REACT = {"mouse_move": 0.15, "left_mouse_down": 0.15, "left_mouse_up": 0.15}
"""Seconds to wait for a first change, where most often there is none."""


class WatchedMachine:
    """
    A `Machine` that records what is done to it. Made by `Recording.watch`.

    `quiet` and `limit` are seconds, as in `footage.recorder.screen.settle.settle`. Nothing that fails in recording
    reaches the caller (unless the recording is strict); what the machine raises does.
    """

    def __init__(
        self,
        machine: Machine,
        guard: Guard,
        steps: StepBook,
        pictures: PictureQueue,
        *,
        quiet: float = 0.25,
        limit: float = 3.0,
    ) -> None:
        self._machine = machine
        self._guard = guard
        self._steps = steps
        self._pictures = pictures
        self._quiet = quiet
        self._limit = limit
        self._rested: Screenshot | None = None
        self._between_at = 0
        self._current: StepEntry | None = None
        self._sampler: Sampler | None = None
        self._sample()

    @property
    def rested(self) -> Screenshot | None:
        """The screen as it was once the last action's effect had come to rest; None before the first action."""
        return self._rested

    def perform(self, action: Action, call: str | None = None) -> Performed:
        """
        Carry out an action, recorded as the step that was intended for it; return once the screen is at rest.

        `call` is the id of the tool call that asked for it. Without one, the first intended step with an equal action
        is meant, or else a new step. Raises what the machine raises.
        """
        entry = self._current = self._steps.claim(action, call)
        before = self._look()
        self._keep(before, entry, FrameRole.BEFORE)
        self._steps.start(entry, Instant.now())
        try:
            performed = self._machine.perform(action)
        except UnsupportedAction as error:
            self._steps.finish(entry, StepStatus.NOT_EXECUTED, error=str(error), ended=Instant.now())
            raise
        except Exception as error:
            self._steps.finish(entry, StepStatus.FAILED, error=str(error), ended=Instant.now())
            self._guard.attempt("a frame", lambda: self._rest(action, entry, before))
            raise
        except BaseException:
            self._steps.finish(entry, StepStatus.UNKNOWN, error="Interrupted while it was performed.")
            raise
        self._steps.finish(
            entry,
            StepStatus.EXECUTED,
            result_text=performed.text,
            delivered=performed.delivered,
            ended=Instant.now(),
            icounts=performed.icounts,
        )
        self._guard.attempt("a frame", lambda: self._rest(action, entry, before))
        self._keep_part(performed, entry)
        return performed

    # --- the rest of the protocol, passed through ---

    @property
    def specification(self) -> JSON:
        """The machine's own."""
        return self._machine.specification

    @property
    def capabilities(self) -> frozenset[str]:
        """The machine's own."""
        return self._machine.capabilities

    @property
    def input_log(self) -> Sequence[InputEvent]:
        """The machine's own."""
        return self._machine.input_log

    @property
    def environment(self) -> Mapping[str, str]:
        """The machine's own."""
        return self._machine.environment

    def screenshot(self) -> Screenshot:
        """Return the whole screen as it is now; not a step."""
        return self._machine.screenshot()

    def clock(self) -> float:
        """Return seconds on the machine's own clock."""
        return self._machine.clock()

    def reset(self) -> None:
        """Return to the state it started from; clears the input log."""
        self.stop()
        self._machine.reset()
        self._sample()

    def close(self) -> None:
        """Stop it and free everything it holds. Safe to call twice."""
        self.stop()
        self._machine.close()

    def stop(self) -> None:
        """Take no more frames between actions. Safe to call twice."""
        sampler, self._sampler = self._sampler, None
        if sampler is not None:
            sampler.close()

    # --- frames ---

    def _sample(self) -> None:
        """Keep what the screen shows between actions, where the machine can be looked at from another thread."""
        eye = self._guard.attempt("frames between actions", lambda: eye_of(self._machine))
        if eye is not None:
            self._sampler = Sampler(eye, self._flashed, self._guard)

    def _flashed(self, shot: Screenshot) -> None:
        entry = self._current
        roles = [(entry.index, FrameRole.BETWEEN)] if entry is not None and entry.index is not None else []
        self._pictures.put(queued(shot, roles))

    def _look(self) -> Screenshot | None:
        return self._guard.attempt("a frame", lambda: look_before(self._machine))

    def _rest(self, action: Action, entry: StepEntry, before: Screenshot | None) -> None:
        """Wait until the screen is at rest and keep it; what it showed on the way is kept as `between`."""
        if action.looks_only:
            self._rested = self._machine.screenshot()
        else:
            passing: list[Screenshot] = []
            self._rested = settle(
                self._machine,
                quiet=max(self._quiet, _QUIET.get(action.name, 0.0)),
                limit=self._limit,
                before=before,
                react=_REACT.get(action.name, 0.4),
                on_change=None if self._sampler else lambda shot: self._pass(passing, shot, entry),
            )
        self._keep(self._rested, entry, FrameRole.AFTER)

    def _pass(self, passing: list[Screenshot], shot: Screenshot, entry: StepEntry) -> None:
        """Keep a passing screen when the next one follows: the last one is the screen at rest."""
        if passing:
            last = passing.pop()
            if last.captured.monotonic_ns - self._between_at >= _BETWEEN_NS:
                self._between_at = last.captured.monotonic_ns
                self._keep(last, entry, FrameRole.BETWEEN)
        passing.append(shot)

    def _keep(self, shot: Screenshot | None, entry: StepEntry, role: FrameRole) -> None:
        if shot is not None and self._sampler is not None:
            self._sampler.seen(shot)
        if shot is not None and entry.index is not None:
            self._pictures.put(queued(shot, [(entry.index, role)]))

    def _keep_part(self, performed: Performed, entry: StepEntry) -> None:
        """Keep the picture of a scripted zoom; that of a model's call comes with its result."""
        if performed.picture is not None and entry.index is not None and not entry.call_id:
            screen = self._rested.size if self._rested else None
            roles = [(entry.index, FrameRole.OBSERVED)]
            self._pictures.put(
                QueuedFrame(performed.picture, Instant.now(), roles, screen=screen, region=performed.region)
            )
