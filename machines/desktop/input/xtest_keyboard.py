"""
A keyboard that types any text: keys pressed and released through XTEST.

Characters that are on no key get a spare key code each. The usual ones of European languages have theirs before the
first program starts. Others are bound before the first event of a text is sent, and not bound to another character
until the programs have come to rest: a program looks a key code up when it gets round to the event, and would
otherwise find what the code means by then.

The repeats of held keys are counted (see machines/keyboard.py), while the server's own clock, which would add repeats
to a key whose release is late, is put off (see xvfb.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from footage.machines.shared import key_names as keys
from footage.machines.shared.input_log import InputLog
from footage.machines.shared.key_names import Key
from footage.machines.shared.keyboard import Keyboard

COMMON = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿĄąĆćĘęŁłŃńŚśŹźŻżŒœŠšŽž€£§°«»„“”\u2018\u2019\u2013—…"
"""Characters that have a key code from the start."""
_EXTRA = 136
"""Key codes from here on are of keys that hardly any keyboard has: they are spare."""


class _Place(NamedTuple):
    """Where a symbol is on the keyboard: a key code, with Shift or without."""

    code: int
    shifted: bool


class DesktopKeyboard(Keyboard):
    """The keyboard of a display."""

    def __init__(self, display: Any, log: InputLog, rest: Callable[[], bool]) -> None:
        """`rest` waits until the programs have dealt with their input."""
        super().__init__(log)
        self._display = display
        self._rest = rest
        self._spare, self._fixed = _survey(display)
        self._bound: dict[int, _Place] = {}

    def _put(self, key: Key, *, down: bool) -> None:
        from Xlib import X

        self._display.xtest_fake_input(X.KeyPress if down else X.KeyRelease, self._place(key).code)

    def _modifiers(self, key: Key) -> Sequence[Key]:
        return [keys.SHIFT] if self._place(key).shifted else []

    def _flush(self) -> None:
        self._display.flush()

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
