"""Waiting until a screen has come to rest."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from footage.trajectory import Machine, Screenshot

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

    A machine whose programs are slow (an emulated one) says in `settling` how many seconds they may take, and in
    `rest` when they are done: then the screen is watched once they are.
    """
    if patience := float(getattr(machine, "settling", 0.0)):
        machine.rest(patience)  # type: ignore[attr-defined]  # comes with `settling`
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

    A machine that makes checkpoints (`screenshot_before()`) may make one here: nothing is going on, and the checkpoint
    shows the very screen that is recorded.
    """
    look = getattr(machine, "screenshot_before", machine.screenshot)
    shot: Screenshot = look()
    return shot


def same_pixels(a: Screenshot, b: Screenshot) -> bool:
    """Return whether two screens are equal to the pixel."""
    return a.pixels is b.pixels or (a.pixels.shape == b.pixels.shape and np.array_equal(a.pixels, b.pixels))
