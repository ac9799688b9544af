"""
The detector `cycle`: the same few actions again and again, on the same screens.

Two actions in turn three times, or three to five twice, and each time the screen before each is the one of the first
round, but for clocks. Good agents repeat actions too (of 19 runs of one agent that did, 10 passed): only the screens
tell. One action again and again is told by `stuck` and `no-effect`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from footage.analysis.detectors.contract import ExaminedRun, Noticed
from footage.trajectory import Frame, FrameRole, Step, StepStatus

__all__ = ["KINDS", "LINE", "NAME", "VERSION", "detect"]

NAME = "cycle"
VERSION = 1
LINE = "the same few actions in turn, on the same screens"
KINDS = ("cycle",)

_ROUNDS = {2: 3, 3: 2, 4: 2, 5: 2}
_NEAR = 12
"""Pixels: points that are so near are one."""
_CONFIDENCE = 0.92
_Same: TypeAlias = Callable[[Frame, Frame], bool]


def detect(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield each cycle once, with its shortest period."""
    steps = [step for step in examined.steps if not step.action.looks_only]
    same = examined.effects.same_screen
    at = 0
    while at < len(steps):
        found = next(((period, count) for period in _ROUNDS if (count := _rounds(steps, at, period, same))), None)
        if found is None:
            at += 1
            continue
        period, count = found
        yield _told(steps[at : at + period * count], period, count)
        at += period * count


def _rounds(steps: Sequence[Step], at: int, period: int, same: _Same) -> int:
    """Return how often a round of actions is done from a step on; 0 where it is no cycle."""
    first = steps[at : at + period]
    if len(first) < period or all(_same_action(step, first[0]) for step in first):
        return 0
    count = 1
    while _again(first, steps[at + count * period : at + (count + 1) * period], same):
        count += 1
    return count if count >= _ROUNDS[period] else 0


def _again(one: Sequence[Step], two: Sequence[Step], same: _Same) -> bool:
    if len(one) != len(two) or not all(map(_same_action, one, two)):
        return False
    shown = [(_shown(a), _shown(b)) for a, b in zip(one, two, strict=True)]
    return all(a is not None and b is not None and same(a, b) for a, b in shown)


def _shown(step: Step) -> Frame | None:
    """Return the whole screen that a step began on; None where nobody took it."""
    before = step.frame(FrameRole.BEFORE)
    whole = before is not None and before.region is None and not (before.derived or before.redacted)
    return before if whole and step.status is StepStatus.EXECUTED and not step.redacted else None


def _same_action(a: Step, b: Step) -> bool:
    one, two = a.action, b.action
    if not (one.is_computer and two.is_computer) or one.name != two.name:
        return False
    if one.arguments.get("text") != two.arguments.get("text"):
        return False
    if one.arguments.get("scroll_direction") != two.arguments.get("scroll_direction"):
        return False
    if one.point is None or two.point is None:
        return one.point is two.point
    return all(abs(p - q) <= _NEAR for p, q in zip(one.point, two.point, strict=True))


def _told(held: Sequence[Step], period: int, count: int) -> Noticed:
    frames = [frame for step in (held[0], held[period], held[-period]) if (frame := _shown(step))]
    return Noticed(
        "cycle",
        f"The same {period} actions were done {count} times in turn, in steps {held[0].index} to {held[-1].index}, each"
        " time on the same screens.",
        step=held[0].index,
        evidence=tuple(dict.fromkeys(frames)),
        confidence=_CONFIDENCE,
    )
