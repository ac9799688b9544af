"""What two actions aimed at: the same thing in another place, or each its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.analysis.runs.run_screens import Screens
from footage.analysis.runs.sides import Side
from footage.analysis.screens.blobs import clip, crop
from footage.analysis.screens.comparison_of_screens import (
    ANOTHER_PAGE,
    FINE_PIXELS,
    INVISIBLE,
    ScreenDifference,
    focus_regions,
)
from footage.trajectory import Action, Frame, Pixels, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["at_target", "each_its_own", "same_thing_elsewhere"]

_LOSSY_LEVEL = 24
_FEW_PLACES = 3
_HALF = (24, 12)
"""Half the width and height of what is looked at around a point, in pixels."""
_SLACK = 10
"""So far from the same place in the thing may the other point be."""
_ALIKE, _FLAT = 0.9, 6.0
"""Least correlation of two pictures of one thing; a picture of less contrast than this shows no thing."""


def each_its_own(screens: Screens, a: Side, p: int, b: Side, q: int, difference: ScreenDifference) -> bool:
    """
    Tell whether two actions a few pixels apart each changed something of their own: a caret put elsewhere, another row.

    Then there are places in `difference` that only the one changed on its screen, and others that only the other did.
    What came on one screen alone, beside what both did, is the world's.
    """
    frames = a.before(p), a.after(p), b.before(q), b.after(q)
    if any(frame is None for frame in frames):
        return False
    shown = [screens.pixels(frame) for frame in frames if frame is not None]
    if len({pixels.shape for pixels in shown}) != 1:
        return False
    level = _LOSSY_LEVEL if any(frame and frame.lossy for frame in frames) else INVISIBLE
    own = np.zeros(2)
    for region in difference.regions:
        parts = [crop(pixels, clip(region, pixels.shape)) for pixels in shown]
        if parts[0].size:
            one, two = _changed(parts[0], parts[1], level), _changed(parts[2], parts[3], level)
            own += np.count_nonzero(one & ~two), np.count_nonzero(two & ~one)
    return bool((own >= FINE_PIXELS).all())


def _changed(before: Pixels, after: Pixels, level: int) -> NDArray[np.bool_]:
    return np.asarray((cv2.absdiff(before, after) > level).any(axis=2), dtype=np.bool_)


def at_target(screen: ScreenDifference, *actions: Action | None) -> bool:
    """
    Tell whether two screens differ where one of two actions acts.

    One without a point acts on whatever is on the screen: there another page explains it, or one thing that came, such
    as a dialog, but not changes all over a page that moves by itself.
    """
    for action in actions:
        if action is not None and not action.looks_only:
            around = focus_regions(action)
            if any(_touch(region, box) for region in screen.regions for box in around):
                return True
            if not around and (screen.share >= ANOTHER_PAGE or len(screen.regions) <= _FEW_PLACES):
                return True
    return False


def _touch(a: Region, b: Region) -> bool:
    return a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom


def same_thing_elsewhere(screens: Screens, a: Side, i: int, b: Side, j: int) -> bool:
    """
    Tell whether two different actions are one: at points that differ, on what looks the same and stands elsewhere.

    That a thing moved explains why it was clicked elsewhere.
    """
    one, two = a.action(i), b.action(j)
    if one is None or two is None or one.title != two.title or one.point is None or two.point is None:
        return False
    if _without_place(one) != _without_place(two):
        return False
    frames = a.before(i), b.before(j)
    if frames[0] is None or frames[1] is None:
        return False
    wanted = _around(screens, frames[0], one.point, 0)
    found = _around(screens, frames[1], two.point, _SLACK)
    if wanted is None or found is None or wanted.shape[0] > found.shape[0] or wanted.shape[1] > found.shape[1]:
        return False
    if float(wanted.std()) < _FLAT:
        return False
    return float(np.max(cv2.matchTemplate(found, wanted, cv2.TM_CCOEFF_NORMED))) >= _ALIKE


def _without_place(action: Action) -> dict[str, object]:
    return {key: value for key, value in action.arguments.items() if key not in {"coordinate", "start_coordinate"}}


def _around(screens: Screens, frame: Frame, point: tuple[int, int], more: int) -> Pixels | None:
    """Return the pixels around a point; None where it lies outside the screen."""
    pixels = screens.pixels(frame)
    width, height = _HALF[0] + more, _HALF[1] + more
    part = crop(pixels, clip(Region(point[0] - width, point[1] - height, 2 * width, 2 * height), pixels.shape))
    return part if part.size else None
