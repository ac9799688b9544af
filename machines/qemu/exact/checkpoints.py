"""
The checkpoints of a recording: a snapshot in a file of its own each, packed as the run goes, within a budget.

Where the budget is reached, the checkpoint goes whose neighbours are closest to each other: so the longest way from a
checkpoint to a step grows as slowly as it can. The first one, where the recording starts, always stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from footage.machines.qemu.packing import Packing

__all__ = ["Checkpoints", "Made", "thinnest"]

FIRST_GUESS = 160 << 20
"""Bytes of a packed checkpoint, before one has been made."""


@dataclass(frozen=True, slots=True)
class Made:
    """One checkpoint that has been made."""

    name: str
    icount: int
    packing: Packing


class Checkpoints:
    """
    What has been made so far on the way from `start`, an instruction count.

    `budget` is in bytes, for all of them together, packed, the snapshot at the start included.
    """

    def __init__(self, budget: int) -> None:
        self.start = 0
        self._budget = budget
        self._made: list[Made] = []
        self.dropped = 0
        """How many had to go again."""

    @property
    def made(self) -> tuple[Made, ...]:
        """The checkpoints there are, oldest first."""
        return tuple(self._made)

    def add(self, name: str, icount: int, path: Path) -> None:
        """Take in a snapshot's file, and have it packed."""
        self._made.append(Made(name, icount, Packing(path)))

    def room(self) -> bool:
        """Make room for one more; False where there is none even without all but the last."""
        each = self._each()
        while (len(self._made) + 2) * each > self._budget:
            index = thinnest([self.start, *(made.icount for made in self._made)])
            if index is None:
                return False
            self._made.pop(index - 1).packing.cancel()
            self.dropped += 1
        return True

    def finish(self, on_progress: Callable[[int, int], None] | None = None) -> list[tuple[str, int, Path]]:
        """Wait until all are packed; return (name, instruction count, packed file) of each."""
        found = []
        for done, made in enumerate(self._made):
            if on_progress:
                on_progress(done, len(self._made))
            found.append((made.name, made.icount, made.packing.wait()))
        return found

    def cancel(self) -> None:
        """Remove them all. Safe to call twice."""
        for made in self._made:
            made.packing.cancel()

    def _each(self) -> int:
        """Return the largest packed size so far, in bytes."""
        return max((made.packing.size for made in self._made if made.packing.done), default=FIRST_GUESS)


def thinnest(instants: list[int]) -> int | None:
    """Return the index of the instant, neither first nor last, whose neighbours are closest; None where none is."""
    spans = [(instants[i + 1] - instants[i - 1], i) for i in range(1, len(instants) - 1)]
    return min(spans)[1] if spans else None
