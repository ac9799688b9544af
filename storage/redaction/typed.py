"""Secrets that were typed in pieces: over several actions, or key by key."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from footage.storage.redaction.values import Hider, key_of, keys_of, typed_in

__all__ = ["Piece", "Typed", "typed_by_hand"]

_Rows = Callable[[str], Iterator[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of a step that is a part of a secret, and what stands in its place."""

    old: str
    new: str


@dataclass(slots=True)
class Typed:
    """What was typed in pieces."""

    steps: dict[int, Piece] = field(default_factory=dict)
    """By the row ids of steps."""
    calls: dict[str, list[Piece]] = field(default_factory=lambda: defaultdict(list))
    """By the ids of tool calls, as they stand in replies and requests."""
    delivered: set[int] = field(default_factory=set)
    """Row ids of steps whose input events spell a secret, or a part of one."""

    def without(self, value: Any) -> Any:
        """Return a part of a conversation without the inputs and results of such calls."""
        if isinstance(value, list):
            return [self.without(item) for item in value]
        if not isinstance(value, dict):
            return value
        if (call := value.get("id")) in self.calls and "input" in value:
            return {**value, "input": self._pieces_out(value["input"], call)}
        if (call := value.get("tool_use_id")) in self.calls:
            return {**value, "content": self._texts_out(value.get("content"), call)}
        return {name: self.without(item) for name, item in value.items()}

    def _pieces_out(self, value: Any, call: str) -> Any:
        if isinstance(value, dict):
            return {name: self._pieces_out(item, call) for name, item in value.items()}
        if isinstance(value, list):
            return [self._pieces_out(item, call) for item in value]
        return next((piece.new for piece in self.calls[call] if piece.old == value), value)

    def _texts_out(self, value: Any, call: str) -> Any:
        """Replace what a machine said of a call: it may quote what was typed."""
        if isinstance(value, str):
            return self.calls[call][0].new
        if isinstance(value, list):
            return [self._texts_out(item, call) for item in value]
        if isinstance(value, dict) and value.get("type") == "text":
            return {**value, "text": self.calls[call][0].new}
        return value


def typed_by_hand(rows: _Rows, hider: Hider) -> Typed:
    """Find the secrets of a family that no single text holds as a whole."""
    typed, runs = Typed(), defaultdict(list)
    for row in rows("step"):
        if (row["namespace"] == "computer" and row["name"] in {"type", "key"}) or row["delivered"]:
            runs[row["run"]].append(row)
    for steps in runs.values():
        _find_in_actions(steps, hider, typed)
        _find_in_events(steps, hider, typed)
    return typed


def _find_in_actions(steps: list[Mapping[str, Any]], hider: Hider, typed: Typed) -> None:
    stream: list[tuple[str, int]] = []
    places: list[tuple[int, int]] = []  # of each key: the step's place in the list, the character's in its text
    for number, step in enumerate(steps):
        for at, key in enumerate(_keys_of_action(step)):
            if key:
                stream.append((key, number))
                places.append((number, at))
    cuts: dict[int, dict[int, str]] = defaultdict(dict)
    for positions, marked in typed_in(stream, hider.keys):
        if len({stream[position][1] for position in positions}) > 1:
            for position in positions:
                number, at = places[position]
                cuts[number][at] = marked
    for number, marks in cuts.items():
        step = steps[number]
        old = str(json.loads(step["arguments"]).get("text", ""))
        piece = Piece(old, _cut(old, marks) if step["name"] == "type" else next(iter(marks.values())))
        typed.steps[step["id"]] = piece
        if step["call_id"]:
            typed.calls[step["call_id"]].append(piece)


def _cut(text: str, marks: Mapping[int, str]) -> str:
    """Return a text with each stretch of marked characters as one mark."""
    parts: list[str] = []
    for at, character in enumerate(text):
        if at not in marks:
            parts.append(character)
        elif at - 1 not in marks:
            parts.append(marks[at])
    return "".join(parts)


def _keys_of_action(step: Mapping[str, Any]) -> list[str]:
    text = json.loads(step["arguments"]).get("text") if step["name"] in {"type", "key"} else None
    if not isinstance(text, str):
        return []
    if step["name"] == "type":
        return [keys_of(character) for character in text]
    return [key_of(name) for name in text.split(" ")] if text.strip() else []


def _find_in_events(steps: list[Mapping[str, Any]], hider: Hider, typed: Typed) -> None:
    stream: list[tuple[str, int]] = []
    for step in steps:
        events = json.loads(step["delivered"] or "[]")
        pressed = [key_of(str(event[1])) for event in events if len(event) > 1 and event[0] == "key_down"]
        stream += [(key, step["id"]) for key in pressed if key]
    for positions, _ in typed_in(stream, hider.keys):
        typed.delivered.update(stream[position][1] for position in positions)
