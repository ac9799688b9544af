"""
The detector `scale`: the model and the screen are measured by different rulers.

It goes by sizes and places alone. Where the machine told where input really landed, and one factor explains all that
landed elsewhere, an agent leaves that factor out; where one offset does, that of another monitor. Where screenshots are
larger than Anthropic's API takes them, the service shrinks them without a word, and what the model counts is off by
that factor; other providers' rules are not known here. Where the declared display has another shape than the picture,
no factor can be right.
"""

from __future__ import annotations

from collections.abc import Iterator

from footage.analysis.detectors.contract import ExaminedRun, Noticed
from footage.analysis.runs.delivery import misses
from footage.providers.anthropic.scaling import fits, fitting_size
from footage.trajectory import Frame, FrameRole, Step

__all__ = ["KINDS", "LINE", "NAME", "VERSION", "detect"]

NAME = "scale"
VERSION = 1
LINE = "points that are off by one factor; screenshots that the service shrinks"
KINDS = ("scale",)

_ANOTHER_SHAPE = 0.03
"""Shapes that differ by less are one: sizes are whole pixels."""


def detect(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield what is wrong with the run's scale, each thing once."""
    yield from _landed_elsewhere(examined)
    yield from _shrunk(examined)
    yield from _misshapen(examined)


def _landed_elsewhere(examined: ExaminedRun) -> Iterator[Noticed]:
    missed = misses(examined.steps)
    if missed is None or (missed.factor is None and missed.offset is None):
        return
    advice = "Multiply the model's points by that factor, or send screenshots of the size that it is told."
    if missed.offset is not None:
        advice = "Add the place of the monitor that is shown to the model's points, or take it away."
    yield Noticed("scale", f"{missed.sentence} {advice}", step=missed.steps[0])


def _shrunk(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield the first point that was counted on a screenshot which Anthropic's API had shrunk."""
    providers = {turn.number: turn.provider for turn in examined.turns}
    seen: Frame | None = None
    for step in examined.steps:
        if (
            seen is not None
            and _counts_pixels(step)
            and providers.get(step.turn if step.turn is not None else -1) == ""
        ):
            shown = fitting_size(seen.width, seen.height)
            factor = seen.width / shown[0]
            yield Noticed(
                "scale",
                f"The model was sent screenshots of {seen.width}x{seen.height}, and the service shows it at most"
                f" {shown[0]}x{shown[1]}: its points may be off by a factor of {factor:.2f}. Send them at"
                f" {shown[0]}x{shown[1]}, and multiply its points by {factor:.2f}.",
                step=step.index,
                evidence=(seen,),
                confidence=0.9,
            )
            return
        seen = next((frame for frame in step.frames.get(FrameRole.OBSERVED, ()) if _is_too_large(frame)), seen)


def _is_too_large(frame: Frame) -> bool:
    return frame.source == "wire" and frame.region is None and not fits(frame.width, frame.height)


def _counts_pixels(step: Step) -> bool:
    """Whether a step's point was counted on the picture itself: a display that is declared smaller is another ruler."""
    return step.action.is_computer and "coordinate" in step.action.arguments and step.action.space is None


def _misshapen(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield the first step whose declared display has another shape than the picture."""
    for step in examined.steps:
        space = step.action.space
        if space is None or not step.action.is_computer or space.width == space.height:
            continue
        declared, shown = space.width / space.height, space.screen_width / space.screen_height
        if abs(declared / shown - 1) > _ANOTHER_SHAPE:
            yield Noticed(
                "scale",
                f"The model is told of a display of {space.width}x{space.height}, and the screen has"
                f" {space.screen_width}x{space.screen_height}: the shapes differ, so that its points are off across or"
                " down. Declare a display of the picture's shape.",
                step=step.index,
                confidence=0.8,
            )
            return
