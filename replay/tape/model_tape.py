"""
The model tape: a run's recorded replies, found by their position in the conversation.

A position is what a request comes after: the reply that its history ends with, or nothing, where it opens a
conversation. Replies on the tape are given as they were recorded, ids included, so that the next request names them.
Content is never the key: a changed prompt must not look like another conversation, and a changed conversation must not
be served as if nothing had changed. What differs is graded apart (`footage.analysis.requests.grading`).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from footage.errors import UsageError
from footage.providers.common_form import content_of, objects
from footage.providers.registry import asked_in
from footage.recorder.wire.conversations import full_print, text_print
from footage.storage import Store
from footage.trajectory import JSON, Run, Turn

__all__ = ["Miss", "Place", "Tape"]

_OPENING = -1
"""What comes before the first turn of a conversation; turns have numbers from 0."""
_UNKNOWN = -2
"""A reply that is not on the tape."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the tape a request is."""

    turn: Turn
    """The recorded turn whose reply answers it."""
    again: bool = False
    """The very same request came before: a retry."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A request that the tape has no reply for."""

    kind: str
    """`ended`, `not_recorded`, or `beyond` (a fork goes on live there)."""
    why: str


@dataclass(slots=True, eq=False)
class _Entry:
    """A recorded turn, and what has been asked of it."""

    turn: Turn
    opening: JSON | None
    """The recorded request, for the first turn of a conversation."""
    left: int = 1
    """How many times it is still to be given: once, or as often as the service failed."""
    asked: set[int] = field(default_factory=set)
    """Fingerprints of the requests that it answered."""
    messages: int = 0
    """Fingerprint of the recorded request's messages, pictures aside."""


class Tape:
    """
    The tape of one run. Thread-safe: conversations may run side by side.

    `until` is the number of the first turn that is not on it (a fork goes on live there); by default all are. Raises
    UsageError where the run has no recorded requests.
    """

    def __init__(self, store: Store, source: Run, *, until: int | None = None) -> None:
        self._lock = threading.Lock()
        self._until = until
        self._by_call: dict[str, int] = {}
        self._by_response: dict[str, int] = {}
        self._by_text: dict[int, list[Turn]] = defaultdict(list)
        self._after: dict[int, list[_Entry]] = defaultdict(list)
        self.turns = store.turns(source.id)
        """All turns of the run, those beyond `until` included."""
        found = 0
        for turn in self.turns:
            body = store.request(turn.id)
            if body is None:
                continue
            found += 1
            body = asked_in(turn, body)
            before = self._before(body, turn.conversation)
            failed = sum(1 for attempt in turn.attempts if (attempt.status or 0) >= 400)
            left = max(1, failed) if turn.status == "errored" else 1
            opening, messages = body if before == _OPENING else None, text_print(body.get("messages"))
            self._after[before].append(_Entry(turn, opening, left, messages=messages))
            self._learn(turn)
        if not found:
            raise UsageError(
                f"Run {source.id} has no recorded requests, so there is no tape to serve.",
                hint="Record the agent with footage record -- CMD, or with run.attach(client).",
            )

    def _learn(self, turn: Turn) -> None:
        for block in turn.content:
            if "tool_use" in str(block.get("type")) and block.get("id"):
                self._by_call[str(block["id"])] = turn.number
        if turn.response_id:
            self._by_response[turn.response_id] = turn.number
        if turn.content:
            self._by_text[text_print(list(turn.content))].append(turn)
            self._by_text[_words_print(turn.content)].append(turn)

    def _before(self, body: JSON, conversation: int | None = None) -> int:
        """Return the number of the turn that a request (of a recorded conversation, if given) comes after."""
        thread = body.get("thread")
        if isinstance(thread, dict) and thread.get("previous_message_id"):
            return self._by_response.get(str(thread["previous_message_id"]), _UNKNOWN)
        said = next((m for m in reversed(objects(body.get("messages"))) if m.get("role") == "assistant"), None)
        if said is None:
            return _OPENING
        blocks = content_of(said)
        for block in reversed(blocks):
            if str(block.get("id")) in self._by_call:
                return self._by_call[str(block["id"])]
        return self._by_what_it_says(blocks, conversation)

    def _by_what_it_says(self, blocks: Sequence[JSON], conversation: int | None) -> int:
        """Return the turn whose reply, without calls, says this; thinking aside, which harnesses leave out."""
        found = self._by_text.get(text_print(list(blocks))) or self._by_text.get(_words_print(blocks)) or []
        if conversation is not None:
            found = [turn for turn in found if turn.conversation == conversation][-1:] or found
        waiting = (turn for turn in found if any(entry.left > 0 for entry in self._after.get(turn.number, ())))
        turn = next(waiting, found[-1] if found else None)
        return _UNKNOWN if turn is None else turn.number

    def find(self, body: JSON) -> Place | Miss:
        """Return where a request is on the tape, and take note that it was asked."""
        fingerprint = full_print(body)
        with self._lock:
            before = self._before(body)
            entries = self._after.get(before, [])
            again = next((e for e in reversed(entries) if fingerprint in e.asked and e.left <= 0), None)
            fresh = [entry for entry in entries if entry.left > 0]
            entry = _likest(fresh, body) if before == _OPENING else next(iter(fresh), None)
            if again is not None and (entry is None or entry.messages != text_print(body.get("messages"))):
                return self._beyond(again) or Place(again.turn, again=True)
            if entry is None:
                return self._missed(before, entries)
            if (beyond := self._beyond(entry)) is not None:
                return beyond
            entry.left -= 1
            entry.asked.add(fingerprint)
            return Place(entry.turn)

    def _beyond(self, entry: _Entry) -> Miss | None:
        if self._until is None or entry.turn.number < self._until:
            return None
        return Miss("beyond", f"turn {entry.turn.number} is where the run goes another way")

    def _missed(self, before: int, entries: Sequence[_Entry]) -> Miss:
        if before == _OPENING:
            return Miss("not_recorded", "it opens a conversation that was not recorded")
        if before == _UNKNOWN:
            return Miss("not_recorded", "its history holds a reply that is not on the tape")
        if self._until is not None and before + 1 >= self._until:
            return Miss("beyond", f"it comes after turn {before}, the last one on the tape")
        if entries:
            return Miss("not_recorded", f"turn {entries[-1].turn.number} was asked for again, with another request")
        conversation = next((turn.conversation for turn in self.turns if turn.number == before), 0)
        return Miss("ended", f"conversation {conversation} ended with turn {before}, and the tape with it")

    def is_aside(self, body: JSON) -> bool:
        """
        Tell whether a request opens a conversation on the side: without tools, where those on the tape have some.

        Clients ask so for a title, or for a summary.
        """
        messages = objects(body.get("messages"))
        opens = bool(messages) and not any(message.get("role") == "assistant" for message in messages)
        return opens and not body.get("tools") and any((e.opening or {}).get("tools") for e in self._after[_OPENING])

    def unasked(self) -> list[Turn]:
        """Return the turns on the tape that nobody has asked for, in their order."""
        with self._lock:
            entries = [entry for found in self._after.values() for entry in found]
        left = [e.turn for e in entries if not e.asked and (self._until is None or e.turn.number < self._until)]
        return sorted(left, key=lambda turn: turn.number)


