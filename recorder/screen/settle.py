"""Waiting until a screen has come to rest."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from footage.machines.contract import LooksBefore, Machine, Settles
from footage.trajectory import Screenshot

__all__ = ["look_before", "same_pixels", "settle"]

_POLL = 0.02


def settle(
    machine: Machine,
    *,
    quiet: float = 0.15,
    limit: float = 3.0,
    before: Screenshot | None = None,
    react: float = 0.4,
    on_change: Callable[[Screenshot], None] | None = None,
) -> Screenshot:
    """
    Return the screen once it has not changed for `quiet` seconds, or after `limit` seconds as it is then.

    With `before`, the screen from before an action, a screen that still looks like it is given `react` seconds to show
    a first change: effects come late. `on_change` is called with every screen that differs from the one before it.

    Where programs are slow (`contract.Settles`), the screen is watched once the machine says that they are idle.
    """
    if isinstance(machine, Settles) and machine.settling > 0:
        machine.rest(machine.settling)
    begun = time.monotonic()
    changed, last = begun, machine.screenshot()
    reacted = before is None or not same_pixels(before, last)
    if reacted and before is not None and on_change:
        on_change(last)
    while (now := time.monotonic()) - begun < limit:
        if now - changed >= (quiet if reacted else max(quiet, react)):
            break
        time.sleep(_POLL)
        shot = machine.screenshot()
        if not same_pixels(shot, last):
            changed, reacted, last = time.monotonic(), True, shot
            if on_change:
                on_change(shot)
    return last


def look_before(machine: Machine) -> Screenshot:
    """
    Return the screen as it is before an action.

    A machine that makes checkpoints (`contract.LooksBefore`) may make one here: nothing is going on, and the checkpoint
    shows the very screen that is recorded.
    """
    return machine.screenshot_before() if isinstance(machine, LooksBefore) else machine.screenshot()


def same_pixels(a: Screenshot, b: Screenshot) -> bool:
    """Return whether two screens are equal to the pixel."""
    return a.pixels is b.pixels or (a.pixels.shape == b.pixels.shape and np.array_equal(a.pixels, b.pixels))
