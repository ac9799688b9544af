"""Putting marks where secrets stand, in texts and in bytes, whatever form they have there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from footage.secrets.forms import byte_forms, encoded_forms
from footage.secrets.spelling import kinds_of, spelled
from footage.secrets.undoing import View, views_of

__all__ = ["Replacer"]

Said = TypeVar("Said", str, bytes)

_ENCODED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
_RARE = " :\\%"
_SLASHES = 256
"""Backslashes before a secret that go with it."""
_RUN = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class _Secret(Generic[Said]):
    """What is looked for in texts, or in bytes."""

    written: re.Pattern[Said]
    core: Said
    """What stands in every spelling, so that one look tells that there is none; empty where they share nothing."""
    encoded: tuple[Said, ...]
    rare: tuple[tuple[Said, int, tuple[Said, ...]], ...]
    """More of them, by a character and how often each holds it: counting it takes no time, looking for them does."""
    literal: tuple[Said, ...]
    """Forms of which no neighbours are taken."""
    digits: frozenset[Said | int]
    """What may stand around an encoded form, as the items of a text or of bytes."""


class Replacer:
    """
    Finds secrets in any form and puts their marks there. Thread-safe: it never changes.

    `marks` are the marks by the secrets. Of secrets within one another the longer one counts. Base64 and hexadecimal
    digits are replaced with all of them that stand around: the rest would tell of the secret's neighbours.
    """

    def __init__(self, marks: Mapping[str, str]) -> None:
        longest_first = sorted(marks, key=len, reverse=True)
        self._in_texts = [(_in_texts(secret), marks[secret]) for secret in longest_first]
        self._in_bytes = [(_in_bytes(secret), marks[secret].encode("ascii")) for secret in longest_first]

    @property
    def forms(self) -> int:
        """How many patterns and encodings are looked for in bytes."""
        return sum(
            1 + len(one.encoded) + sum(len(forms) for *_, forms in one.rare) + len(one.literal)
            for one, _ in self._in_bytes
        )

    def text(self, text: str) -> str:
        """Return a text without the secrets; the very same object if it has none."""
        found = _found(text, self._in_texts, views_of)
        return "".join(_replaced(text, found)) if found else text

    def data(self, data: bytes) -> bytes:
        """Return bytes without the secrets; the very same object if they have none."""
        found = _found(data, self._in_bytes, views_of)
        return b"".join(_replaced(data, found)) if found else data

    def found_in(self, data: bytes) -> bool:
        """Tell whether a secret is in some bytes, in any form."""
        return bool(_found(data, self._in_bytes, views_of))

    def places(self, data: bytes) -> list[int]:
        """Return where secrets begin in some bytes, in any form; in order, each place once."""
        return sorted({start for start, _, _ in _found(data, self._in_bytes, views_of)})


def _found(
    said: Said, secrets: Sequence[tuple[_Secret[Said], Said]], views: Callable[[Said], Iterator[View[Said]]]
) -> list[tuple[int, int, Said]]:
    """Return the (start, end, mark) of all that is found in a text or in bytes, in any order."""
    if not secrets:
        return []
    found = list(_places(said, secrets))
    view: View[Said]
    for view in views(said):
        found += [_back(view, place) for place in _places(view.said, secrets)]
    return found


def _places(said: Said, secrets: Sequence[tuple[_Secret[Said], Said]]) -> Iterator[tuple[int, int, Said]]:
    for one, mark in secrets:
        if not one.core or one.core in said:
            for match in one.written.finditer(said):
                yield _with_slashes(said, match.start()), match.end(), mark
        for form in _encoded_in(said, one):
            for start, end in _digits_around(said, form, one.digits):
                yield start, end, mark
        for form in one.literal:
            at = said.find(form)
            while at >= 0:
                yield at, at + len(form), mark
                at = said.find(form, at + len(form))


def _back(view: View[Said], place: tuple[int, int, Said]) -> tuple[int, int, Said]:
    start, end = view.place(place[0], place[1])
    return start, end, place[2]


def _encoded_in(said: Said, one: _Secret[Said]) -> Iterator[Said]:
    for form in one.encoded:
        if form in said:
            yield form
    for character, least, forms in one.rare:
        if said.count(character) >= least:
            yield from (form for form in forms if form in said)


@lru_cache(maxsize=256)  # a recording learns its secrets one by one
def _in_texts(secret: str) -> _Secret[str]:
    usual, rare = _by_rarity(encoded_forms(secret))
    digits: frozenset[str | int] = frozenset(_ENCODED.decode("ascii"))
    return _Secret(re.compile(spelled(secret)), _core(secret), usual, rare, (), digits)


@lru_cache(maxsize=256)  # as above
def _in_bytes(secret: str) -> _Secret[bytes]:
    usual, rare = _by_rarity(encoded_forms(secret))
    written = re.compile(spelled(secret).encode("utf-8", "surrogatepass"))
    return _Secret(
        written,
        _core(secret).encode("ascii"),
        tuple(map(str.encode, usual)),
        tuple((one.encode(), least, tuple(map(str.encode, forms))) for one, least, forms in rare),
        tuple(byte_forms(secret)),
        frozenset(_ENCODED),
    )


def _by_rarity(forms: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, int, tuple[str, ...]], ...]]:
    by_character: dict[str, list[str]] = {}
    for form in forms:
        by_character.setdefault(next((one for one in _RARE if one in form), ""), []).append(form)
    usual = tuple(by_character.pop("", ()))
    return usual, tuple((one, min(form.count(one) for form in held), tuple(held)) for one, held in by_character.items())


def _core(secret: str) -> str:
    """Return the longest letters and digits that stand in a secret, composed or decomposed."""
    kinds = kinds_of(secret)
    return max((run for run in _RUN.findall(secret) if all(run in kind for kind in kinds)), key=len, default="")


def _with_slashes(said: Said, start: int) -> int:
    """Return where the backslashes begin that escape what stands at `start`."""
    before = said[max(start - _SLASHES, 0) : start]
    without = before.rstrip("\\") if isinstance(before, str) else before.rstrip(b"\\")
    return start - len(before) + len(without)


def _digits_around(said: Said, form: Said, digits: frozenset[Said | int]) -> Iterator[tuple[int, int]]:
    """Yield where a form stands, with the digits of base64 around it."""
    done = 0
    while (at := said.find(form, done)) >= 0:
        start, end = at, at + len(form)
        while start > done and said[start - 1] in digits:
            start -= 1
        while end < len(said) and said[end] in digits:
            end += 1
        yield start, end
        done = end


def _replaced(said: Said, found: list[tuple[int, int, Said]]) -> Iterator[Said]:
    """Yield the parts of a text with marks in the places that were found; those that overlap get one."""
    done = 0
    for start, end, mark in sorted(found, key=lambda place: (place[0], -place[1])):
        if start >= done:
            yield said[done:start]
            yield mark
        done = max(done, end)
    yield said[done:]
