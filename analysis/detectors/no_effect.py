"""
The detector `no-effect`: the same action again and again, and the screen stays as it is.

It goes by whole screens that the recorder took itself, before and after each of the actions, and by those that it saw
in between: all must be the same to the pixel. A clock that ticks makes it silent, and so does every screen that is
missing, taken over from a neighbour or painted over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from footage.analysis.detectors.contract import ExaminedRun, Noticed
from footage.analysis.detectors.effects import HAPPEN_UNSEEN
from footage.trajectory import Frame, FrameRole, Step, StepStatus

__all__ = ["KINDS", "LINE", "NAME", "VERSION", "detect"]

NAME = "no-effect"
VERSION = 1
LINE = "the same action three times or more, and the screen stays the same"
KINDS = ("no_effect",)

FEWEST = 3
"""So many actions in a row are told of: two are often meant."""


def detect(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield each stretch of equal actions through which the screen stayed the same."""
    gaps = {gap.step for gap in examined.gaps}
    if None in gaps:
        gaps = set(range(len(examined.steps)))  # nobody knows where something is missing
    shown = {step.index: _begin(step) for step in examined.steps}
    for _, group in groupby(examined.steps, key=_same):
        for held in _stretches(list(group), gaps):
            next_shown = shown.get(held[-1].step.index + 1)
            if next_shown is not None and next_shown != held[-1].shown.sha256:
                held.pop()  # its effect came late: the next step begins on another screen
            if len(held) >= FEWEST:
                yield _told(held)


def _same(step: Step) -> object:
    """Return what equal actions have in common; a thing of its own for each that is not looked at."""
    action = step.action
    if not action.is_computer or action.looks_only or action.name in HAPPEN_UNSEEN or step.redacted:
        return step.index
    return action.name, repr(sorted(action.arguments.items())), action.point


def _begin(step: Step) -> str | None:
    """Return the hash of the screen that a step began on; None where nobody took it then."""
    before = step.frame(FrameRole.BEFORE)
    return None if before is None or before.derived else before.sha256


class _Still(NamedTuple):
    """A step through which the screen stayed the same."""

    step: Step
    shown: Frame


def _stretches(steps: Sequence[Step], gaps: set[int | None]) -> Iterator[list[_Still]]:
    """Yield the stretches among equal actions through which the screen stayed the same, however short."""
    held: list[_Still] = []
    for step in steps:
        missing = step.index in gaps or step.status is not StepStatus.EXECUTED
        shown = None if missing else _still_screen(step)
        if held and (shown is None or shown.sha256 != held[-1].shown.sha256):
            yield held
            held = []
        if shown is not None:
            held.append(_Still(step, shown))
    if held:
        yield held


def _still_screen(step: Step) -> Frame | None:
    """Return a step's last screen, where both sides were taken and every screen of it is the same; else None."""
    before, after = step.frame(FrameRole.BEFORE), step.frame(FrameRole.AFTER)
    if before is None or after is None or before.id == after.id:
        return None
    screens = [before, *step.frames.get(FrameRole.BETWEEN, ()), after]
    whole = all(
        not (frame.derived or frame.lossy or frame.redacted)
        and frame.region is None
        and (frame.width, frame.height) == (frame.screen_width, frame.screen_height)
        for frame in screens
    )
    return after if whole and len({frame.sha256 for frame in screens}) == 1 else None


def _told(held: Sequence[_Still]) -> Noticed:
    first, last = held[0].step, held[-1].step
    point = f" at ({first.action.point[0]}, {first.action.point[1]})" if first.action.point else ""
    return Noticed(
        "no_effect",
        f"{first.action.title}{point} was carried out {len(held)} times in a row, in steps {first.index} to"
        f" {last.index}, and the recorded screens before and after each are the same.",
        step=first.index,
        evidence=(*first.frames[FrameRole.BEFORE][:1], held[-1].shown),
    )
