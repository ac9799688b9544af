"""
The detector `stale-screenshot`: where an action aimed, the screen had changed since the model last saw it.

It compares the whole picture that the model was given after the action before with the screen right before this one,
around its point. An action of the agent itself that nobody looked at makes no picture stale. It needs both: pictures
from the wire, and screens that the recorder took itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from footage.analysis.detectors.contract import Abstained, ExaminedRun, Noticed
from footage.analysis.screens.blobs import clip
from footage.analysis.screens.comparison_of_screens import compare_screens
from footage.trajectory import Frame, FrameRole, Region, Step

__all__ = ["KINDS", "LINE", "NAME", "VERSION", "detect"]

NAME = "stale-screenshot"
VERSION = 1
LINE = "what an action aimed at had changed since the model saw it"
KINDS = ("stale_screenshot",)

_REACH = 24
_CONFIDENCE = 0.9


def detect(examined: ExaminedRun) -> Iterator[Noticed | Abstained]:
    """Yield each action whose target the model had not seen as it was."""
    seen: Frame | None = None
    acted: list[tuple[int, int]] = []
    turn: int | None = None
    unknown = 0
    for step in examined.steps:
        fresh = step.turn is None or step.turn != turn  # later calls of one reply aim at what the first may change
        turn = step.turn
        before = step.frame(FrameRole.BEFORE)
        if step.action.point is not None and fresh and "coordinate" in step.action.arguments:
            if seen is None or before is None or not _comparable(seen, before):
                unknown += 1
            elif (region := _changed(examined, step, seen, before, acted)) is not None:
                yield Noticed(
                    "stale_screenshot",
                    f"At the point of {step.action.title} {step.action.point} the screen was not what the model had"
                    " last seen there.",
                    step=step.index,
                    evidence=(seen, before),
                    region=region,
                    confidence=_CONFIDENCE,
                )
        if step.action.point is not None:
            acted = [step.action.point]
        observed = [f for f in step.frames.get(FrameRole.OBSERVED, ()) if f.region is None]
        if observed or not step.action.looks_only:
            seen = observed[-1] if observed else None  # after an action nobody looked at, the model acts blindly
    if unknown:
        yield Abstained("no picture that the model saw, or no screen before the action", unknown)


def _comparable(seen: Frame, before: Frame) -> bool:
    return (
        not (seen.lossy or before.lossy or before.derived or seen.redacted or before.redacted)
        and before.region is None
        and before.captured.monotonic_ns >= seen.captured.monotonic_ns
        and (seen.width, seen.height) == (before.width, before.height) == (before.screen_width, before.screen_height)
    )


def _changed(
    examined: ExaminedRun, step: Step, seen: Frame, before: Frame, acted: list[tuple[int, int]]
) -> Region | None:
    """Return where the target differs from what the model saw; None where it does not."""
    if seen.sha256 == before.sha256 or step.action.point is None:
        return None
    x, y = step.action.point
    near = clip(Region(x - _REACH, y - _REACH, 2 * _REACH, 2 * _REACH), (before.height, before.width))
    shown = examined.effects.around(seen, before, near) if near.width and near.height else None
    if shown is None:
        return None
    pointers = [(px - near.x, py - near.y) for px, py in acted]
    found = compare_screens(shown[0].copy(), shown[1].copy(), pointers=pointers)
    return near if found.is_material and found.changed_pixels > _REACH else None
