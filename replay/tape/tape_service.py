"""
The service that a tape plays: each request is found on the tape, compared with the recorded one, and answered.

Nothing goes anywhere else. What a model is asked that the tape has no answer for is refused in plain words, and so is,
under the policy `stop`, what differs from the recording; what asks no model is a remark at most (`besides`). A fork
lets pass what comes after its tape, to the service it was given.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from footage.analysis.requests.grading import Grade, RequestChange, grade_of, grade_request
from footage.analysis.screens.volatile import volatile_of
from footage.errors import BadPicture, StoreError
from footage.providers.common_form import content_of, objects
from footage.providers.contract import Provider
from footage.providers.registry import DEFAULT, asked_in, provider_asked
from footage.recorder.kept_out import Secrets
from footage.replay.steps import why_stopped
from footage.replay.tape.besides import Besides, asks_model, plain_path
from footage.replay.tape.model_tape import Miss, Place, Tape
from footage.replay.tape.tape_answers import Answer, answer_of, as_clouds_send, raw_answer, refusal
from footage.storage import Store
from footage.trajectory import JSON, Run, Turn

if TYPE_CHECKING:
    from footage.analysis.screens.comparison_of_screens import ScreenDifference
    from footage.trajectory import Pixels

__all__ = ["Asked", "Live", "Policy", "Refused", "Remark", "TapeService"]

_THINKING = frozenset({"thinking", "redacted_thinking"})
_THINKING_TROUBLE = re.compile(rb"thinking|signature", re.IGNORECASE)


class Policy(StrEnum):
    """What to do with a request that differs from the recorded one in what counts."""

    STOP = "stop"
    """Refuse it, and all that follow."""
    WARN = "warn"
    """Serve it, and say so at once."""
    CONTINUE = "continue"
    """Serve it, and say so in the report."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has its place on the tape."""

    turn: Turn
    """The recorded turn."""
    changes: tuple[RequestChange, ...] = ()
    served: bool = True
    times: int = 1
    """How often it was asked for, retries included."""

    @property
    def grade(self) -> Grade:
        """The worst grade of its changes."""
        return grade_of(self.changes)

    @property
    def first(self) -> RequestChange | None:
        """The first change that counts, else the first of all."""
        return next((change for change in self.changes if change.counts), self.changes[0] if self.changes else None)

    @property
    def counts(self) -> bool:
        """Whether a change counts."""
        return any(change.counts for change in self.changes)


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that has no place on the tape."""

    kind: str
    """`ended`, `not_recorded`, `stopped`, `endpoint` or `unreadable`."""
    what: str
    """Method and path, without a query."""
    why: str
    after: int | None = None
    """The last turn that was asked for before."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A request that was answered otherwise than by the recording, and that decides nothing."""

    what: str
    """Method and path, without a query."""
    why: str
    """What was answered instead."""


@dataclass(slots=True)
class Live:
    """What a fork's tape let through to the service."""

    requests: int = 0
    model: str = ""
    """The model that goes on: the first that was asked, or the first that was given tools."""
    thinking: int = 0
    """How many recorded thinking blocks the first of them took along."""
    complaints: list[str] = field(default_factory=list)
    """What the service said of thinking blocks that it did not accept: providers bind them to their conversation."""


@dataclass(slots=True)
class _Book:
    """What was asked so far."""

    asked: dict[int, Asked] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    live: Live = field(default_factory=Live)
    last: int | None = None
    stopped: str = ""


