"""What one page of the flipbook shows: the screens of a step, what was drawn on them, and what was said and done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from footage.analysis.runs.absences import kept_unread, why_no_steps
from footage.errors import UsageError
from footage.storage import Store
from footage.storage.findings import findings_of
from footage.trajectory import Finding, Frame, FrameRole, Gap, Note, Run, Step, Turn, Verdict, gaps_by_reason
from footage.viewer.pages.overlay import draw
from footage.viewer.pages.wording import action_line

__all__ = ["Book", "Shot", "StepView", "Tile", "shots_of"]

_ORDER = (FrameRole.BEFORE, FrameRole.BETWEEN, FrameRole.AFTER, FrameRole.OBSERVED)


@dataclass(frozen=True, slots=True)
class Shot:
    """One screen of a step. `key` names it in addresses: `before`, `between-1`, `after`, `observed` …."""

    key: str
    label: str
    frame: Frame
    overlay: Markup
    short: str = ""
    """The label where room is scarce: of several screens between two others, all but the first are numbers."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of the film strip. `frame` is None where the step has no screen."""

    step: Step
    frame: Frame | None
    line: str
    gaps: tuple[Gap, ...]
    """Those that something may be missing by."""
    begins_turn: bool
    """Whether a line is drawn before it: turns are told apart where one of them has several steps."""


@dataclass(frozen=True, slots=True)
class StepView:
    """Everything the page of one step shows."""

    step: Step
    shots: list[Shot]
    shown: Shot | None
    turn: Turn | None
    position: int
    """Which of its turn's steps this is, from 1."""
    siblings: int
    """How many steps its turn has."""
    closing: list[Turn]
    """Turns after this step that asked for no action."""
    gaps: tuple[Gap, ...]
    notes: tuple[Note, ...]
    findings: tuple[Finding, ...]
    """What detectors noticed at this step."""
    evidence: list[Shot]
    """Of a replay's verdict: the recorded screen and the one that was seen."""


