"""
The detector `outliers`: replies and actions that took far longer, or far more tokens, than the others of their run.

By the logarithm's distance from the median, in median absolute deviations, from 30 of a kind on. A list, no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from footage.analysis.detectors.contract import Abstained, ExaminedRun, Noticed

__all__ = ["KINDS", "LINE", "LISTED", "NAME", "VERSION", "detect"]

NAME = "outliers"
VERSION = 1
LINE = "replies and actions that took far longer, or more tokens, than the run's others"
KINDS = ("outlier",)
LISTED = KINDS

_FEWEST = 30
_FAR = 6.0
_LEAST_SPREAD = 0.1
"""Of the logarithm: a tenth more or less is no distance."""
_MOST = 5
_NORMAL = 1.4826
"""So many median absolute deviations are a standard deviation."""


def detect(examined: ExaminedRun) -> Iterator[Noticed | Abstained]:
    """Yield the farthest five of each kind, those farthest first."""
    asked: dict[int, int] = {}
    for step in reversed(examined.steps):
        if step.turn is not None:
            asked[step.turn] = step.index
    replies = [
        (asked.get(turn.number), (turn.ended.monotonic_ns - turn.started.monotonic_ns) / 1e9)
        for turn in examined.turns
        if turn.ended is not None and turn.copied_from is None
    ]
    tokens = [
        (asked.get(t.number), float(n)) for t in examined.turns if isinstance(n := t.usage.get("output_tokens"), int)
    ]
    actions = [
        (step.index, step.duration_ms / 1e3)
        for step in examined.steps
        if step.duration_ms is not None and step.action.name != "wait"
    ]
    judged = False
    for values, what, unit in (
        (replies, "The reply", "s"),
        (actions, "The action", "s"),
        (tokens, "The reply", "tokens"),
    ):
        known = [(step, value) for step, value in values if value > 0]
        if len(known) < _FEWEST:
            continue
        judged = True
        usual = math.exp(median(math.log(value) for _, value in known))
        for far, where, value in _farthest(known):
            took = f"{value:.3g} s" if unit == "s" else f"{value:.0f} tokens"
            often = f"{usual:.3g} s" if unit == "s" else f"{usual:.0f}"
            message = f"{what} took {took}; the run's median is {often} (z {far:.0f})."
            yield Noticed("outlier", message, step=where, confidence=0.5)
    if not judged and examined.steps:
        yield Abstained(f"fewer than {_FEWEST} of a kind")


def _farthest(known: Sequence[tuple[int | None, float]]) -> list[tuple[float, int | None, float]]:
    """Return the values that are far above the others: how far, the step, the value."""
    logs = [math.log(value) for _, value in known]
    middle = median(logs)
    spread = max(_NORMAL * median(abs(each - middle) for each in logs), _LEAST_SPREAD)
    far = [((each - middle) / spread, step, value) for each, (step, value) in zip(logs, known, strict=True)]
    return sorted((each for each in far if each[0] > _FAR), key=lambda each: -each[0])[:_MOST]
