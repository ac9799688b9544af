"""
Comparing two actions: the same, near (a click that may have hit the same thing), or different.

Clicks of two models at the same target lie within 12 pixels of each other in 95 of 100 cases where they are within 24,
hence the two limits (docs/diff.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from footage.analysis.phrases import against
from footage.trajectory import Action

SAME_PIXELS = 12
"""Points up to this far apart are the same, in pixels."""
NEAR_PIXELS = 24
"""Points up to this far apart may have hit the same thing."""

_POINTS = ("start_coordinate", "coordinate", "region")
_DEFAULTS = {"repeat": 1}


class ActionVerdict(StrEnum):
    """How two actions compare."""

    SAME = "same"
    NEAR = "near"
    """Alike, but far enough apart that it depends on what lies under them."""
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class ActionDifference:
    """How two actions differ."""

    kind: ActionVerdict
    why: str = ""
    """A phrase for people: `left_click 40 px apart: (100, 80) against (140, 80)`. Empty for equal actions."""
    exact: bool = False
    """Not even a pixel apart."""

    @property
    def cost(self) -> float:
        """What pairing the two costs an alignment, 0..1."""
        return {ActionVerdict.SAME: 0.0, ActionVerdict.NEAR: 0.4, ActionVerdict.DIFFERENT: 1.0}[self.kind]


EQUAL = ActionDifference(ActionVerdict.SAME, exact=True)
"""No difference."""


def compare_actions(a: Action, b: Action) -> ActionDifference:
    """
    Compare two actions by what they mean.

    The name, the text, the keys (however they are spelt) and the scroll must be equal; points may be up to 12 pixels
    apart, up to 24 they are near. How long a wait lasts does not matter, nor does a fifth more or less of a hold.
    """
    if a.title != b.title:
        return _different(f"{a.title} against {b.title}")
    if not a.is_computer:
        return _compare_arguments(a.title, a.arguments, b.arguments)
    if a.name == "wait":
        return EQUAL if a.arguments == b.arguments else ActionDifference(ActionVerdict.SAME, "another wait")
    found = _compare_text(a, b) or _compare_rest(a, b)
    return found or _compare_points(a, b)


def _different(why: str) -> ActionDifference:
    return ActionDifference(ActionVerdict.DIFFERENT, why)


def _compare_text(a: Action, b: Action) -> ActionDifference | None:
    """Compare typed text letter by letter, and keys whatever their spelling: `Ctrl+s` is `ctrl+s`."""
    one, two = str(a.arguments.get("text") or ""), str(b.arguments.get("text") or "")
    if one == two:
        return None
    if a.name in {"type", "key", "hold_key"}:
        alike, held = a.name != "type" and _keys(one) == _keys(two), ""
    else:
        alike, held = sorted(one.casefold().split("+")) == sorted(two.casefold().split("+")), "holding "
    return None if alike else _different(f"{a.name} {held}{against(one, two)}")


def _keys(text: str) -> list[list[str]]:
    """Return the chords of a key text: held keys sorted, names in lower case, a single letter as it is."""
    chords = []
    for chord in text.split():
        held, _, last = chord.removesuffix("+").rpartition("+")
        last = "+" if chord.endswith("+") else last
        names = sorted(name.casefold() for name in held.split("+") if name)
        chords.append([*names, last.casefold() if len(last) > 1 else last])
    return chords


def _compare_rest(a: Action, b: Action) -> ActionDifference | None:
    """Compare what is neither text nor a point; a hold may be a fifth longer or shorter."""
    for key in sorted((a.arguments.keys() | b.arguments.keys()) - {"text", *_POINTS}):
        one, two = (action.arguments.get(key, _DEFAULTS.get(key)) for action in (a, b))
        if key == "duration" and isinstance(one, int | float) and isinstance(two, int | float):
            if abs(one - two) > 0.2 * max(abs(one), abs(two)):
                return ActionDifference(ActionVerdict.NEAR, f"{a.name} for {one} s against {two} s")
        elif one != two:
            return _different(f"{a.name} {key.removeprefix('scroll_')} {against(one, two)}")
    return None


def _compare_points(a: Action, b: Action) -> ActionDifference:
    farthest = 0.0
    for one, two in zip(_points(a), _points(b), strict=True):
        if (one is None) != (two is None):
            return ActionDifference(ActionVerdict.NEAR, f"{a.name} at {_at(one)} against {_at(two)}")
        if one is not None and two is not None:
            distance = ((one[0] - two[0]) ** 2 + (one[1] - two[1]) ** 2) ** 0.5
            if distance > farthest:
                farthest, ends = distance, (one, two)
    if not farthest:
        return EQUAL if a.arguments == b.arguments else ActionDifference(ActionVerdict.SAME, "spelt differently")
    why = f"{a.name} {farthest:.0f} px apart: {_at(ends[0])} against {_at(ends[1])}"
    if farthest > NEAR_PIXELS:
        return _different(why)
    return ActionDifference(ActionVerdict.SAME if farthest <= SAME_PIXELS else ActionVerdict.NEAR, why)


def _points(action: Action) -> list[tuple[float, float] | None]:
    """Return where an action lands, where a drag starts, and the corners of a zoom."""
    region = action.arguments.get("region") or ()
    ends = (action.point, action.arguments.get("start_coordinate"), region[:2], region[2:4])
    return [(float(end[0]), float(end[1])) if end else None for end in ends]


def _at(point: tuple[float, float] | None) -> str:
    return "no point" if point is None else f"({point[0]:.0f}, {point[1]:.0f})"


def _compare_arguments(title: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> ActionDifference:
    for key in sorted(a.keys() | b.keys()):
        if a.get(key) != b.get(key):
            return _different(f"{title} {key} {against(a.get(key), b.get(key))}")
    return EQUAL
