"""
How a request differs from a recorded one, graded.

Where `requests.py` asks whose doing the first difference is, this lists every place where two requests part, and how
much each matters: what nobody means (ids, cache marks, dates), a picture, a text, or the structure (tools, parameters,
order and number of messages). Nothing is left out in silence: what was taken for volatile is in the list as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from footage.analysis.wording import against
from footage.trajectory import JSON, Cause

if TYPE_CHECKING:
    from footage.analysis.screens import ScreenDifference

    ComparePictures = Callable[[JSON, JSON], ScreenDifference]

__all__ = ["Grade", "RequestChange", "grade_of", "grade_request", "scrubbed"]


class Grade(StrEnum):
    """How much two requests differ."""

    IDENTICAL = "identical"
    VOLATILE = "volatile"
    """Only in what is another each time: ids, cache marks, metadata, dates and durations in texts."""
    FRAME = "frame"
    """A picture shows something else; see `RequestChange.counts`."""
    TEXT = "text"
    STRUCTURE = "structure"
    """Tools, parameters, kinds, order or number of messages and blocks."""


_ORDER = list(Grade)
_VOLATILE_KEYS = frozenset({"cache_control", "metadata", "stream", "service_tier", "caller"})
_ID_KEYS = frozenset({"id", "tool_use_id", "previous_message_id", "container"})
_WORDS = frozenset({"system", "messages"})
"""Top-level fields whose strings are texts for the model."""
_NAMES = frozenset({"type", "role", "name", "media_type", "toolset_name"})
"""Fields there whose strings are no texts."""

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?"
_SCRUBBED = (
    ("id", r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    ("date", r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"),
    ("date", rf"(?:\b{_DAY}\s+)?\b(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}\.?\s+{_MONTH})(?:,?\s+\d{{4}})?\b"),
    ("date", rf"\b{_DAY}(?=\s+<date>)\s+"),
    ("time", r"\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?(?:\s?[AaPp]\.?[Mm]\.?)?"),
    ("duration", r"\b\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|s|sec|seconds)\b"),
    ("folder", r"/(?:tmp|var/tmp|var/folders|dev/shm)/[^\s\"'<>:,;)]+"),
    ("number", r"\b(?:pid|PID)[ =:]\s?\d+"),
    ("instant", r"\b1[5-9]\d{8}(?:\d{3}(?:\d{3})?)?\b"),
    ("id", r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{16,}\b"),
)
_PATTERNS = [(f"<{name}>", re.compile(pattern)) for name, pattern in _SCRUBBED]


@dataclass(frozen=True, slots=True)
class RequestChange:
    """One place where a request is not the recorded one."""

    path: str
    """JSON path: `system`, `tools[0].description`, `messages[4].content[1].text`."""
    grade: Grade
    why: str
    """A phrase for people: what was recorded against what came."""
    material: bool = True
    """False for a picture that differs in nothing that matters (a caret, a clock, re-encoding)."""
    cause: Cause = Cause.HARNESS
    """Whose doing it is: the world's in pictures and in what tools answered, else the harness's."""

    @property
    def counts(self) -> bool:
        """Whether it may have led a model to another reply."""
        return self.material and self.grade not in {Grade.IDENTICAL, Grade.VOLATILE}

    def as_json(self) -> JSON:
        """Return {"path", "grade", "material", "cause", "why"}."""
        return {
            "path": self.path,
            "grade": self.grade,
            "material": self.material,
            "cause": self.cause,
            "why": self.why,
        }


def grade_request(
    recorded: JSON, given: JSON, compare_pictures: ComparePictures | None = None
) -> tuple[RequestChange, ...]:
    """
    Return every place where a request differs from a recorded one, in the order of the document.

    Both are bodies of the Messages API. `compare_pictures` compares two image sources that are not byte for byte the
    same; without it they differ. Of lists of unequal length, what they share is compared, and the first index that
    only one has is named.
    """
    keys = dict.fromkeys(["model", *(k for k in [*recorded, *given] if k not in _WORDS), "system", "messages"])
    walker = _Walker(compare_pictures)
    return tuple(
        change for key in keys for change in walker.walk(recorded.get(key), given.get(key), key, key, in_result=False)
    )


def grade_of(changes: tuple[RequestChange, ...]) -> Grade:
    """Return the worst grade among changes."""
    return max((change.grade for change in changes), key=_ORDER.index, default=Grade.IDENTICAL)


def scrubbed(text: str) -> str:
    """
    Return a text with dates, times, durations, ids and temporary folders replaced by their kinds.

    >>> scrubbed("Today is Sunday, November 22, 2026; took 1.3 s")
    'Today is <date>; took <duration>'
    """
    for kind, pattern in _PATTERNS:
        text = pattern.sub(kind, text)
    return text


class _Walker:
    """Walks two requests side by side."""

    def __init__(self, pictures: ComparePictures | None) -> None:
        self._pictures = pictures
        self._renamed: dict[str, str] = {}
        """Ids that stand for each other: the harness may give its own."""

    def walk(self, a: Any, b: Any, path: str, key: str, *, in_result: bool) -> Iterator[RequestChange]:
        if a == b and type(a) is type(b):
            return
        if key in _VOLATILE_KEYS:
            yield RequestChange(path, Grade.VOLATILE, against(_named(a), _named(b)))
        elif _is_list_of_texts(a, b):
            yield from self._as_blocks(a, b, path, key, in_result=in_result)
        elif isinstance(a, dict) and isinstance(b, dict):
            yield from self._objects(a, b, path, in_result=in_result)
        elif isinstance(a, list) and isinstance(b, list):
            yield from self._lists(a, b, path, key, in_result=in_result)
        else:
            yield self._leaf(a, b, path, key, in_result=in_result)

    def _objects(self, a: JSON, b: JSON, path: str, *, in_result: bool) -> Iterator[RequestChange]:
        if a.get("type") != b.get("type") or a.get("role") != b.get("role"):
            field = "type" if a.get("type") != b.get("type") else "role"
            yield RequestChange(f"{path}.{field}", Grade.STRUCTURE, against(_named(a), _named(b)))
            return
        if a.get("type") == "image" and isinstance(a.get("source"), dict) and isinstance(b.get("source"), dict):
            yield from self._images(a["source"], b["source"], f"{path}.source")
            a, b = ({k: v for k, v in side.items() if k != "source"} for side in (a, b))
        inside = in_result or str(a.get("type", "")).endswith("tool_result")
        for key in dict.fromkeys([*a, *b]):
            yield from self.walk(a.get(key), b.get(key), f"{path}.{key}", key, in_result=inside)

    def _lists(self, a: list[Any], b: list[Any], path: str, key: str, *, in_result: bool) -> Iterator[RequestChange]:
        for index, (one, two) in enumerate(zip(a, b, strict=False)):
            yield from self.walk(one, two, f"{path}[{index}]", key, in_result=in_result)
        if len(a) != len(b):
            longer = (a if len(a) > len(b) else b)[min(len(a), len(b))]
            why = f"{len(a)} against {len(b)}; only one has {_named(longer)}"
            yield RequestChange(f"{path}[{min(len(a), len(b))}]", Grade.STRUCTURE, why)

    def _as_blocks(self, a: Any, b: Any, path: str, key: str, *, in_result: bool) -> Iterator[RequestChange]:
        """Compare a text with a list of blocks: the interface takes both for the same."""
        one, two = ([{"type": "text", "text": side}] if isinstance(side, str) else side for side in (a, b))
        changes = list(self.walk(one, two, path, key, in_result=in_result))
        yield from changes or [RequestChange(path, Grade.VOLATILE, "the same text, once as text and once as blocks")]

    def _leaf(self, a: Any, b: Any, path: str, key: str, *, in_result: bool) -> RequestChange:
        why = against(a if isinstance(a, str) else _named(a), b if isinstance(b, str) else _named(b))
        if isinstance(a, str) and isinstance(b, str):
            if key in _ID_KEYS and path.startswith("messages") and self._renamed.setdefault(a, b) == b:
                return RequestChange(path, Grade.VOLATILE, why)
            is_text = re.split(r"[.\[]", path)[0] in _WORDS and key not in _NAMES
            if is_text and scrubbed(a) == scrubbed(b):
                return RequestChange(path, Grade.VOLATILE, f"dates, times or ids: {why}")
            cause = Cause.ENVIRONMENT if in_result else Cause.HARNESS
            return RequestChange(path, Grade.TEXT if is_text else Grade.STRUCTURE, why, cause=cause)
        return RequestChange(path, Grade.STRUCTURE, why, cause=Cause.ENVIRONMENT if in_result else Cause.HARNESS)

    def _images(self, a: JSON, b: JSON, path: str) -> Iterator[RequestChange]:
        if a == b or (a.get("sha256") is not None and a.get("sha256") == b.get("sha256")):
            return
        if self._pictures is None:
            yield RequestChange(path, Grade.FRAME, "another picture", cause=Cause.ENVIRONMENT)
            return
        found = self._pictures(a, b)
        if found.kind == "identical":
            yield RequestChange(path, Grade.VOLATILE, "the same pixels, encoded in another way")
        elif found.resized:
            yield RequestChange(path, Grade.FRAME, found.why)  # the harness scales in another way
        else:
            material = bool(found.is_material)
            yield RequestChange(path, Grade.FRAME, found.why, material=material, cause=Cause.ENVIRONMENT)


def _is_list_of_texts(a: Any, b: Any) -> bool:
    """Tell whether one is a text and the other a list of blocks."""
    return (isinstance(a, str) and isinstance(b, list)) or (isinstance(a, list) and isinstance(b, str))


def _named(value: Any) -> Any:
    """Return a short stand-in for an object; other values as they are."""
    if isinstance(value, dict):
        return " ".join(str(value[key]) for key in ("role", "type", "name") if value.get(key)) or "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "nothing" if value is None else value
