"""
Anchors: waiting until a machine shows the recorded screen.

There is no timed mode that acts blindly. Fixed pauses and "stable for half a second" both went wrong in trials: a
program that starts a little later than it did in the recording is enough. An anchor returns as soon as the screen is
the recorded one, and gives up only after its time limit, with the screen it saw instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from footage.analysis.screens.comparison_of_screens import (
    ScreenDifference,
    ScreenVerdict,
    compare_screens,
    equal_pixels,
)
from footage.trajectory import Pixels, Region, Screenshot

__all__ = ["Expectation", "Screen", "Sight", "wait_for_screen"]

POLL_SECONDS = 0.015
COSMETIC_SECONDS = 0.4  # a screen that differs in nothing that matters is accepted once it has stood this long


@dataclass(frozen=True, slots=True)
class Expectation:
    """A recorded screen, and how it is to be compared with a live one."""

    pixels: Pixels
    exact_source: bool = True
    """Lossless, and from the same kind of machine."""
    focus: tuple[Region, ...] = ()
    volatile: tuple[Region, ...] = ()
    pointers: tuple[tuple[int, int], ...] = ()

    def compare(self, seen: Pixels) -> ScreenDifference:
        """Compare a live screen with the recorded one."""
        return compare_screens(
            self.pixels,
            seen,
            exact_source=self.exact_source,
            focus=self.focus,
            volatile=self.volatile,
            pointers=self.pointers,
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """What an anchor saw last."""

    screenshot: Screenshot
    difference: ScreenDifference
    passed: bool = False
    """The screen was already the one recorded later: this one was over between two looks."""

    @property
    def found(self) -> bool:
        """Whether the recorded screen was reached, cosmetic differences aside."""
        return self.passed or self.difference.kind is not ScreenVerdict.MATERIAL


class Screen(Protocol):
    """What can be looked at: a machine, or one that is painted over."""

    def screenshot(self) -> Screenshot:
        """Return the whole screen as it is now."""
        ...


def wait_for_screen(
    machine: Screen,
    expected: Expectation,
    *,
    timeout: float,
    later: Sequence[Expectation] = (),
    stopped: Callable[[], bool] = lambda: False,
) -> Sight:
    """
    Look until the screen is the expected one, or `timeout` seconds have passed.

    An identical screen is accepted at once, a cosmetic difference once it has stood for a moment. `later` are screens
    recorded afterwards: where one of them is shown, the expected one is over. `stopped` gives up at once.
    """
    began = since = time.monotonic()
    last: Pixels | None = None
    while True:
        shot = machine.screenshot()
        now = time.monotonic()
        if last is None or not equal_pixels(last, shot.pixels):
            since, last = now, shot.pixels
            difference = expected.compare(shot.pixels)
            if difference.kind is ScreenVerdict.IDENTICAL:
                return Sight(shot, difference)
            if any(other.compare(shot.pixels).kind is ScreenVerdict.IDENTICAL for other in later):
                return Sight(shot, difference, passed=True)
        if difference.kind is ScreenVerdict.COSMETIC and now - since >= COSMETIC_SECONDS:
            return Sight(shot, difference)
        if now - began >= timeout or stopped():
            return Sight(shot, difference)
        time.sleep(POLL_SECONDS)
