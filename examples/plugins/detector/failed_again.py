"""A detector of one's own, complete: a call that failed, and was made again just like that, and failed again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from footage import ExaminedRun, Noticed, Step, StepStatus

NAME = "failed-again"
VERSION = 1
LINE = "a call that failed is made again just like that, and fails again"
KINDS = ("failed_again",)


def detect(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield each pair of equal calls, one after the other, that both failed."""
    for first, second in pairwise(examined.steps):
        if first.status is second.status is StepStatus.FAILED and _call(first) == _call(second):
            frames = (frame for held in second.frames.values() for frame in held)
            yield Noticed(
                "failed_again",
                f"{second.action.title} failed in step {first.index}, and again in step {second.index}.",
                step=second.index,
                evidence=tuple(frames),
            )


def _call(step: Step) -> object:
    return step.action.title, dict(step.action.arguments)
