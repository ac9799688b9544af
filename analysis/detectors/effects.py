"""
What each step of a run changed on its own screen.

Two screens of one run are compared from afar first, by the signatures that are stored with their pictures. Pixels are
loaded only where that shows no change, or a slight one. A small place changes by itself, and is left out, if it changed
in a third of the times in which nobody acted (twice at least), or, in the bands at the top and the bottom where panels
have their clocks, in a third of the other pairs. A calculator's display changes with every click, and is no clock.
Beyond such places, more than 8 touching cells of 8 pixels are a change, and so is a spot of 3 pixels around the point
of a click. An action that types counts by any cell, since a letter is small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.analysis.runs.align import changed_from_afar
from footage.analysis.screens.blobs import as_bytes, clip, crop, find_blobs
from footage.analysis.screens.comparison_of_screens import changed_cells, focus_regions
from footage.analysis.screens.cursor_shapes import is_caret, is_pointer
from footage.analysis.screens.volatile import LARGEST
from footage.storage import Store
from footage.storage.pictures.signatures import GRID
from footage.trajectory import Action, Frame, FrameRole, Gap, Pixels, Region, Step, StepStatus

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HAPPEN_UNSEEN", "LEVEL", "Effect", "Effects"]

LEVEL = 6
"""Grey levels by which a cell of a signature must differ."""
_SHARE, _TIMES = 0.3, 2
"""A cell that changed in this share of the other pairs, and so many times, changes by itself."""
_BAND = 2
"""Rows of the signature at the top and at the bottom where panels are."""
_FEWEST_AFAR = 3
"""So many cells of a signature are a change that needs no closer look."""
_BLOB = 8
"""Touching cells of 8 pixels: more are a change."""
_SPOT = 2
"""Pixels around a click: more are a change."""
_REACH = 24
"""So far around the point of a click."""
_FINE, _FINE_LOSSY = 12, 40
HAPPEN_UNSEEN = frozenset({"mouse_move", "left_mouse_down", "left_mouse_up", "hold_key"})
"""Actions that often change nothing, and are not meant to."""
_SILENT_KEYS = frozenset({"ctrl+c", "ctrl+s", "cmd+c", "cmd+s", "shift", "ctrl", "alt", "escape", "esc"})
_TYPES = frozenset({"type", "key"})


class Effect(StrEnum):
    """What a step did to the screen."""

    CHANGED = "changed"
    NONE = "none"
    UNKNOWN = "unknown"
    """No screens of both sides, or an action that need not show: nothing is said of it."""


class Effects:
    """The effects of a run's steps, each worked out when it is first asked for."""

    def __init__(self, store: Store, steps: Sequence[Step], gaps: Sequence[Gap]) -> None:
        self._store = store
        self._steps = steps
        lost = {gap.step for gap in gaps}
        self._blind = None in lost
        self._lost = lost
        self._sides = [_sides(step, following) for step, following in zip(steps, [*steps[1:], None], strict=True)]
        self._found: dict[int, Effect] = {}
        self._afar: dict[int, NDArray[np.bool_]] | None = None

    def of(self, index: int) -> Effect:
        """Return what a step did."""
        if index not in self._found:
            self._found[index] = self._judge(index)
        return self._found[index]

    def screens(self, index: int) -> tuple[Frame, Frame] | None:
        """Return the whole screens on both sides of a step; None where one of them is not known."""
        return self._sides[index]

    def afar(self, index: int) -> NDArray[np.bool_] | None:
        """Return which cells of 40x25 a step changed, those that change by themselves left out; None if unknown."""
        own = self._pairs().get(index)
        return None if own is None else own & ~self._volatile(index)

    def signature(self, frame: Frame) -> NDArray[np.uint8]:
        """Return a frame's grey means in 40x25 cells, 1000 bytes, row by row."""
        self._pairs()
        if frame.picture not in self._signatures:
            frames = (f for step in self._steps for held in step.frames.values() for f in held)
            missing = {f.picture for f in frames} | {frame.picture}
            found = self._store.signatures(missing - self._signatures.keys())
            self._signatures |= {picture: np.frombuffer(said, np.uint8) for picture, said in found.items()}
        return self._signatures[frame.picture]

    def _judge(self, index: int) -> Effect:
        step, sides = self._steps[index], self._sides[index]
        if sides is None or self._blind or index in self._lost or not _should_show(step):
            return Effect.UNKNOWN
        before, after = sides
        between = [frame for frame in step.frames.get(FrameRole.BETWEEN, ()) if frame.region is None]
        if any(frame.sha256 != before.sha256 and self._differs_afar(index, before, frame) for frame in between):
            return Effect.CHANGED  # it showed, and went away again
        if before.sha256 == after.sha256:
            return Effect.NONE
        if before.redacted or after.redacted:
            return Effect.UNKNOWN
        afar = self.afar(index)
        assert afar is not None
        if np.count_nonzero(afar) >= _FEWEST_AFAR:
            return Effect.CHANGED
        return Effect.CHANGED if self._closely(step, before, after, self._volatile(index)) else Effect.NONE

    def _differs_afar(self, index: int, before: Frame, frame: Frame) -> bool:
        changed = changed_from_afar(self.signature(before), self.signature(frame), LEVEL)
        return bool((changed & ~self._volatile(index)).any())

    def same_screen(self, a: Frame, b: Frame) -> bool:
        """Tell whether two frames show the same, but for what changes by itself, a panel's clock, and specks."""
        if a.sha256 == b.sha256:
            return True
        if (a.width, a.height) != (b.width, b.height) or a.lossy or b.lossy or a.redacted or b.redacted:
            return False
        volatile = self._volatile(None)
        afar = changed_from_afar(self.signature(a), self.signature(b), LEVEL)
        if (afar & ~volatile).any():
            return False
        one, two, x, y = self._differing_part(a, b)
        cells = changed_cells(one, two) > 0
        cells &= ~_of_part(volatile, (a.height, a.width), (x, y), cells.shape)
        band = np.zeros(GRID[::-1], np.bool_)
        band[:_BAND], band[-_BAND:] = True, True
        in_band = _of_part(band, (a.height, a.width), (x, y), cells.shape)
        return _largest(cells & ~in_band) <= _SPOT and _largest(cells & in_band) <= _BLOB

    def around(self, a: Frame, b: Frame, region: Region) -> tuple[Pixels, Pixels] | None:
        """Return what two frames of one size show in a region that lies within them; None where it is the same."""
        if a.sha256 == b.sha256:
            return None
        one, two, x, y = self._differing_part(a, b)
        inside = clip(replace(region, x=region.x - x, y=region.y - y), one.shape)
        if not inside.width or not inside.height:
            return None
        return crop(one, inside), crop(two, inside)

    def _differing_part(self, a: Frame, b: Frame) -> tuple[Pixels, Pixels, int, int]:
        """Return the part in which two frames differ, and its upper left corner; the whole where that is not known."""
        parts = None if a.lossy or b.lossy else self._store.parts(a.picture, b.picture)
        if parts is not None:
            return parts.a, parts.b, parts.x, parts.y
        return self._store.pixels(a.picture), self._store.pixels(b.picture), 0, 0

    def _closely(self, step: Step, before: Frame, after: Frame, volatile: NDArray[np.bool_]) -> bool:
        """Tell whether a step changed something that only the pixels show."""
        lossy = before.lossy or after.lossy
        a, b, x, y = self._differing_part(before, after)
        cells = changed_cells(a, b, exact_source=not lossy) > 0
        cells &= ~_of_part(volatile, (before.height, before.width), (x, y), cells.shape)
        if not cells.any():
            return False
        most = 0 if step.action.name in _TYPES else _BLOB
        if _largest(cells) > most and not (most == 0 and self._only_caret(a, b, cells)):
            return True
        return self._at_point(step.action, a, b, (x, y), before, lossy=lossy)

    def _only_caret(self, a: Pixels, b: Pixels, cells: NDArray[np.bool_]) -> bool:
        mask = as_bytes(cv2.cvtColor(as_bytes(cv2.absdiff(a, b)), cv2.COLOR_RGB2GRAY))
        shown = cells.repeat(8, axis=0).repeat(8, axis=1)[: mask.shape[0], : mask.shape[1]]
        mask = as_bytes(((mask > 2) & shown) * 255)
        blobs, count = find_blobs(mask)
        return count == len(blobs) and all(is_caret(blob, a, b) for blob in blobs)

    def _at_point(
        self, action: Action, a: Pixels, b: Pixels, at: tuple[int, int], frame: Frame, *, lossy: bool
    ) -> bool:
        """Tell whether something small changed right where an action was done, the pointer apart."""
        if action.point is None or (frame.width, frame.height) != (frame.screen_width, frame.screen_height):
            return False
        for region in focus_regions(action, reach=_REACH):
            near = clip(replace(region, x=region.x - at[0], y=region.y - at[1]), a.shape)
            if not near.width or not near.height:
                continue
            grey = as_bytes(cv2.cvtColor(as_bytes(cv2.absdiff(crop(a, near), crop(b, near))), cv2.COLOR_RGB2GRAY))
            mask = as_bytes((grey > (_FINE_LOSSY if lossy else _FINE)) * 255)
            own = (action.point[0] - at[0] - near.x, action.point[1] - at[1] - near.y)
            blobs = [blob for blob in find_blobs(mask)[0] if not is_pointer(blob, [own])]
            if any(blob.pixels > _SPOT for blob in blobs):
                return True
        return False

    def _pairs(self) -> dict[int, NDArray[np.bool_]]:
        """Return which cells of the signatures changed in each step with screens on both sides."""
        if self._afar is None:
            shown = {index: pair for index, pair in enumerate(self._sides) if pair is not None}
            pictures = {frame.picture for pair in shown.values() for frame in pair}
            self._signatures = {
                picture: np.frombuffer(found, np.uint8) for picture, found in self._store.signatures(pictures).items()
            }
            self._afar = {
                index: changed_from_afar(self._signatures[before.picture], self._signatures[after.picture], LEVEL)
                for index, (before, after) in shown.items()
            }
            self._acted = _summed(self._afar.values())
            idle = [changed for index, changed in self._afar.items() if self._steps[index].action.looks_only]
            self._idle, self._idle_times = _summed(idle), len(idle)
        return self._afar

    def _volatile(self, index: int | None) -> NDArray[np.bool_]:
        """Return the cells that change by themselves, and those beside them, by the other steps than this one."""
        pairs = self._pairs()
        often = (self._idle >= _TIMES) & (self._idle >= _SHARE * self._idle_times)
        if often.mean() > LARGEST:
            often[:] = False  # a page that comes in while the agent waits
        counts = self._acted if index is None else self._acted - pairs[index]
        in_band = (counts >= _TIMES) & (counts >= _SHARE * max(len(pairs) - 1, 1))
        in_band[_BAND:-_BAND] = False
        if not in_band.all(axis=1).any():  # a whole row changes where pages do
            often |= in_band
        if not often.any() or often.mean() > _SHARE:
            return np.zeros_like(often)  # whole pages change: that is no clock
        return np.asarray(cv2.dilate(as_bytes(often * 1), np.ones((3, 3), np.uint8)) > 0)


