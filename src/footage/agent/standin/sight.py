"""How the stand-in sees: small pictures of what it knows, looked for on the screen it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from footage.errors import BadPicture
from footage.trajectory import Pixels

__all__ = ["SURE", "Found", "Sight", "open_picture"]

SURE = 0.9
"""Below this match (normalised correlation, 1 is perfect) a target counts as not there."""

_DISPLAY = (-280, -92, 90, -24)
"""Where the calculator's display lies, seen from its clear key's centre: left, top, right, bottom."""
_GAP = 16
"""Digits of one number stand at most so many pixels apart."""

_Gray = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a target matches best: its centre, in pixels of the picture, and how well it matches there."""

    name: str
    x: int
    y: int
    score: float

    @property
    def sure(self) -> bool:
        """Whether the match is good enough to click on."""
        return self.score >= SURE


@cache
def _target(name: str) -> _Gray:
    data = resources.files("footage.agent.standin").joinpath("targets", f"{name}.png").read_bytes()
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def open_picture(encoded: bytes) -> Pixels:
    """Return an encoded picture's pixels, (height, width, 3) RGB. Raises BadPicture."""
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
    if pixels is None:
        raise BadPicture("The last screenshot is no picture.")
    return np.ascontiguousarray(pixels[:, :, ::-1], np.uint8)


class Sight:
    """One screen, looked at. `pixels` are (height, width, 3) RGB."""

    def __init__(self, pixels: Pixels) -> None:
        self._gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        self.width, self.height = pixels.shape[1], pixels.shape[0]

    def find(self, name: str, *, chosen: bool = False) -> Found:
        """Return where the target of that name matches best; with `chosen`, light on dark, as a chosen row is."""
        target = 255 - _target(name) if chosen else _target(name)
        height, width = target.shape
        if height > self.height or width > self.width:
            return Found(name, 0, 0, 0.0)
        matches = cv2.matchTemplate(self._gray, target, cv2.TM_CCOEFF_NORMED)
        _, score, _, (left, top) = cv2.minMaxLoc(matches)
        return Found(name, left + width // 2, top + height // 2, float(score))

    def number(self) -> str:
        """Return the digits on the calculator's display, e.g. "408"; "" where none can be read."""
        clear = self.find("key-clear")
        if not clear.sure:
            return ""
        left, top, right, bottom = _DISPLAY
        rows = slice(max(0, clear.y + top), max(0, clear.y + bottom))
        shown = self._gray[rows, max(0, clear.x + left) : clear.x + right]
        seen = sorted(_digits(shown))
        text, end = "", None
        for start, _, digit, width in seen:
            if end is not None and start - end > _GAP:
                return ""
            text, end = text + digit, start + width
        return text


def _digits(shown: _Gray) -> list[tuple[int, float, str, int]]:
    """Return (left edge, match, digit, width) of each digit: the best match wherever several overlap."""
    candidates: list[tuple[float, int, str, int]] = []
    for digit in "0123456789":
        target = _target(f"digit-{digit}")
        if target.shape[0] > shown.shape[0] or target.shape[1] > shown.shape[1]:
            continue
        matches = cv2.matchTemplate(shown, target, cv2.TM_CCOEFF_NORMED)
        _, columns = np.nonzero(matches >= SURE)
        candidates += [
            (float(matches[:, column].max()), int(column), digit, target.shape[1]) for column in set(columns.tolist())
        ]
    kept: list[tuple[int, float, str, int]] = []
    for score, left, digit, width in sorted(candidates, reverse=True):
        if all(left + width <= other or left >= other + wide for other, _, _, wide in kept):
            kept.append((left, score, digit, width))
    return kept
