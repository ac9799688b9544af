"""Where a text stands, as the number of its row in the index of texts (see schema/v3_search.py)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PLACE_BITS", "Place", "place_of"]

PLACE_BITS = 20
"""Room for the places within a run: about half a million turns and steps."""


class Place(NamedTuple):
    """A text of a run: `what` is `task`, `turn` or `step`; `number` that of the turn or step, 0 for the task."""

    what: str
    number: int


def place_of(row: int) -> Place:
    """Return what a row of the index is the text of."""
    place = row & ((1 << PLACE_BITS) - 1)
    if place == 0:
        return Place("task", 0)
    return Place("turn" if place % 2 else "step", (place - 1) // 2)
