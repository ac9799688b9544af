"""Comparing two runs: where they part, whose doing it is, and where they are on the same screen again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from footage.analysis.actions import ActionDifference, ActionVerdict, compare_actions
from footage.analysis.align import Pair, align, signature, signature_costs
from footage.analysis.causes import Judge
from footage.analysis.screens import ScreenDifference, ScreenVerdict
from footage.analysis.sides import Screens, Side
from footage.storage import Store
from footage.trajectory import JSON, Divergence, Region

if TYPE_CHECKING:
    from footage.analysis.align import Signature

Progress = Callable[[int, int], None]
"""Told how much is done, and how much there is to do."""

_UNKNOWN_SCREEN = 0.5


class DiffVerdict(StrEnum):
    """How two runs compare."""

    IDENTICAL = "identical"
    COSMETIC = "cosmetic"
    """They differ in nothing that matters: clocks, carets, clicks a few pixels apart, waits and looks."""
    DIVERGED = "diverged"


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


@dataclass(frozen=True, slots=True)
class RunDiff:
    """What `diff_runs` found. Run a is the one compared against, run b the one that may have changed."""

    a: str
    b: str
    verdict: DiffVerdict
    divergence: Divergence | None
    rejoined: tuple[tuple[int, int], ...]
    """Steps of a and b before which, after the divergence, the runs are on the same screen again."""
    steps: tuple[StepPair, ...]
    end: ScreenDifference | None
    """Of the screens the runs ended with; None where one is missing."""

    @property
    def ended_alike(self) -> bool | None:
        """Whether the runs ended on the same screen; None if unknown."""
        return None if self.end is None else not self.end.is_material

    def as_json(self) -> JSON:
        """Return the document of `footage diff --json`."""
        found = self.divergence
        return {
            "format": 1,
            "verdict": self.verdict.value,
            "divergence": found.as_json() if found else None,
            "rejoined": [{"a": a, "b": b} for a, b in self.rejoined],
            "steps": [pair.as_json() for pair in self.steps],
        }


def diff_runs(
    store: Store, a: str, b: str, *, volatile: Sequence[Region] = (), on_progress: Progress | None = None
) -> RunDiff:
    """
    Compare two runs of one store, each given by its id, a unique prefix of it, or `@1`.

    `volatile` are regions of the screen to leave out, besides those that are seen to change by themselves. Raises
    RunNotFound, and StoreCorrupt where a picture is damaged.
    """
    one, two = Side(store, a), Side(store, b)
    screens = Screens(store, one, two, volatile)
    meter = _Meter(on_progress, 2 * (len(one.steps) + len(two.steps)))
    pairs = _aligned(one, two, screens, meter)
    walk = _Walk(one, two, screens, Judge(store, one, two, screens))
    for pair in pairs:
        walk.go_on(pair)
        meter.add(2 - (None in pair))
    return walk.finish()


class _Meter:
    """Counts for a progress bar."""

    def __init__(self, tell: Progress | None, total: int) -> None:
        self._tell = tell
        self._done = 0
        self._total = total

    def add(self, count: int = 1) -> None:
        self._done += count
        if self._tell is not None:
            self._tell(self._done, self._total)


# --- aligning -------------------------------------------------------------------------------------


def _aligned(a: Side, b: Side, screens: Screens, meter: _Meter) -> list[Pair]:
    """Align the steps of two runs; as far as they are equal to the last pixel, no picture is loaded."""
    equal = 0
    while equal < min(len(a.steps), len(b.steps)) and _equal(a, b, equal):
        equal += 1
        meter.add(2)
    known: dict[str, Signature] = {}
    keys = [
        [_signature(side, index, screens, known, meter) for index in range(equal, len(side.steps))] for side in (a, b)
    ]
    names = list(known)
    place = {name: number for number, name in enumerate(names)}
    costs = signature_costs(list(known.values()), list(known.values())) if known else None

    def screen_cost(i: int, j: int) -> float:
        one, two = keys[0][i], keys[1][j]
        if one is None or two is None or costs is None:
            return 0.0 if one is two else _UNKNOWN_SCREEN
        if one[1] != two[1]:
            return 1.0
        return float(costs[place[one[0]], place[two[0]]])

    actions = [[step.action for step in side.steps[equal:]] for side in (a, b)]
    rest = align(actions[0], actions[1], screen_cost)
    shifted = [(None if i is None else i + equal, None if j is None else j + equal) for i, j in rest]
    return [*((index, index) for index in range(equal)), *shifted]


def _equal(a: Side, b: Side, index: int) -> bool:
    one, two = a.before(index), b.before(index)
    same = one is two if one is None or two is None else one.sha256 == two.sha256
    return same and compare_actions(a.steps[index].action, b.steps[index].action).exact


def _signature(
    side: Side, index: int, screens: Screens, known: dict[str, Signature], meter: _Meter
) -> tuple[str, tuple[int, int]] | None:
    """Return the name of a step's screen, whose signature is then known, and its size."""
    frame = side.before(index)
    meter.add()
    if frame is None:
        return None
    if frame.sha256 not in known:
        known[frame.sha256] = signature(screens.pixels(frame))
    return frame.sha256, (frame.screen_width, frame.screen_height)


