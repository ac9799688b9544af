"""
Aligning the steps of two runs: which step of one is which step of the other.

Needleman and Wunsch within a band. Pairing two steps costs 0.6 of how their screens differ and 0.4 of how their actions
do; leaving a step alone costs 0.7. Where steps only look (a wait, a bare screenshot), either costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.analysis.runs.same_action import compare_actions
from footage.storage.pictures.signatures import GRID
from footage.trajectory import Action

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Signature = NDArray[np.uint8]

SCREEN_WEIGHT, ACTION_WEIGHT = 0.6, 0.4
GAP = 0.7
FREE = 0.001
"""A step that only looks costs this share; not quite nothing, so that two alike are still paired."""
BAND = 32
"""Steps off the diagonal that are tried, and twice the difference of the lengths."""

Pair = tuple[int | None, int | None]
"""Index of a step in run a and in run b; None where it has no counterpart."""

_LEVEL = 4
_PAIRED, _ONLY_A, _ONLY_B = 1, 2, 3


def align(a: Sequence[Action], b: Sequence[Action], screen_cost: Callable[[int, int], float]) -> list[Pair]:
    """
    Return the cheapest alignment in order, each index once.

    `screen_cost(i, j)` says how the screens before step i of `a` and step j of `b` differ, 0..1. Where several
    alignments cost the same, steps are paired as early as possible.
    """
    gaps_a = [GAP * FREE if action.looks_only else GAP for action in a]
    gaps_b = [GAP * FREE if action.looks_only else GAP for action in b]
    action_cost = _action_costs(a, b)
    reach = BAND + 2 * abs(len(a) - len(b))
    above = _first_row(gaps_b)
    moves = [bytearray([_ONLY_B]) * (len(b) + 1)]
    for i in range(1, len(a) + 1):
        row = [math.inf] * (len(b) + 1)
        row[0] = above[0] + gaps_a[i - 1]
        came = bytearray([_ONLY_A]) * (len(b) + 1)
        middle = i * len(b) // len(a)
        for j in range(max(1, middle - reach), min(len(b), middle + reach) + 1):
            paired = above[j - 1]
            # Costs are never negative: where the way here costs more than leaving a step, they need not be known.
            alone_a, alone_b = above[j] + gaps_a[i - 1], row[j - 1] + gaps_b[j - 1]
            if paired < alone_a and paired < alone_b:
                cost = SCREEN_WEIGHT * screen_cost(i - 1, j - 1) + ACTION_WEIGHT * action_cost(i - 1, j - 1)
                paired += cost * FREE if a[i - 1].looks_only else cost
                if paired < alone_a and paired < alone_b:
                    row[j], came[j] = paired, _PAIRED
                    continue
            row[j], came[j] = (alone_b, _ONLY_B) if alone_b <= alone_a else (alone_a, _ONLY_A)
        above = row
        moves.append(came)
    return _walk_back(moves, len(a), len(b))


def _first_row(gaps: Sequence[float]) -> list[float]:
    row = [0.0]
    for gap in gaps:
        row.append(row[-1] + gap)
    return row


def _walk_back(moves: Sequence[bytearray], i: int, j: int) -> list[Pair]:
    pairs: list[Pair] = []
    while i or j:
        move = moves[i][j]
        i -= move != _ONLY_B
        j -= move != _ONLY_A
        pairs.append((None if move == _ONLY_B else i, None if move == _ONLY_A else j))
    return pairs[::-1]


def _action_costs(a: Sequence[Action], b: Sequence[Action]) -> Callable[[int, int], float]:
    """Return the cost of pairing two steps' actions; equal actions are compared once."""
    kinds: dict[tuple[str, str, tuple[int, int] | None], int] = {}
    one, two = (
        [kinds.setdefault((action.title, repr(action.arguments), action.tracked), len(kinds)) for action in side]
        for side in (a, b)
    )
    known: dict[tuple[int, int], float] = {}

    def cost(i: int, j: int) -> float:
        key = one[i], two[j]
        if key not in known:
            known[key] = _action_cost(a[i], b[j])
        return known[key]

    return cost


def _action_cost(a: Action, b: Action) -> float:
    cost = 1.0 if a.title != b.title else compare_actions(a, b).cost
    # To look is no other way of acting, nor of looking elsewhere: such steps stand alone rather than together.
    return math.inf if cost == 1 and (a.looks_only or b.looks_only) else cost


# --- how screens differ, from afar ----------------------------------------------------------------


def changed_from_afar(a: Signature, b: Signature, level: int = _LEVEL) -> NDArray[np.bool_]:
    """Return which cells of two screens' signatures differ by more than `level`, shape (25, 40)."""
    return np.asarray(cv2.absdiff(a, b) > level).reshape(GRID[1], GRID[0])


def signature_costs(a: Sequence[Signature], b: Sequence[Signature]) -> NDArray[np.float32]:
    """
    Return how each screen of `a` differs from each of `b`: a quarter of the cells or more is 1.

    A signature is what `Store.signatures` returns, as an array of 1000 bytes.
    """
    stacked = np.array(b).reshape(len(b), -1)
    costs = [(cv2.absdiff(stacked, np.broadcast_to(one, stacked.shape).copy()) > _LEVEL).mean(axis=1) for one in a]
    return np.minimum(np.array(costs, dtype=np.float32).reshape(len(a), len(b)) * 4, 1)
