"""
The decisive step: one answer to why a run failed, and never more than is known.

First come endings that the last words name (the service failed, refused, blocked): they say the kind, and no step.
Then, where a run of the same task passed, the first other action that mattered; an alarm at that step says more of it.
Then the alarms that have a step; a stretch that the run got over counts for less. Then words that give up. Else the
answer is that it is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from footage.analysis.detectors.diagnosing import Diagnosis
from footage.analysis.runs.diff import diff_runs
from footage.storage import Store
from footage.trajectory import JSON, Cause, Finding, OutcomeSource, Run, RunKind, RunStatus

__all__ = ["Answer", "Basis", "Ending", "decide", "ending_of", "passing_twin"]

_NO_STEP = ("api_error", "blocked", "refused")
_GOT_OVER = frozenset({"stuck", "no_effect", "cycle", "stale_screenshot", "tool_error"})
_AFTER = 5
"""A run that did so much more after a stretch got over it."""
_LESS = 0.6
_BY_REFERENCE = 0.6
"""Of 10 real pairs, the first other action was within one step of the labelled stretch in 6."""
_HOW_SURE = 0.5
"""An answer of less confidence is none."""


class Ending(StrEnum):
    """How a run ended, by those who said so."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """What an answer goes by."""

    WORDS = "words"
    """The last reply, or the service's error."""
    REFERENCE = "reference"
    """A run of the same task that passed."""
    FINDING = "finding"
    """What a detector noticed at a step."""
    NONE = "none"
    """It is not known, or there is nothing to explain."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Why a run failed, as far as that is known."""

    ending: Ending
    basis: Basis
    kind: str
    """The kind of finding, `other_action` by a reference, or "" where it is not known."""
    step: int | None
    """None where no step is known."""
    why: str
    """One sentence, or two."""
    confidence: float = 0.0
    finding: Finding | None = None
    reference: str = ""
    """The id of the run that passed, where one was compared with."""

    @property
    def is_known(self) -> bool:
        """Whether something is named."""
        return self.basis is not Basis.NONE

    def as_json(self) -> JSON:
        """Return {"ending", "basis", "kind", "step", "why", "confidence", "reference"}."""
        said = {"ending": self.ending.value, "basis": self.basis.value, "kind": self.kind, "step": self.step}
        return {**said, "why": self.why, "confidence": self.confidence, "reference": self.reference or None}


def decide(store: Store, run: Run, diagnosis: Diagnosis, *, against: str = "") -> Answer:
    """Return the answer for a run; `against` is a passing run of the same task. Raises RunNotFound."""
    ending = ending_of(run)
    if ending is Ending.PASSED:
        return Answer(ending, Basis.NONE, "", None, "The run passed: there is no failure to explain.")
    alarms = diagnosis.alarms
    words = [finding for finding in alarms if finding.step is None]
    named = next((finding for finding in words if finding.kind in _NO_STEP), None)
    if named is not None:
        return _by_finding(ending, Basis.WORDS, named)
    compared = _by_reference(store, run, ending, against) if against else None
    if compared is not None:
        there = next((finding for finding in alarms if finding.step == compared.step), None)
        return compared if there is None else _joined(compared, there)
    best = max(((_weight(each, run), each) for each in alarms if each.step is not None), key=_first, default=None)
    if best is not None and best[0] >= _HOW_SURE:
        return _by_finding(ending, Basis.FINDING, best[1], best[0], words)
    if words:
        return _by_finding(ending, Basis.WORDS, words[0])
    return Answer(ending, Basis.NONE, "", None, _unknown(run, ending, alarms))


def ending_of(run: Run) -> Ending:
    """Return how a run ended; what others say counts before what the agent says of itself."""
    said = sorted(run.outcomes, key=lambda outcome: outcome.source is OutcomeSource.SELF)
    for outcome in said:
        if outcome.value in {"success", "failure"}:
            return Ending.PASSED if outcome.value == "success" else Ending.FAILED
        try:
            return Ending.PASSED if float(outcome.value) >= 1 else Ending.FAILED
        except ValueError:
            continue
    return Ending.FAILED if run.status is RunStatus.ERRORED else Ending.UNKNOWN


def passing_twin(store: Store, run: Run) -> str:
    """Return the newest run of the same task that passed, recorded ones first; "" where there is none."""
    if not run.task_id:
        return ""
    others = [each for each in store.runs(limit=100, task_id=run.task_id, outcome="success") if each.id != run.id]
    passed = [each for each in others if ending_of(each) is Ending.PASSED and each.steps]
    made = {RunKind.RECORDED, RunKind.IMPORTED}
    return next((each.id for each in sorted(passed, key=lambda each: each.kind not in made)), "")


def _first(pair: tuple[float, Finding]) -> tuple[float, int]:
    """Order by weight; of two alike, the earlier step is the greater."""
    return pair[0], -(pair[1].step or 0)


def _weight(finding: Finding, run: Run) -> float:
    assert finding.step is not None
    got_over = finding.kind in _GOT_OVER and run.steps - finding.step > 2 * _AFTER
    return finding.confidence * (_LESS if got_over else 1.0)


def _by_finding(
    ending: Ending, basis: Basis, finding: Finding, confidence: float | None = None, words: Sequence[Finding] = ()
) -> Answer:
    why = " ".join([finding.message, *(each.message for each in words[:1])])
    sure = finding.confidence if confidence is None else confidence
    return Answer(ending, basis, finding.kind, finding.step, why, round(sure, 2), finding)


def _by_reference(store: Store, run: Run, ending: Ending, against: str) -> Answer | None:
    """Return the first other action that mattered; None where it is no action of the run's own."""
    twin = store.run(against)
    mattered = diff_runs(store, twin.id, run.id).mattered
    if mattered is None or mattered.b_step is None or mattered.b_step >= run.steps:
        return None
    whose = "the first other action that mattered" if mattered.cause is Cause.MODEL else "where it first mattered"
    why = f"Beside {twin.id}, which passed, step {mattered.b_step} is {whose}: {mattered.by}, {mattered.why}."
    return Answer(ending, Basis.REFERENCE, "other_action", mattered.b_step, why, _BY_REFERENCE, reference=twin.id)


def _joined(compared: Answer, finding: Finding) -> Answer:
    """Return the answer where a passing run and a detector name the same step."""
    sure = max(compared.confidence, finding.confidence)
    why = f"{finding.message} {compared.why}"
    return replace(compared, kind=finding.kind, why=why, confidence=sure, finding=finding)


def _unknown(run: Run, ending: Ending, alarms: Sequence[Finding]) -> str:
    if run.status is RunStatus.INTERRUPTED:
        return "Not known: the run was stopped before it ended, and no rule names a step."
    if alarms:
        return "Not known: there are alarms, and the run got over each of them."
    if ending is Ending.UNKNOWN:
        return "Nobody said whether the run passed, and no rule raises an alarm."
    return "Not known: no rule names a kind or a step. A passing run of the same task beside it would say more."
