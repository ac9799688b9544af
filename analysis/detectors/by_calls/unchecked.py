"""
The detector `done-without-looking`: the run says it is done, and nobody looked at what its last three actions did.

Of real runs it found 2 of 2 that failed that way, and 1 of 23 that passed. Calls of tools that answer in words are
looked at by their answers, and begin the count anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from footage.analysis.detectors.by_words.last_words import last_reply
from footage.analysis.detectors.contract import Abstained, ExaminedRun, Noticed
from footage.trajectory import FrameRole, RunStatus, Step, StepStatus

__all__ = ["KINDS", "LINE", "NAME", "VERSION", "detect"]

NAME = "done-without-looking"
VERSION = 1
LINE = "done is said after three actions or more that no picture shows"
KINDS = ("done_without_looking",)

_FEWEST = 3
_CONFIDENCE = 0.8


def detect(examined: ExaminedRun) -> Iterator[Noticed | Abstained]:
    """Yield the first action that nobody looked at, where there are three or more at the end."""
    if examined.run.status is not RunStatus.COMPLETED or not examined.steps:
        return
    if not any(step.frames.get(FrameRole.OBSERVED) for step in examined.steps):
        yield Abstained("no pictures that the model was given")
        return
    if last_reply(examined) is None:
        yield Abstained("the last reply is no answer")
        return
    unseen: list[Step] = []
    for step in reversed(examined.steps):
        if step.frames.get(FrameRole.OBSERVED) or not step.action.is_computer or step.action.looks_only:
            break
        if step.status is StepStatus.EXECUTED:
            unseen.insert(0, step)
    if len(unseen) >= _FEWEST:
        yield Noticed(
            "done_without_looking",
            f"The run says it is done after {len(unseen)} actions, from step {unseen[0].index} on, whose screens the"
            " model never saw.",
            step=unseen[0].index,
            evidence=unseen[-1].frames.get(FrameRole.AFTER, ())[:1],
            confidence=_CONFIDENCE,
        )
