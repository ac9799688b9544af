"""
What a call's result says of each of its actions.

One reader for recording and for import: what was recorded and what was imported of one history are the same steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from footage.providers.common_form import says_not_executed
from footage.trajectory import JSON, Action, Region, StepStatus

__all__ = ["ResultShare", "is_failed", "shares_of", "zoomed"]

Picture = TypeVar("Picture")

_LABEL = re.compile(r"\[(\d+)[:\]]")
"""How batch tools mark the result of each action: "[0:left_click] (ok)"."""


@dataclass(slots=True)
class ResultShare(Generic[Picture]):
    """The share of a result that belongs to one action."""

    status: StepStatus = StepStatus.EXECUTED
    """`executed`, `failed`, or `not_executed`: an earlier action of the call had failed."""
    texts: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The texts, joined by line breaks."""
        return "\n".join(self.texts)


def is_failed(block: JSON) -> bool:
    """Tell whether a result block reports an error; the service's own tools do by content of a type that says so."""
    content = block.get("content")
    own = isinstance(content, dict) and str(content.get("type") or "").endswith("_error")
    return bool(block.get("is_error")) or own


def shares_of(
    blocks: Sequence[JSON], count: int, *, failed: bool, picture_of: Callable[[JSON], Picture | None]
) -> list[ResultShare[Picture]]:
    """
    Share a result's content out among the `count` actions of its call; `picture_of` reads the picture of a block.

    By labels where the tool sets them; else all of it belongs to the last action, or one picture to each where the
    numbers agree. Of a call that `failed`, the action that was labelled last failed, and those after it were not
    executed; without labels all of them failed, or, where the text says so, were not executed.
    """
    shares, found = [ResultShare[Picture]() for _ in range(count)], list[Picture]()
    at, label = count - 1, None
    for block in blocks:
        picture = picture_of(block)
        if picture is not None:
            shares[at].pictures.append(picture)
            found.append(picture)
        elif isinstance(block.get("text"), str):
            marked = _LABEL.match(block["text"]) if count > 1 else None
            if marked and int(marked[1]) < count:
                at = label = int(marked[1])
            shares[at].texts.append(block["text"])
    if label is None and count > 1 and len(found) == count:
        for share, picture in zip(shares, found, strict=True):
            share.pictures = [picture]
    for number, share in enumerate(shares):
        if failed and label is not None and number > label:
            share.status = StepStatus.NOT_EXECUTED
        elif failed and label in {None, number}:
            unsaid = says_not_executed(share.text)
            share.status = StepStatus.NOT_EXECUTED if unsaid else StepStatus.FAILED
    return shares


def zoomed(action: Action) -> Region | None:
    """Return the part of the screen that a zoom's picture shows, in its action's pixels; None for what is no zoom."""
    if not action.shows_part or "region" not in action.arguments:
        return None
    x0, y0, x1, y1 = action.arguments["region"]
    return Region(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None
