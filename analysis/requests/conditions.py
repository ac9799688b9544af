"""
What was different about two runs from the beginning: the model, the system prompt, the tools, the task.

What is another each time (a date, a temporary folder) makes no other condition, but is named: it was *forgiven*.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from footage.analysis.phrases import cut_out, parting
from footage.analysis.requests.blame import changed_field, first_words
from footage.analysis.requests.grading import RequestChange
from footage.analysis.requests.volatile_text import differs_only_in, scrubbed_task
from footage.analysis.runs.sides import Side
from footage.providers.registry import asked_in
from footage.storage import Store
from footage.trajectory import JSON

__all__ = ["Condition", "Forgiven", "conditions_of", "forgiven", "told"]

_SHOWN = 160
_PART = 60
_WORDS_FOR = {
    "zone": "time zone",
    "folder": "temporary folder",
    "number": "process number",
    "instant": "timestamp",
    "address": "memory address",
    "tokens": "count of tokens",
}
"""Of kinds of what is another each time, those whose names do not say what they are."""
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


@dataclass(frozen=True, slots=True)
class Forgiven:
    """A text of two runs that differs only in what is another each time, and so was taken for equal."""

    name: str
    """`system prompt`, `tools`, `task`, `result of step 3`, `last words`."""
    only_in: tuple[str, ...]
    """What differs: `date`, `time`, `zone`, `id`, `folder`, `duration`, `port` …"""
    a: str
    """From shortly before the place where they part."""
    b: str

    @property
    def sentence(self) -> str:
        """What is to be said of it: `the system prompt differs only in its date`."""
        words = [_WORDS_FOR.get(kind, kind) for kind in self.only_in]
        listed = " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
        if self.name in {"tools", "last words"}:
            return f"the {self.name} differ only in their {listed}"
        return f"the {self.name} differs only in its {listed}"

    def as_json(self) -> JSON:
        """Return {"name", "only_in", "a", "b"}."""
        return {"name": self.name, "only_in": list(self.only_in), "a": self.a, "b": self.b}


def forgiven(name: str, a: str, b: str, *, task: bool = False) -> Iterator[Forgiven]:
    """Yield what was forgiven of two texts, if they differ only in what is another each time."""
    kinds = differs_only_in(a, b, task=task)
    if kinds:
        yield Forgiven(name, kinds, *_just_before(a, b))


def conditions_of(store: Store, a: Side, b: Side) -> tuple[tuple[Condition, ...], tuple[Forgiven, ...]]:
    """Return what was different about two runs, and what was forgiven; what is unknown of one of them is left out."""
    one, two = _first_request(store, a), _first_request(store, b)
    return tuple(_found(a, b, one, two)), tuple(_forgiven(a, b, one or {}, two or {}))


def _first_request(store: Store, side: Side) -> JSON | None:
    """Return the request that asked for a run's first step; of a run without any, its first request."""
    asked = next((step.turn for step in side.steps if step.turn is not None), None)
    turn = side.turns.get(asked) if asked is not None else next(iter(side.turns.values()), None)
    if turn is None:
        return None
    thread = [other for other in side.turns.values() if other.conversation == turn.conversation]
    first = min(thread, key=lambda other: other.number, default=turn)
    return asked_in(first, store.request(first.id))


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


def _forgiven(a: Side, b: Side, one: JSON, two: JSON) -> Iterator[Forgiven]:
    yield from forgiven("system prompt", _text(one.get("system")), _text(two.get("system")))
    tools = [json.dumps(request.get("tools"), ensure_ascii=False) for request in (one, two)]
    yield from forgiven("tools", *tools)
    tasks = list(forgiven("task", a.run.task, b.run.task, task=True))
    yield from tasks or forgiven("task", first_words(one), first_words(two), task=True)


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
    start = max(0, parting(a, b) - 40)
    return cut_out(a, start, _SHOWN), cut_out(b, start, _SHOWN)


def _just_before(a: str, b: str) -> tuple[str, str]:
    """Return two texts from the word in which they part."""
    same = parting(a, b)
    start = max(a.rfind(" ", 0, same), a.rfind("\n", 0, same)) + 1
    return cut_out(a, start, _PART), cut_out(b, start, _PART)


def told(value: Any) -> str:
    """Return a value as it is shown: "none" for nothing, long texts cut."""
    text = "none" if value in (None, "") else str(value)
    return cut_out(text, 0, _SHOWN)
