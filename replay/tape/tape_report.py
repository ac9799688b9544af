"""What came of a run on the tape: a grade for every recorded turn, a verdict for every recorded step."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from footage.analysis.requests.grading import Grade
from footage.analysis.screens.comparison_of_screens import (
    ScreenDifference,
    ScreenVerdict,
    compare_screens,
    focus_regions,
)
from footage.analysis.screens.volatile import volatile_of
from footage.replay.engine import verdicts_json
from footage.replay.tape.tape_service import Asked, Policy, Refused, Remark
from footage.storage import Store
from footage.trajectory import (
    JSON,
    Cause,
    Divergence,
    Frame,
    FrameRole,
    Region,
    Run,
    Step,
    StepStatus,
    StepVerdict,
    Turn,
    Verdict,
)

__all__ = ["Extra", "TapeReport", "judge_requests", "judge_steps"]


@dataclass(frozen=True, slots=True)
class Extra:
    """Requests that got a reply, and were made again all the same."""

    turn: Turn
    """The recorded turn whose reply they got."""
    times: int
    """How often, beyond the recording; an attempt whose reply did not reach the agent does not count."""

    @property
    def why(self) -> str:
        """What is told of it."""
        often = "once" if self.times == 1 else f"{self.times} times"
        return f"the request of turn {self.turn.number} was made {often} more than recorded"


@dataclass(slots=True)
class TapeReport:
    """What a run on the tape came to."""

    source: str
    run: str
    """A run of its own, of kind `tape` (or `fork`)."""
    policy: Policy
    turns: list[Turn]
    """The turns on the tape."""
    asked: list[Asked] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    """What asked no model of the tape, and was answered otherwise than by the recording; it decides nothing."""
    extra: list[Extra] = field(default_factory=list)
    """What was asked for more often than it was recorded."""
    steps: list[StepVerdict] = field(default_factory=list)
    """One for every recorded step that belongs to a turn on the tape."""
    numbers: list[int] = field(default_factory=list)
    """Their indices in the recording."""
    divergence: Divergence | None = None
    exit_code: int = 0
    """The command's own."""

    @property
    def verdict(self) -> Verdict:
        """`diverged`, else `unreached` where the command ended early, else `cosmetic`, else `reproduced`."""
        found = {step.verdict for step in self.steps}
        if self.divergence or Verdict.DIVERGED in found:
            return Verdict.DIVERGED
        if len(self.asked) < len(self.turns) or Verdict.UNREACHED in found:
            return Verdict.UNREACHED
        frames = any(each.grade is Grade.FRAME for each in self.asked)
        return Verdict.COSMETIC if frames or Verdict.COSMETIC in found else Verdict.REPRODUCED

    def as_json(self) -> JSON:
        """Return the document of `footage replay RUN --json -- CMD`."""
        by_number = {each.turn.number: each for each in self.asked}
        steps = [
            {**step, "index": number} for number, step in zip(self.numbers, verdicts_json(self.steps), strict=True)
        ]
        return {
            "format": 1,
            "verdict": self.verdict,
            "guarantee": None,
            "run": self.run,
            "source": self.source,
            "policy": self.policy,
            "command": {"exit_code": self.exit_code},
            "divergence": self.divergence.as_json() if self.divergence else None,
            "turns": [_turn_json(turn, by_number.get(turn.number)) for turn in self.turns],
            "refused": [{"kind": r.kind, "what": r.what, "why": r.why, "after": r.after} for r in self.refused],
            "extra": [{"turn": extra.turn.number, "times": extra.times, "why": extra.why} for extra in self.extra],
            "remarks": [{"what": remark.what, "why": remark.why} for remark in self.remarks],
            "steps": steps,
        }


def _turn_json(turn: Turn, asked: Asked | None) -> JSON:
    head: JSON = {"index": turn.number, "conversation": turn.conversation}
    if asked is None:
        return {**head, "grade": None, "served": False, "times": 0, "first": None, "differences": []}
    first = asked.first.as_json() if asked.first else None
    rest = {"first": first, "differences": [change.as_json() for change in asked.changes]}
    return {**head, "grade": asked.grade, "served": asked.served, "times": asked.times, **rest}


def judge_steps(store: Store, source: Run, report: TapeReport) -> dict[int, int]:
    """
    Compare the steps of a tape's run with the recorded ones; fills the report's steps and its divergence.

    Returns {index of the recorded step: index in the tape's run}.
    """
    on_tape = {turn.number for turn in report.turns}
    recorded = [step for step in store.steps(source.id) if step.turn in on_tape]
    report.extra = _extra(store.turns(report.run), report.asked)
    made = store.run(report.run)
    steps = store.steps(made.id)
    by_call = {(step.call_id, step.call_index): step for step in steps if step.call_id}
    matched = {s.index: by_call[s.call_id, s.call_index] for s in recorded if (s.call_id, s.call_index) in by_call}
    same_driver = (source.machine or {}).get("driver") == (made.machine or {}).get("driver")
    judge = _Judge(store, recorded, steps, volatile=volatile_of(source), same_driver=same_driver)
    asked = {each.turn.number: each for each in report.asked}
    parted: list[tuple[int, Divergence]] = []
    for position, step in enumerate(recorded):
        verdict, cause = judge.judge(position, matched.get(step.index), asked.get(step.turn or 0))
        report.numbers.append(step.index)
        report.steps.append(verdict)
        if verdict.verdict is Verdict.DIVERGED and cause is not None:
            index = matched[step.index].index
            found = Divergence(step.index, index, cause, "screen", verdict.why, verdict.regions)
            parted.append((2 * (step.turn or 0) + 1, found))
    parted += _of_requests(report, recorded, {number: step.index for number, step in matched.items()})
    report.divergence = min(parted, key=lambda found: found[0], default=(0, None))[1]
    return {number: step.index for number, step in matched.items()}


