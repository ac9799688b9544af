"""
Whose doing the difference of two requests is, of two runs that each went their own way.

Where two requests part is told by `grading.py`, for tapes as well. Here the messages of both are paired first: a reply
that only looks (a wait, a screenshot) may stand in one run alone, and what follows a reply that only one model gave
answers to it. Then a picture that only one request holds is the harness's doing only if no one rule, such as "the last
three", explains what both hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footage.analysis.phrases import against
from footage.analysis.requests.grading import FORGIVEN, Grade, Part, RequestChange, RequestWalker, named
from footage.trajectory import JSON, Cause

if TYPE_CHECKING:
    from footage.analysis.screens.comparison_of_screens import ScreenDifference

    ComparePictures = Callable[[JSON, JSON], ScreenDifference]

_CAUSES = {Part.REPLY: Cause.MODEL, Part.RESULT: Cause.ENVIRONMENT, Part.PICTURE: Cause.ENVIRONMENT}
_LOOKS = frozenset({"wait", "screenshot", "zoom", "cursor_position"})


@dataclass(frozen=True, slots=True)
class RequestDifference:
    """The first difference of two requests that counts."""

    path: str
    """`system`, `tools[0].description`, `messages[4].content[1].text`."""
    kind: str
    """Harness: `prompt`, `tools`, `parameters`, `scaling`, `history`; model: `reply`; world: `result`, `picture`."""
    why: str
    """A phrase for people: both values from where they part."""

    @property
    def cause(self) -> Cause:
        """Whose doing it is."""
        return _CAUSES.get(Part(self.kind), Cause.HARNESS)


def compare_requests(a: JSON, b: JSON, compare_pictures: ComparePictures | None = None) -> RequestDifference | None:
    """
    Return the first difference that is the harness's, else the first of any cause, else None.

    `a` and `b` are bodies of the Messages API as `Store.request` returns them; the model's name is not compared.
    `compare_pictures` compares two image sources that are not byte for byte the same picture; without it they differ.
    """
    found = [
        RequestDifference(change.path, change.part.value, change.why)
        for change in _changes(a, b, compare_pictures)
        if change.counts
    ]
    by_harness = (difference for difference in found if difference.cause is Cause.HARNESS)
    return next(by_harness, found[0] if found else None)


def differ_in_the_moment(a: JSON, b: JSON) -> bool:
    """Tell whether texts of two requests differ in dates, times, ids and the like, which are forgiven."""
    return any(change.why.startswith(FORGIVEN) for change in _changes(a, b, None))


def changed_field(a: JSON, b: JSON, key: str) -> RequestChange | None:
    """Return the first difference that counts in a top-level field of two requests, such as `system`."""
    return next((change for change in RequestWalker(None).field(a, b, key) if change.counts), None)


def _changes(a: JSON, b: JSON, pictures: ComparePictures | None) -> Iterator[RequestChange]:
    walker = RequestWalker(pictures)
    for key in dict.fromkeys(["system", "tools", *sorted((a.keys() | b.keys()) - {"model", "messages"})]):
        yield from walker.field(a, b, key)
    one, two = _rounds(a.get("messages")), _rounds(b.get("messages"))
    if bool(one[0].asked) != bool(two[0].asked):
        shown = [r.asked[0].get("role") if r.asked else "nothing" for r in (one[0], two[0])]
        yield RequestChange("messages[0]", Grade.STRUCTURE, f"{against(*shown)} from a user first", Part.HISTORY)
        return
    kept = _Kept(one, two)
    yield from _compare_asked(walker, one[0], two[0], kept)
    pairs, lone = _paired(one[1:], two[1:])
    for x, y in pairs:
        yield from walker.walk(x.reply, y.reply, f"messages[{x.start}]", "messages", Part.REPLY)
        yield from _compare_asked(walker, x, y, kept)
    if lone is not None:
        yield RequestChange(f"messages[{lone.start}]", Grade.STRUCTURE, "a reply that only one run has", Part.REPLY)


# --- rounds: a reply, and what was said to it -----------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Round:
    """One reply of the model, and the messages until the next; the first round has no reply."""

    start: int
    """Index of its first message."""
    reply: JSON | None
    asked: Sequence[JSON]
    """Messages that are not the model's, their contents as lists of blocks."""

    @property
    def shape(self) -> str:
        """What the model did: the names of its calls and, of computer actions, what they do."""
        calls = [block for block in _objects(self.reply and self.reply.get("content")) if _is_call(block)]
        return json.dumps([[call.get("name"), _doing(call)] for call in calls])

    @property
    def only_looks(self) -> bool:
        """Whether all its calls only look."""
        calls = [block for block in _objects(self.reply and self.reply.get("content")) if _is_call(block)]
        return bool(calls) and all(_doing(call) in _LOOKS or call.get("name") in _LOOKS for call in calls)

    @property
    def pictures(self) -> int:
        """How many pictures answer it."""
        return sum(block.get("type") == "image" for message in self.asked for block in _flat(message))


def _rounds(messages: Any) -> list[_Round]:
    """Return the rounds of a request's messages; an imported request may be anything."""
    rounds: list[_Round] = [_Round(0, None, [])]
    for index, message in enumerate(_objects(messages)):
        plain = _plain(message)
        if message.get("role") == "assistant":
            rounds.append(_Round(index, plain, []))
        else:
            last = rounds[-1]
            rounds[-1] = _Round(last.start, last.reply, [*last.asked, plain])
    return rounds


