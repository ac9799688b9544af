"""
From a draft to a run in the store.

A run is whole once its end is written. An import that is interrupted takes back the run it was at. Where it dies, the
run's row still says that it is being recorded, but nobody holds its lock any more: it is shown as interrupted. Either
way the next import of the same recording makes a whole run.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from footage import stopping
from footage.errors import FootageError, StoreError, UsageError
from footage.interchange.importers.draft import DraftFrame, DraftRun, DraftStep, Problem
from footage.interchange.importers.safety import Pictures, shown
from footage.storage.store import Store
from footage.storage.upkeep.removal import collect, remove_runs
from footage.storage.writer import RunWriter
from footage.trajectory import Action, Instant, RunKind, StepStatus

__all__ = ["Written", "known_run", "write_run"]

_BOOT = "imported"
"""In place of a boot id: all that is known of an imported instant is its wall clock."""


@dataclass(slots=True)
class Written:
    """A run that was written, and what of it could not be."""

    run: str
    problems: list[Problem] = field(default_factory=list)


def origin_of(source: str, identity: str) -> str:
    """Return what an imported run is known by in the store."""
    return hashlib.sha256(f"{source}\n{identity}".encode("utf-8", "replace")).hexdigest()


def known_run(store: Store, source: str, identity: str, *, exported_from: str = "") -> str | None:
    """
    Return the run that this recording is in the store as; None where there is none.

    That is the one that was imported whole from it, or the very one that it was exported from.
    """
    return store.run_from(origin_of(source, identity)) or (store.run_named(exported_from) if exported_from else None)


def write_run(
    store: Store, draft: DraftRun, source: str, *, pictures: Pictures, tags: Sequence[str] = ()
) -> Written | None:
    """
    Write a draft as a run of kind `imported`, untrusted; None where another process writes the same one.

    `pictures` decodes them; those that cannot be read become gaps and problems. Raises StoreError.
    """
    clock = _Clock(_beginning(draft))
    writer: RunWriter | None = None
    try:
        with stopping.held():  # from its first row on the run is known here: a stop takes it back
            writer = _begin(store, draft, source, clock.at(None))
        problems = _write(store, writer, draft, clock, pictures=pictures, tags=tags)
    except UsageError:
        if writer is None:
            return None
        raise
    except BaseException as error:
        with stopping.held():
            _take_back(store, writer, stopped=stopping.is_stop(error))
        raise
    return Written(writer.run_id, problems)


def _write(
    store: Store, writer: RunWriter, draft: DraftRun, clock: _Clock, *, pictures: Pictures, tags: Sequence[str]
) -> list[Problem]:
    """Write a draft into its run, to the end; return what could not be written."""
    pictures.be_patient_again()
    writer.decode_with(pictures.prepare)
    pen = _Pen(writer, draft, clock)
    pen.write()
    for tag in (*draft.tags, *tags):
        store.add_tag(writer.run_id, tag)
    for note in draft.notes:
        known = note.step is not None and 0 <= note.step < len(draft.steps)
        if note.text.strip():
            store.add_note(writer.run_id, note.text, step=note.step if known else None)
    writer.end(draft.status, error=draft.error, ended=pen.clock.at(draft.ended))
    return pen.problems


def _take_back(store: Store, writer: RunWriter | None, *, stopped: bool) -> None:
    """Let go of a run that will not be whole, and remove it where somebody stopped the import."""
    if writer is None:
        return
    writer.leave()
    if stopped:
        with contextlib.suppress(FootageError):  # then it stays, shown as interrupted
            collect(store, removed=remove_runs(store, [writer.run_id]))


def _begin(store: Store, draft: DraftRun, source: str, started: Instant) -> RunWriter:
    return store.begin_run(
        kind=RunKind.IMPORTED,
        task=draft.task,
        task_id=draft.task_id or None,
        model=draft.model or next((turn.model for turn in draft.turns if turn.model), ""),
        machine=draft.machine,
        source_format=source,
        trusted=False,
        layer="import",
        origin=origin_of(source, draft.identity),
        started=started,
        durable=False,
    )


class _Clock:
    """Times of a recording as instants: one that is not known is the last known one, or the time of the import."""

    def __init__(self, start: int | None) -> None:
        self._latest = Instant.now().wall_ns if start is None else start

    def at(self, wall_ns: int | None) -> Instant:
        if wall_ns is not None:
            self._latest = wall_ns
        return Instant(_BOOT, self._latest, self._latest)


def _beginning(draft: DraftRun) -> int | None:
    """Return when a run began: as its recording says, else its first known moment."""
    if draft.started is not None:
        return draft.started
    moments = (*(turn.started for turn in draft.turns), *(step.started for step in draft.steps))
    return min((moment for moment in moments if moment is not None), default=None)


class _Pen:
    """Writes one draft, in the order in which it happened: each turn, then its steps."""

    def __init__(self, writer: RunWriter, draft: DraftRun, clock: _Clock) -> None:
        self._writer = writer
        self._draft = draft
        self.clock = clock
        self.problems: list[Problem] = []
        self._turns: dict[int, int] = {}
        self._frames: dict[tuple[int, bool], int | None] = {}
        self._calls: set[tuple[str, int]] = set()

    def write(self) -> None:
        """Write everything but the end."""
        labels = self._draft.conversations or ([""] if self._draft.turns else [])
        for label in labels:
            self._writer.conversation(label)
        of_turn: dict[int | None, list[int]] = defaultdict(list)
        for index, step in enumerate(self._draft.steps):
            of_turn[step.turn].append(index)
        done = 0
        for number in range(len(self._draft.turns)):
            # Steps are numbered as they stand in the draft: those before this turn's come first.
            mine = of_turn.get(number, [])
            if mine:
                done = self._steps(done, mine[0])
            self._turn(number)
            if mine:
                done = self._steps(done, mine[-1] + 1)
        self._steps(done, len(self._draft.steps))
        for outcome in self._draft.outcomes:
            self._writer.outcome(outcome.value, outcome.source, outcome.note)
        for problem in self._draft.problems:
            self._gap(problem)

    def _turn(self, number: int) -> None:
        turn = self._draft.turns[number]
        started = self.clock.at(turn.started)
        made = self._writer.begin_turn(
            model=turn.model or self._draft.model,
            started=started,
            request=turn.request,
            conversation=turn.conversation,
        )
        self._turns[number] = made
        ended = self.clock.at(turn.ended)
        if turn.error:
            self._writer.attempt(made, number=0, started=started, ended=ended, error=turn.error)
        self._writer.end_turn(
            made,
            content=turn.content,
            ended=ended,
            stop_reason=turn.stop_reason,
            usage=turn.usage,
            response_id=turn.response_id,
            status=turn.status,
        )

    def _steps(self, start: int, end: int) -> int:
        """Write the steps from `start` to before `end`; return the first that is not written yet."""
        for index in range(start, end):
            self._step(self._draft.steps[index])
        return max(start, end)

    def _step(self, step: DraftStep) -> None:
        turn = None if step.turn is None else self._turns.get(step.turn)
        started = self.clock.at(step.started)
        action = self._within(step)
        call_id = step.call_id
        while call_id and (call_id, step.call_index) in self._calls:
            call_id += "'"  # an id that stands twice would be the same step
        self._calls.add((call_id, step.call_index))
        made = self._writer.intend(action, turn=turn, call_id=call_id, call_index=step.call_index, at=started)
        for frame in step.frames:
            self._frame(made, frame)
        ended = self.clock.at(step.ended) if step.ended is not None else None
        if step.status is not StepStatus.INTENDED or step.result_text or step.error:
            self._writer.finish(
                made,
                status=step.status,
                result_text=step.result_text,
                error=step.error,
                started=started if step.started is not None else None,
                ended=ended,
            )

    def _within(self, step: DraftStep) -> Action:
        """Return the step's action; without a place where that lies outside the picture: no marker can show it."""
        whole = [frame.picture for frame in step.frames if frame.picture.region is None]
        size, point = whole[0].size if whole else None, step.action.point
        if size is None or point is None or (0 <= point[0] < size[0] and 0 <= point[1] < size[1]):
            return step.action
        index = next(i for i, one in enumerate(self._draft.steps) if one is step)
        problem = Problem(f"the point {point[0]},{point[1]} lies outside the picture of {size[0]}x{size[1]}", "", index)
        self.problems.append(problem)
        self._gap(problem)
        kept = {key: value for key, value in step.action.arguments.items() if key != "coordinate"}
        return replace(step.action, arguments=kept, tracked=None, raw=step.action.raw or step.action.arguments)

    def _frame(self, index: int, frame: DraftFrame) -> None:
        """Store a frame, or give one that is stored already one more role."""
        key = (id(frame.picture), frame.derived)
        if key not in self._frames:
            self._frames[key] = self._store(index, frame)
            return
        known = self._frames[key]
        if known is not None:
            self._writer.add_role(known, index, frame.role)

    def _store(self, index: int, frame: DraftFrame) -> int | None:
        picture = frame.picture
        try:
            return self._writer.frame(
                picture.load(),
                captured=self.clock.at(picture.at) if not frame.derived else self.clock.at(None),
                roles=[(index, frame.role)],
                screen=picture.screen,
                region=picture.region,
                source="import",
                derived=frame.derived,
            )
        except StoreError:
            raise
        except (FootageError, OSError, ValueError) as error:
            reason = error.message.rstrip(".") if isinstance(error, FootageError) else str(error)
            if not frame.derived:
                problem = Problem(f"the picture cannot be read: {reason}", picture.name, index)
                self.problems.append(problem)
                self._gap(problem)
            return None

    def _gap(self, problem: Problem) -> None:
        reason = f"{shown(problem.path)}: {problem.reason}" if problem.path else problem.reason
        known = problem.step is not None and 0 <= problem.step < len(self._draft.steps)
        step = problem.step if known else None
        self._writer.gap(reason, step=step)
