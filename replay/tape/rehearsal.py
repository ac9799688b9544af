"""
A rehearsal: an agent goes once more through what its machine has behind it, before recorded screens.

The machine of a fork is where the recording was at its step already. The agent has to come there too: the tape says
what the model said, the gate shows it what it saw, and what it does is for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footage.providers.common_form import content_of, objects, tool_results
from footage.trajectory import JSON, Frame, FrameRole, Step

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.trajectory import Pixels

__all__ = ["Rehearsal", "pictures_given", "shown_at"]

_OPENING = -1


class Rehearsal:
    """
    The recorded screens of the steps before a fork, one after the other. Implements the gate's `Scene`.

    A reply of the tape leads to the screen after its step; one with several calls goes on with the first input that
    comes after a look.
    """

    def __init__(self, store: Store, steps: Sequence[Step], given: Mapping[str, int], screen: tuple[int, int]) -> None:
        """
        Begin before the first step.

        `steps` are all up to the fork's; `given` are the pictures that the model was given, by the ids of the calls
        (see `pictures_given`); `screen` is the machine's (width, height).
        """
        self._store = store
        self._steps = steps
        self._given = given
        self._screen = screen
        self._at = _OPENING
        self._ahead: list[int] = []
        self._looked = True
        self._lock = threading.Lock()
        self._picture = lru_cache(maxsize=8)(self._find)

    def served(self, turn: int) -> None:
        """Take note that the tape has answered with this turn."""
        own = [step.index for step in self._steps if step.turn == turn]
        if not own:
            return
        with self._lock:
            self._at, self._ahead, self._looked = own[0] - 1, own, True
            self._pass_looks()
            if len(own) == 1:
                self._advance()

    def picture(self) -> Pixels:
        """Return the screen that the agent saw at this point."""
        with self._lock:
            return self._picture(self._at)

    def touched(self) -> None:
        """Take note of input: the first after a look is the next call's."""
        with self._lock:
            if self._looked:
                self._pass_looks()
                self._advance()
            self._looked = False

    def looked(self) -> None:
        """Take note that the screen was asked for."""
        with self._lock:
            self._looked = True

    def _advance(self) -> None:
        if self._ahead:
            self._at = self._ahead.pop(0)

    def _pass_looks(self) -> None:
        """Go past calls that give no input."""
        while self._ahead and self._steps[self._ahead[0]].action.looks_only:
            self._advance()

    def _find(self, index: int) -> Pixels:
        for step in reversed(self._steps[: index + 1]):
            shown = shown_at(self._store, step, self._given.get(step.call_id or ""), self._screen)
            if shown is not None:
                return shown
        first = next((frame for step in self._steps for frame in step.frames.get(FrameRole.BEFORE, ())), None)
        if first is None:
            return np.zeros((self._screen[1], self._screen[0], 3), np.uint8)
        return self._store.pixels(first.picture)


def pictures_given(bodies: Sequence[JSON]) -> dict[str, int]:
    """Return the picture that the model was given as the result of each call, as far as these requests tell."""
    found: dict[str, int] = {}
    for body in bodies:
        for result in tool_results(objects(body.get("messages"))):
            for block in content_of(result):
                source = block.get("source")
                if isinstance(source, dict) and isinstance(source.get("picture"), int):
                    found[str(result.get("tool_use_id"))] = source["picture"]
    return found


def shown_at(store: Store, step: Step, picture: int | None, screen: tuple[int, int]) -> Pixels | None:
    """
    Return the screen that the agent saw after a step, whole and unscaled; None where no screen is known.

    `picture` is what it gave the model. That may be scaled, and taken a moment earlier than the recorder's own: then
    it is the recorded one that resembles it most.
    """
    after = (FrameRole.AFTER, FrameRole.BETWEEN, FrameRole.BEFORE)
    own = [frame for role in after for frame in reversed(step.frames.get(role, ())) if _is_whole(frame, screen)]
    if picture is None:
        return store.pixels(own[0].picture) if own else None
    given = store.pixels(picture)
    if given.shape[1::-1] == screen:
        return given
    candidates = [store.pixels(frame.picture) for frame in own]
    return min(candidates, key=lambda pixels: _distance(pixels, given), default=None)


def _is_whole(frame: Frame, screen: tuple[int, int]) -> bool:
    return frame.region is None and (frame.screen_width, frame.screen_height) == screen


def _distance(pixels: Pixels, given: Pixels) -> float:
    """Return how far a screen, brought to the size of what was given, is from that."""
    small = cv2.resize(pixels, given.shape[1::-1], interpolation=cv2.INTER_AREA)
    return float(np.abs(small.astype(np.int16) - given.astype(np.int16)).mean())
