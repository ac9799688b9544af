"""
Exact replay: a run's recorded instructions again, and every recorded screen compared byte for byte.

Nothing is performed: input is part of the record log. So nothing is waited for either, and a screen that is another
one means that the machine was not the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from footage.replay.engine import OnStep, ReplayReport, check_replayable, ending, verdicts_json
from footage.replay.exact.player import ExactPlayer, made_on, recording_of
from footage.storage import RunWriter, Store
from footage.storage.exact_records import ExactRecording
from footage.trajectory import (
    JSON,
    Cause,
    Divergence,
    Frame,
    FrameRole,
    Guarantee,
    Instant,
    Parent,
    Run,
    RunKind,
    Step,
    StepVerdict,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from footage.trajectory import Pixels

__all__ = ["ExactReport", "replay_exactly"]

_KEPT = frozenset({FrameRole.BEFORE, FrameRole.AFTER})
_RESTORED = "part of the snapshot that the run starts from"


@dataclass(slots=True)
class ExactReport(ReplayReport):
    """What an exact replay came to. `steps` begins with step `first`."""

    guarantee: Guarantee = Guarantee.EXACT
    first: int = 0
    checkpoint: str = ""
    """The checkpoint it started from."""
    screens: int = 0
    """How many recorded screens were compared."""
    restarts: list[str] = field(default_factory=list)
    """A sentence for each process that ended before its time."""

    def as_json(self) -> JSON:
        """Return the document of `footage replay --exact --json`."""
        steps = verdicts_json(self.steps, first=self.first)
        started = {"from": self.first, "checkpoint": self.checkpoint, "screens": self.screens}
        return {**ReplayReport.as_json(self), **started, "restarts": self.restarts, "steps": steps}


def replay_exactly(
    store: Store,
    reference: str,
    *,
    first: int = 0,
    anyway: bool = False,
    on_step: OnStep | None = None,
    on_restart: Callable[[str], None] | None = None,
) -> ExactReport:
    """
    Execute a run's instructions again, from the checkpoint before step `first`; the result is a run of kind `replay`.

    Every recorded screen is compared byte for byte, up to the first that differs. Raises RunNotFound, UsageError (not
    recorded exactly, no such step), CannotDo (QEMU, kernel, guest or command line are other ones; unless `anyway`),
    MachineError.
    """
    source = store.run(reference)
    check_replayable(source)
    recording = recording_of(store, source.id)
    store.step(source.id, first)
    again = made_on(source, recording, anyway=anyway)
    writer = store.begin_run(
        kind=RunKind.REPLAY,
        task=source.task,
        task_id=source.task_id,
        model=source.model,
        machine=dict(source.machine or {}),
        parent=Parent(source.id),
        guarantee=Guarantee.EXACT,
        layer=RunKind.REPLAY.value,
    )
    report = ExactReport(source.id, writer.run_id, first=first, checkpoint=recording.for_step(first).name)
    with ending(writer), ExactPlayer(store, recording, again, on_restart=on_restart) as player:
        _Replay(store, source, writer, player, recording, report).run(on_step)
        report.restarts = player.restarts
        for sentence in player.restarts:
            writer.gap(sentence)
        writer.end(verdict=report.verdict, divergence=report.divergence)
    return report


class _Replay:
    """One exact replay, step by step."""

    def __init__(
        self,
        store: Store,
        source: Run,
        writer: RunWriter,
        player: ExactPlayer,
        recording: ExactRecording,
        report: ExactReport,
    ) -> None:
        self._store = store
        self._steps = store.steps(source.id)
        self._writer = writer
        self._player = player
        self._start = recording.checkpoints[0].icount
        self._report = report

    def run(self, on_step: OnStep | None) -> None:
        """Play every step from the first one on; those after one that differs are unreached."""
        report = self._report
        self._player.plan([at for step in self._steps[report.first :] for at, _, _ in self._screens(step)])
        for step in self._steps[report.first :]:
            if report.divergence is None:
                verdict = self._play(step)
            else:
                verdict = StepVerdict(Verdict.UNREACHED, f"stopped at step {report.divergence.a_step}")
            report.steps.append(verdict)
            if on_step:
                on_step(step.index, len(self._steps), verdict)

    def _play(self, step: Step) -> StepVerdict:
        index = self._writer.intend(step.action, call_id=step.call_id, source_step=step.index)
        verdict = self._compare(step, index)
        self._writer.finish(
            index,
            status=step.status,
            result_text=step.result_text,
            error=step.error,
            delivered=None,
            icounts=step.icounts,
            ended=Instant.now(),
        )
        self._writer.verdict(index, verdict)
        if verdict.verdict is Verdict.DIVERGED:
            self._report.divergence = Divergence(
                step.index, index, Cause.EXECUTION, "screen", verdict.why, verdict.regions
            )
        return verdict

    def _compare(self, step: Step, index: int) -> StepVerdict:
        """Compare each of a step's screens, in the order of their instants."""
        screens = self._screens(step)
        if not screens:
            return StepVerdict(Verdict.REPRODUCED, _RESTORED if step.frames else "it has no screens to compare")
        for icount, frame, role in screens:
            pixels = self._player.screen_at(icount)
            same = _hash(pixels) == frame.sha256
            self._report.screens += 1
            seen = 0
            if role in _KEPT or not same:
                seen = self._writer.frame(pixels, captured=Instant.now(), roles=[(index, role)], icount=icount)
            if not same:
                return self._differs(frame, role, pixels, seen)
        return StepVerdict(Verdict.REPRODUCED)

    def _screens(self, step: Step) -> list[tuple[int, Frame, FrameRole]]:
        """Return a step's recorded screens that lie within the recording, with their instants, in that order."""
        placed = [(frame, role) for role, held in step.frames.items() for frame in held]
        timed = [(at, frame, role) for frame, role in placed if (at := _instant(frame)) is not None]
        return sorted((item for item in timed if item[0] >= self._start), key=lambda item: item[0])

    def _differs(self, frame: Frame, role: FrameRole, pixels: Pixels, seen: int) -> StepVerdict:
        from footage.analysis.screens.comparison_of_screens import changed_regions

        regions = changed_regions(self._store.pixels(frame.picture), pixels)
        why = f"its screen {role} is not the recorded one, at instruction {frame.icount}"
        return StepVerdict(Verdict.DIVERGED, why, regions, frame.id, seen)


def _instant(frame: Frame) -> int | None:
    """Return when a screen was recorded; None for one that was not, or was taken in a replay."""
    return frame.icount if frame.source == "machine" else None


def _hash(pixels: Pixels) -> str:
    from footage.storage.pictures.tiles import picture_hash

    return picture_hash(pixels)
