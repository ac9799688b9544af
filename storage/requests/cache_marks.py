"""
Cache marks in a request's messages: out when it is stored, back in when it is rebuilt.

Agents move them on with every request, so that each message would be stored twice: with its mark and without.
A mark is [path to its object, its place among the object's keys, its value].
"""

from __future__ import annotations

from typing import Any

from footage.providers.request_parts import CACHE_MARK as MARK

__all__ = ["MARK", "put_marks", "take_marks"]

_Mark = list[Any]


def take_marks(message: Any) -> tuple[Any, list[_Mark]]:
    """Return a copy of the message without its marks, and the marks."""
    marks: list[_Mark] = []
    return _taken(message, [], marks), marks


def _taken(value: Any, path: list[str | int], marks: list[_Mark]) -> Any:
    if isinstance(value, list):
        return [_taken(item, [*path, i], marks) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if MARK in value:
        marks.append([path, list(value).index(MARK), value[MARK]])
    return {key: _taken(item, [*path, key], marks) for key, item in value.items() if key != MARK}


def put_marks(message: Any, marks: list[_Mark]) -> None:
    """Put the marks back into a message. Raises LookupError or TypeError where they do not fit."""
    for path, place, value in marks:
        marked = message
        for key in path:
            marked = marked[key]
        items = list(marked.items())
        items.insert(place, (MARK, value))
        marked.clear()
        marked.update(items)
