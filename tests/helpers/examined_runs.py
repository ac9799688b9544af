"""Runs that are written step by step for detectors to look at: what was asked, said and shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from footage.analysis.detectors.diagnosing import Diagnosis, diagnose
from footage.storage import Store
from footage.trajectory import JSON, Action, FrameRole, Instant, OutcomeSource, Pixels, RunStatus, StepStatus

SIZE = (320, 240)
TASK = "Write the numbers of the second quarter into the table and show them to me"


def click(x: int = 100, y: int = 100) -> Action:
    return Action("left_click", {"coordinate": [x, y]})


class Desk:
    """A run that is being written, and its screen: a grey plane with boxes."""

    def __init__(self, store: Store, task: str = TASK) -> None:
        self.store = store
        self.writer = store.begin_run(task=task)
        self.run = self.writer.run_id
        self.screen: Pixels = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
        self._turn: int | None = None

    def draw(self, x: int, y: int, width: int, height: int, shade: int = 20) -> None:
        self.screen = self.screen.copy()
        self.screen[y : y + height, x : x + width] = shade

    def says(self, *, text: str = "", thinking: str = "", request: JSON | None = None, **more: Any) -> None:
        """Write a reply, which the next steps are asked for in."""
        number = self.writer.begin_turn(model="m", started=Instant.now(), request=request)
        content = [{"type": "text", "text": text}] if text else []
        content += [{"type": "thinking", "thinking": thinking}] if thinking else []
        more = {"stop_reason": "tool_use", **more}
        self.writer.end_turn(number, content=content, ended=Instant.now(), **more)
        self._turn = number

    def does(
        self,
        action: Action,
        *draw: tuple[int, ...],
        status: StepStatus = StepStatus.EXECUTED,
        seen: bool = False,
        before: bool = True,
        flash: tuple[int, ...] | None = None,
    ) -> None:
        """Write a step that draws boxes on the screen; `seen`: the model was given the screen after it."""
        index = self.writer.intend(action, turn=self._turn)
        if before:
            self._frame((index, FrameRole.BEFORE))
        if flash:
            was = self.screen
            self.draw(*flash)
            self._frame((index, FrameRole.BETWEEN))
            self.screen = was
        for box in draw:
            self.draw(*box)
        self._frame((index, FrameRole.AFTER))
        if seen:
            self._frame((index, FrameRole.OBSERVED), source="wire")
        self.writer.finish(index, status=status)

    def _frame(self, role: tuple[int, FrameRole], **more: Any) -> None:
        self.writer.frame(self.screen, captured=Instant.now(), roles=[role], **more)

    def ends(self, *, outcome: str = "", status: RunStatus = RunStatus.COMPLETED, error: str = "") -> str:
        if outcome:
            self.writer.outcome(outcome, OutcomeSource.HUMAN)
        self.writer.end(status, error=error)
        return self.run

    def found(self, *detectors: str, **end: Any) -> list[tuple[str, int | None]]:
        """End the run, and return what the named detectors notice in it."""
        return [(each.kind, each.step) for each in self.diagnosis(*detectors, **end).findings]

    def diagnosis(self, *detectors: str, **end: Any) -> Diagnosis:
        return diagnose(self.store, self.ends(**end), detectors)
