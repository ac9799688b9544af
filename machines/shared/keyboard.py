"""
What every keyboard does with text and combinations of keys; how one key goes down or up is each machine's own.

A held key repeats after half a second, every 40 ms, as often as the duration says: counted here, where machines have
their own repeat switched off. As in the X protocol, a repeat is a release and a press at once.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from footage.machines.shared import key_names as keys
from footage.machines.shared.input_log import InputLog
from footage.machines.shared.key_names import Key

REPEAT_DELAY, REPEAT_INTERVAL = 0.5, 0.04
"""Seconds until a held key repeats for the first time, and from then on."""


class Keyboard(ABC):
    """A keyboard."""

    repeats_itself = False
    """Whether the machine repeats held keys by itself."""

    def __init__(self, log: InputLog) -> None:
        self._log = log
        self._down: list[Key] = []

    def type(self, text: str) -> None:
        """Type a text; a line break is Return. Raises MachineError before the first key if a character has none."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        for part in self._parts([keys.key_of_character(character) for character in text]):
            self._bind(part)
            for key in part:
                self._strike(key)

    def press(self, text: str, repeat: int = 1) -> None:
        """Strike a combination ("ctrl+s"), or several separated by blanks, `repeat` times."""
        sequence = keys.parse_sequence(text)
        self._bind([key for combination in sequence for key in combination])
        for _ in range(repeat):
            for *held, struck in sequence:
                with self._pressed(held):
                    self._strike(struck)

    def hold(self, text: str, duration: float) -> None:
        """Keep a combination down for `duration` seconds; its last key repeats."""
        combination = keys.parse_combination(text)
        self._bind(combination)
        begin = time.monotonic()
        with self._pressed(combination):
            if combination[-1].name not in keys.MODIFIERS and not self.repeats_itself:
                for moment in _repeats(duration):
                    self._sleep_until(begin + moment)
                    self._send(combination[-1], down=False)
                    self._send(combination[-1], down=True)
            self._sleep_until(begin + duration)

    @contextmanager
    def held(self, text: str | None) -> Iterator[None]:
        """Keep modifiers ("shift+ctrl") down for the length of a with block; nothing for None or ""."""
        combination = keys.parse_combination(text) if text else []
        self._bind(combination)
        with self._pressed(combination):
            yield

    # --- each machine's own -----------------------------------------------------------------------------------------

    @abstractmethod
    def _put(self, key: Key, *, down: bool) -> None:
        """Have a key go down or up."""

    @abstractmethod
    def _modifiers(self, key: Key) -> Sequence[Key]:
        """Return the keys that must be down for a key to mean what it should."""

    @abstractmethod
    def _bind(self, wanted: Iterable[Key]) -> None:
        """See that every wanted symbol is on a key. Raises MachineError where one cannot be."""

    def _parts(self, strokes: list[Key]) -> Iterator[list[Key]]:
        """Cut a text where it needs more keys at once than there are."""
        yield strokes

    @abstractmethod
    def _flush(self) -> None:
        """See that what was sent is on its way, before a pause."""

    # --- keys -------------------------------------------------------------------------------------------------------

    def _strike(self, key: Key) -> None:
        """Press and release a key, with the modifiers it takes that are not down already."""
        modifiers = [modifier for modifier in self._modifiers(key) if modifier not in self._down]
        with self._pressed([*modifiers, key]):
            pass

    @contextmanager
    def _pressed(self, combination: Sequence[Key]) -> Iterator[None]:
        """Press keys in order, and release them in reverse whatever happens in between."""
        pressed: list[Key] = []
        try:
            for key in combination:
                self._send(key, down=True)
                pressed.append(key)
            yield
        finally:
            for key in reversed(pressed):
                self._send(key, down=False)

    def _send(self, key: Key, *, down: bool) -> None:
        self._put(key, down=down)
        self._log.add("key_down" if down else "key_up", key.name)
        if down:
            self._down.append(key)
        else:
            self._down.remove(key)

    def _sleep_until(self, moment: float) -> None:
        self._flush()
        time.sleep(max(0.0, moment - time.monotonic()))


def _repeats(duration: float) -> Iterator[float]:
    """Yield the seconds after the press at which a key held for `duration` seconds repeats."""
    moment = REPEAT_DELAY
    while moment < duration:
        yield moment
        moment += REPEAT_INTERVAL
