"""Going along an alignment: how each pair of steps compares, where the runs part, and where they rejoin."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from footage.analysis.runs.align import Pair
from footage.analysis.runs.causes import Judge
from footage.analysis.runs.run_screens import Screens
from footage.analysis.runs.same_action import ActionDifference, ActionVerdict, compare_actions
from footage.analysis.runs.sides import Side
from footage.analysis.screens.comparison_of_screens import ScreenDifference, ScreenVerdict
from footage.trajectory import JSON, Divergence

__all__ = ["StepPair", "Walk"]

_AHEAD = 5
"""Pairs of screens that are read while one is compared, that one among them."""


@dataclass(frozen=True, slots=True)
class StepPair:
    """Two steps that stand for each other, or one that stands alone."""

    a: int | None
    b: int | None
    screen: ScreenDifference | None = None
    """Of the screens before the steps; None for a lone step, and where a screen is missing."""
    action: ActionDifference | None = None

    def as_json(self) -> JSON:
        """Return {"a", "b", "screen", "action"}."""
        screen = self.screen.kind.value if self.screen else None
        return {"a": self.a, "b": self.b, "screen": screen, "action": self.action.kind.value if self.action else None}


class Walk:
    """Goes along the pairs of an alignment: looks for the divergence, and after it where the runs rejoin."""

    def __init__(self, a: Side, b: Side, screens: Screens, judge: Judge, pairs: Sequence[Pair]) -> None:
        self._a = a
        self._b = b
        self._screens = screens
        self._judge = judge
        ends = len(a.steps), len(b.steps)
        self._paired = [(i, j) for i, j in [*pairs, ends] if i is not None and j is not None]
        self._next = (0, 0)
        self._last: tuple[int, int] | None = None
        self._seen: tuple[int, int] | None = None
        self._apart = False
        self.steps: list[StepPair] = []
        self.rejoined: list[tuple[int, int]] = []
        self.divergence: Divergence | None = None

    @property
    def here(self) -> tuple[int, int]:
        """How many steps of either run were taken."""
        return self._next

    def go_on(self, pair: Pair, *, precisely: bool) -> StepPair:
        """Take the next pair of the alignment; if not `precisely`, screens that differ much are not looked at."""
        i, j = pair
        if i is None or j is None:
            made = StepPair(i, j)
            self.steps.append(made)
            if self.divergence is None and not self.only_looks(made):
                self._find_lone(*self._next)
        else:
            made = self._pair(i, j, precisely=precisely)
        self._next = (self._next[0] + (i is not None), self._next[1] + (j is not None))
        return made

    def only_looks(self, pair: StepPair) -> bool:
        """Tell whether the steps of a pair only look."""
        step = self._a.steps[pair.a] if pair.a is not None else self._b.steps[pair.b or 0]
        return step.action.looks_only

    def screen(self, i: int, j: int, *, precisely: bool = True) -> ScreenDifference | None:
        """Compare the screens before two steps; a few pixels count only if the next pair of screens shows them too."""
        if not precisely and (far := self._screens.roughly(i, j)) is not None:
            return far
        if precisely:
            at = bisect_left(self._paired, (i, j))
            self._screens.expect(self._paired[at : at + _AHEAD])
        found = self._screens.before(i, j, self._last if self.divergence is None else None)
        if found is None or not self._screens.is_slight(found):
            return found
        following = self._after(i, j)
        if following is not None and self._screens.lasts(found, (i, j), following):
            return found
        return replace(found, kind=ScreenVerdict.COSMETIC, why=f"{found.why}, gone in the next screens")

    def _after(self, i: int, j: int) -> tuple[int, int] | None:
        """Return the next pair of steps that began with screens captured anew."""
        for p, q in self._paired[bisect_left(self._paired, (i, j)) :]:
            if p >= i and q >= j and self._screens.are_later((i, j), (p, q)):
                return p, q
        return None

    def _pair(self, i: int, j: int, *, precisely: bool) -> StepPair:
        screen = self.screen(i, j, precisely=precisely)
        action = compare_actions(self._a.steps[i].action, self._b.steps[j].action)
        made = StepPair(i, j, screen, action)
        self.steps.append(made)
        if self.divergence is not None:
            self._note_rejoining(i, j, screen)
        elif self.only_looks(made):
            # A look may come too early in one run; whether the world differs is for the next action to tell.
            self._seen = self._seen or ((i, j) if screen is not None and screen.is_material else None)
        elif not self._part_by_screens(i, j, screen):
            if action.kind is ActionVerdict.DIFFERENT:
                self._part(self._judge.of_actions(i, j, action))
            self._last = (i, j)
        return made

    def _part_by_screens(self, i: int, j: int, screen: ScreenDifference | None) -> bool:
        """Note a divergence where the screens differ, by the first look that saw it; tell whether they do."""
        if screen is None or not screen.is_material:
            self._seen = None
            return False
        i, j = self._seen or (i, j)
        self._part(self._judge.of_screens(i, j, self._last, screen))
        return True

    def _find_lone(self, i: int, j: int) -> None:
        """Compare a step that stands alone with what the other run did at that point."""
        i, j = self.acting(i, j)
        if self._part_by_screens(i, j, self.screen(i, j)):
            return
        self._part(self.of_lone(i, j))

    def acting(self, i: int, j: int) -> tuple[int, int]:
        """Return the next steps of either run, from these on, that do more than look."""
        return _acting(self._a, i), _acting(self._b, j)

    def of_lone(self, i: int, j: int, *, tolerant: bool = False) -> Divergence:
        """Return whose doing it is that one run has a step here and the other another one, or none."""
        if i >= len(self._a.steps) or j >= len(self._b.steps):
            return self._judge.of_end(i, j, tolerant=tolerant)
        action = compare_actions(self._a.steps[i].action, self._b.steps[j].action)
        once_more = ActionDifference(action.kind, f"{self._a.steps[i].action.title} once more in one run")
        return self._judge.of_actions(i, j, once_more if action.exact else action, tolerant=tolerant)

    def _part(self, divergence: Divergence) -> None:
        self.divergence = divergence
        self._apart = True

    def _note_rejoining(self, i: int, j: int, screen: ScreenDifference | None) -> None:
        if screen is None:
            return
        if self._apart and not screen.is_material:
            self.rejoined.append((i, j))
        self._apart = screen.is_material

    def finish(self) -> ScreenDifference | None:
        """Compare what the runs ended with; return how that differs."""
        ends = len(self._a.steps), len(self._b.steps)
        end = self.screen(*ends)
        if self.divergence is None and self.steps:
            self._part_by_screens(*ends, end)
        return end


def _acting(side: Side, index: int) -> int:
    while index < len(side.steps) and side.steps[index].action.looks_only:
        index += 1
    return index
