"""
A keyboard that types any text: keys pressed and released through XTEST.

Characters that are on no key get a spare key code each. The usual ones of European languages have theirs before the
first program starts. Others are bound before the first event of a text is sent, and not bound to another character
until the programs have come to rest: a program looks a key code up when it gets round to the event, and would
otherwise find what the code means by then.

A held key repeats after half a second, every 40 ms, as often as the duration says: counted here, while the server's
own clock, which would add repeats to a key whose release is late, is put off (see xvfb.py). As in the X protocol, a
repeat is a release and a press at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from footage.replay.machines.desktop import keys
from footage.replay.machines.desktop.keys import Key
from footage.replay.machines.desktop.log import InputLog

REPEAT_DELAY, REPEAT_INTERVAL = 0.5, 0.04
"""Seconds until a held key repeats for the first time, and from then on."""
COMMON = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿĄąĆćĘęŁłŃńŚśŹźŻżŒœŠšŽž€£§°«»„“”\u2018\u2019\u2013—…"
"""Characters that have a key code from the start."""
_EXTRA = 136
"""Key codes from here on are of keys that hardly any keyboard has: they are spare."""


class _Place(NamedTuple):
    """Where a symbol is on the keyboard: a key code, with Shift or without."""

    code: int
    shifted: bool


class Keyboard:
    """The keyboard of a display."""

    def __init__(self, display: Any, log: InputLog, rest: Callable[[], bool]) -> None:
        """`rest` waits until the programs have dealt with their input."""
        self._display = display
        self._log = log
        self._rest = rest
        self._spare, self._fixed = _survey(display)
        self._bound: dict[int, _Place] = {}
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
            if combination[-1].name not in keys.MODIFIERS:
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

    # --- keys -------------------------------------------------------------------------------------------------------

    def _strike(self, key: Key) -> None:
        """Press and release a key, with Shift where it takes one that is not down already."""
        shift = [keys.SHIFT] if self._place(key).shifted and keys.SHIFT not in self._down else []
        with self._pressed([*shift, key]):
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
        from Xlib import X

        self._display.xtest_fake_input(X.KeyPress if down else X.KeyRelease, self._place(key).code)
        self._log.add("key_down" if down else "key_up", key.name)
        if down:
            self._down.append(key)
        else:
            self._down.remove(key)

    def _sleep_until(self, moment: float) -> None:
        self._display.flush()
        time.sleep(max(0.0, moment - time.monotonic()))

    # --- key codes --------------------------------------------------------------------------------------------------

    def _place(self, key: Key) -> _Place:
        return self._fixed.get(key.symbol) or self._bound[key.symbol]

    def _parts(self, strokes: list[Key]) -> Iterator[list[Key]]:
        """Cut a text where it needs more spare key codes at once than there are."""
        part: list[Key] = []
        strange: set[int] = set()
        for key in strokes:
            if key.symbol not in self._fixed and key.symbol not in strange:
                if len(strange) == len(self._spare):
                    yield part
                    part, strange = [], set()
                strange.add(key.symbol)
            part.append(key)
        yield part

    def _bind(self, wanted: Iterable[Key]) -> None:
        """Give every wanted symbol a key code; where too few are free, take all back once the programs rest."""
        missing = dict.fromkeys(key.symbol for key in wanted if key.symbol not in self._fixed)
        if all(symbol in self._bound for symbol in missing):
            return
        if len(self._bound.keys() | missing.keys()) > len(self._spare):
            self._display.flush()
            self._rest()
            self._bound.clear()
        new = [symbol for symbol in missing if symbol not in self._bound]
        codes = self._spare[len(self._bound) :][: len(new)]
        _assign(self._display, codes, new)
        self._bound.update(zip(new, (_Place(code, shifted=False) for code in codes), strict=True))


def bind_common(display: Any) -> None:
    """Give the characters of `COMMON` their key codes: once, before the first program starts."""
    spare, fixed = _survey(display)
    symbols = [keys.key_of_character(character).symbol for character in COMMON]
    new = [symbol for symbol in symbols if symbol not in fixed]
    _assign(display, spare[: len(new)], new)


def _assign(display: Any, codes: Sequence[int], symbols: Sequence[int]) -> None:
    """
    Bind each key code to a symbol, the same with and without Shift.

    Neighbours go into one request: a GTK program spends a twentieth of a second on each.
    """
    start = 0
    for end in range(1, len(codes) + 1):
        if end == len(codes) or codes[end] != codes[end - 1] + 1:
            display.change_keyboard_mapping(codes[start], [[symbol, symbol] for symbol in symbols[start:end]])
            start = end


def _survey(display: Any) -> tuple[list[int], dict[int, _Place]]:
    """Return the spare key codes, and where each symbol is that is not on one of them."""
    first, last = display.display.info.min_keycode, display.display.info.max_keycode
    table = display.get_keyboard_mapping(first, last - first + 1)
    common = {keys.key_of_character(character).symbol for character in COMMON}
    taken = {code for row in display.get_modifier_mapping() for code in row}
    spare = [
        code
        for code, row in enumerate(table, first)
        if code not in taken and (code >= _EXTRA or not any(row)) and not common.intersection(row)
    ]
    rows = {code: row for code, row in enumerate(table, first) if code not in spare}
    return spare, _places(rows)


def _places(rows: Mapping[int, Sequence[int]]) -> dict[int, _Place]:
    """Return where each symbol is; of several places the one without Shift, then the lowest key code."""
    places: dict[int, _Place] = {}
    for column in (0, 1):
        for code, row in rows.items():
            if column < len(row) and row[column]:
                places.setdefault(row[column], _Place(code, shifted=column == 1))
    return places


def _repeats(duration: float) -> Iterator[float]:
    """Yield the seconds after the press at which a key held for `duration` seconds repeats."""
    moment = REPEAT_DELAY
    while moment < duration:
        yield moment
        moment += REPEAT_INTERVAL