def judge_requests(store: Store, source: Run, report: TapeReport) -> None:
    """Look where the requests parted, for a fork whose steps are judged already; fills the report's divergence."""
    recorded = store.steps(source.id)
    parted = _of_requests(report, recorded, {number: number for number in report.numbers})
    first = min(parted, key=lambda found: found[0], default=(0, None))[1]
    report.divergence = report.divergence or first


def _of_requests(report: TapeReport, recorded: Sequence[Step], matched: dict[int, int]) -> list[tuple[int, Divergence]]:
    """Return where requests parted, each with its place: turn N's request is at 2N, its steps are at 2N + 1."""
    found: list[tuple[int, Divergence]] = []

    def part(turn: int, cause: Cause, kind: str, why: str) -> None:
        step = next((step.index for step in recorded if step.turn is not None and step.turn >= turn), None)
        there = None if step is None else matched.get(step)
        found.append((2 * turn, Divergence(step, there, cause, kind, why)))

    for each in report.asked:
        if each.counts and each.first is not None:
            why = f"the request of turn {each.turn.number} differs in {each.first.path}: {each.first.why}"
            part(each.turn.number, each.first.cause, each.first.grade, why)
    for extra in report.extra:
        part(extra.turn.number + 1, Cause.HARNESS, "structure", extra.why)
    for refused in report.refused:
        if refused.kind != "stopped":
            after = -1 if refused.after is None else refused.after
            part(after + 1, Cause.HARNESS, "structure", refused.why)
    return found


def _extra(made: Sequence[Turn], asked: Sequence[Asked]) -> list[Extra]:
    """
    Return what was asked for more often than recorded.

    A reply carries the recorded id and words, and what the recorder takes for another attempt is no turn of its own.
    """
    left = Counter(map(_reply_of, (turn for turn in made if turn.content)))
    left.subtract(_reply_of(each.turn) for each in asked if each.served)
    found: list[Extra] = []
    for each in reversed(asked):  # of equal replies the last is given again
        if (times := left.pop(_reply_of(each.turn), 0)) > 0:
            found.insert(0, Extra(each.turn, times))
    return found


def _reply_of(turn: Turn) -> tuple[str, str]:
    return turn.response_id, json.dumps(turn.content)


class _Judge:
    """Says of each step how it compares with its recording."""

    def __init__(
        self,
        store: Store,
        recorded: Sequence[Step],
        made: Sequence[Step],
        *,
        volatile: Sequence[Region],
        same_driver: bool,
    ) -> None:
        self._store, self._volatile = store, volatile
        self._recorded, self._made = recorded, made
        self._same_driver = same_driver

    def judge(self, position: int, made: Step | None, asked: Asked | None) -> tuple[StepVerdict, Cause | None]:
        """Return the verdict on a step, and whose doing a divergence of its screens is."""
        step = self._recorded[position]
        if made is None:
            why = "its turn was not asked for" if asked is None else "its turn was not served"
            return StepVerdict(Verdict.UNREACHED, why), None
        if asked is not None and asked.counts and asked.first is not None:
            why = f"its turn was asked for otherwise, in {asked.first.path}: {asked.first.why}"
            return StepVerdict(Verdict.DIVERGED, why), None
        if (step.status is StepStatus.FAILED) != (made.status is StepStatus.FAILED):
            why = f"it failed: {made.error}" if made.error else "it failed in the recording, and succeeded now"
            return StepVerdict(Verdict.DIVERGED, why), Cause.EXECUTION
        return self._screens(position, made)

    def _screens(self, position: int, made: Step) -> tuple[StepVerdict, Cause | None]:
        step = self._recorded[position]
        near, made_near = _near(self._recorded, position), _near(self._made, made.index)
        cosmetic: StepVerdict | None = None
        for role, words in ((FrameRole.BEFORE, "the screen before it"), (FrameRole.AFTER, "the screen after it")):
            expected, seen = step.frame(role), made.frame(role)
            if expected is None or seen is None or expected.region is not None:
                continue
            found = self._compare(step, expected, seen)
            # When another process acts, a screen is taken when its call or its result passes: a little early or late.
            if found.is_material and (seen.sha256 in near or expected.sha256 in made_near):
                continue
            if found.is_material:
                why = f"{words} is another one ({found.why})"
                return StepVerdict(Verdict.DIVERGED, why, found.regions, expected.id, seen.id), Cause.ENVIRONMENT
            if found.kind is ScreenVerdict.COSMETIC and cosmetic is None:
                cosmetic = StepVerdict(Verdict.COSMETIC, found.why, found.regions, expected.id, seen.id)
        return cosmetic or StepVerdict(Verdict.REPRODUCED), None

    def _compare(self, step: Step, expected: Frame, seen: Frame) -> ScreenDifference:
        pointers = tuple(point for point in (step.action.point,) if point is not None)
        return compare_screens(
            self._store.pixels(expected.picture),
            self._store.pixels(seen.picture),
            exact_source=self._same_driver and not (expected.lossy or seen.lossy),
            focus=focus_regions(step.action),
            volatile=self._volatile,
            pointers=pointers,
        )


def _near(steps: Sequence[Step], position: int) -> set[str]:
    """Return the hashes of all screens that are known of a step and of its neighbours."""
    around = steps[max(position - 1, 0) : position + 2]
    return {frame.sha256 for step in around for frames in step.frames.values() for frame in frames}