class Book:
    """A run, its steps and turns read once, to make its pages from."""

    def __init__(self, store: Store, run: Run) -> None:
        self.run = run
        self._store = store
        self.steps: Sequence[Step] = store.steps(run.id)
        self.turns: Mapping[int, Turn] = {turn.number: turn for turn in store.turns(run.id)}

    @property
    def gaps(self) -> list[Gap]:
        """What is missing in the run; what was at risk, and was not lost, is not."""
        return [gap for gap in self._store.gaps(self.run.id) if gap.lost != 0]

    @property
    def notes(self) -> list[Note]:
        """People's remarks, the newest ones too."""
        return self._store.notes(self.run.id)

    @property
    def whole_run_gaps(self) -> list[tuple[Gap, int]]:
        """Gaps that belong to no step, those of the same reason as one, and how many they are."""
        return gaps_by_reason(gap for gap in self.gaps if gap.step is None)

    @property
    def whole_run_notes(self) -> list[Note]:
        """Notes that belong to no step."""
        return [note for note in self.notes if note.step is None]

    @property
    def findings(self) -> list[Finding]:
        """What detectors noticed, the newest too."""
        return findings_of(self._store, self.run.id)

    @property
    def whole_run_findings(self) -> list[Finding]:
        """Findings that belong to no step."""
        return [finding for finding in self.findings if finding.step is None]

    @property
    def why_no_steps(self) -> str:
        """What is known of a run without steps."""
        return why_no_steps(self._store, self.run)

    @property
    def kept_unread(self) -> str:
        """What of other providers' exchanges was kept unread: `14 exchanges with openai`; "" for none."""
        return kept_unread(self._store.raw_heads(self.run.id))

    @property
    def opening(self) -> list[Turn]:
        """Turns before the first step, in its conversation; all turns of a run without steps."""
        if not self.steps:
            return list(self.turns.values())
        first = self.turns.get(-1 if self.steps[0].turn is None else self.steps[0].turn)
        return [] if first is None else self._between(first, -1, first.number)

    def _between(self, near: Turn, after: int, until: int) -> list[Turn]:
        """Return the turns of one conversation with a number between two others."""
        same = (turn for turn in self.turns.values() if turn.conversation == near.conversation)
        return [turn for turn in same if after < turn.number < until]

    def tiles(self) -> list[Tile]:
        """Return the film strip."""
        tiles = []
        per_turn = Counter(step.turn for step in self.steps)
        all_gaps = self.gaps
        previous: Step | None = None
        for step in self.steps:
            gaps = tuple(gap for gap in all_gaps if gap.step == step.index)
            begins = previous is not None and step.turn != previous.turn
            begins = begins and max(per_turn[one.turn] for one in (step, previous or step)) > 1
            tiles.append(Tile(step, _face(step), action_line(step.action, 40), gaps, begins))
            previous = step
        return tiles

    def view(self, index: int, shown: str = "") -> StepView:
        """Return the page of step `index` with the shot named `shown` (else the first). Raises UsageError."""
        if not 0 <= index < len(self.steps):
            hint = f"Its steps are 0 to {len(self.steps) - 1}." if self.steps else "It has no steps."
            raise UsageError(f"Run {self.run.id} has no step {index}.", hint=hint)
        step = self.steps[index]
        shots, evidence = _merge(shots_of(step), self._evidence(step))
        group = [other.index for other in self.steps if other.turn == step.turn and step.turn is not None]
        return StepView(
            step=step,
            shots=shots,
            shown=next((shot for shot in shots if shot.key == shown), shots[0] if shots else None),
            turn=None if step.turn is None else self.turns.get(step.turn),
            position=group.index(index) + 1 if group else 1,
            siblings=len(group),
            closing=self._closing(step),
            gaps=tuple(gap for gap in self.gaps if gap.step == index),
            notes=tuple(note for note in self.notes if note.step == index),
            findings=tuple(finding for finding in self.findings if finding.step == index),
            evidence=evidence,
        )

    def _closing(self, step: Step) -> list[Turn]:
        """Return the turns between this step's and the next step's, if this is the last step of its turn."""
        turn = self.turns.get(-1 if step.turn is None else step.turn)
        following = self.steps[step.index + 1].turn if step.index + 1 < len(self.steps) else len(self.turns)
        return [] if turn is None or following is None else self._between(turn, turn.number, following)

    def _evidence(self, step: Step) -> list[Shot]:
        """Return the screens that a verdict compared, where they differ outlined: as recorded, and this time."""
        verdict, shots = step.verdict, list[Shot]()
        if verdict is None or verdict.verdict is Verdict.REPRODUCED:
            return shots
        for key, label, frame_id in (
            ("expected", "as recorded", verdict.expected_frame),
            ("actual", "this time", verdict.actual_frame),
        ):
            if frame_id is not None:
                frame = self._store.frame(frame_id)
                shots.append(Shot(key, label, frame, draw(step.action, frame, verdict.regions)))
        return shots


def shots_of(step: Step) -> list[Shot]:
    """Return a step's screens in the order of time; the action is drawn on the one before it."""
    shots = []
    for role in _ORDER:
        frames = sorted(step.frames.get(role, ()), key=lambda frame: frame.captured.monotonic_ns)
        for number, frame in enumerate(frames, start=1):
            key = role.value if len(frames) == 1 else f"{role.value}-{number}"
            label = role.value if len(frames) == 1 else f"{role.value} {number}"
            short = label if number == 1 else str(number)
            if frame.source == "replay":
                label, short = f"{label}, taken in a replay", f"{short} ↻"
            overlay = draw(step.action, frame) if role is FrameRole.BEFORE else Markup()
            shots.append(Shot(key, label, frame, overlay, short))
    return shots


def _merge(shots: list[Shot], evidence: list[Shot]) -> tuple[list[Shot], list[Shot]]:
    """Return all shots and the evidence; evidence whose picture is among the step's own is that shot, outlined."""
    merged = []
    for proof in evidence:
        own = next((shot for shot in shots if shot.frame.picture == proof.frame.picture), None)
        if own is None or proof.key == "expected":
            shots = [*shots, proof]
            merged.append(proof)
            continue
        outlined = replace(own, overlay=proof.overlay)
        shots = [outlined if shot is own else shot for shot in shots]
        merged.append(replace(outlined, label=proof.label))
    return shots, merged


def _face(step: Step) -> Frame | None:
    """Return the screen that stands for a step in the film strip."""
    return next((frames[0] for role in _ORDER if (frames := step.frames.get(role))), None)
