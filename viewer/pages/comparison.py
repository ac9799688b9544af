"""What the page of a comparison shows: two runs, step beside step, and where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from footage.analysis.runs.diff import RunDiff, StepPair
from footage.analysis.runs.sides import Side
from footage.errors import UsageError
from footage.storage import Store
from footage.trajectory import Divergence, Region, Step, Turn
from footage.viewer.pages.flipbook import Shot
from footage.viewer.pages.overlay import draw, outline
from footage.viewer.pages.wording import action_line

__all__ = ["Comparison", "Half", "Row", "RowView"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: a pair of steps, a lone step, or the ends of both runs."""

    number: int
    a: int | None
    b: int | None
    lines: tuple[str, ...]
    """What was done: one line where both did the same, else one for each side that has a step."""
    mark: str
    """`identical`, `cosmetic` or `diverged` (screen or action), `alone`, or `unknown` where a screen is missing."""
    is_divergence: bool
    rejoins: bool
    mattered: bool = False
    """What mattered began here, and the runs parted elsewhere."""


@dataclass(frozen=True, slots=True)
class Half:
    """One side of the shown row. `step` is None where that side takes none, `shot` where it has no screen."""

    letter: str
    side: Side
    step: Step | None
    shot: Shot | None
    turn: Turn | None
    is_end: bool


@dataclass(frozen=True, slots=True)
class RowView:
    """The row that the page shows."""

    row: Row
    halves: tuple[Half, Half]
    screen: str
    """How the screens differ, or which side is alone, in words; empty where both are the same."""
    action: str
    """How the actions differ, in words; empty where they do not."""


class Comparison:
    """Two runs of a store and what their comparison found, to make the pages of their rows from."""

    def __init__(self, store: Store, a: str, b: str, diff: RunDiff) -> None:
        self.diff = diff
        self.sides = (Side(store, a), Side(store, b))
        for side, compared in zip(self.sides, _compared(diff), strict=True):
            side.steps = side.steps[:compared]  # a run that is being recorded may have grown
        self.first = self._divergence_row()
        """The number of the row to begin with: where the runs part."""
        self.row_that_mattered = self._row_that_mattered()
        """The number of the row where what mattered began; None where that is where the runs part, or nothing did."""
        self.rows: Sequence[Row] = [self._row(number, pair) for number, pair in enumerate(self._pairs())]

    def _pairs(self) -> list[StepPair]:
        """Return the aligned steps, and after them the ends of both runs."""
        one, two = self.sides
        return [*self.diff.steps, StepPair(len(one.steps), len(two.steps), self.diff.end)]

    def _row(self, number: int, pair: StepPair) -> Row:
        matters = number == self.row_that_mattered
        if number == len(self.diff.steps):
            return Row(
                number, None, None, ("the end",), _mark(pair), self._parts_at_end(), rejoins=False, mattered=matters
            )
        lines = [
            action_line(s.steps[i].action, 48)
            for s, i in zip(self.sides, (pair.a, pair.b), strict=True)
            if i is not None
        ]
        here = self.diff.divergence is not None and number == self.first
        rejoins = (pair.a, pair.b) in self.diff.rejoined
        return Row(number, pair.a, pair.b, tuple(dict.fromkeys(lines)), _mark(pair), here, rejoins, matters)

    def _parts_at_end(self) -> bool:
        return self.diff.divergence is not None and self.first == len(self.diff.steps)

    def _divergence_row(self) -> int:
        """Return the number of the row where the runs part; 0 where they do not."""
        return 0 if self.diff.divergence is None else self._row_of(self.diff.divergence)

    def _row_that_mattered(self) -> int | None:
        found = self.diff.mattered
        return None if found is None or found == self.diff.divergence else self._row_of(found)

    def _row_of(self, found: Divergence) -> int:
        """Return the number of the row that a divergence names."""
        wanted = (found.a_step, found.b_step)
        for agree in (all, any):
            for number, pair in enumerate(self.diff.steps):
                if agree(
                    step is not None and step == other for step, other in zip(wanted, (pair.a, pair.b), strict=True)
                ):
                    return number
        return len(self.diff.steps)

    def view(self, number: int) -> RowView:
        """Return the page of one row. Raises UsageError where there is none of that number."""
        if not 0 <= number < len(self.rows):
            raise UsageError(f"This comparison has no row {number}.", hint=f"Its rows are 0 to {len(self.rows) - 1}.")
        row, pair, found = self.rows[number], self._pairs()[number], self.diff.divergence
        regions = pair.screen.regions if pair.screen is not None else ()
        steps = (pair.a, pair.b)
        if row.is_divergence and found is not None:
            steps = (pair.a if found.a_step is None else found.a_step, pair.b if found.b_step is None else found.b_step)
            regions = found.regions or regions
        halves = [
            self._half(letter, side, step, self._reached(number, which), regions)
            for which, (letter, side, step) in enumerate(zip("AB", self.sides, steps, strict=True))
        ]
        return RowView(row, (halves[0], halves[1]), _words(pair), pair.action.why if pair.action else "")

    def _reached(self, number: int, which: int) -> int:
        """Return how many steps a side has taken before a row."""
        done = (pair.a if which == 0 else pair.b for pair in self.diff.steps[:number])
        return sum(step is not None for step in done)

    @staticmethod
    def _half(letter: str, side: Side, index: int | None, reached: int, regions: Sequence[Region]) -> Half:
        """Return one side of a row; where it takes no step, the screen it stands on meanwhile."""
        at = reached if index is None else index
        is_end = at >= len(side.steps)
        step = None if is_end or index is None else side.steps[at]
        frame, shot = side.before(at), None
        if frame is not None:
            drawn = draw(step.action, frame, regions) if step else outline(regions, frame)
            shot = Shot("before", "at the end" if is_end else f"before step {at}", frame, drawn)
        return Half(letter, side, step, shot, None if index is None else side.turn(at), is_end)


def _compared(diff: RunDiff) -> tuple[int, int]:
    """Return how many steps of each run were compared."""
    return sum(pair.a is not None for pair in diff.steps), sum(pair.b is not None for pair in diff.steps)


def _mark(pair: StepPair) -> str:
    if pair.a is None or pair.b is None:
        return "alone"
    if (pair.screen is not None and pair.screen.is_material) or (
        pair.action is not None and pair.action.kind != "same"
    ):
        return "diverged"
    if pair.screen is None:
        return "unknown"
    return pair.screen.kind.value


def _words(pair: StepPair) -> str:
    if pair.a is None or pair.b is None:
        return f"only {'A' if pair.b is None else 'B'} does this"
    return "one of the two is not known" if pair.screen is None else pair.screen.why