def _likest(entries: Sequence[_Entry], body: JSON) -> _Entry | None:
    """Return the conversation whose opening a request resembles most, the earliest of equals; None if none at all."""
    scored = [(_likeness(entry.opening or {}, body), -number, entry) for number, entry in enumerate(entries)]
    best = max(scored, default=None, key=lambda found: found[:2])
    return best[2] if best is not None and best[0] > 0 else None


def _likeness(recorded: JSON, given: JSON) -> int:
    """Say how much two openings have in common; 0 for nothing."""
    if text_print(recorded.get("messages")) == text_print(given.get("messages")):
        return 8 + _tools_alike(recorded, given)
    first = [content_of(m) for body in (recorded, given) for m in objects(body.get("messages"))[:1]]
    alike = 4 * (len(first) == 2 and text_print(first[0]) == text_print(first[1]))
    alike += 2 * bool(recorded.get("system") and text_print(recorded["system"]) == text_print(given.get("system")))
    return alike + _tools_alike(recorded, given)


def _tools_alike(recorded: JSON, given: JSON) -> int:
    one, two = ({t.get("name") or t.get("type") for t in objects(b.get("tools"))} for b in (recorded, given))
    if not one and not two:
        return int(recorded.get("model") == given.get("model"))
    return 2 if one == two else int(bool(one & two))


def _words_print(blocks: Sequence[JSON]) -> int:
    """Return a fingerprint of what a reply says in texts and calls; it is not one of any list of blocks."""
    words = [str(block.get("text", "")) for block in blocks if block.get("type") == "text"]
    calls = [[block.get("name"), block.get("input")] for block in blocks if block.get("type") == "tool_use"]
    return text_print(["words", *words, *calls])
