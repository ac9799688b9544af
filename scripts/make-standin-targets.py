#!/usr/bin/env python3
"""
Make the pictures that the stand-in model looks for, from live machines.

Run it again where their look has changed (another font or toolkit): `python scripts/make-standin-targets.py`. It starts
the default desktop, cuts the calculator's keys and the editor's menu out of the screen, types all digits into the
calculator and cuts them out of its display, and checks that each is found again where it was cut. With `installer` it
does the same with the pages of Debian's installer, in the virtual machine qemu/installer.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.agent.standin.sight import Sight
from footage.machines.desktop.machine import Desktop
from footage.machines.qemu.machine import Qemu
from footage.recorder.screen.settle import settle
from footage.trajectory import Action

if TYPE_CHECKING:
    from footage.trajectory import Pixels

TARGETS = Path(__file__).resolve().parent.parent / "src/footage/agent/standin/targets"

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

# Centre, size, and whether the row is a chosen one, on each page of the installer.
INSTALLER = (
    {"row-english": ((51, 454), (56, 16), True), "button-continue": ((1218, 774), (60, 16), False)},
    {"row-united-kingdom": ((80, 535), (114, 16), False)},
    {"row-british-english": ((74, 417), (104, 16), False), "heading-keyboard": ((119, 94), (210, 18), False)},
)


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


def of_installer() -> int:
    """Make the installer's targets; return how many are not found again."""
    bad = 0
    with Qemu("installer") as machine:
        for cuts in INSTALLER:
            screen = settle(machine, quiet=1.0).pixels
            while (screen[120:700, 100:1100] == screen[120, 100]).all():  # the page is still to come
                screen = settle(machine, quiet=1.0).pixels
            for name, (centre, size, chosen) in cuts.items():
                pixels = cut(screen, centre, size)
                save(name, 255 - pixels if chosen else pixels)
                seen = Sight(screen).find(name, chosen=chosen)
                bad += seen.score < 0.99 or (seen.x, seen.y) != centre
                print(f"{name} is found at {(seen.x, seen.y)}, match {seen.score:.2f}; it was cut at {centre}")
            machine.perform(Action("left_click", {"coordinate": list(INSTALLER[0]["button-continue"][0])}))
    return bad


def of_desktop() -> int:
    """Make the desktop's targets; return how many are not found again."""
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
    return bad


def main() -> int:
    """Make all targets; return 1 where one is not found again."""
    TARGETS.mkdir(exist_ok=True)
    return 1 if (of_installer() if sys.argv[1:] == ["installer"] else of_desktop()) else 0


if __name__ == "__main__":
    sys.exit(main())
