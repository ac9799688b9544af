"""The two runs of a diff: what each step's screen is, and which turn asked for it."""

from __future__ import annotations

from collections.abc import Iterator

from footage.storage import Store
from footage.trajectory import Action, Frame, FrameRole, Step, Turn


class Side:
    """One run: its steps, the screens between them, and the turns they belong to."""

    def __init__(self, store: Store, reference: str) -> None:
        self.run = store.run(reference)
        self.steps = store.steps(self.run.id)
        self.turns = {turn.number: turn for turn in store.turns(self.run.id)}

    def before(self, index: int) -> Frame | None:
        """
        Return the screen a step began with, from its own frames or those of the steps before it; None if unknown.

        `index` may be the number of steps: the screen the run ended with.
        """
        if index < len(self.steps):
            step = self.steps[index]
            frame = _whole(step, FrameRole.BEFORE)
            if frame is None and step.action.looks_only:
                frame = _whole(step, FrameRole.OBSERVED)
            if frame is not None:
                return frame
        for step in reversed(self.steps[:index]):
            frame = _whole(step, FrameRole.AFTER) or _whole(step, FrameRole.OBSERVED)
            if frame is not None or not step.action.looks_only:
                return frame
        return None

    def after(self, index: int) -> Frame | None:
        """Return the screen once a step's effect had come to rest; None where it was not captured."""
        return _whole(self.steps[index], FrameRole.AFTER)

    def action(self, index: int) -> Action | None:
        """Return a step's action; None past the end."""
        return self.steps[index].action if index < len(self.steps) else None

    def turn(self, index: int) -> Turn | None:
        """Return the turn that asked for a step; past the end, the reply that asked for none; None if unknown."""
        if index < len(self.steps):
            number = self.steps[index].turn
            return None if number is None else self.turns.get(number)
        last = max((step.turn for step in self.steps if step.turn is not None), default=-1)
        thread = self.turns[last].conversation if last in self.turns else 0
        later = [turn for turn in self.turns.values() if turn.number > last and turn.conversation == thread]
        return next((turn for turn in later if turn.status == "completed"), None)

    def pointers(self, index: int) -> list[tuple[int, int]]:
        """Return where the mouse pointer is before a step, as far as the actions tell."""
        for step in reversed(self.steps[:index]):
            if step.action.point is not None:
                return [step.action.point]
        return []

    def came_back(self, index: int) -> bool:
        """Tell whether a step was followed by a screen that the run had shown before, and left since."""
        frame, left = self.after(index) or self.before(index + 1), self.before(index)
        earlier = {before.sha256 for n in range(index) if (before := self.before(n)) is not None}
        return frame is not None and left is not None and left.sha256 != frame.sha256 and frame.sha256 in earlier

    def idle(self) -> Iterator[tuple[Frame, Frame]]:
        """Yield the screens at both ends of the times in which nobody acted."""
        for index, step in enumerate(self.steps):
            first, last = _whole(step, FrameRole.BEFORE), self.after(index)
            if step.action.looks_only and first and last:
                yield first, last
            following = _whole(self.steps[index + 1], FrameRole.BEFORE) if index + 1 < len(self.steps) else None
            if last and following and last.id != following.id:
                yield last, following


def _whole(step: Step, role: FrameRole) -> Frame | None:
    """Return a step's frame that shows the whole screen."""
    return next((frame for frame in step.frames.get(role, ()) if frame.region is None), None)
