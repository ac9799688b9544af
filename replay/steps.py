"""
Re-executing one recorded step: wait for its screen, act, compare what came of it.

Used by the replay of a whole run and by the replayed part of a fork. Everything seen becomes part of the new run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from footage.analysis.runs.delivery import essence
from footage.analysis.screens.comparison_of_screens import ScreenVerdict, equal_pixels, focus_regions
from footage.analysis.screens.volatile import volatile_of
from footage.errors import MachineError, UnsupportedAction
from footage.machines.contract import Machine
from footage.replay.anchor import Expectation, Screen, Sight, wait_for_screen
from footage.replay.fill_secrets import Veiled, filled, hidden
from footage.storage import RunWriter, Store
from footage.storage.redaction.handed_on import mark_frame, mark_step
from footage.trajectory import (
    Action,
    Cause,
    Divergence,
    Frame,
    FrameRole,
    InputEvent,
    Instant,
    Performed,
    Run,
    Screenshot,
    Step,
    StepStatus,
    StepVerdict,
    Verdict,
)

__all__ = ["DEFAULT_TIMEOUT", "Played", "StepPlayer", "stop_file", "why_stopped"]

DEFAULT_TIMEOUT = 10.0  # seconds an anchor waits; a slow program is no divergence


def stop_file(store: Path) -> Path:
    """Return the kill switch of what acts for a store: while this file is there, no action is begun."""
    return store.with_name(f"{store.name}.stop")


def why_stopped(store: Path) -> str:
    """Return why no action may be begun for a store: its kill switch is there. "" while it is not."""
    file = stop_file(store)
    return f"stopped: {file} is there" if file.exists() else ""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one step."""

    index: int
    """Of the step in the new run."""
    verdict: StepVerdict
    divergence: Divergence | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the next step may be taken."""
        return self.verdict.verdict in {Verdict.REPRODUCED, Verdict.COSMETIC}


class StepPlayer:
    """
    Performs the steps of `source` on a machine, one by one, and writes what it sees into another run.

    `turns` says which turn of the other run stands for a turn of the source (a fork copies them). `secrets` are what
    was redacted in the source, by the marks in their places.
    """

    def __init__(
        self,
        store: Store,
        source: Run,
        writer: RunWriter,
        machine: Machine,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        turns: Mapping[int, int] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self._store = store
        self._writer = writer
        self._machine = machine
        self._timeout = timeout
        self._turns = turns or {}
        self._secrets = secrets or {}
        recorded = source.machine or {}
        self._same_driver = recorded.get("driver") == machine.specification.get("driver")
        self._steps = store.steps(source.id)
        self._pointer: tuple[int, int] | None = None
        self._stop_file = stop_file(store.path)
        self.volatile = volatile_of(source)
        """Regions of the screen that are left out: they change by themselves."""

    @property
    def steps(self) -> Sequence[Step]:
        """The recorded steps."""
        return self._steps

    def play(self, number: int) -> Played:
        """
        Re-execute step `number` of the recording. Nothing is performed unless its screen before was reached.

        A step that was not executed in the recording is not executed again.
        """
        step = self._steps[number]
        turn = None if step.turn is None else self._turns.get(step.turn)
        index = self._writer.intend(step.action, turn=turn, call_id=step.call_id, source_step=number)
        action = filled(step, self._secrets)
        if step.redacted:
            mark_step(self._store, self._writer.run_id, index)
        if step.status is StepStatus.NOT_EXECUTED:
            self._writer.finish(index, status=StepStatus.NOT_EXECUTED, result_text=step.result_text)
            return self._judge(index, StepVerdict(Verdict.REPRODUCED, "not executed in the recording either"))
        if not _can(self._machine, step.action):
            self._writer.finish(index, status=StepStatus.NOT_EXECUTED)
            why = f"unsupported: this machine cannot perform {step.action.title}"
            return self._judge(index, StepVerdict(Verdict.UNREACHED, why))
        if action is None:
            self._writer.finish(index, status=StepStatus.NOT_EXECUTED)
            return self._judge(index, StepVerdict(Verdict.UNREACHED, "redacted: what it typed was not given"))
        before = self._await(step, FrameRole.BEFORE, index)
        if why := why_stopped(self._store.path):
            self._writer.finish(index, status=StepStatus.NOT_EXECUTED)
            return self._judge(index, StepVerdict(Verdict.UNREACHED, why))
        if before is not None and not before.sight.found:
            self._writer.finish(index, status=StepStatus.NOT_EXECUTED)
            return self._diverged(step, index, before, Cause.ENVIRONMENT, "the screen before it is another one")
        return self._act(step, action, index, before)

    def copy(self, number: int) -> StepVerdict:
        """
        Take over step `number` as it was recorded: the machine started from a checkpoint made after it.

        Its screens are the recorded ones, with their instants; nothing is performed.
        """
        step = self._steps[number]
        turn = None if step.turn is None else self._turns.get(step.turn)
        index = self._writer.intend(step.action, turn=turn, call_id=step.call_id, source_step=number, at=step.intended)
        for role in (FrameRole.BEFORE, FrameRole.AFTER):
            if (frame := step.frame(role)) is not None:
                self._writer.frame(
                    self._store.pixels(frame.picture),
                    captured=frame.captured,
                    roles=[(index, role)],
                    display=frame.display,
                    screen=(frame.screen_width, frame.screen_height),
                    region=frame.region,
                )
        self._writer.finish(
            index,
            status=step.status,
            result_text=step.result_text,
            error=step.error,
            started=step.started,
            ended=step.ended,
        )
        if step.action.point is not None:
            self._pointer = step.action.point
        verdict = StepVerdict(Verdict.REPRODUCED, "restored with the checkpoint, not performed again")
        self._writer.verdict(index, verdict)
        return verdict

    def arrive(self, number: int) -> Divergence | None:
        """Wait for the screen before step `number`, to go another way from there; return how it stays another one."""
        frame = self._steps[number].frame(FrameRole.BEFORE)
        if frame is None or frame.region is not None:
            return None
        sight = self._see(Veiled(self._machine, frame.redacted), self._expect(self._steps[number], frame), ())
        if sight.found:
            return None
        shot, difference = sight.screenshot, sight.difference
        seen = self._writer.frame(shot.pixels, captured=shot.captured, display=shot.display)
        if frame.redacted:
            mark_frame(self._store, seen, frame.redacted)
        why = f"the screen before it is another one ({difference.why})"
        return Divergence(number, None, Cause.ENVIRONMENT, "screen", why, difference.regions)

    # --- parts of a step ---

    def _act(self, step: Step, action: Action, index: int, before: _Looked | None) -> Played:
        started = Instant.now()
        performed, error = hidden(step, *self._perform(action), self._secrets)
        if (point := step.action.point) is not None:
            self._pointer = point
        after = self._await(step, FrameRole.AFTER, index)
        failed = StepStatus.FAILED if error else StepStatus.EXECUTED
        self._writer.finish(
            index,
            status=failed,
            result_text=performed.text,
            error=error,
            delivered=None if step.redacted else performed.delivered,
            started=started,
            ended=Instant.now(),
            icounts=performed.icounts,
        )
        if bool(error) != (step.status is StepStatus.FAILED):
            why = f"it failed: {error}" if error else "it failed in the recording, and succeeded now"
            return self._diverged(step, index, after or before, Cause.EXECUTION, why)
        if after is None:
            return self._judge(
                index, StepVerdict(Verdict.REPRODUCED, "no screen after it was recorded to compare with")
            )
        if not after.sight.found:
            cause, why = self._blame(step, performed.delivered, before, after)
            return self._diverged(step, index, after, cause, why)
        return self._judge(index, _agreement(before, after))

    def _perform(self, action: Action) -> tuple[Performed, str]:
        if action.looks_only:  # the anchors look and wait, for as long as it takes and no longer
            return Performed(), ""
        try:
            return self._machine.perform(action), ""
        except UnsupportedAction:
            raise
        except MachineError as error:
            return Performed(), error.message

    def _await(self, step: Step, role: FrameRole, index: int) -> _Looked | None:
        """Wait for the step's recorded screen in that role, and store what was seen; None where none was recorded."""
        frame = step.frame(role)
        if frame is None or frame.region is not None:
            return None
        expected = self._expect(step, frame)
        later = self._later(step) if role is FrameRole.AFTER else ()
        sight = self._see(Veiled(self._machine, frame.redacted), expected, later)
        # What is painted over is no screen that an exact replay could show again.
        icount = None if frame.redacted else sight.screenshot.icount
        seen = self._keep(sight.screenshot, index, role, icount)
        if frame.redacted:
            mark_frame(self._store, seen, frame.redacted)
        return _Looked(frame, sight, seen)

    def _see(self, machine: Screen, expected: Expectation, later: Sequence[Expectation]) -> Sight:
        """Wait for a screen."""
        return wait_for_screen(machine, expected, timeout=self._timeout, later=later, stopped=self._stop_file.exists)

    def _expect(self, step: Step, frame: Frame) -> Expectation:
        pointers = tuple(p for p in (self._pointer, step.action.point) if p is not None)
        exact = self._same_driver and not frame.lossy
        pixels = self._store.pixels(frame.picture)
        focus = focus_regions(step.action)
        return Expectation(pixels, exact_source=exact, focus=focus, volatile=self.volatile, pointers=pointers)

    def _later(self, step: Step) -> tuple[Expectation, ...]:
        """Return the next step's screen before, where it is not this step's screen after: an effect that came late."""
        after = step.frame(FrameRole.AFTER)
        following = self._steps[step.index + 1 : step.index + 2]
        frame = following[0].frame(FrameRole.BEFORE) if following else None
        if frame is None or after is None or frame.sha256 == after.sha256 or frame.region is not None:
            return ()
        return (self._expect(following[0], frame),)

    def _keep(self, shot: Screenshot, index: int, role: FrameRole, icount: int | None) -> int:
        roles = [(index, role)]
        return self._writer.frame(shot.pixels, captured=shot.captured, display=shot.display, roles=roles, icount=icount)

    # --- verdicts ---

    def _blame(
        self, step: Step, delivered: Sequence[InputEvent], before: _Looked | None, after: _Looked
    ) -> tuple[Cause, str]:
        """Tell whose doing another screen after an equal screen before and an equal action is."""
        given = essence([event.as_list() for event in delivered])
        if step.delivered is not None and given != essence(step.delivered):
            return Cause.EXECUTION, "the input that was delivered differs from the recorded one"
        recorded = _had_effect(step)
        if before is not None and recorded is not None:
            effect = not equal_pixels(before.sight.screenshot.pixels, after.sight.screenshot.pixels)
            if effect != recorded:
                return Cause.EXECUTION, "it had no effect" if recorded else "it had an effect it did not have before"
        return Cause.ENVIRONMENT, "it led to another screen"

    def _diverged(self, step: Step, index: int, looked: _Looked | None, cause: Cause, why: str) -> Played:
        regions = looked.sight.difference.regions if looked else ()
        detail = looked.sight.difference.why if looked else ""
        sentence = f"{why} ({detail})" if detail else why
        verdict = StepVerdict(
            Verdict.DIVERGED,
            sentence,
            regions,
            looked.frame.id if looked else None,
            looked.seen if looked else None,
        )
        divergence = Divergence(step.index, index, cause, "screen", sentence, regions)
        return self._judge(index, verdict, divergence)

    def _judge(self, index: int, verdict: StepVerdict, divergence: Divergence | None = None) -> Played:
        self._writer.verdict(index, verdict)
        return Played(index, verdict, divergence)


@dataclass(frozen=True, slots=True)
class _Looked:
    frame: Frame
    """The recorded frame."""
    sight: Sight
    seen: int
    """Id of the frame that was seen."""


def _can(machine: Machine, action: Action) -> bool:
    return action.is_computer and (action.looks_only or action.name in machine.capabilities)


def _had_effect(step: Step) -> bool | None:
    before, after = step.frame(FrameRole.BEFORE), step.frame(FrameRole.AFTER)
    return None if before is None or after is None else before.sha256 != after.sha256


def _agreement(before: _Looked | None, after: _Looked) -> StepVerdict:
    """Return the verdict where both screens were reached."""
    if after.sight.passed:
        return StepVerdict(Verdict.REPRODUCED, "its screen after was over before it could be compared")
    looks = [looked for looked in (before, after) if looked is not None]
    cosmetic = [looked for looked in looks if looked.sight.difference.kind is ScreenVerdict.COSMETIC]
    if not cosmetic:
        return StepVerdict(Verdict.REPRODUCED)
    first = cosmetic[0]
    difference = first.sight.difference
    return StepVerdict(Verdict.COSMETIC, difference.why, difference.regions, first.frame.id, first.seen)
