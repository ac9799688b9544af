"""
Which conversation a request belongs to.

One run may hold several: the agent's own, subagents, one-off questions such as a title. A request belongs to the
conversation whose reply it names (message threads), else whose tool calls it answers, else whose messages it repeats
from the first on. Pruned pictures, moved cache marks and compaction do not break it. Agents that keep no replies tell
their history anew in each request: it belongs to the last one of the same model, system prompt, tools and task.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any

from footage.providers.common_form import content_of, objects, tool_results
from footage.providers.contract import Provider
from footage.providers.tasks import task_of_messages
from footage.recorder.screen.shown import Showing
from footage.storage.requests.pictures_in_messages import is_as_stored
from footage.trajectory import JSON, Space

__all__ = ["Conversations", "Left", "Talk", "full_print", "label_of", "text_print"]

_LABEL_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Left:
    """The last exchange of a conversation, as a recorder that ended left it."""

    request: JSON
    """As it is stored."""
    turn: int
    attempts: int
    """The number of the last one."""
    failed: bool
    """Whether that did not bring the reply to the agent."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A request without replies in it: what it asks, and of whom."""

    asked_of: tuple[str, int, int]
    """The model, and fingerprints of the system prompt and of the tools."""
    task: str
    words: str

    def goes_on(self, earlier: Telling) -> bool:
        """Tell whether it tells the history of an earlier one anew: of the same task, or in words that grew."""
        same_task = bool(self.task) and self.task == earlier.task
        grew = bool(earlier.words) and self.words.startswith(earlier.words)
        return self.asked_of == earlier.asked_of and (same_task or grew)


@dataclass(slots=True, eq=False)
class Talk:
    """One conversation, as far as this process knows."""

    number: int | None
    """None where it is not stored (yet)."""
    label: str = ""
    prints: list[int] = field(default_factory=list)
    """Of the last request's messages, pictures aside."""
    request: int = 0
    """Fingerprint of the last request, pictures included."""
    turn: int | None = None
    attempts: int = 0
    """Of the last turn."""
    outcome: str = ""
    """Of the last attempt: "" (still running), `failed` or `done`."""
    asked: JSON = field(default_factory=dict)
    """What its last request with tools says of them: `model`, `system` and `tools`."""
    declared: tuple[int, int] | None = None
    """Screen size that the computer tool was declared with."""
    image: tuple[int, int] | None = None
    """Size of the last picture the model was sent."""
    left: Left | None = None
    """Of an earlier recorder, until a request is seen."""
    telling: Telling | None = None
    """Of the last request, where it tells all of its history itself."""
    calls: list[str] = field(default_factory=list)
    """Ids of the calls of the last reply, in their order."""
    showing: Showing = field(default_factory=Showing)
    """The screens that its requests show outside of results."""

    def with_calls_named(self, messages: list[JSON]) -> list[JSON]:
        """Return the messages with the calls of the last reply named in the newest results that name none."""
        if not any(block.get("tool_use_id") == "" for block in tool_results(messages[-1:])):
            return messages
        calls = iter(self.calls)
        named = [
            {**block, "tool_use_id": next(calls, "")} if block.get("tool_use_id") == "" else block
            for block in content_of(messages[-1])
        ]
        return [*messages[:-1], {**messages[-1], "content": named}]

    def asks_again(self, body: JSON, fingerprint: int, *, retry: bool) -> bool:
        """
        Tell whether a request is another attempt at the last one, whose reply did not reach the agent.

        `retry`: the agent says so. What an earlier recorder left is compared once, and let go.
        """
        left, self.left = self.left, None
        if left is None or not (left.failed or retry) or not is_as_stored(left.request, body):
            return self.outcome == "failed" and self.request == fingerprint
        self.turn, self.attempts = left.turn, left.attempts
        return True

    def learn(self, body: JSON, zooms: Container[str], size_of: Callable[[JSON], tuple[int, int] | None]) -> None:
        """
        Take note of the tools and of the newest picture of the whole screen.

        `zooms` are calls that show a part; `size_of` returns an image block's (width, height).
        """
        self.telling = telling_of(body)
        tools = objects(body.get("tools"))
        if tools or not self.asked:
            self.asked = {key: body[key] for key in ("model", "system", "tools") if key in body}
            self.declared = None
        for tool in tools:
            width, height = tool.get("display_width_px"), tool.get("display_height_px")
            if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
                self.declared = (width, height)
        for message in reversed(objects(body.get("messages"))):
            size = next((size for block in _images(content_of(message), zooms) if (size := size_of(block))), None)
            if size:
                self.image = size
                return

    def space(self, screen: tuple[int, int] | None, provider: Provider) -> Space | None:
        """
        Return the space of coordinates in this conversation; None where they are screen pixels, or nothing is known.

        `screen` is the real screen's size. Without one, the picture the model saw stands for the screen.
        """
        real = screen or self.image or self.declared
        seen = provider.units(self.asked, self.image or real) or self.declared or self.image
        return Space(*seen, *real) if seen and real and seen != real else None


