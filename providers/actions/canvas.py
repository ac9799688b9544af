"""What a recording's coordinates are measured on, and where its actions land on the stored picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from footage.providers.actions.coordinates import FRACTIONS, THOUSANDTHS, placed, space_of
from footage.trajectory import Space

__all__ = ["Canvas"]


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture of `size` pixels, and the units in which positions on it are given."""

    size: tuple[int, int] | None = None
    """(width, height) of the stored picture; None where it is not known."""
    units: tuple[int, int] | None = None
    """How many units span the picture; None: they are its pixels."""

    @classmethod
    def fractions(cls, size: tuple[int, int] | None) -> Canvas:
        """Return a canvas for positions from 0 to 1."""
        return cls(size, FRACTIONS)

    @classmethod
    def thousandths(cls, size: tuple[int, int] | None) -> Canvas:
        """Return a canvas for positions from 0 to 1000."""
        return cls(size, THOUSANDTHS)

    @property
    def space(self) -> Space | None:
        """The space to keep beside an action; None where the units are the picture's pixels."""
        return space_of(self.units, self.size) if self.units else None

    def point(self, x: Any, y: Any) -> list[int] | None:
        """Return the picture's pixel at a position; None outside the picture, and for what is no position."""
        if isinstance(x, bool) or isinstance(y, bool):
            return None
        if not isinstance(x, int | float) or not isinstance(y, int | float):
            return None
        if self.units is not None and self.size is None:
            return None
        found = placed(float(x), float(y), self.space)
        if found is None or min(found) < 0:
            return None
        if self.size is not None and (found[0] >= self.size[0] or found[1] >= self.size[1]):
            return None
        return list(found)
