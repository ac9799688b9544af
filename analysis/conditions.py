"""What was different about two runs from the beginning: the model, the system prompt, the tools, the task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from footage.analysis.grading import RequestChange
from footage.analysis.requests import changed_field, first_words
from footage.analysis.sides import Side
from footage.analysis.volatile_text import scrubbed_task
from footage.storage import Store
from footage.trajectory import JSON

__all__ = ["Condition", "conditions_of", "told"]

_SHOWN = 160
_UNCOUNTED = frozenset({"model", "messages", "system", "tools", "metadata", "stream", "service_tier", "container"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that was different about two runs, whatever they did."""

    name: str
    """`model`, `system prompt`, `tools`, `task`, `machine`, or the name of a parameter of the requests."""
    a: str
    """What it was in run a; long texts from shortly before the place where they part."""
    b: str

    def as_json(self) -> JSON:
        """Return {"name", "a", "b"}."""
        return {"name": self.name, "a": self.a, "b": self.b}


def conditions_of(store: Store, a: Side, b: Side) -> tuple[Condition, ...]:
    """Return what was different about two runs; what is unknown of one of them is left out."""
    return tuple(_found(a, b, _first_request(store, a), _first_request(store, b)))


def _first_request(store: Store, side: Side) -> JSON | None:
    """Return the request that asked for a run's first step; of a run without any, its first request."""
    asked = next((step.turn for step in side.steps if step.turn is not None), None)
    turn = side.turns.get(asked) if asked is not None else next(iter(side.turns.values()), None)
    if turn is None:
        return None
    thread = [other for other in side.turns.values() if other.conversation == turn.conversation]
    first = min(thread, key=lambda other: other.number, default=turn)
    return store.request(first.id)


def _found(a: Side, b: Side, one: JSON | None, two: JSON | None) -> Iterator[Condition]:
    models = _models(a), _models(b)
    if all(models) and models[0] != models[1]:
        yield Condition("model", *models)
    if one is not None and two is not None:
        for key, name in (("system", "system prompt"), ("tools", "tools")):
            if (change := changed_field(one, two, key)) is not None:
                yield _condition(name, change, one.get(key), two.get(key))
    yield from _tasks(a, b, one, two)
    if one is not None and two is not None:
        for key in sorted((one.keys() | two.keys()) - _UNCOUNTED):
            if changed_field(one, two, key) is not None:
                yield Condition(key, told(one.get(key)), told(two.get(key)))
    drivers = [str((side.run.machine or {}).get("driver") or "") for side in (a, b)]
    if all(drivers) and drivers[0] != drivers[1]:
        yield Condition("machine", *drivers)


def _models(side: Side) -> str:
    asked = [side.turns[step.turn] for step in side.steps if step.turn in side.turns]
    models = dict.fromkeys(turn.model for turn in asked or side.turns.values() if turn.model)
    return ", ".join(models) or side.run.model


def _tasks(a: Side, b: Side, one: JSON | None, two: JSON | None) -> Iterator[Condition]:
    tasks = a.run.task, b.run.task
    if not all(tasks) or scrubbed_task(tasks[0]) == scrubbed_task(tasks[1]):
        tasks = first_words(one or {}), first_words(two or {})
    if all(tasks) and scrubbed_task(tasks[0]) != scrubbed_task(tasks[1]):
        yield Condition("task", *_from_where_they_part(*tasks))


def _condition(name: str, change: RequestChange, a: Any, b: Any) -> Condition:
    texts = _text(a), _text(b)
    if name == "system prompt":
        return Condition(name, *_from_where_they_part(*texts))
    names = [_names(value) for value in (a, b)]
    if names[0] != names[1]:
        return Condition(name, *(told(value) for value in names))
    one, _, two = change.why.partition(" against ")
    return Condition(name, f"{change.path}: {one}", f"{change.path}: {two}")


def _text(system: Any) -> str:
    if isinstance(system, list):
        return "\n".join(str(block.get("text", "")) for block in system if isinstance(block, dict))
    return "" if system is None else str(system)


def _names(tools: Any) -> str:
    found = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return ", ".join(str(tool.get("type") or tool.get("name") or "?") for tool in found)


def _from_where_they_part(a: str, b: str) -> tuple[str, str]:
    if max(len(a), len(b)) <= _SHOWN:
        return told(a), told(b)
    same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    start = max(0, same - 40)
    one, two = (("…" if start else "") + text[start : start + _SHOWN] for text in (a, b))
    return one + ("…" if len(a) > start + _SHOWN else ""), two + ("…" if len(b) > start + _SHOWN else "")


def told(value: Any) -> str:
    """Return a value as it is shown: "none" for nothing, long texts cut."""
    text = "none" if value in (None, "") else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