class Conversations:
    """The conversations of one run."""

    def __init__(self) -> None:
        self._talks: list[Talk] = []
        self._by_call: dict[str, Talk] = {}
        self._by_response: dict[str, Talk] = {}
        self.zooms: set[str] = set()
        """Ids of the calls whose pictures show a part of the screen only."""

    def find(self, body: JSON, fingerprint: int) -> Talk | None:
        """Return the conversation a request, of this `full_print`, belongs to; None if it begins a new one."""
        thread = body.get("thread")
        previous = str(thread.get("previous_message_id")) if isinstance(thread, dict) else ""
        if previous in self._by_response:
            return self._by_response[previous]
        messages = objects(body.get("messages"))
        for block in tool_results(messages[-1:]):
            asked = self._by_call.get(str(block.get("tool_use_id")))
            if asked is not None:
                return asked
        known = self._by_prefix([text_print(message) for message in messages])
        return known or self._by_unnamed_results(messages) or self._by_telling(body, fingerprint)

    def _by_unnamed_results(self, messages: list[JSON]) -> Talk | None:
        """Return the last one whose last reply called as often as the newest message answers, naming no calls."""
        unnamed = sum(block.get("tool_use_id") == "" for block in tool_results(messages[-1:]))
        return next((talk for talk in reversed(self._talks) if unnamed and len(talk.calls) == unnamed), None)

    def _by_telling(self, body: JSON, fingerprint: int) -> Talk | None:
        """Return the one, answered by now, whose history a request without replies tells anew; not the same again."""
        telling = telling_of(body)
        if telling is None:
            return None
        for talk in reversed(self._talks):
            if talk.outcome and talk.telling is not None and telling.goes_on(talk.telling):
                return None if talk.request == fingerprint else talk
        return None

    def _by_prefix(self, prints: list[int]) -> Talk | None:
        """Return the one whose last request is the longest beginning of this, or is this and failed (a retry)."""
        best: Talk | None = None
        for talk in self._talks:
            known = len(talk.prints)
            fits = 0 < known <= len(prints) and prints[:known] == talk.prints
            again = known == len(prints) and talk.outcome != "failed"
            if fits and not again and (best is None or known > len(best.prints)):
                best = talk
        return best

    def retried(self, fingerprint: int) -> None:
        """Take note that somebody asks this very request once more, since the last reply did not reach him."""
        for talk in reversed(self._talks):
            if talk.request == fingerprint:
                talk.outcome = "failed"
                return

    def begin(self, number: int | None) -> Talk:
        """Add a conversation."""
        talk = Talk(number)
        self._talks.append(talk)
        return talk

    def numbered(self, number: int) -> Talk | None:
        """Return the conversation that is stored under this number."""
        return next((talk for talk in self._talks if talk.number == number), None)

    def __len__(self) -> int:
        return len(self._talks)

    def asked(self, talk: Talk, call_id: str, *, zoom: bool = False) -> None:
        """Remember that a tool call was made in a conversation."""
        self._by_call[call_id] = talk
        talk.calls.append(call_id)
        if zoom:
            self.zooms.add(call_id)

    def replied(self, talk: Talk, response_id: str) -> None:
        """Remember that a reply was given in a conversation."""
        if response_id:
            self._by_response[response_id] = talk


def telling_of(body: JSON) -> Telling | None:
    """Return what a request without replies and results tells; None for others."""
    messages = objects(body.get("messages"))
    if not messages or any(message.get("role") == "assistant" for message in messages) or any(tool_results(messages)):
        return None
    texts = [block["text"] for m in messages for block in content_of(m) if isinstance(block.get("text"), str)]
    asked_of = (str(body.get("model") or ""), text_print(body.get("system")), text_print(body.get("tools")))
    return Telling(asked_of, task_of_messages(messages), "\n".join(texts).rstrip())


_PLAIN = (str, int, float, type(None))


def label_of(body: JSON) -> str:
    """Return the beginning of what the user asks, on one line, as a name for a conversation."""
    if asked := task_of_messages(body.get("messages")):
        return " ".join(asked.split())[:_LABEL_LENGTH]
    for message in objects(body.get("messages"))[:1]:
        for block in content_of(message):
            if isinstance(block.get("text"), str):
                return " ".join(block["text"].split())[:_LABEL_LENGTH]
    return ""


def text_print(value: Any) -> int:
    """Return a fingerprint (valid in this process) of a JSON value; pictures and cache marks do not count."""
    if isinstance(value, dict):
        if value.get("type") == "image":
            return 0
        return hash(frozenset([(k, text_print(v)) for k, v in value.items() if k != "cache_control"]))
    if isinstance(value, list):
        return hash(tuple([text_print(item) for item in value]))
    return hash(value if isinstance(value, _PLAIN) else repr(value))


def full_print(value: Any) -> int:
    """Return a fingerprint (valid in this process) of a JSON value."""
    if isinstance(value, dict):
        return hash(frozenset([(k, full_print(v)) for k, v in value.items()]))
    if isinstance(value, list):
        return hash(tuple([full_print(item) for item in value]))
    return hash(value if isinstance(value, _PLAIN) else repr(value))


def _images(content: list[JSON], skipped: Container[str]) -> Iterator[JSON]:
    """Yield image blocks from the last to the first, those inside tool results included, but for `skipped` calls'."""
    for block in reversed(content):
        if block.get("type") == "image":
            yield block
        elif block.get("type") == "tool_result" and str(block.get("tool_use_id")) not in skipped:
            yield from _images(content_of(block), skipped)
