"""Putting marks where secrets stand, in texts and in bytes, whatever form they have there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from footage.secrets.forms import byte_forms, encoded_forms, written_forms
from footage.secrets.spelling import spelled

__all__ = ["Replacer"]

_ENCODED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_RUN = re.compile(r"[A-Za-z0-9]{3,}")


class _Secret(NamedTuple):
    written: re.Pattern[str]
    written_bytes: re.Pattern[bytes]
    core: str
    """What stands in every written form, so that one look tells that there is none; "" where they share nothing."""
    encoded: tuple[str, ...]
    literal: tuple[bytes, ...]
    """Forms that are looked for in bytes beside what is written."""


class Replacer:
    """
    Finds secrets in any form and puts their marks there. Thread-safe: it never changes.

    `marks` are the marks by the secrets. Of secrets within one another the longer one counts. Base64 and hexadecimal
    digits are replaced with all of them that stand around: the rest would tell of the secret's neighbours.
    """

    def __init__(self, marks: Mapping[str, str]) -> None:
        longest_first = sorted(marks, key=len, reverse=True)
        self._secrets = [(_prepared(secret), marks[secret]) for secret in longest_first]
        self._plain = tuple(longest_first)

    @property
    def patterns(self) -> tuple[bytes, ...]:
        """The forms that are usual, as bytes: to prove that none is left."""
        written = (form.encode("utf-8", "surrogatepass") for one in self._plain for form in written_forms(one))
        literal = (form for one, _ in self._secrets for form in one.literal)
        return tuple(dict.fromkeys((*written, *literal)))

    def text(self, text: str) -> str:
        """Return a text without the secrets; the very same object if it has none."""
        found = [
            (_with_slashes(text, match.start()), match.end(), mark)
            for one, mark in self._secrets
            if not one.core or one.core in text
            for match in one.written.finditer(text)
        ]
        found += [
            (*span, mark)
            for one, mark in self._secrets
            for form in one.encoded
            if form in text
            for span in _digits_around(text, form)
        ]
        return "".join(_replaced(text, found)) if found else text

    def data(self, data: bytes) -> bytes:
        """Return bytes without the secrets; the very same object if they have none."""
        for one, mark in self._secrets:
            for form in one.literal:
                if form in data:
                    data = data.replace(form, mark.encode("ascii"))
            if not one.core or one.core.encode() in data:
                # A function: a mark is no template. The very same object where nothing is replaced.
                replaced, count = one.written_bytes.subn(lambda _, mark=mark: mark.encode("ascii"), data)  # type: ignore[misc]
                data = replaced if count else data
        return data

    def found_in(self, data: bytes) -> bool:
        """Tell whether a secret is in some bytes, in any form."""
        return any(
            any(form in data for form in one.literal)
            or ((not one.core or one.core.encode() in data) and one.written_bytes.search(data) is not None)
            for one, _ in self._secrets
        )


@lru_cache(maxsize=256)  # a recording learns its secrets one by one
def _prepared(secret: str) -> _Secret:
    pattern = spelled(secret)
    encoded = tuple(encoded_forms(secret))
    literal = (*(form.encode("ascii") for form in encoded), *byte_forms(secret))
    runs = [run for run in _RUN.findall(secret) if all(run in form for form in written_forms(secret))]
    core = max(runs, key=len, default="")
    written_bytes = re.compile(pattern.encode("utf-8", "surrogatepass"))
    return _Secret(re.compile(pattern), written_bytes, core, encoded, literal)


def _with_slashes(text: str, start: int) -> int:
    """Return where the backslashes begin that escape what stands at `start`."""
    while start and text[start - 1] == "\\":
        start -= 1
    return start


def _digits_around(text: str, form: str) -> Iterator[tuple[int, int]]:
    """Yield where a form stands, with the digits of base64 around it."""
    done = 0
    while (at := text.find(form, done)) >= 0:
        start, end = at, at + len(form)
        while start > done and text[start - 1] in _ENCODED:
            start -= 1
        while end < len(text) and text[end] in _ENCODED:
            end += 1
        yield start, end
        done = end


def _replaced(text: str, found: Iterable[tuple[int, int, str]]) -> Iterator[str]:
    """Yield the parts of a text with marks in the places that were found; those that overlap get one."""
    done = 0
    for start, end, mark in sorted(found, key=lambda place: (place[0], -place[1])):
        if start >= done:
            yield text[done:start]
            yield mark
        done = max(done, end)
    yield text[done:]
