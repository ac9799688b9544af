"""
The detector `missed-event`: something showed on the screen between two pictures, and the model never saw it.

A frame from between shows a compact box that is in none of the screens on either side: a toast, a dialog that closed
by itself. It is listed and no alarm: pages that are being built look like that too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.analysis.detectors.contract import ExaminedRun, Noticed
from footage.analysis.detectors.effects import LEVEL
from footage.analysis.runs.align import changed_from_afar
from footage.analysis.screens.blobs import as_bytes
from footage.storage.pictures.signatures import GRID
from footage.trajectory import Frame, FrameRole, Region, Step

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KINDS", "LINE", "LISTED", "NAME", "VERSION", "detect"]

NAME = "missed-event"
VERSION = 1
LINE = "something flashed up between two pictures, and the model never saw it"
KINDS = ("missed_event",)
LISTED = KINDS

_CELLS = 6
"""A toast of 200x40 pixels touches so many of the signature's cells, on a screen of 1280x800."""
_LARGEST = 0.25
_FILL = 0.7
_CONFIDENCE = 0.7


def detect(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield, once a step, the largest thing that showed in between alone."""
    observed = {f.sha256 for step in examined.steps for f in step.frames.get(FrameRole.OBSERVED, ())}
    for step in examined.steps:
        sides = [frame for role in (FrameRole.BEFORE, FrameRole.AFTER) if (frame := step.frame(role)) is not None]
        if len(sides) < 2:
            continue
        best: tuple[int, Frame, Region] | None = None
        known = {frame.sha256 for frame in sides}
        for between in step.frames.get(FrameRole.BETWEEN, ()):
            if between.sha256 in known or between.sha256 in observed:
                continue
            found = _only_between(examined, between, sides)
            if found is not None and (best is None or found[0] > best[0]):
                best = found[0], between, found[1]
        if best is not None:
            yield _told(step, best[1], best[2], sides)


def _only_between(examined: ExaminedRun, between: Frame, sides: list[Frame]) -> tuple[int, Region] | None:
    """Return how many cells show something that neither side does, and where; None where nothing compact does."""
    if any((f.width, f.height) != (between.width, between.height) or f.region for f in (between, *sides)):
        return None
    own, *others = (examined.effects.signature(frame) for frame in (between, *sides))
    only: NDArray[np.bool_] = np.ones(GRID[::-1], np.bool_)
    for other in others:
        only &= changed_from_afar(own, other, LEVEL)
    _, _, stats, _ = cv2.connectedComponentsWithStats(as_bytes(only * 1), connectivity=8)
    boxes = sorted(stats.reshape(-1, 5)[1:].tolist(), key=lambda box: -box[cv2.CC_STAT_AREA])
    if not boxes:
        return None
    x, y, width, height, cells = boxes[0]
    if not _CELLS <= cells <= _LARGEST * only.size or cells < _FILL * width * height:
        return None
    across, down = between.screen_width / GRID[0], between.screen_height / GRID[1]
    return cells, Region(round(x * across), round(y * down), round(width * across), round(height * down))


def _told(step: Step, between: Frame, region: Region, sides: list[Frame]) -> Noticed:
    return Noticed(
        "missed_event",
        f"Something of about {region.width}x{region.height} pixels showed during step {step.index} and was gone after"
        " it; no picture that the model was given has it.",
        step=step.index,
        evidence=(sides[0], between, sides[1]),
        region=region,
        confidence=_CONFIDENCE,
    )
