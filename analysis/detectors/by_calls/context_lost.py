"""
The detector `context-lost`: what the model needed was no longer in its request: the task, or any picture of the screen.

It looks at the last request of each conversation, and only where something is missing there for the first that misses
it, by halves: agents that prune their history go on doing so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from footage.analysis.detectors.contract import Abstained, ExaminedRun, Noticed
from footage.trajectory import Turn

__all__ = ["KINDS", "LINE", "NAME", "VERSION", "detect"]

NAME = "context-lost"
VERSION = 1
LINE = "a request without the task, or without any picture, where earlier ones had them"
KINDS = ("context_lost",)

_CONFIDENCE = 0.85
_FEWEST = 24
"""Letters and digits of a task that are looked for; a shorter one may stand anywhere."""
_MOST = 200
_PICTURE = '"type": "footage"'
"""How a picture stands in a request that is rebuilt."""


def detect(examined: ExaminedRun) -> Iterator[Noticed | Abstained]:
    """Yield what was lost, once a conversation and thing."""
    threads: dict[int, list[Turn]] = {}
    for turn in examined.turns:
        if turn.copied_from is None:
            threads.setdefault(turn.conversation, []).append(turn)
    requests = _Requests(examined)
    unknown = 0
    for turns in threads.values():
        if len(turns) < 2 or not requests.text(turns[0]) or not requests.text(turns[-1]):
            unknown += 1
            continue
        for has, since, what in (
            (requests.has_task, turns, "the task's words"),
            (requests.has_picture, turns[1:], "any picture of the screen"),
        ):
            if has(since[0]) and not has(since[-1]):
                yield _told(examined, _first_without(since, has), what)
    if unknown:
        yield Abstained("no requests were recorded, or only one")


class _Requests:
    """The requests of a run, each read where it is first asked for."""

    def __init__(self, examined: ExaminedRun) -> None:
        self._examined = examined
        self._texts: dict[int, str] = {}
        self._task = _letters(json.dumps(examined.run.task, ensure_ascii=False))[:_MOST]

    def text(self, turn: Turn) -> str:
        """Return a request as JSON; "" where none was recorded."""
        if turn.id not in self._texts:
            found = self._examined.request(turn)
            self._texts[turn.id] = "" if found is None else json.dumps(found, ensure_ascii=False)
        return self._texts[turn.id]

    def has_task(self, turn: Turn) -> bool:
        """Tell whether the task stands in a request; never of a task that is too short to be looked for."""
        return len(self._task) >= _FEWEST and self._task in _letters(self.text(turn))

    def has_picture(self, turn: Turn) -> bool:
        """Tell whether a request has a picture."""
        return _PICTURE in self.text(turn)


def _first_without(turns: Sequence[Turn], has: Callable[[Turn], bool]) -> Turn:
    """Return the first turn whose request misses something that the first has and the last has not."""
    low, high = 0, len(turns) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if has(turns[middle]) else (low, middle)
    return turns[high]


def _told(examined: ExaminedRun, turn: Turn, what: str) -> Noticed:
    step = next((step for step in examined.steps if step.turn is not None and step.turn >= turn.number), None)
    return Noticed(
        "context_lost",
        f"From reply {turn.number} on, the model's request no longer had {what}, which earlier ones had.",
        step=None if step is None else step.index,
        confidence=_CONFIDENCE,
    )


def _letters(document: str) -> str:
    """Return the letters and digits of a JSON text, lower case: how it is broken into lines is nothing lost."""
    return "".join(filter(str.isalnum, document.replace("\\n", " ").replace("\\t", " ").lower()))