def _plain(message: JSON) -> JSON:
    """Return a message whose content, and that of the results in it, are lists of blocks."""
    plain = {**message, "content": _blocks(message.get("content"))}
    plain["content"] = [
        {**block, "content": _blocks(block.get("content"))} if str(block.get("type")).endswith("tool_result") else block
        for block in plain["content"]
    ]
    return plain


def _blocks(content: Any) -> list[JSON]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else _objects(content)


def _flat(message: JSON) -> Iterator[JSON]:
    for block in _objects(message.get("content")):
        yield block
        if str(block.get("type")).endswith("tool_result"):
            yield from _objects(block.get("content"))


def _objects(value: Any) -> list[JSON]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_call(block: JSON) -> bool:
    return "tool_use" in str(block.get("type"))


def _doing(call: JSON) -> str:
    given = call.get("input")
    return str(given.get("action", "")) if isinstance(given, dict) else ""


def _paired(a: Sequence[_Round], b: Sequence[_Round]) -> tuple[list[tuple[_Round, _Round]], _Round | None]:
    """
    Return the rounds that stand for each other, and the first acting one that stands alone.

    What follows a reply that only one model gave is paired no more; where older replies were left out of one request,
    the others are its last ones.
    """
    shapes = [r.shape for r in a], [r.shape for r in b]
    if shapes[0][:1] != shapes[1][:1] and len(a) != len(b):
        fewer = min(len(a), len(b))
        if fewer and shapes[0][-fewer:] == shapes[1][-fewer:]:
            return list(zip(a[-fewer:], b[-fewer:], strict=True)), None
    pairs: list[tuple[_Round, _Round]] = []
    i = j = 0
    while i < len(a) or j < len(b):
        one, two = a[i] if i < len(a) else None, b[j] if j < len(b) else None
        if one is not None and two is not None and shapes[0][i] == shapes[1][j]:
            pairs.append((one, two))
            i, j = i + 1, j + 1
        elif one is not None and one.only_looks:
            i += 1
        elif two is not None and two.only_looks:
            j += 1
        else:
            return pairs, min((r for r in (one, two) if r is not None), key=lambda r: r.start)
    return pairs, None


# --- what was said to a reply ---------------------------------------------------------------------


def _compare_asked(walker: RequestWalker, x: _Round, y: _Round, kept: _Kept) -> Iterator[RequestChange]:
    """Compare what was said to two replies."""
    first = x.start + (x.reply is not None)
    for index, (one, two) in enumerate(zip(x.asked, y.asked, strict=False)):
        path = f"messages[{first + index}]"
        shown = [sum(block.get("type") == "image" for block in _flat(message)) for message in (one, two)]
        if shown[0] == shown[1]:
            yield from walker.walk(one, two, path, "messages", Part.PROMPT)
        elif (part := kept.whose(x, y)) is not None:
            why = f"{shown[0]} pictures against {shown[1]}"
            yield RequestChange(_where(one, two, f"{path}.content"), Grade.STRUCTURE, why, part)
    if len(x.asked) != len(y.asked):
        longer = x.asked if len(x.asked) > len(y.asked) else y.asked
        at = min(len(x.asked), len(y.asked))
        why = f"{len(x.asked)} messages against {len(y.asked)}; only one has {named(longer[at])}"
        yield RequestChange(f"messages[{first + at}]", Grade.STRUCTURE, why, Part.PROMPT)


class _Kept:
    """Which pictures two requests still hold, of all that their harnesses once sent."""

    def __init__(self, a: Sequence[_Round], b: Sequence[_Round]) -> None:
        self._sides = (a, b)

    def whose(self, x: _Round, y: _Round) -> Part | None:
        """
        Return what it belongs to that only one of two rounds has a picture; None where one rule explains both.

        The rule is "the last so many pictures". Harnesses that leave out several at a time hold up to twice as many
        just before, so that two requests of unequal length may hold that much more and less.
        """
        has, lacks = (0, 1) if x.pictures else (1, 0)
        after = [side[side.index(r) :] for side, r in zip(self._sides, (x, y), strict=True)]
        rank = sum(r.pictures for r in after[has])
        later = sum(r.pictures for r in after[lacks])
        older = sum(r.pictures for r in self._sides[lacks][1:]) - later
        if older > 0:
            return Part.RESULT  # no harness leaves out a newer one: there was none
        unequal = len(self._sides[0]) != len(self._sides[1])
        return None if rank <= later or (unequal and rank < 2 * later) else Part.HISTORY


def _where(one: JSON, two: JSON, path: str) -> str:
    """Return the path of the first block that is a picture in one message only."""
    a, b = one["content"], two["content"]
    for index in range(max(len(a), len(b))):
        x, y = (side[index] if index < len(side) else {} for side in (a, b))
        if x.get("type") != y.get("type"):
            return f"{path}[{index}]"
        if str(x.get("type")).endswith("tool_result") and [e.get("type") for e in x["content"]] != [
            e.get("type") for e in y["content"]
        ]:
            return _where(x, y, f"{path}[{index}].content")
    return path


def first_words(request: JSON) -> str:
    """Return what a user said first in a request: the texts of the messages before the first reply."""
    said = [block.get("text") for message in _rounds(request.get("messages"))[0].asked for block in message["content"]]
    return "\n".join(text for text in said if isinstance(text, str))