# --- walking --------------------------------------------------------------------------------------


class _Walk:
    """Goes along an alignment: looks for the divergence, and after it for the places where the runs rejoin."""

    def __init__(self, a: Side, b: Side, screens: Screens, judge: Judge) -> None:
        self._a = a
        self._b = b
        self._screens = screens
        self._judge = judge
        self._next = (0, 0)
        self._last: tuple[int, int] | None = None
        self._seen: tuple[int, int] | None = None
        self._steps: list[StepPair] = []
        self._divergence: Divergence | None = None
        self._apart = False
        self._rejoined: list[tuple[int, int]] = []

    def go_on(self, pair: Pair) -> None:
        """Take the next pair of the alignment."""
        i, j = pair
        if i is None or j is None:
            self._steps.append(StepPair(i, j))
            if self._divergence is None and not self._only_looks(pair):
                self._find_lone(*self._next)
        else:
            self._pair(i, j)
        self._next = (self._next[0] + (i is not None), self._next[1] + (j is not None))

    def _only_looks(self, pair: Pair) -> bool:
        i, j = pair
        step = self._a.steps[i] if i is not None else self._b.steps[j or 0]
        return step.action.looks_only

    def _pair(self, i: int, j: int) -> None:
        screen = self._screens.before(i, j, self._last if self._divergence is None else None)
        action = compare_actions(self._a.steps[i].action, self._b.steps[j].action)
        self._steps.append(StepPair(i, j, screen, action))
        if self._divergence is not None:
            self._note_rejoining(i, j, screen)
        elif self._only_looks((i, j)):
            # A look may come too early in one run; whether the world differs is for the next action to tell.
            self._seen = self._seen or ((i, j) if screen is not None and screen.is_material else None)
        elif not self._part_by_screens(i, j, screen):
            if action.kind is ActionVerdict.DIFFERENT:
                self._part(self._judge.of_actions(i, j, action))
            self._last = (i, j)

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
        i, j = self._acting(self._a, i), self._acting(self._b, j)
        if self._part_by_screens(i, j, self._screens.before(i, j, self._last)):
            return
        if i >= len(self._a.steps) or j >= len(self._b.steps):
            self._part(self._judge.of_end(i, j))
            return
        action = compare_actions(self._a.steps[i].action, self._b.steps[j].action)
        once_more = ActionDifference(action.kind, f"{self._a.steps[i].action.title} once more in one run")
        self._part(self._judge.of_actions(i, j, once_more if action.exact else action))

    @staticmethod
    def _acting(side: Side, index: int) -> int:
        while index < len(side.steps) and side.steps[index].action.looks_only:
            index += 1
        return index

    def _part(self, divergence: Divergence) -> None:
        self._divergence = divergence
        self._apart = True

    def _note_rejoining(self, i: int, j: int, screen: ScreenDifference | None) -> None:
        if screen is None:
            return
        if self._apart and not screen.is_material:
            self._rejoined.append((i, j))
        self._apart = screen.is_material

    def finish(self) -> RunDiff:
        """Compare what the runs ended with; return what was found."""
        ends = len(self._a.steps), len(self._b.steps)
        end = self._screens.before(*ends, self._last if self._divergence is None else None)
        if self._divergence is None and self._steps:
            self._part_by_screens(*ends, end)
        return RunDiff(
            self._a.run.id,
            self._b.run.id,
            self._verdict(end),
            self._divergence,
            tuple(self._rejoined),
            tuple(self._steps),
            end,
        )

    def _verdict(self, end: ScreenDifference | None) -> DiffVerdict:
        if self._divergence is not None:
            return DiffVerdict.DIVERGED
        seen = [*(pair.screen for pair in self._steps), end]
        alike = all(screen is None or screen.kind is ScreenVerdict.IDENTICAL for screen in seen)
        exact = all(pair.action is not None and pair.action.exact for pair in self._steps)
        return DiffVerdict.IDENTICAL if alike and exact else DiffVerdict.COSMETIC
