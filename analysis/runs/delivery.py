"""What was delivered to a machine beside what was asked for: where an action landed, and what input comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from footage.trajectory import Step

__all__ = ["Misses", "essence", "landed", "misses"]

_NEAR = 2
"""Pixels that rounding accounts for."""
_ALIKE = 0.02
"""Factors that differ by less are one: points are whole pixels."""
_MODIFIERS = frozenset({"Shift_L", "Shift_R", "Control_L", "Control_R", "Alt_L", "Alt_R", "Super_L", "Super_R"})


@dataclass(frozen=True, slots=True)
class Misses:
    """Steps that landed elsewhere than they were asked for."""

    steps: tuple[int, ...]
    factor: tuple[float, float] | None
    """What their points were multiplied by, across and down, where that explains all of them."""
    offset: tuple[int, int] | None = None
    """What was added to their points, where that explains several, and no factor does: another monitor's place."""

    @property
    def sentence(self) -> str:
        """What is to be said of them."""
        count = len(self.steps)
        which = f"{count} actions" if count > 1 else f"Step {self.steps[0]}"
        said = f"{which} landed elsewhere than {'they were' if count > 1 else 'it was'} asked for"
        if self.offset is not None:
            across, down = (f"{pixels:+d}" for pixels in self.offset)
            return f"{said}, all by {across} across and {down} down: is it another monitor's place?"
        if self.factor is None:
            return (
                f"{said}: {', '.join(map(str, self.steps[:8]))}{', …' if count > 8 else ''}."
                if count > 1
                else f"{said}."
            )
        one = sum(self.factor) / 2
        alike = abs(self.factor[0] - self.factor[1]) <= _ALIKE * one
        across, down = (f"{one if alike else value:.3g}" for value in self.factor)
        factor = across if across == down else f"{across} (across) and {down} (down)"
        return f"{said}, at {factor} times the point: is a factor left out?"


def landed(step: Step) -> tuple[int, int] | None:
    """Return where the pointer was when a step's first button went down, or where it was moved; None if unknown."""
    place: tuple[int, int] | None = None
    for kind, *values in step.delivered or ():
        if kind == "move" and len(values) >= 2:
            place = int(values[0]), int(values[1])
        elif kind == "button_down":
            return (int(values[1]), int(values[2])) if len(values) >= 3 else place
    return place


def misses(steps: Iterable[Step]) -> Misses | None:
    """Return the steps that landed elsewhere than they were asked for; None where there are none."""
    found: list[int] = []
    pairs: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for step in steps:
        asked = _asked(step)
        place = landed(step) if asked is not None else None
        if asked is None or place is None:
            continue
        if any(abs(a - b) > _NEAR for a, b in zip(asked, place, strict=True)):
            found.append(step.index)
            pairs.append((asked, place))
    factor = _factor(pairs)
    return Misses(tuple(found), factor, None if factor else _offset(pairs)) if found else None


def _asked(step: Step) -> tuple[int, int] | None:
    """Return the point that a step's first press is asked for; None where it names none."""
    given = step.action.arguments
    named = given.get("start_coordinate") or given.get("coordinate")
    if not step.action.is_computer or step.redacted or not isinstance(named, list | tuple) or len(named) < 2:
        return None
    return int(named[0]), int(named[1])


def _factor(pairs: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> tuple[float, float] | None:
    factors = []
    for axis in (0, 1):
        given = [(asked[axis], place[axis]) for asked, place in pairs]
        total = sum(asked * asked for asked, _ in given)
        factor = sum(asked * place for asked, place in given) / total if total else 0.0
        if factor <= 0 or any(abs(asked * factor - place) > _NEAR for asked, place in given):
            return None
        factors.append(factor)
    if len(pairs) == 1 and abs(factors[0] - factors[1]) > _ALIKE:
        return None  # any one point has some factor
    return factors[0], factors[1]


def _offset(pairs: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> tuple[int, int] | None:
    """Return what was added to each of several points, in pixels across and down; None where that is not one thing."""
    added = [(place[0] - asked[0], place[1] - asked[1]) for asked, place in pairs]
    spread = max(max(axis) - min(axis) for axis in zip(*added, strict=True))
    return added[0] if len({asked for asked, _ in pairs}) > 1 and spread <= _NEAR else None


def essence(delivered: Sequence[Sequence[str | int]]) -> list[tuple[str | int, ...]]:
    """
    Return what input events come to: presses where the pointer was, keys that were struck, and where it was left.

    Two agents move and hold Shift in other ways to the same end.
    """
    found: list[tuple[str | int, ...]] = []
    place: tuple[int, ...] | None = None
    moved = False
    for kind, *values in delivered:
        if kind == "move" and len(values) >= 2:
            place, moved = (int(values[0]), int(values[1])), True
        elif kind == "move":
            place, moved = None, True
        elif kind in {"button_down", "button_up"}:
            found.append((kind, values[0], *((place or ()) if moved else ())))
        elif kind == "key_down" and values[0] not in _MODIFIERS:
            found.append(("key", values[0]))
        elif kind not in {"key_up", "key_down"}:
            found.append((kind, *values))
    return found if found or place is None else [("move", *place)]
