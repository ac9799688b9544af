#!/usr/bin/env python3
"""
Make the pictures that the stand-in model looks for, from a live desktop machine.

Run it again where the desktop's look has changed (another font or toolkit): `python scripts/make-standin-targets.py`.
It starts the default desktop, cuts the calculator's keys and the editor's menu out of the screen, types all digits into
the calculator and cuts them out of its display, and checks that each is found again where it was cut.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.recorder.settle import settle
from footage.recorder.standin.sight import Sight
from footage.replay.machines.desktop.desktop import Desktop
from footage.trajectory import Action

if TYPE_CHECKING:
    from footage.trajectory import Pixels

TARGETS = Path(__file__).resolve().parent.parent / "recorder" / "standin" / "targets"

# Centres of the calculator's keys on the default desktop of 1280 x 800.
_COLUMNS, _ROWS = (139, 210, 281, 350), (421, 483, 545, 606)
_KEYS = (("7", "8", "9", ""), ("4", "5", "6", "times"), ("1", "2", "3", ""), ("0", "", "", "plus"))
_CENTRES = {name: (x, y) for y, row in zip(_ROWS, _KEYS, strict=True) for x, name in zip(_COLUMNS, row, strict=True)}
CENTRES = {f"key-{name}": at for name, at in _CENTRES.items() if name} | {
    "key-equals": (420, 575),
    "key-clear": (371, 302),
    "editor-menu": (750, 201),
}
SIZES = {"editor-menu": (76, 20)}
KEY_SIZE = (28, 22)
DISPLAY = (slice(222, 270), slice(110, 450))
"""Rows and columns of the calculator's display, inside its border."""


def cut(pixels: Pixels, centre: tuple[int, int], size: tuple[int, int]) -> Pixels:
    """Return the part of a screen around a centre; `size` is (width, height)."""
    left, top = centre[0] - size[0] // 2, centre[1] - size[1] // 2
    return pixels[top : top + size[1], left : left + size[0]]


def glyphs(display: Pixels) -> list[Pixels]:
    """Return the characters on a display, left to right, each cut at the columns that have ink."""
    ink = display.min(axis=2) < 128
    rows = np.flatnonzero(ink.any(axis=1))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], ink.any(axis=0).astype(np.int8), [0]))))
    top, bottom = int(rows[0]) - 1, int(rows[-1]) + 2
    return [display[top:bottom, left - 1 : right + 1] for left, right in edges.reshape(-1, 2)]


def save(name: str, pixels: Pixels) -> None:
    """Write one target as a small gray PNG."""
    gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    cv2.imwrite(str(TARGETS / f"{name}.png"), gray, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{name:14} {gray.shape[1]} x {gray.shape[0]}")


def main() -> int:
    """Make all targets; return 1 where one is not found again."""
    TARGETS.mkdir(exist_ok=True)
    with Desktop() as desktop:
        screen = settle(desktop).pixels
        for name, centre in CENTRES.items():
            save(name, cut(screen, centre, SIZES.get(name, KEY_SIZE)))
        for digit in "1234567890":
            before = desktop.screenshot()
            desktop.perform(Action("left_click", {"coordinate": list(CENTRES[f"key-{digit}"])}))
            typed = settle(desktop, before=before).pixels
        found = glyphs(typed[DISPLAY])
        for digit, glyph in zip("1234567890", found, strict=True):
            save(f"digit-{digit}", glyph)
    sight, bad = Sight(screen), 0
    if Sight(typed).number() != "1234567890":
        print(f"the display shows 1234567890, but is read as {Sight(typed).number()!r}")
        bad += 1
    for name, centre in CENTRES.items():
        seen = sight.find(name)
        if seen.score < 0.99 or (seen.x, seen.y) != centre:
            print(f"{name} was cut at {centre}, but is found at {(seen.x, seen.y)}, match {seen.score:.2f}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