def _summed(changed: Iterable[NDArray[np.bool_]]) -> NDArray[np.int32]:
    total = np.zeros(GRID[::-1], np.int32)
    for each in changed:
        total += each
    return total


def _sides(step: Step, following: Step | None) -> tuple[Frame, Frame] | None:
    """Return the whole screens before a step and once its effect shows; None where nobody took one of them."""
    before = _whole(step, FrameRole.BEFORE)
    after = (following and _whole(following, FrameRole.BEFORE)) or _whole(step, FrameRole.AFTER)
    if before is None or after is None or before.id == after.id:
        return None
    same_size = (before.width, before.height) == (after.width, after.height)
    return (before, after) if same_size else None


def _whole(step: Step, role: FrameRole) -> Frame | None:
    return next((f for f in step.frames.get(role, ()) if f.region is None and not f.derived), None)


def _should_show(step: Step) -> bool:
    action = step.action
    if step.status is not StepStatus.EXECUTED or step.redacted or not action.is_computer or action.looks_only:
        return False
    keys = str(action.arguments.get("text", "")).lower().replace(" ", "")
    return action.name not in HAPPEN_UNSEEN and not (action.name == "key" and keys in _SILENT_KEYS)


def _of_part(
    volatile: NDArray[np.bool_], size: tuple[int, int], at: tuple[int, int], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return a mask of signature cells as one of the 8-pixel cells of a part of the picture."""
    if not volatile.any():
        return np.zeros(shape, np.bool_)
    rows = np.minimum((np.arange(shape[0]) * 8 + at[1] + 4) * GRID[1] // size[0], GRID[1] - 1)
    columns = np.minimum((np.arange(shape[1]) * 8 + at[0] + 4) * GRID[0] // size[1], GRID[0] - 1)
    return np.asarray(volatile[np.ix_(rows, columns)], np.bool_)


def _largest(cells: NDArray[np.bool_]) -> int:
    """Return how many cells the largest group of touching ones has."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(as_bytes(cells * 1), connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))
