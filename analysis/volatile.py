"""Volatile regions: what changes on a screen while nobody acts, such as a clock with seconds."""

from __future__ import annotations

from collections.abc import Iterable

from footage.analysis.blobs import touches
from footage.analysis.screens import changed_regions
from footage.trajectory import Pixels, Region, Run

LARGEST = 0.02
"""A larger share of the screen than this is content that is still coming in, not a clock."""
OFTEN = 0.3
"""Share of the idle stretches in which a region must have changed; and twice at least."""


def learn_volatile(stretches: Iterable[tuple[Pixels, Pixels]], *, unchanged: int = 0) -> tuple[Region, ...]:
    """
    Return the small regions that keep changing by themselves.

    `stretches` are screens at the beginning and at the end of times in which nobody acted, (height, width, 3) RGB;
    `unchanged` is how many more such times ended as they began.
    """
    found: list[tuple[Region, int]] = []
    count = unchanged
    for before, after in stretches:
        count += 1
        if before.shape == after.shape:
            screen = before.shape[0] * before.shape[1]
            small = [r for r in changed_regions(before, after) if r.width * r.height <= LARGEST * screen]
            found = _merge(found, small)
    return tuple(region for region, times in found if times >= max(2, OFTEN * count))


def volatile_of(run: Run) -> tuple[Region, ...]:
    """Return the regions that were learned for a run; what is no region in its specification is passed over."""
    listed = (run.machine or {}).get("volatile")
    boxes = [box for box in listed if isinstance(box, list) and len(box) == 4] if isinstance(listed, list) else []
    sound = [box for box in boxes if all(type(n) is int and 0 <= n < 1 << 16 for n in box)]
    return tuple(Region(*box) for box in sound)


def joined(found: Iterable[Region]) -> tuple[Region, ...]:
    """Return regions as boxes that do not touch each other."""
    merged: list[tuple[Region, int]] = []
    for region in found:
        merged = _merge(merged, [region])
    return tuple(region for region, _ in merged)


def _merge(found: list[tuple[Region, int]], regions: list[Region]) -> list[tuple[Region, int]]:
    """Count each region to the one it touches, which grows to hold it."""
    merged = list(found)
    for region in regions:
        near = [entry for entry in merged if touches(region, [entry[0]])]
        merged = [entry for entry in merged if entry not in near]
        whole, times = region, 0
        for other, seen in near:
            x, y = min(whole.x, other.x), min(whole.y, other.y)
            whole = Region(x, y, max(whole.right, other.right) - x, max(whole.bottom, other.bottom) - y)
            times = max(times, seen)
        merged.append((whole, times + 1))
    return merged
