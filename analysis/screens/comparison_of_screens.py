"""
Comparing two screens by meaning: identical, cosmetic (a clock, a caret, a pointer, re-encoding) or material.

Two regimes. *The same machine* (lossless pictures, same renderer): every pixel counts, and only what has the shape of
a caret, a pointer or a stray pixel is forgiven, so that one typed `l` or one ticked box is found anywhere. *Foreign*
(lossy pictures, or another machine): the screen is compared in 8-pixel cells, and pixel by pixel only where the
action took place. docs/diff.md has the rules with what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.analysis.screens.blobs import Blob, as_bytes, cells_of, clip, crop, find_blobs, touches
from footage.analysis.screens.cursor_shapes import is_caret, is_pointer, is_speck, may_be_pointer
from footage.trajectory import Action, Pixels, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from footage.analysis.screens.blobs import Mask

MOST_REGIONS = 16
"""No more changed boxes than this are reported."""
MOST_SPECKS = 4
"""More stray pixels than this are no accident."""
INVISIBLE = 2
"""Largest difference of a colour channel that nobody sees and only re-encoding makes."""
CELL_LEVEL, CELL_BLOB = 6, 8
"""Foreign regime: a cell changed when its mean grey did by more than this; more cells than that are material."""
FINE_LEVEL, FINE_PIXELS = 18, 5
"""Foreign regime, at the focus: the same for 3x3 means of grey. JPEG at quality 75 stays below 16, a `.` reaches 22."""
ANOTHER_PAGE = 0.3
"""Share of the cells from which on a change is called another page."""
VOLATILE = "a volatile region"
"""Why two screens are cosmetic that differ in volatile regions alone."""

_KEYS = frozenset({"type", "key", "hold_key"})


class ScreenVerdict(StrEnum):
    """How two screens compare."""

    IDENTICAL = "identical"
    COSMETIC = "cosmetic"
    """They differ in nothing that matters: clock, caret, pointer, stray pixels, re-encoding."""
    MATERIAL = "material"


@dataclass(frozen=True, slots=True)
class ScreenDifference:
    """What differs between two screens."""

    kind: ScreenVerdict
    regions: tuple[Region, ...] = ()
    """Boxes around what changed, largest first, at most 16. Of a material difference, only what is material."""
    changed_pixels: int = 0
    """Of a material difference, those of what is material."""
    why: str = ""
    """A phrase for people: `caret blink`, `text changed in 214x18 at (40, 300)`."""
    share: float = 0.0
    """How much of the screen changed, in cells of 8x8 pixels, 0..1."""
    resized: bool = False
    """The screens have different sizes, and nothing else was compared."""
    has_specks: bool = False
    """Stray pixels were forgiven, far from the focus."""

    @property
    def is_material(self) -> bool:
        """Whether the difference matters."""
        return self.kind is ScreenVerdict.MATERIAL


IDENTICAL = ScreenDifference(ScreenVerdict.IDENTICAL)
"""No difference."""


def compare_screens(
    a: Pixels,
    b: Pixels,
    *,
    exact_source: bool = True,
    focus: Sequence[Region] = (),
    volatile: Sequence[Region] = (),
    pointers: Sequence[tuple[int, int]] = (),
) -> ScreenDifference:
    """
    Compare two screens, arrays of shape (height, width, 3), RGB, uint8.

    `exact_source`: both are lossless and come from the same machine. `focus`: where actions take effect, see
    `focus_regions`; there a single pixel counts. `volatile`: regions to leave out, such as clocks. `pointers`: where
    the mouse pointer may be drawn in either screen, as (x, y) of its hot spot.
    """
    if a.shape != b.shape:
        return _resized(a, b)
    if equal_pixels(a, b):
        return IDENTICAL
    ignored = [clip(region, a.shape) for region in volatile]
    if ignored:
        b = b.copy()
        for region in ignored:
            crop(b, region)[:] = crop(a, region)
        if equal_pixels(a, b):
            return ScreenDifference(ScreenVerdict.COSMETIC, tuple(ignored), why=VOLATILE)
    if exact_source:
        return _compare_exactly(a, b, focus, pointers)
    return _compare_loosely(a, b, focus, pointers)


def changed_regions(a: Pixels, b: Pixels, *, most: int = MOST_REGIONS) -> tuple[Region, ...]:
    """Return boxes around all pixels that differ, largest first; of two sizes, the larger screen as one box."""
    if a.shape != b.shape:
        return _resized(a, b).regions
    return _boxes(find_blobs(_changed_mask(a, b, 0))[0])[:most]


def changed_cells(a: Pixels, b: Pixels, *, exact_source: bool = True) -> Mask:
    """Return which 8-pixel cells of two screens of one size differ in more than re-encoding, 0 or more than 0."""
    if exact_source:
        return cells_of(_changed_mask(a, b, INVISIBLE))
    greys = [cells_of(as_bytes(cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY))) for screen in (a, b)]
    return _beyond(greys[0], greys[1], CELL_LEVEL)


def difference_mask(a: Pixels, b: Pixels) -> NDArray[np.bool_]:
    """
    Return where two screens differ in any channel, shape (height, width).

    Of two sizes, the mask is as high and as wide as the larger of each, and true where only one screen is.
    """
    height, width = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
    mask = np.zeros((max(a.shape[0], b.shape[0]), max(a.shape[1], b.shape[1])), dtype=np.bool_)
    mask[: a.shape[0], : a.shape[1]] = True
    mask[: b.shape[0], : b.shape[1]] = True
    mask[:height, :width] = _changed_mask(a[:height, :width], b[:height, :width], 0) > 0
    return mask


def focus_regions(
    action: Action, before: Pixels | None = None, after: Pixels | None = None, *, reach: int = 48
) -> tuple[Region, ...]:
    """
    Return where an action takes effect: around its points (`reach` pixels each way), and what it changed on screen.

    `before` and `after` are the screens around the action. A change of more than a fiftieth of the screen (a tenth
    for keys, which may write a paragraph) is a new window rather than a place to look closely at, and is left out.
    """
    points = [action.point, action.arguments.get("start_coordinate")]
    regions = [Region(int(p[0]) - reach, int(p[1]) - reach, 2 * reach, 2 * reach) for p in points if p is not None]
    if before is not None and after is not None and before.shape == after.shape:
        regions += effect_regions(action, before, after, before.shape[0] * before.shape[1])
    return tuple(regions)


def effect_regions(action: Action, before: Pixels, after: Pixels, screen: int) -> list[Region]:
    """Return the places that an action changed, see `focus_regions`; `screen` is the number of pixels of the screen."""
    largest = screen // (10 if action.name in _KEYS else 50)
    changed = [r for r in changed_regions(before, after, most=8) if r.width * r.height <= largest]
    return [Region(r.x - 8, r.y - 8, r.width + 16, r.height + 16) for r in changed]


def equal_pixels(a: Pixels, b: Pixels) -> bool:
    """Return whether two pictures are of one size and equal to the pixel."""
    return a.shape == b.shape and cv2.norm(a, b, cv2.NORM_INF) == 0  # a third of the time of numpy's array_equal


# --- the same machine -----------------------------------------------------------------------------


def _compare_exactly(
    a: Pixels, b: Pixels, focus: Sequence[Region], pointers: Sequence[tuple[int, int]]
) -> ScreenDifference:
    mask = _changed_mask(a, b, INVISIBLE)
    blobs, count = find_blobs(mask)
    if not count:
        return ScreenDifference(ScreenVerdict.COSMETIC, why=f"no colour differs by more than {INVISIBLE} levels")
    changed = cv2.countNonZero(mask)
    rest, reasons = _forgive(blobs, a, b, focus, pointers)
    if not rest and count == len(blobs):
        specks = any("far from the action" in reason for reason in reasons)
        return ScreenDifference(ScreenVerdict.COSMETIC, _boxes(blobs), changed, ", ".join(reasons), has_specks=specks)
    mattering = rest or blobs
    if count == len(blobs):
        changed = sum(blob.pixels for blob in mattering)
    return _material(mattering, count - len(blobs) + len(rest), mask.shape, changed)


def _forgive(
    blobs: Sequence[Blob], a: Pixels, b: Pixels, focus: Sequence[Region], pointers: Sequence[tuple[int, int]]
) -> tuple[list[Blob], list[str]]:
    """Return the blobs that matter, and what the others are."""
    rest = [blob for blob in blobs if not is_pointer(blob, pointers)]
    reasons = ["pointer"] if len(rest) < len(blobs) else []
    # One bar is a blink; two are a caret that stands elsewhere, and typing would go elsewhere too.
    carets = [blob for blob in rest if is_caret(blob, a, b)]
    if len(carets) == 1:
        rest.remove(carets[0])
        reasons.append("caret blink")
    specks = [blob for blob in rest if is_speck(blob) and not touches(blob.box, focus)]
    if 0 < len(specks) <= MOST_SPECKS:
        rest = [blob for blob in rest if blob not in specks]
        pixels = sum(blob.pixels for blob in specks)
        reasons.append("one pixel far from the action" if pixels == 1 else f"{pixels} pixels far from the action")
    return rest, reasons


def _changed_mask(a: Pixels, b: Pixels, level: int) -> Mask:
    """Return 255 where any channel differs by more than `level`, else 0."""
    difference = np.asarray(cv2.absdiff(a, b), dtype=np.uint8)
    rows = np.flatnonzero(difference.reshape(len(a), -1).max(axis=1) > level)
    mask = np.zeros(a.shape[:2], dtype=np.uint8)
    if len(rows):  # most screens differ in a few rows only
        band = slice(int(rows[0]), int(rows[-1]) + 1)
        mask[band] = _beyond_in_a_channel(difference[band], level)
    return mask


def _beyond_in_a_channel(difference: Pixels, level: int) -> Mask:
    beyond = cv2.threshold(difference, level, 255, cv2.THRESH_BINARY)[1]
    # Grey is a mean in which each channel weighs at least 29 of 255, so that a single one leaves no zero.
    return as_bytes(cv2.threshold(cv2.cvtColor(beyond, cv2.COLOR_RGB2GRAY), 0, 255, cv2.THRESH_BINARY)[1])


# --- foreign --------------------------------------------------------------------------------------


def _compare_loosely(
    a: Pixels, b: Pixels, focus: Sequence[Region], pointers: Sequence[tuple[int, int]]
) -> ScreenDifference:
    grey_a, grey_b = as_bytes(cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)), as_bytes(cv2.cvtColor(b, cv2.COLOR_RGB2GRAY))
    cells = _beyond(cells_of(grey_a), cells_of(grey_b), CELL_LEVEL)
    mask = as_bytes(cv2.resize(cells, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST))[: a.shape[0], : a.shape[1]]
    blobs, count = find_blobs(mask)
    coarse = [blob for blob in blobs if blob.cells > CELL_BLOB and not may_be_pointer(blob.box, pointers)]
    fine = _fine(grey_a, grey_b, focus)
    close = [blob for blob in find_blobs(fine)[0] if blob.pixels >= FINE_PIXELS]
    close = [blob for blob in close if not is_pointer(blob, pointers, spread=1)]
    carets = [blob for blob in close if is_caret(blob, a, b, spread=1)]
    close = [blob for blob in close if len(carets) != 1 or blob != carets[0]]
    if coarse or close:
        changed = cv2.countNonZero(cv2.bitwise_or(mask, fine))
        return _material([*coarse, *close], len(coarse) + len(close), mask.shape, changed)
    why = "a change too small to matter" if count else "re-encoding"
    return ScreenDifference(ScreenVerdict.COSMETIC, _boxes(blobs), cv2.countNonZero(mask), why)


def _fine(grey_a: Mask, grey_b: Mask, focus: Sequence[Region]) -> Mask:
    """Return 255 where the 3x3 means differ visibly within the focus, else 0."""
    mask = np.zeros_like(grey_a)
    for region in focus:
        near = clip(region, grey_a.shape)
        if near.width and near.height:
            means = [cv2.blur(grey[near.y : near.bottom, near.x : near.right], (3, 3)) for grey in (grey_a, grey_b)]
            mask[near.y : near.bottom, near.x : near.right] = _beyond(
                as_bytes(means[0]), as_bytes(means[1]), FINE_LEVEL
            )
    return mask


def _beyond(a: Mask, b: Mask, level: int) -> Mask:
    return as_bytes(cv2.threshold(cv2.absdiff(a, b), level, 255, cv2.THRESH_BINARY)[1])


# --- saying it ------------------------------------------------------------------------------------


def _boxes(blobs: Sequence[Blob]) -> tuple[Region, ...]:
    boxes = sorted((blob.box for blob in blobs), key=lambda box: -box.width * box.height)
    return tuple(boxes[:MOST_REGIONS])


def _resized(a: Pixels, b: Pixels) -> ScreenDifference:
    (ah, aw), (bh, bw) = a.shape[:2], b.shape[:2]
    width, height = max(aw, bw), max(ah, bh)
    why = f"size {aw}x{ah} against {bw}x{bh}"
    return ScreenDifference(
        ScreenVerdict.MATERIAL, (Region(0, 0, width, height),), width * height, why, share=1.0, resized=True
    )


def _material(blobs: Sequence[Blob], count: int, shape: tuple[int, ...], changed: int) -> ScreenDifference:
    boxes = _boxes(blobs)
    share = sum(blob.cells for blob in blobs) / (-(-shape[0] // 8) * -(-shape[1] // 8))
    if share >= ANOTHER_PAGE:
        why = f"another page: {share:.0%} of the screen".replace("%", " %")
    else:
        largest = max(blobs, key=lambda blob: blob.box.width * blob.box.height)
        box, like_text = largest.box, largest.box.height <= 40 and largest.fill < 0.6
        what = "text changed" if like_text and box.width > 1.5 * box.height else "changed"
        why = f"{what} in {box.width}x{box.height} at ({box.x}, {box.y})"
        if count > 1:
            why += f" and in {count - 1} more " + ("place" if count == 2 else "places")
    return ScreenDifference(ScreenVerdict.MATERIAL, boxes, changed, why, share)
