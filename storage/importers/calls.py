"""Tool calls of the Messages API as draft steps, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footage.storage.importers.draft import DraftPicture, DraftRun, DraftStep
from footage.storage.importers.messages import objects
from footage.toolcalls import PointerTracker, actions_of
from footage.trajectory import JSON, FrameRole, Space, StepStatus

__all__ = ["CallBook"]

_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


class CallBook:
    """The steps of one run by the ids of their calls; follows the pointer, and the size of the pictures sent."""

    def __init__(self, run: DraftRun) -> None:
        self._run = run
        self._pointer = PointerTracker()
        self._of_call: dict[str, list[DraftStep]] = {}

    def add_reply(
        self, turn: int, content: Sequence[JSON], *, at: int | None = None, space: Space | None = None
    ) -> list[DraftStep]:
        """Add a step for every call in a reply; until its result is told, nothing is known of what became of it."""
        made = []
        for block in objects(list(content)):
            if block.get("type") not in _CALLS:
                continue
            for index, action in enumerate(actions_of(block, space=space, pointer=self._pointer)):
                call = str(block.get("id") or "")
                step = DraftStep(action, StepStatus.UNKNOWN, turn, call, index, started=at)
                self._run.steps.append(step)
                self._of_call.setdefault(call, []).append(step)
                made.append(step)
        return made

    def finish(
        self,
        call: str,
        *,
        text: str = "",
        error: str = "",
        pictures: Sequence[DraftPicture] = (),
        at: int | None = None,
    ) -> bool:
        """
        Say what a call came to: its pictures show the screen after it, and are what the model was given.

        Returns False where there is no such call. Of a batch's steps the last one gets the result.
        """
        steps = self._of_call.get(call)
        if not steps:
            return False
        for step in steps:
            step.status, step.ended = StepStatus.FAILED if error else StepStatus.EXECUTED, at
        last = steps[-1]
        last.result_text, last.error = text, error
        for picture in pictures:
            picture.at = picture.at or at
            last.show(picture, FrameRole.OBSERVED)
        zoomed = last.action.is_computer and last.action.name == "zoom"  # shows a part of the screen only
        if pictures and not zoomed:
            last.show(pictures[-1], FrameRole.AFTER)
        return True

    def knows(self, call: Any) -> bool:
        """Tell whether there is a step for the call."""
        return call in self._of_call
