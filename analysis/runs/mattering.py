"""
Which difference of two runs mattered, and which both took in their stride.

The first difference is often harmless: another wallpaper, a toast, a mail that came. A difference of the screens is
*tolerated* if both runs then did the same for two actions, or were on the same screen again. What mattered is the first
other action that no difference of the screens at its target explains; else the difference that does explain one and was
never made good, or with which the runs ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from footage.analysis.runs.causes import Judge
from footage.analysis.runs.run_screens import Screens
from footage.analysis.runs.same_action import ActionVerdict
from footage.analysis.runs.sides import Side
from footage.analysis.runs.walk import StepPair, Walk
from footage.analysis.screens.comparison_of_screens import ANOTHER_PAGE, ScreenDifference
from footage.analysis.screens.targets import at_target, same_thing_elsewhere
from footage.trajectory import JSON, Action, Cause, Divergence, Region

__all__ = ["Mattering", "Tolerated"]

ENOUGH = 2
"""Same actions after which a difference is tolerated."""
_AROUND = 8


@dataclass(frozen=True, slots=True)
class Tolerated:
    """A difference of the screens after which both runs did the same."""

    divergence: Divergence
    pairs: int
    """How many pairs of screens showed it."""
    share: float
    """How much of the screen it took, 0..1."""

    def as_json(self) -> JSON:
        """Return what a divergence returns, and {"pairs", "share"}."""
        return {**self.divergence.as_json(), "pairs": self.pairs, "share": round(self.share, 4)}


@dataclass(slots=True, eq=False)
class _Event:
    """A difference of the screens, from the pair that showed it first."""

    divergence: Divergence
    share: float
    regions: tuple[Region, ...]
    pairs: int = 1
    same: int = 0
    """Same actions since it began, or since an action that it explains."""
    explains: bool = False
    """An other action was done where the screens differ."""
    over: bool = False
    """The screens were equal again."""

    @property
    def is_tolerated(self) -> bool:
        return self.same >= ENOUGH if not self.explains else self.over and self.same >= ENOUGH

    def covers(self, screen: ScreenDifference) -> bool:
        """Tell whether a later difference of the screens is this one still, or a part of it."""
        if self.share >= ANOTHER_PAGE:
            return True
        return all(any(_holds(mine, region) for mine in self.regions) for region in screen.regions)


class Mattering:
    """Follows a walk along two aligned runs."""

    def __init__(self, a: Side, b: Side, screens: Screens, judge: Judge) -> None:
        self._a = a
        self._b = b
        self._screens = screens
        self._judge = judge
        self._events: list[_Event] = []
        self._last: tuple[int, int] | None = None
        self.mattered: Divergence | None = None

    @property
    def is_known(self) -> bool:
        """Whether what mattered was found: the rest need not be looked at closely."""
        return self.mattered is not None

    @property
    def tolerated(self) -> tuple[Tolerated, ...]:
        """The differences that both runs took in their stride, those that show most first."""
        found = [
            Tolerated(event.divergence, event.pairs, event.share)
            for event in self._events
            if event.divergence != self.mattered and (event.is_tolerated or (event.over and not event.explains))
        ]
        return tuple(sorted(found, key=lambda each: -each.share))

    def go_on(self, pair: StepPair, walk: Walk) -> None:
        """Take the next pair, just after the walk did."""
        if self.mattered is not None:
            return
        if self._parted_by_action(walk):
            self.mattered = walk.divergence
        elif pair.a is None or pair.b is None:
            if not walk.only_looks(pair):
                self._lone(pair, walk)
        elif pair.action is not None:
            self._paired(pair, walk)

    def _parted_by_action(self, walk: Walk) -> bool:
        """Tell whether the first difference is a choice of the model or the harness, and no difference of screens."""
        found = walk.divergence
        return not self._events and found is not None and found.cause in {Cause.MODEL, Cause.HARNESS}

    def _paired(self, pair: StepPair, walk: Walk) -> None:
        i, j, screen, action = pair.a, pair.b, pair.screen, pair.action
        assert i is not None
        assert j is not None
        assert action is not None
        if screen is not None and not screen.is_material:
            self._close()
        if walk.only_looks(pair):
            return
        self._see(i, j, screen, walk)
        if action.kind is ActionVerdict.DIFFERENT:
            if not (self._lasting and same_thing_elsewhere(self._screens, self._a, i, self._b, j)):
                self._other(i, j, screen, walk, (self._a.action(i), self._b.action(j)))
        else:
            for event in self._events:
                event.same += 1
        self._last = (i, j) if screen is None or not screen.is_material else None

    def _lone(self, pair: StepPair, walk: Walk) -> None:
        """Take a step that one run has alone; the walk stands behind it already."""
        reached = walk.here
        i, j = walk.acting(reached[0] - (pair.a is not None), reached[1] - (pair.b is not None))
        screen = walk.screen(i, j)
        self._see(i, j, screen, walk)
        alone = self._a.action(pair.a) if pair.a is not None else self._b.action(pair.b or 0)
        self._other(i, j, screen, walk, (alone,), lone=True)

    @property
    def _lasting(self) -> list[_Event]:
        return [event for event in self._events if not event.over]

    def _close(self) -> None:
        for event in self._lasting:
            event.over = True
            event.same = 0 if event.explains else event.same

    def _see(self, i: int, j: int, screen: ScreenDifference | None, walk: Walk) -> None:
        """Note a difference of the screens, or that one lasts."""
        if screen is None or not screen.is_material:
            return
        known = [event for event in self._lasting if event.covers(screen)]
        for event in known:
            event.pairs += 1
        if known:
            return
        first = not self._events and walk.divergence is not None
        found = walk.divergence if first else None
        if found is None:
            found = self._judge.of_screens(i, j, self._last, screen, later=True)
        regions = tuple(_grown(region) for region in screen.regions)
        self._events.append(_Event(found, screen.share, regions))

    def _other(
        self,
        i: int,
        j: int,
        screen: ScreenDifference | None,
        walk: Walk,
        actions: tuple[Action | None, ...],
        *,
        lone: bool = False,
    ) -> None:
        """Take another action: it mattered, unless screens that differ where it acts explain it."""
        fresh = [event for event in self._lasting if not event.is_tolerated or event.explains]
        if screen is not None and screen.is_material and fresh and at_target(screen, *actions):
            for event in fresh:
                event.explains, event.same = True, 0
            return
        unsettled = next((e for e in self._events if e.explains and not e.is_tolerated), None)
        if unsettled is not None:
            self.mattered = unsettled.divergence
        elif lone:
            self.mattered = walk.of_lone(i, j, tolerant=bool(self._events))
        else:
            action = walk.steps[-1].action
            assert action is not None
            self.mattered = self._judge.of_actions(i, j, action, tolerant=bool(self._events))

    def finish(self, end: ScreenDifference | None, walk: Walk) -> None:
        """Look at what the runs ended with."""
        if self.mattered is not None or walk.divergence is None:
            return
        if end is not None and not end.is_material:
            self._close()
        elif end is not None:
            self._see(len(self._a.steps), len(self._b.steps), end, walk)
        if self._parted_by_action(walk):
            self.mattered = walk.divergence
            return
        for event in self._events:
            ended_with_it = not event.over and not event.is_tolerated
            if ended_with_it or (event.explains and not event.is_tolerated and not event.over):
                self.mattered = event.divergence
                return


def _holds(mine: Region, other: Region) -> bool:
    return mine.x <= other.x and mine.y <= other.y and other.right <= mine.right and other.bottom <= mine.bottom


def _grown(region: Region) -> Region:
    x, y = max(region.x - _AROUND, 0), max(region.y - _AROUND, 0)
    return replace(region, x=x, y=y, width=region.right + _AROUND - x, height=region.bottom + _AROUND - y)
