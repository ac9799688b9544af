"""
How two requests to a model differ: every place, how much it matters, and what it belongs to.

This is the one comparer of requests: a tape lists what it finds (`grade_request`), and `requests.py` reads from it
whose doing a difference is. Nothing is left out in silence: what was taken for volatile is in the list as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from footage.analysis.phrases import against
from footage.analysis.requests.volatile_text import scrubbed, scrubbed_task
from footage.trajectory import JSON, Cause

if TYPE_CHECKING:
    from footage.analysis.screens.comparison_of_screens import ScreenDifference

    ComparePictures = Callable[[JSON, JSON], ScreenDifference]

__all__ = [
    "FORGIVEN",
    "Grade",
    "Part",
    "RequestChange",
    "RequestWalker",
    "grade_of",
    "grade_request",
    "named",
    "scrubbed",
]


class Grade(StrEnum):
    """How much two requests differ."""

    IDENTICAL = "identical"
    VOLATILE = "volatile"
    """Only in what is another each time: ids, cache marks, signatures, metadata, dates and folders in texts."""
    FRAME = "frame"
    """A picture shows something else; see `RequestChange.counts`."""
    TEXT = "text"
    STRUCTURE = "structure"
    """Tools, parameters, kinds, order or number of messages and blocks."""


class Part(StrEnum):
    """What a place of a request belongs to."""

    PARAMETERS = "parameters"
    PROMPT = "prompt"
    """The system prompt, and what a user said."""
    TOOLS = "tools"
    SCALING = "scaling"
    """The size that the model is told the screen has, and that of the pictures it is shown."""
    REPLY = "reply"
    """What the model said before."""
    RESULT = "result"
    """What a tool answered."""
    PICTURE = "picture"
    HISTORY = "history"
    """Which messages and pictures are in it at all."""


FORGIVEN = "dates, times or ids"
"""How `RequestChange.why` begins where two texts differ only in what is another each time."""

_ORDER = list(Grade)
_VOLATILE_KEYS = frozenset({"cache_control", "metadata", "stream", "service_tier", "caller", "container"})
_SIGNED = frozenset({"signature", "thought_signature", "encrypted_content", "encrypted_index"})
_ID_KEYS = frozenset({"id", "tool_use_id", "previous_message_id"})
_WORDS = frozenset({"system", "messages"})
"""Top-level fields whose strings are texts for the model."""
_NAMES = frozenset({"type", "role", "name", "media_type", "toolset_name"})
"""Fields whose strings are no texts."""
_DESCRIPTIONS = frozenset({"description", "title"})
_SIZES = frozenset({"display_width_px", "display_height_px", "enable_zoom"})
_OF_THE_WORLD = frozenset({Part.RESULT, Part.PICTURE})


@dataclass(frozen=True, slots=True)
class RequestChange:
    """One place where a request is not the recorded one."""

    path: str
    """JSON path: `system`, `tools[0].description`, `messages[4].content[1].text`."""
    grade: Grade
    why: str
    """A phrase for people: what was recorded against what came."""
    part: Part
    material: bool = True
    """False for a picture that differs in nothing that matters (a caret, a clock, re-encoding)."""

    @property
    def cause(self) -> Cause:
        """Whose doing it is where the replies are given: the world's in pictures and results, else the harness's."""
        return Cause.ENVIRONMENT if self.part in _OF_THE_WORLD else Cause.HARNESS

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
    walker = RequestWalker(compare_pictures)
    keys = dict.fromkeys(["model", *(k for k in [*recorded, *given] if k not in _WORDS), "system", "messages"])
    return tuple(change for key in keys for change in walker.field(recorded, given, key))


def grade_of(changes: tuple[RequestChange, ...]) -> Grade:
    """Return the worst grade among changes."""
    return max((change.grade for change in changes), key=_ORDER.index, default=Grade.IDENTICAL)


class RequestWalker:
    """Walks two requests side by side."""

    def __init__(self, pictures: ComparePictures | None) -> None:
        self._pictures = pictures
        self._renamed: dict[str, str] = {}
        """Ids that stand for each other: the harness may give its own."""

    def field(self, a: JSON, b: JSON, key: str) -> Iterator[RequestChange]:
        """Compare a top-level field of two requests."""
        part = {"tools": Part.TOOLS}.get(key, Part.PROMPT if key in _WORDS else Part.PARAMETERS)
        yield from self.walk(a.get(key), b.get(key), key, key, part)

    def walk(self, a: Any, b: Any, path: str, key: str, part: Part) -> Iterator[RequestChange]:
        """Compare two values at a place."""
        if a == b and type(a) is type(b):
            return
        if key in _VOLATILE_KEYS or (key in _SIGNED and path.startswith("messages")):
            yield RequestChange(path, Grade.VOLATILE, against(named(a), named(b)), part)
        elif _is_list_of_texts(a, b):
            yield from self._as_blocks(a, b, path, key, part)
        elif isinstance(a, dict) and isinstance(b, dict):
            yield from self._objects(a, b, path, part)
        elif isinstance(a, list) and isinstance(b, list):
            yield from self._lists(a, b, path, key, part)
        else:
            yield self._leaf(a, b, path, key, part)

    def _objects(self, a: JSON, b: JSON, path: str, part: Part) -> Iterator[RequestChange]:
        if a.get("type") != b.get("type") or a.get("role") != b.get("role"):
            field = "type" if a.get("type") != b.get("type") else "role"
            if field == "role" or "image" in {a.get("type"), b.get("type")}:
                part = Part.HISTORY
            yield RequestChange(f"{path}.{field}", Grade.STRUCTURE, against(named(a), named(b)), part)
            return
        kind = str(a.get("type", ""))
        if kind == "image" and isinstance(a.get("source"), dict) and isinstance(b.get("source"), dict):
            yield from self._images(a["source"], b["source"], f"{path}.source")
            a, b = ({k: v for k, v in side.items() if k != "source"} for side in (a, b))
        if a.get("role") == "assistant":
            part = Part.REPLY
        elif kind.endswith("tool_result"):
            part = Part.RESULT
        for key in dict.fromkeys([*a, *b]):
            inside = Part.SCALING if part is Part.TOOLS and key in _SIZES else part
            at = f"{path}.{key}"
            if kind == "redacted_thinking" and key == "data" and a.get(key) != b.get(key):
                yield RequestChange(at, Grade.VOLATILE, "sealed by the provider", part)
            else:
                yield from self.walk(a.get(key), b.get(key), at, key, inside)

    def _lists(self, a: list[Any], b: list[Any], path: str, key: str, part: Part) -> Iterator[RequestChange]:
        for index, (one, two) in enumerate(zip(a, b, strict=False)):
            yield from self.walk(one, two, f"{path}[{index}]", key, part)
        if len(a) != len(b):
            longer = (a if len(a) > len(b) else b)[min(len(a), len(b))]
            if path == "messages" or (isinstance(longer, dict) and longer.get("type") == "image"):
                part = Part.HISTORY
            why = f"{len(a)} against {len(b)}; only one has {named(longer)}"
            yield RequestChange(f"{path}[{min(len(a), len(b))}]", Grade.STRUCTURE, why, part)

    def _as_blocks(self, a: Any, b: Any, path: str, key: str, part: Part) -> Iterator[RequestChange]:
        """Compare a text with a list of blocks: the interface takes both for the same."""
        one, two = ([{"type": "text", "text": side}] if isinstance(side, str) else side for side in (a, b))
        changes = list(self.walk(one, two, path, key, part))
        why = "the same text, once as text and once as blocks"
        yield from changes or [RequestChange(path, Grade.VOLATILE, why, part)]

    def _leaf(self, a: Any, b: Any, path: str, key: str, part: Part) -> RequestChange:
        why = against(a if isinstance(a, str) else named(a), b if isinstance(b, str) else named(b))
        if not (isinstance(a, str) and isinstance(b, str)):
            return RequestChange(path, Grade.STRUCTURE, why, part)
        top = path.partition(".")[0].partition("[")[0]
        if key in _ID_KEYS and top == "messages" and self._renamed.setdefault(a, b) == b:
            return RequestChange(path, Grade.VOLATILE, why, part)
        is_text = key not in _NAMES and (top in _WORDS or key in _DESCRIPTIONS)
        told = scrubbed_task if part is Part.PROMPT and top == "messages" else scrubbed
        if is_text and told(a) == told(b):
            return RequestChange(path, Grade.VOLATILE, f"{FORGIVEN}: {why}", part)
        return RequestChange(path, Grade.TEXT if is_text and top in _WORDS else Grade.STRUCTURE, why, part)

    def _images(self, a: JSON, b: JSON, path: str) -> Iterator[RequestChange]:
        if a == b or (a.get("sha256") is not None and a.get("sha256") == b.get("sha256")):
            return
        if self._pictures is None:
            yield RequestChange(path, Grade.FRAME, "another picture", Part.PICTURE)
            return
        found = self._pictures(a, b)
        if found.kind == "identical":
            why = "the same pixels, encoded in another way"
            yield RequestChange(path, Grade.VOLATILE, why, Part.PICTURE)
        elif found.resized:
            yield RequestChange(path, Grade.FRAME, found.why, Part.SCALING)  # the harness scales in another way
        else:
            yield RequestChange(path, Grade.FRAME, found.why, Part.PICTURE, material=bool(found.is_material))


def _is_list_of_texts(a: Any, b: Any) -> bool:
    """Tell whether one is a text and the other a list of blocks."""
    return (isinstance(a, str) and isinstance(b, list)) or (isinstance(a, list) and isinstance(b, str))


def named(value: Any) -> Any:
    """Return a short stand-in for an object; other values as they are."""
    if isinstance(value, dict):
        return " ".join(str(value[key]) for key in ("role", "type", "name") if value.get(key)) or "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "nothing" if value is None else value
