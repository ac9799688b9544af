"""A machine that looks enough like the default desktop for the stand-in: its targets, pasted on a plain screen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from footage.agent import standin
from footage.trajectory import JSON, Action, InputEvent, Instant, Performed, Pixels, Screenshot

_TARGETS = Path(standin.__file__).parent / "targets"
SIZE = (1280, 800)
_COLUMNS, _ROWS = (139, 210, 281, 350), (421, 483, 545, 606)
_KEYS = ("789/", "456*", "123-", "0..+")
_NAMES = {"*": "times", "+": "plus"}


def _key_centres() -> dict[str, tuple[int, int]]:
    found = {key: (x, y) for y, row in zip(_ROWS, _KEYS, strict=True) for x, key in zip(_COLUMNS, row, strict=True)}
    return {key: at for key, at in found.items() if key not in "/-."} | {"=": (420, 575), "C": (371, 302)}


KEYS = _key_centres()
EDITOR = (750, 201)


class PaintedCalculator:
    """A calculator and an editor. `files["notes.txt"]` is what was saved."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.clicked: list[tuple[int, int]] = []
        self.reset()

    def reset(self) -> None:
        self._shown, self._first, self._sign, self._fresh = "0", 0, "", True
        self._focused, self._text, self._covered = False, "", False

    def cover(self) -> None:
        """Put something over the calculator."""
        self._covered = True

    @property
    def specification(self) -> JSON:
        return {"driver": "painted", "protocol": 1, "screen": list(SIZE)}

    @property
    def capabilities(self) -> frozenset[str]:
        return frozenset({"left_click", "type", "key", "screenshot"})

    @property
    def input_log(self) -> Sequence[InputEvent]:
        return [InputEvent("click", at) for at in self.clicked]

    @property
    def environment(self) -> Mapping[str, str]:
        return {}

    def screenshot(self) -> Screenshot:
        screen = np.full((SIZE[1], SIZE[0]), 244, np.uint8)
        for key, at in KEYS.items():
            name = {"=": "equals", "C": "clear"}.get(key) or _NAMES.get(key, key)
            _paste(screen, f"key-{name}", at)
        _paste(screen, "editor-menu", EDITOR)
        screen[220:272, 108:452] = 255
        right = 440
        for digit in reversed(self._shown):
            width = _picture(f"digit-{digit}").shape[1]
            screen[232 : 232 + 28, right - width : right] = _picture(f"digit-{digit}")
            right -= width + 1
        cv2.putText(screen, self._text.encode("ascii", "replace").decode(), (530, 240), 0, 0.5, 0)
        if self._covered:
            screen[300:700, 90:470] = 200
        pixels: Pixels = np.repeat(screen[:, :, None], 3, axis=2)
        return Screenshot(pixels, Instant.now(), ":painted")

    def perform(self, action: Action) -> Performed:
        if action.name == "left_click" and action.point is not None:
            self._click(action.point)
        elif action.name == "type" and self._focused:
            self._text += str(action.arguments["text"])
        elif action.name == "key" and action.arguments["text"] == "ctrl+s" and self._focused:
            self.files["notes.txt"] = self._text
        return Performed()

    def _click(self, point: tuple[int, int]) -> None:
        self.clicked.append(point)
        self._focused = point[0] > 520
        for key, (x, y) in KEYS.items():
            if abs(point[0] - x) <= 32 and abs(point[1] - y) <= 28:
                self._press(key)

    def _press(self, key: str) -> None:
        if key.isdigit():
            self._shown = key if self._fresh else self._shown + key
            self._fresh = False
        elif key in "*+":
            self._first, self._sign, self._fresh = int(self._shown), key, True
        elif key == "=":
            second = int(self._shown)
            self._shown = str(self._first * second if self._sign == "*" else self._first + second)
            self._fresh = True
        else:
            self._shown, self._fresh = "0", True

    def clock(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        pass


def _picture(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.imread(str(_TARGETS / f"{name}.png"), cv2.IMREAD_GRAYSCALE), np.uint8)


def _paste(screen: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], name: str, at: tuple[int, int]) -> None:
    target = _picture(name)
    top, left = at[1] - target.shape[0] // 2, at[0] - target.shape[1] // 2
    screen[top : top + target.shape[0], left : left + target.shape[1]] = target
