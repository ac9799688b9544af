"""Phrases for people."""

from __future__ import annotations

from typing import Any

_SHOWN = 40


def against(a: Any, b: Any) -> str:
    """Show two values, texts from shortly before the place where they begin to differ."""
    if not (isinstance(a, str) and isinstance(b, str)):
        return f"{_cut(str(a))} against {_cut(str(b))}"
    same = next((i for i, (one, two) in enumerate(zip(a, b, strict=False)) if one != two), min(len(a), len(b)))
    start = max(same - 12, 0)
    shown = [repr(("…" if start else "") + _cut(text[start:])) for text in (a, b)]
    return " against ".join(shown)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
