"""Putting marks where secrets stand, in texts and in bytes, whatever form they have there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from footage.secrets.forms import byte_forms, encoded_forms, written_forms

__all__ = ["Replacer"]

_ENCODED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_RUN = re.compile(r"[A-Za-z0-9]{3,}")


class _Secret(NamedTuple):
    mark: str
    written: tuple[str, ...]
    encoded: tuple[str, ...]
    core: str
    """What stands in every written form, so that one look tells that there is none; "" where they share nothing."""


class Replacer:
    """
    Finds secrets in any form and puts their marks there. Thread-safe: it never changes.

    `marks` are the marks by the secrets. Where two forms begin at the same place, the longer one counts. Base64 and
    hexadecimal digits are replaced with all of them that stand around: the rest would tell of the secret's neighbours.
    """

    def __init__(self, marks: Mapping[str, str]) -> None:
        self._secrets = [_prepared(secret, mark) for secret, mark in marks.items()]
        self._marks = {form: one.mark for one in reversed(self._secrets) for form in one.written}
        longest_first = sorted(self._marks, key=len, reverse=True)
        self._any_written = re.compile("|".join(map(re.escape, longest_first)))
        as_bytes: dict[bytes, bytes] = {}
        for one in self._secrets:
            for form in (*one.written, *one.encoded):
                as_bytes.setdefault(form.encode("utf-8", "surrogatepass"), one.mark.encode("ascii"))
        for secret, mark in marks.items():
            for data in byte_forms(secret):
                as_bytes.setdefault(data, mark.encode("ascii"))
        self._bytes = as_bytes

    @property
    def patterns(self) -> tuple[bytes, ...]:
        """Every form as bytes."""
        return tuple(self._bytes)

    def text(self, text: str) -> str:
        """Return a text without the secrets; the very same object if it has none."""
        if any(self._stands_in(one, text) for one in self._secrets):
            text = self._any_written.sub(lambda found: self._marks[found[0]], text)
        for one in self._secrets:
            for form in one.encoded:
                if form in text:
                    text = _without_digits(text, form, one.mark)
        return text

    def data(self, data: bytes) -> bytes:
        """Return bytes without the secrets; the very same object if they have none."""
        for form, mark in self._bytes.items():
            if form in data:
                data = data.replace(form, mark)
        return data

    def found_in(self, data: bytes) -> bool:
        """Tell whether a secret is in some bytes, in any form."""
        return any(form in data for form in self._bytes)

    @staticmethod
    def _stands_in(one: _Secret, text: str) -> bool:
        if one.core and one.core not in text:
            return False
        return any(form in text for form in one.written)


@lru_cache(maxsize=256)  # a recording learns its secrets one by one
def _prepared(secret: str, mark: str) -> _Secret:
    written = tuple(written_forms(secret))
    shared = [run for run in _RUN.findall(secret) if all(run in form for form in written)]
    return _Secret(mark, written, tuple(encoded_forms(secret)), max(shared, key=len, default=""))


def _without_digits(text: str, form: str, mark: str) -> str:
    """Replace the digits of a form, and those around them."""
    parts: list[str] = []
    done = 0
    while (at := text.find(form, done)) >= 0:
        start, end = at, at + len(form)
        while start > done and text[start - 1] in _ENCODED:
            start -= 1
        while end < len(text) and text[end] in _ENCODED:
            end += 1
        parts += (text[done:start], mark)
        done = end
    return "".join((*parts, text[done:]))
