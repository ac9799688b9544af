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
    cut, open_then = 0, 0  # what follows the last cut opens more, and closes none of those
    for token in _TOKEN.finditer(text):
        kind = token[0]
        if kind == '"':
            break  # a string without its end
        if kind in _CLOSERS:
            within.append(_CLOSERS[kind])
        elif kind == "," and within:
            cut, open_then = token.start(), len(within)
        elif kind in {"}", "]"}:
            if not within or within.pop() != kind:
                return None  # wrong in itself, not cut
            cut, open_then = token.end(), len(within)
    return text[:cut] + "".join(reversed(within[:open_then])) if within and cut else None
