"""
The detector `tool-errors`: calls that failed, and whether the run got over them.

An error after which a later call of that tool succeeds is a self-correction: all of 18 that were labelled as failures
in real runs were such, in runs that passed. They are listed. An error that no such call follows is an alarm where the
run ends with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from footage.analysis.detectors.contract import ExaminedRun, Noticed
from footage.trajectory import Step, StepStatus

__all__ = ["KINDS", "LINE", "LISTED", "NAME", "VERSION", "detect"]

NAME = "tool-errors"
VERSION = 1
LINE = "calls that failed: repaired later, or never again tried with success"
KINDS = ("tool_error", "self_correction")
LISTED = ("self_correction",)

_CONFIDENCE = 0.8
_LAST = 3
"""An error that is not repaired counts if so many calls or fewer come after it."""


def detect(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield each stretch of failed calls once."""
    steps = examined.steps
    at = 0
    while at < len(steps):
        if steps[at].status is not StepStatus.FAILED:
            at += 1
            continue
        end = at
        while end < len(steps) and steps[end].status is StepStatus.FAILED:
            end += 1
        repaired = next((step for step in steps[end:] if _repairs(step, steps[end - 1])), None)
        which = f"step {at} failed" if end == at + 1 else f"steps {at} to {end - 1} failed"
        frames = tuple(frame for held in steps[end - 1].frames.values() for frame in held)[:2]
        if repaired is not None:
            message = f"{steps[at].action.title} in {which}, and step {repaired.index} did it: repaired."
            yield Noticed("self_correction", message, step=at, evidence=frames, confidence=_CONFIDENCE)
        elif len(steps) - end <= _LAST:
            message = f"{steps[at].action.title} in {which}, and no later call of it succeeded."
            yield Noticed("tool_error", message, step=at, evidence=frames, confidence=_CONFIDENCE)
        at = end


def _repairs(step: Step, failed: Step) -> bool:
    alike = step.action.namespace == failed.action.namespace
    return alike and step.status in {StepStatus.EXECUTED, StepStatus.UNKNOWN}
