"""Phrases for people."""

from __future__ import annotations

from typing import Any

_SHOWN = 40


def against(a: Any, b: Any) -> str:
    """Show two values, texts from shortly before the place where they begin to differ."""
    if not (isinstance(a, str) and isinstance(b, str)):
        return f"{cut_out(str(a), 0, _SHOWN)} against {cut_out(str(b), 0, _SHOWN)}"
    start = max(parting(a, b) - 12, 0)
    return " against ".join(repr(cut_out(text, start, _SHOWN)) for text in (a, b))


def parting(a: str, b: str) -> int:
    """Return the first place at which two texts differ."""
    return next((i for i, (one, two) in enumerate(zip(a, b, strict=False)) if one != two), min(len(a), len(b)))


def cut_out(text: str, start: int, length: int) -> str:
    """Return so many characters of a text; dots stand for what is before and after them."""
    end = start + length
    return ("…" if start else "") + text[start:end] + ("…" if len(text) > end else "")
