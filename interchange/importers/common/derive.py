"""
Pictures for the sides that a format has none of, taken over from a neighbour and marked as derived.

Most formats have one picture a step: before the action or after it. What a step left behind is what the next one
found, so the missing side is the neighbour's; but only where nothing else happened between the two.
"""

from __future__ import annotations

from footage.interchange.importers.draft import DraftPicture, DraftRun
from footage.trajectory import FrameRole

__all__ = ["derive_after", "derive_before", "derive_before_from_last"]


def derive_after(run: DraftRun, *, last: DraftPicture | None = None) -> None:
    """Give each step without an `after` the next step's own `before`; `last` is a picture taken after the last one."""
    for step, following in zip(run.steps, [*run.steps, None][1:], strict=True):
        if step.picture(FrameRole.AFTER) is None:
            found = following.own(FrameRole.BEFORE) if following else last
            step.show(found, FrameRole.AFTER, derived=True)


def derive_before(run: DraftRun) -> None:
    """Give each step without a `before` the own `after` of the step just before it."""
    for previous, step in zip(run.steps, run.steps[1:], strict=False):
        if step.picture(FrameRole.BEFORE) is None:
            step.show(previous.own(FrameRole.AFTER), FrameRole.BEFORE, derived=True)


def derive_before_from_last(run: DraftRun) -> None:
    """
    Give each step without a `before` the last picture taken until then: what the model saw when it chose the action.

    For formats in which most actions have no picture of their own. A look that follows an action at once is that
    action's `after`.
    """
    latest: DraftPicture | None = None
    for step, following in zip(run.steps, [*run.steps, None][1:], strict=True):
        if step.picture(FrameRole.BEFORE) is None:
            step.show(latest, FrameRole.BEFORE, derived=True)
        latest = step.own(FrameRole.AFTER) or step.own(FrameRole.BEFORE) or latest
        looks = following is not None and following.action.name == "screenshot" and following.action.is_computer
        if looks and following is not None and step.picture(FrameRole.AFTER) is None:
            step.show(following.own(FrameRole.AFTER), FrameRole.AFTER, derived=True)
