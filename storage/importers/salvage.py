"""JSON that breaks off, as the file of a recorder that was killed: what stands before the break is read."""

from __future__ import annotations

import re

__all__ = ["closed"]

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},"]', re.DOTALL)
_CLOSERS = {"{": "}", "[": "]"}


def closed(text: str) -> str | None:
    """
    Return the text up to its last whole value, its open objects and lists closed; None where it does not break off.

    >>> closed('{"events": [{"a": 1}, {"b": "x')
    '{"events": [{"a": 1}]}'
    """
    within: list[str] = []  # what would close the objects and lists that are open
    cut, closers = 0, ""
    for token in _TOKEN.finditer(text):
        kind = token[0]
        if kind == '"':
            break  # a string without its end
        if kind in _CLOSERS:
            within.append(_CLOSERS[kind])
        elif kind == "," and within:
            cut, closers = token.start(), "".join(reversed(within))
        elif kind in {"}", "]"}:
            if not within or within.pop() != kind:
                return None  # wrong in itself, not cut
            cut, closers = token.end(), "".join(reversed(within))
    return text[:cut] + closers if within and cut else None