class TapeService:
    """
    Answers requests from a tape. Thread-safe; the calls do not raise.

    `secrets` are kept out of what is compared, as they were kept out of the recording. With `live`, what comes after
    the tape is let through, the first time once `on_live` returns; `on_model` is told which model goes on. `on_asked`
    is told of each request that has its place, before it is answered, `on_refused` of each that has none.
    """

    def __init__(
        self,
        store: Store,
        source: Run,
        tape: Tape,
        *,
        policy: Policy = Policy.STOP,
        secrets: Secrets | None = None,
        live: bool = False,
        on_live: Callable[[], None] | None = None,
        on_model: Callable[[str], None] | None = None,
        on_asked: Callable[[Asked], None] | None = None,
        on_refused: Callable[[Refused], None] | None = None,
    ) -> None:
        self._store = store
        self._tape = tape
        self._providers = {turn.provider or DEFAULT for turn in tape.turns} | {DEFAULT}
        self._volatile, self._screen = volatile_of(source), (source.machine or {}).get("screen")
        self._policy = policy
        self._secrets = secrets or Secrets()
        self._live = live
        self._on_live = on_live or (lambda: None)
        self._on_model = on_model or (lambda _: None)
        self._model_is_sure = False
        self._on_asked = on_asked or (lambda _: None)
        self._on_refused = on_refused or (lambda _: None)
        self._book = _Book()
        self._lock = threading.Lock()
        self._besides = Besides(store.raw_exchanges(source.id))
        self._recorded_pixels = lru_cache(maxsize=32)(store.pixels)

    # --- what came of it ---

    @property
    def asked(self) -> list[Asked]:
        """The requests that had a place on the tape, in the order of the recording."""
        with self._lock:
            return [self._book.asked[number] for number in sorted(self._book.asked)]

    @property
    def refused(self) -> list[Refused]:
        """The requests that had none, in the order they came."""
        with self._lock:
            return list(self._book.refused)

    @property
    def remarks(self) -> list[Remark]:
        """What asked no model of the tape and was answered otherwise than by the recording."""
        with self._lock:
            return list(self._book.remarks)

    @property
    def live(self) -> Live:
        """What was let through."""
        return self._book.live

    # --- answering ---

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """Return the answer to a request; None where it is to be let through, live."""
        plain = path.partition("?")[0].rstrip("/")
        provider = provider_asked(method, path)
        if provider is None or provider.NAME not in self._providers:
            return self._other(method, path, body)
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            return self._refuse("unreadable", f"{method} {plain}", "the request is no JSON object", provider=provider)
        try:
            answer = self._message(f"{method} {plain}", provider.read_request(given, path), provider)
            return answer and as_clouds_send(answer, plain)
        except StoreError as error:
            why = f"the recording cannot be read: {error.message}"
            return self._refuse("unreadable", f"{method} {plain}", why, provider=provider)

    def _message(self, what: str, given: JSON, provider: Provider) -> Answer | None:
        if why := why_stopped(self._store.path):
            return self._refuse("stopped", what, why, provider=provider)
        with self._lock:
            stopped, gone = self._book.stopped, self._book.live.requests > 0
        if stopped:
            return self._refuse("stopped", what, f"the tape was stopped before: {stopped}", provider=provider)
        clean = self._secrets.clean_json(_hashed(given))
        found = self._tape.find(clean)
        if isinstance(found, Miss):
            if self._live and (gone or found.kind == "beyond"):
                self._let_through(given)
                return None
            if found.kind == "not_recorded" and self._tape.is_aside(clean):
                self._remark(f"{what}, a conversation without tools", "it was refused")
                return refusal(f"the tape has no answer: {found.why}.", provider=provider)
            return self._refuse(found.kind, what, f"the tape has no answer: {found.why}.", provider=provider)
        return self._serve(what, found, clean, provider)

    def _serve(self, what: str, place: Place, given: JSON, provider: Provider) -> Answer:
        asked = self._note(place, given)
        if asked.counts and self._policy is Policy.STOP:
            assert asked.first is not None
            why = f"turn {place.turn.number} is asked for otherwise than recorded, in {asked.first.path}"
            with self._lock:
                self._book.stopped = why
                self._book.asked[place.turn.number] = replace(asked, served=False)
            said = f"{why} ({asked.first.grade}): {asked.first.why}. --policy warn goes on."
            return self._refuse("stopped", what, said, provider=provider)
        return answer_of(place.turn, stream=bool(given.get("stream")))

    def _note(self, place: Place, given: JSON) -> Asked:
        """Compare a request with the recorded one, and write down what was found."""
        number = place.turn.number
        with self._lock:
            known = self._book.asked.get(number)
        if place.again and known is not None:
            asked = replace(known, times=known.times + 1)
        else:
            recorded = asked_in(place.turn, self._store.request(place.turn.id))
            changes = grade_request(recorded, given, self._compare_pictures)
            asked = Asked(place.turn, changes, times=known.times + 1 if known else 1)
        with self._lock:
            self._book.asked[number] = asked
            self._book.last = number
        if not place.again:
            self._on_asked(asked)
        return asked

    def _other(self, method: str, path: str, body: bytes) -> Answer | None:
        """Answer another endpoint with what it answered in the recording, in the recorded order."""
        plain = plain_path(path) or "/"
        with self._lock:
            gone = self._live and self._book.live.requests > 0
        if not asks_model(method, path):
            if gone:
                self._let_through({})
                return None
            with self._lock:
                answer, instead = self._besides.answer(method, path, self._secrets.clean_body(body))
            if instead:
                self._remark(f"{method} {plain}", instead)
            return answer
        with self._lock:
            found = self._besides.of_model(method, path)
        if found is not None and found.response_bytes <= len(found.response):
            return raw_answer(found)
        if gone:
            self._let_through({})
            return None
        why = "nothing was recorded for it (any more)" if found is None else "its answer was too large to be recorded"
        return self._refuse("endpoint", f"{method} {plain}", f"the tape does not answer {method} {plain}: {why}.", 404)

    def _remark(self, what: str, why: str) -> None:
        with self._lock:
            self._book.remarks.append(Remark(what, why))

    def _let_through(self, given: JSON) -> None:
        model, sure = str(given.get("model") or ""), bool(given.get("tools"))
        blocks = [block for message in objects(given.get("messages")) for block in content_of(message)]
        with self._lock:
            first = not self._book.live.requests
            if first:
                self._book.live.thinking = sum(block.get("type") in _THINKING for block in blocks)
            self._book.live.requests += 1
            names = bool(model) and (not self._book.live.model or (sure and not self._model_is_sure))
            if names:
                self._book.live.model, self._model_is_sure = model, sure
        if names:
            self._on_model(model)
        if first:
            self._on_live()

    def live_reply(self, status: int, head: bytes) -> None:
        """Look at the beginning of a reply that came live for what it says of thinking blocks."""
        said = ""
        if status == 400 and _THINKING_TROUBLE.search(head):
            said = head.decode("utf-8", "replace")
        elif b"thinking_dropped" in head:
            said = "The service dropped thinking blocks of the recorded part (thinking_dropped)."
        with self._lock:
            if said and said not in self._book.live.complaints:
                self._book.live.complaints.append(said)

    def _refuse(self, kind: str, what: str, why: str, status: int = 400, provider: Provider | None = None) -> Answer:
        with self._lock:
            refused = Refused(kind, what, why, self._book.last)
            self._book.refused.append(refused)
        self._on_refused(refused)
        return refusal(why, status=status, provider=provider)

    # --- pictures ---

    def _compare_pictures(self, recorded: JSON, given: JSON) -> ScreenDifference:
        """Compare a picture of the recording with one that came."""
        from footage.analysis.screens.comparison_of_screens import ScreenDifference, ScreenVerdict, compare_screens

        one, two = self._pixels(recorded), self._pixels(given)
        if one is None or two is None:
            return ScreenDifference(ScreenVerdict.MATERIAL, why="it cannot be compared: one of them is no picture here")
        lossless = all(str(s.get("media_type", "image/png")) == "image/png" for s in (recorded, given))
        whole = [one.shape[1], one.shape[0]] == self._screen  # else it is scaled, or a part
        return compare_screens(one, two, exact_source=lossless, volatile=self._volatile if whole else ())

    def _pixels(self, source: JSON) -> Pixels | None:
        from footage.storage.pictures.writing import prepare

        if isinstance(source.get("picture"), int):
            return self._recorded_pixels(source["picture"])
        try:
            return prepare(base64.b64decode(source["data"], validate=True)).pixels
        except (KeyError, TypeError, ValueError, binascii.Error, BadPicture):
            return None


def _hashed(value: Any) -> Any:
    """Return a request with the hash of each picture's bytes beside them, as the store has it."""
    if isinstance(value, list):
        return [_hashed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "base64" and isinstance(value.get("data"), str):
        try:
            sent = base64.b64decode(value["data"], validate=True)
        except (binascii.Error, ValueError):
            return value
        return {**value, "sha256": hashlib.sha256(sent).hexdigest()}
    return {key: _hashed(item) for key, item in value.items()}
