"""Tool calls of the Messages API as draft steps, and what their results say of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import blocks_of, objects, picture_of
from footage.interchange.importers.draft import DraftPicture, DraftRun, DraftStep
from footage.providers.anthropic.tool_calls import PointerTracker, actions_of
from footage.providers.common_form import says_not_executed
from footage.trajectory import JSON, Action, FrameRole, Region, Space, StepStatus

__all__ = ["CallBook", "looks_at_screen"]

_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_RESULTS = ("tool_result", "_tool_result")
_LABEL = re.compile(r"\[(\d+)[:\]]")
"""How batch tools mark the result of each action: "[0:left_click] (ok)"."""

_SCREENS = re.compile(r"screen|computer|browser|click|display|desktop|playwright|puppeteer", re.IGNORECASE)

PictureOf = Callable[[JSON, str], DraftPicture | None]
"""From a picture's block, and the call it answers, to the picture."""


def looks_at_screen(action: Action) -> bool:
    """Tell whether a picture in an action's result shows the screen: not so for a tool that reads files."""
    return action.is_computer or bool(_SCREENS.search(f"{action.namespace}:{action.name}"))


@dataclass(slots=True)
class _Share:
    """The part of a result that belongs to one step."""

    texts: list[str] = field(default_factory=list)
    pictures: list[DraftPicture] = field(default_factory=list)


class CallBook:
    """The steps of one run by the ids of their calls; follows the pointer from call to call."""

    def __init__(self, run: DraftRun, picture: PictureOf | None = None) -> None:
        self._run = run
        self._picture: PictureOf = picture or (lambda block, call: picture_of(block, f"result of {call}"))
        self.pointer = PointerTracker()
        self._of_call: dict[str, list[DraftStep]] = {}
        self._screen: tuple[int, int] | None = None

    def add_reply(
        self, turn: int, content: Any, *, at: int | None = None, space: Space | None = None
    ) -> list[DraftStep]:
        """Add a step for every call in a reply; until its result is told, nothing is known of what became of it."""
        made = []
        for block in objects(content):
            if block.get("type") not in _CALLS:
                continue
            call = str(block.get("id") or "")
            made += self.add_actions(turn, call, actions_of(block, space=space, pointer=self.pointer), at=at)
        return made

    def add_actions(
        self, turn: int | None, call: str, actions: Sequence[Action], *, at: int | None = None
    ) -> list[DraftStep]:
        """Add a step for each action of one call."""
        made = [
            DraftStep(action, StepStatus.UNKNOWN, turn, call, index, started=at) for index, action in enumerate(actions)
        ]
        self._run.steps += made
        self._of_call.setdefault(call, []).extend(made)
        return made

    def last_step(self, call: str) -> DraftStep | None:
        """Return a call's last step; None where there is no such call."""
        steps = self._of_call.get(call)
        return steps[-1] if steps else None

    def step_number(self, call: str) -> int | None:
        """Return the index of a call's (first) step; None where there is no such call."""
        steps = self._of_call.get(call)
        return next(i for i, step in enumerate(self._run.steps) if step is steps[0]) if steps else None

    def take(self, block: JSON, *, at: int | None = None) -> bool:
        """Take in a result block; False where nobody made the call, or its result is known."""
        call = str(block.get("tool_use_id") or "")
        if not str(block.get("type")).endswith(_RESULTS) or self._answered(call):
            return False
        content = block.get("content")
        failed = bool(block.get("is_error"))
        if isinstance(content, dict):  # of the service's own tools
            failed = failed or str(content.get("type") or "").endswith("_error")
            content = [content]
        return self.finish(call, content=content, failed=failed, at=at)

    def _answered(self, call: str) -> bool:
        steps = self._of_call.get(call)
        return steps is None or steps[0].status is not StepStatus.UNKNOWN

    def finish(
        self,
        call: str,
        *,
        content: Any = "",
        failed: bool = False,
        pictures: Sequence[DraftPicture] = (),
        at: int | None = None,
    ) -> bool:
        """
        Say what a call came to: its content's pictures, and those given, show the screen after it.

        Of a batch, each step gets the part that is labelled as its own, else the last one gets all; after a failure
        the rest was not executed. Returns False where there is no such call.
        """
        steps = self._of_call.get(call)
        if not steps:
            return False
        shares, label = self._shared(call, content, len(steps))
        shares[-1].pictures += pictures
        for number, (step, share) in enumerate(zip(steps, shares, strict=True)):
            text = "\n".join(share.texts)
            if failed and label is not None and number > label:
                step.status = StepStatus.NOT_EXECUTED
            elif failed and label is None and says_not_executed(text):
                step.status, step.error = StepStatus.NOT_EXECUTED, text
            elif failed and (label is None or number == label):
                step.status, step.error = StepStatus.FAILED, text or "failed"
            else:
                step.status, step.result_text = StepStatus.EXECUTED, text
            step.ended = at
            self._show(step, share.pictures, at)
        return True

    def _shared(self, call: str, content: Any, count: int) -> tuple[list[_Share], int | None]:
        shares, found = [_Share() for _ in range(count)], list[DraftPicture]()
        at, label = count - 1, None
        for block in blocks_of(content):
            picture = self._picture(block, call)
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
        return shares, label

    def _show(self, step: DraftStep, pictures: Sequence[DraftPicture], at: int | None) -> None:
        region = _zoomed(step.action)
        for number, picture in enumerate(pictures, 1):
            picture.at = picture.at or at
            step.show(picture, FrameRole.OBSERVED)
            if region is not None:
                picture.region, picture.screen = region, self._screen
            elif looks_at_screen(step.action):
                self._screen = picture.size or self._screen
                if number == len(pictures):
                    step.show(picture, FrameRole.AFTER)


def _zoomed(action: Action) -> Region | None:
    """Return the part of the screen that a zoom's picture shows."""
    if not action.is_computer or action.name != "zoom" or "region" not in action.arguments:
        return None
    x0, y0, x1, y1 = action.arguments["region"]
    return Region(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None
