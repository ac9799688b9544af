"""
Texts as they are without what hides a secret's letters: escapes of letters and digits, and breaks of lines.

A view is such a text with the places of its characters in the text that it was made of. Views are made only of texts
that have such escapes or breaks; a look for their first characters tells.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar, overload

from footage.secrets.spelling import SLASH

__all__ = ["View", "views_of"]

Said = TypeVar("Said", str, bytes)

_HEX = "(3[0-9]|[46][1-9a-fA-F]|[57][0-9aA])"  # the code of a letter or a digit, as the others
_OCTAL = "(0{0,2}(?:6[0-7]|7[01])|0?1(?:0[1-7]|[1256][0-7]|3[0-2]|4[1-7]|7[0-2]))"
_DECIMAL = "(4[89]|5[0-7]|6[5-9]|[78][0-9]|9[07-9]|1[01][0-9]|12[0-2])"
_ESCAPE = rf"(?:(?:x|[uU](?:0000)?00){_HEX}|u\{{0{{0,5}}{_HEX}\}}|{_OCTAL})"
_ESCAPE_BASES = (16, 16, 8)
_BREAK = r"(?:\r?\n|(?:\\{1,32}r)?\\{1,32}n|(?:%0[dD])?%0[aA])"
_WAYS: tuple[tuple[str, tuple[int, ...]], ...] = (  # what escapes a letter, and the bases of the numbers in it
    (rf"\\{SLASH}{{0,31}}{_ESCAPE}", _ESCAPE_BASES),
    (rf"%(?:25){{0,4}}{_HEX}", (16,)),
    (rf"%(?:25){{0,4}}5[cC]{SLASH}{{0,31}}{_ESCAPE}", _ESCAPE_BASES),
    (rf"=(?:{_HEX}|{_BREAK})", (16,)),  # quoted-printable: a soft break is nothing
    (rf"&(?:amp;){{0,4}}#(?:0{{0,5}}{_DECIMAL}|[xX]0{{0,5}}{_HEX});", (10, 16)),
    (rf"&(?:amp;){{0,4}}#(?:0{{0,5}}92|[xX]0{{0,5}}5[cC]);{SLASH}{{0,31}}{_ESCAPE}", _ESCAPE_BASES),
)
_LINE = 40
"""Digits of base64 before a break that make it one of an encoder: it writes 64 or 76 a line."""
_DIGITS = r"[A-Za-z0-9+/_%\\-]"  # with what begins an escape of one
_ENDS = (
    ("\n", rf"\n[ \t]*(?={_DIGITS})"),
    ("\\", rf"\\\\{{0,31}}(?:r\\{{1,32}})?n(?={_DIGITS})"),
    ("%", rf"%0(?:[dD]%0)?[aA](?={_DIGITS})"),
)
"""Breaks between digits, by their first characters; a carriage return may stand before."""


class View(Generic[Said]):
    """A text that was made of another one: parts of that are left out, or stand for one character."""

    def __init__(self, whole: Said, parts: Iterable[tuple[int, int, Said]]) -> None:
        """`parts` are (start, end, the character or nothing), in order."""
        nothing: Said = whole[:0]
        pieces: list[Said] = [nothing]
        self._parts: list[tuple[int, int]] = []
        self._begins: list[int] = []
        self._afters: list[int] = []
        done = length = 0
        for start, end, one in parts:
            if start < done:  # within another
                continue
            pieces += [whole[done:start], one]
            length += start - done
            self._parts.append((start, end))
            self._begins.append(length)
            length += len(one)
            self._afters.append(length)
            done = end
        pieces.append(whole[done:])
        self.said: Said = nothing.join(pieces)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return what a stretch of the view, which is not empty, was made of: (start, end) in the other text."""
        return self._of_one(start)[0], self._of_one(end - 1)[1]

    def _of_one(self, at: int) -> tuple[int, int]:
        number = bisect_right(self._afters, at)
        if number < len(self._parts) and self._begins[number] <= at:
            return self._parts[number]
        before = at if not number else at - self._afters[number - 1] + self._parts[number - 1][1]
        return before, before + 1


class _Search(Generic[Said]):
    """Finds a pattern that begins with one character; where that is missing it takes no time."""

    def __init__(self, first: Said, pattern: re.Pattern[Said]) -> None:
        self._first: Said = first
        self._pattern: re.Pattern[Said] = pattern

    def all_in(self, said: Said) -> Iterator[re.Match[Said]]:
        """Yield all matches, in order."""
        if (at := said.find(self._first)) >= 0:
            yield from self._pattern.finditer(said, at)


class _Undoing(Generic[Said]):
    """How to make views of texts, or of bytes."""

    def __init__(self, kind: Callable[[str], Said], letter: Callable[[int], Said]) -> None:
        self._nothing: Said = kind("")
        self._hints: list[Said] = [kind(first) for first in sorted({way[0] for way, _ in _WAYS} | {"\n"})]
        self._letter: Callable[[int], Said] = letter
        # One by one: each begins with a character of its own, and a search for that passes over a long text quickly.
        self._letters: list[tuple[_Search[Said], tuple[int, ...]]] = [
            (_Search(kind(way[0]), re.compile(kind(way))), bases) for way, bases in _WAYS
        ]
        self._ends: list[_Search[Said]] = [_Search(kind(first), re.compile(kind(end))) for first, end in _ENDS]
        self._line: re.Pattern[Said] = re.compile(kind(f"{_DIGITS}{{{_LINE}}}"))
        self._return: Said = kind("\r")

    def views(self, said: Said) -> Iterator[View[Said]]:
        """Yield the text without escapes of letters, and without breaks in base64, where it has such."""
        if any(map(said.__contains__, self._hints)):
            for parts in (self._unescaped(said), self._breaks(said)):
                if found := sorted(parts):
                    yield View(said, found)

    def _unescaped(self, said: Said) -> Iterator[tuple[int, int, Said]]:
        for search, bases in self._letters:
            for found in search.all_in(said):
                which = found.lastindex
                one = self._nothing if which is None else self._letter(int(found[which], bases[which - 1]))
                yield found.start(), found.end(), one

    def _breaks(self, said: Said) -> Iterator[tuple[int, int, Said]]:
        for search in self._ends:
            for found in search.all_in(said):
                start = found.start()
                start -= said[start - 1 : start] == self._return
                if start >= _LINE and self._line.fullmatch(said, start - _LINE, start):
                    yield start, found.end(), self._nothing


_TEXTS: _Undoing[str] = _Undoing(str, chr)
_BYTES: _Undoing[bytes] = _Undoing(str.encode, lambda code: bytes([code]))


@overload
def views_of(said: str) -> Iterator[View[str]]: ...
@overload
def views_of(said: bytes) -> Iterator[View[bytes]]: ...
def views_of(said: str | bytes) -> Iterator[View[str]] | Iterator[View[bytes]]:
    """Yield the views of a text or of bytes in which a secret may be found that is not found in it as it is."""
    return _TEXTS.views(said) if isinstance(said, str) else _BYTES.views(said)
