"""Tool calls of the Messages API as draft steps, and what their results say of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import blocks_of, objects, picture_of
from footage.interchange.importers.draft import DraftPicture, DraftRun, DraftStep
from footage.providers.anthropic.tool_calls import PointerTracker, actions_of
from footage.providers.call_results import is_failed, shares_of, zoomed
from footage.trajectory import JSON, Action, FrameRole, Space, StepStatus

__all__ = ["CallBook", "looks_at_screen"]

_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_RESULTS = ("tool_result", "_tool_result")
_SCREENS = re.compile(r"screen|computer|browser|click|display|desktop|playwright|puppeteer", re.IGNORECASE)

PictureOf = Callable[[JSON, str], DraftPicture | None]
"""From a picture's block, and the call it answers, to the picture."""


def looks_at_screen(action: Action) -> bool:
    """Tell whether a picture in an action's result shows the screen: not so for a tool that reads files."""
    return action.is_computer or bool(_SCREENS.search(f"{action.namespace}:{action.name}"))


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
        return self.finish(call, content=block.get("content"), failed=is_failed(block), at=at)

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
        read = shares_of(
            blocks_of(content), len(steps), failed=failed, picture_of=lambda block: self._picture(block, call)
        )
        read[-1].pictures += pictures
        for step, share in zip(steps, read, strict=True):
            step.status, step.ended = share.status, at
            if share.status is StepStatus.EXECUTED:
                step.result_text = share.text
            else:
                step.error = share.text or ("failed" if share.status is StepStatus.FAILED else "")
            self._show(step, share.pictures, at)
        return True

    def _show(self, step: DraftStep, pictures: Sequence[DraftPicture], at: int | None) -> None:
        region = zoomed(step.action)
        for number, picture in enumerate(pictures, 1):
            picture.at = picture.at or at
            step.show(picture, FrameRole.OBSERVED)
            if region is not None:
                picture.region, picture.screen = region, self._screen
            elif looks_at_screen(step.action):
                self._screen = picture.size or self._screen
                if number == len(pictures):
                    step.show(picture, FrameRole.AFTER)
