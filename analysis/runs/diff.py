"""Comparing two runs: where they part first, where it mattered, whose doing that is, and where they rejoin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from footage.analysis.requests.conditions import Condition, Forgiven, conditions_of
from footage.analysis.runs.align import Pair, align, signature_costs
from footage.analysis.runs.answers import answered_otherwise, forgiven_answers
from footage.analysis.runs.causes import Judge
from footage.analysis.runs.mattering import Mattering, Tolerated
from footage.analysis.runs.run_screens import Screens
from footage.analysis.runs.same_action import ActionVerdict, compare_actions
from footage.analysis.runs.sides import Side
from footage.analysis.runs.walk import StepPair, Walk
from footage.analysis.screens.comparison_of_screens import ScreenDifference, ScreenVerdict
from footage.storage import Store
from footage.trajectory import JSON, Divergence, Region

if TYPE_CHECKING:
    from footage.trajectory import Frame

__all__ = ["Condition", "DiffVerdict", "Forgiven", "RunDiff", "StepPair", "Tolerated", "diff_runs"]

Progress = Callable[[int, int], None]
"""Told how much is done, and how much there is to do."""

_UNKNOWN_SCREEN = 0.5


class DiffVerdict(StrEnum):
    """How two runs compare."""

    IDENTICAL = "identical"
    COSMETIC = "cosmetic"
    """They did the same; clocks, carets, clicks a few pixels apart, waits, looks or answers differ."""
    DIVERGED = "diverged"


@dataclass(frozen=True, slots=True)
class RunDiff:
    """What `diff_runs` found. Run a is the one compared against, run b the one that may have changed."""

    a: str
    b: str
    verdict: DiffVerdict
    divergence: Divergence | None
    """The first difference."""
    mattered: Divergence | None
    """The first difference that mattered: the first other action that no difference of the screens explains."""
    tolerated: tuple[Tolerated, ...]
    """Differences after which both runs did the same all the same, those that show most first."""
    conditions: tuple[Condition, ...]
    """What was different about the runs, whatever they did."""
    answers: tuple[Condition, ...]
    """What the runs were answered and said otherwise, though they did the same: results, last words, outcomes."""
    forgiven: tuple[Forgiven, ...]
    """Texts that differ only in what is another each time, such as the date in a prompt: they were taken for equal."""
    left_out: tuple[Region, ...]
    """Places that differ in every pair of screens, as clocks of two times do; what is in them was not compared."""
    rejoined: tuple[tuple[int, int], ...]
    """Steps of a and b before which, after the divergence, the runs are on the same screen again."""
    steps: tuple[StepPair, ...]
    end: ScreenDifference | None
    """Of the screens the runs ended with; None where one is missing."""
    acted_alike: bool
    """Whether every action has its like in the other run; waits and looks count for nothing."""

    @property
    def ended_alike(self) -> bool | None:
        """Whether the runs ended on the same screen; None if unknown."""
        return None if self.end is None else not self.end.is_material

    @property
    def why_it_did_not_matter(self) -> str:
        """A sentence for two runs that parted where nothing mattered."""
        if self.acted_alike:
            return "It did not matter: both runs took the same actions all the same."
        if self.rejoined or self.ended_alike:
            return "It did not matter in the end: they acted differently, and were on the same screen again after it."
        return "It did not matter: they acted in other places, on what looks the same."

    @property
    def seen_whole(self) -> bool:
        """Whether every screen of both runs is known."""
        return self.end is not None and all(pair.screen is not None for pair in self.steps)

    def as_json(self) -> JSON:
        """Return the document of `footage diff --json`."""
        return {
            "format": 1,
            "verdict": self.verdict.value,
            "divergence": self.divergence.as_json() if self.divergence else None,
            "mattered": self.mattered.as_json() if self.mattered else None,
            "tolerated": [each.as_json() for each in self.tolerated],
            "conditions": [each.as_json() for each in self.conditions],
            "answers": [each.as_json() for each in self.answers],
            "forgiven": [each.as_json() for each in self.forgiven],
            "left_out": [region.as_list() for region in self.left_out],
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
    try:
        pairs = _aligned(one, two, screens, meter)
        screens.aligned(pairs)
        judge = Judge(store, one, two, screens)
        walk = Walk(one, two, screens, judge, pairs)
        mattering = Mattering(one, two, screens, judge)
        for pair in pairs:
            made = walk.go_on(pair, precisely=not mattering.is_known)
            mattering.go_on(made, walk)
            meter.add(2 - (None in pair))
        end = walk.finish()
        mattering.finish(end, walk)
    finally:
        screens.close()
    answers = answered_otherwise(one, two, walk.steps)
    conditions, forgiven = conditions_of(store, one, two)
    return RunDiff(
        one.run.id,
        two.run.id,
        _verdict(walk, end, answers),
        walk.divergence,
        mattering.mattered,
        mattering.tolerated,
        conditions,
        answers,
        (*forgiven, *forgiven_answers(one, two, walk.steps)),
        screens.left_out,
        tuple(walk.rejoined),
        tuple(walk.steps),
        end,
        all(_alike(walk, pair) for pair in walk.steps),
    )


def _alike(walk: Walk, pair: StepPair) -> bool:
    if pair.action is None:
        return walk.only_looks(pair)
    return pair.action.kind is not ActionVerdict.DIFFERENT


def _verdict(walk: Walk, end: ScreenDifference | None, answers: Sequence[Condition]) -> DiffVerdict:
    if walk.divergence is not None:
        return DiffVerdict.DIVERGED
    seen = [*(pair.screen for pair in walk.steps), end]
    alike = all(screen is None or screen.kind is ScreenVerdict.IDENTICAL for screen in seen)
    exact = all(pair.action is not None and pair.action.exact for pair in walk.steps)
    return DiffVerdict.IDENTICAL if alike and exact and not answers else DiffVerdict.COSMETIC


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
    """Align the steps of two runs; no picture is loaded for it."""
    equal = 0
    while equal < min(len(a.steps), len(b.steps)) and _equal(a, b, equal):
        equal += 1
        meter.add(2)
    rest = [[side.before(index) for index in range(equal, len(side.steps))] for side in (a, b)]
    screens.load_signatures([frame for frames in rest for frame in frames if frame is not None])
    meter.add(sum(map(len, rest)))
    frames = {frame.sha256: frame for some in rest for frame in some if frame is not None}
    place = {name: number for number, name in enumerate(frames)}
    signatures = [screens.signature(frame) for frame in frames.values()]
    costs = signature_costs(signatures, signatures) if signatures else None

    def screen_cost(i: int, j: int) -> float:
        one, two = rest[0][i], rest[1][j]
        if one is None or two is None or costs is None:
            return 0.0 if one is two else _UNKNOWN_SCREEN
        if _size(one) != _size(two):
            return 1.0
        return float(costs[place[one.sha256], place[two.sha256]])

    actions = [[step.action for step in side.steps[equal:]] for side in (a, b)]
    found = align(actions[0], actions[1], screen_cost)
    shifted = [(None if i is None else i + equal, None if j is None else j + equal) for i, j in found]
    return [*((index, index) for index in range(equal)), *shifted]


def _equal(a: Side, b: Side, index: int) -> bool:
    one, two = a.before(index), b.before(index)
    same = one is two if one is None or two is None else one.sha256 == two.sha256
    return same and compare_actions(a.steps[index].action, b.steps[index].action).exact


def _size(frame: Frame) -> tuple[int, int]:
    return frame.screen_width, frame.screen_height
