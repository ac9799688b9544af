"""
Exchanges with a model become attempts, replies and steps, whichever provider's they are.

Works on plain dicts and bytes, whoever carries them (an SDK's middleware, a proxy). For each request call `Wire.ask`,
then tell the `Exchange` what came back, as it comes. What completes a tool call is recorded, durably, before `feed` or
`reply` returns: whoever passes the reply on afterwards cannot be ahead of its own recording.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from footage.providers.common_form import objects
from footage.providers.contract import Provider
from footage.providers.registry import default_provider
from footage.recorder.step_book import StepEntry
from footage.recorder.wire.conversations import Talk
from footage.recorder.worker import Done
from footage.storage import RunWriter
from footage.trajectory import JSON, Action, Instant

if TYPE_CHECKING:
    from footage.recorder.wire.run_wire import Wire

__all__ = ["CUT", "Exchange", "is_for_take"]

_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
CUT = "The reply was cut off before its end."
_HUNG_UP = "The agent hung up before the end of the reply."


class Exchange:
    """
    One attempt to get a reply. Its methods never raise, unless the recording is strict.

    `started` is when the request came; by default, now.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        started: Instant | None = None,
        again: bool = False,
        provider: Provider | None = None,
        path: str = "",
    ) -> None:
        self._wire = wire
        self.provider = provider or default_provider()
        self.path = path
        """Where the request is sent."""
        self.started = started or Instant.now()
        self.again = again
        """Whether it was told before, to a recorder that died and may have stored some of it."""
        self.talk: Talk | None = None
        self.turn: int | None = None
        self.number = 0
        self.request: tuple[JSON, JSON] | None = None
        """The request, as it came and in the common form, as long as it is not stored."""
        self.opened: Done | None = None
        self.request_stored: Done | None = None
        """Set when it is recorded that the request was sent, and what was."""
        self.elsewhere = False
        """Whether another layer records this exchange."""
        self.stored = False
        """Whether a recorder of this layer that died had stored all of it."""
        self.newest_step: int | None = None
        """Of the calls so far."""
        self.intended_ns = 0
        """When that was stored (monotonic)."""
        self._status: int | None = None
        self._builder = self.provider.stream_reader()
        self._whole: JSON | None = None
        """A whole reply that has come, in the common form."""
        self._closed = False
        self._hung_up = False
        self._taken: set[int] = set()

    def open(self, body: JSON, *, retry: bool = False) -> None:
        """Record that a request is about to be sent; `retry`: the agent says that it sent the same before."""
        self._wire.guard.attempt("a request", lambda: self._wire.begin(self, body, retry=retry))

    def wait(self) -> None:
        """Wait until it is recorded that the request was sent."""
        if self.opened is not None:
            self.opened.wait()

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Record why no response comes, where what is done within raises."""
        try:
            yield
        except Exception as error:
            self.fail(f"{type(error).__name__}: {error}")
            raise

    def reply(self, status: int, body: Any) -> None:
        """Record a whole response: its HTTP status and its JSON body (anything else for what was no JSON)."""
        self._wire.guard.attempt("a reply", lambda: self._reply(status, body))

    def feed(self, chunk: bytes, status: int = 200) -> None:
        """Record a piece of a streamed response, before it is passed on."""
        self.take(self.read(chunk, status))

    def read(self, chunk: bytes, status: int = 200) -> list[JSON]:
        """Take a piece of a streamed response in; return the blocks it completes that are for `take`."""
        self._status = status
        return self._wire.guard.attempt("a reply", lambda: self._read(chunk)) or []

    def read_whole(self, body: object) -> list[JSON]:
        """Take in a whole reply that has just come; return its blocks that are for `take`, before `reply` ends it."""
        if not isinstance(body, dict) or self.provider.error_of(body) is not None:
            return []
        self._whole = self.provider.read_reply(body)
        return [block for block in objects(self._whole.get("content")) if is_for_take(block)]

    def take(self, blocks: Sequence[JSON], until_ns: int | None = None) -> None:
        """
        Record the tool calls among complete content blocks. A block counts once.

        `until_ns` (monotonic): they may be passed on from then on, even if this has not returned.
        """
        if blocks:
            self._wire.guard.attempt("a reply", lambda: self._take(blocks, until_ns=until_ns))

    @property
    def is_whole(self) -> bool:
        """Whether a streamed reply has come to its end."""
        return self._builder.finished

    def hang_up(self) -> None:
        """Take note that the agent does not wait for the reply any longer; what still comes is recorded."""
        self._hung_up = True
        self.wait()
        if self.talk is not None and not self._is_late:
            self.talk.outcome = "failed"

    def fail(self, error: str, status: int | None = None) -> None:
        """Record that no response came, or that it broke off."""
        self._wire.guard.attempt("a failed attempt", lambda: self._fail(error, status or self._status))

    def close(self, error: str = "") -> None:
        """
        Record the end of a streamed response; one that has not come to its end was cut, and `error` may say why.

        Safe to call twice.
        """
        if not self._closed:
            self._wire.guard.attempt("a reply", lambda: self._finish_stream(error))

    # --- inside the guard ---

    def _reply(self, status: int, body: Any) -> None:
        error = self.provider.error_of(body)
        if status >= 400 or error is not None:
            self._fail(_said(error) if error else str(body)[:2000], status)
            return
        message = self._whole or (self.provider.read_reply(body) if isinstance(body, dict) else {})
        content = objects(message.get("content"))
        self._builder.message = message
        self._status = status
        self._end(message, content, "completed", "", blocks=content)

    def _read(self, chunk: bytes) -> list[JSON]:
        return [block for block in self._builder.feed(chunk) if is_for_take(block)]

    def _finish_stream(self, why: str) -> None:
        builder = self._builder
        error = "" if builder.finished else why or CUT
        if builder.error is not None:
            error = _said(builder.error)
        self._end(builder.message, builder.content(), "streaming" if error else "completed", error)

    def _fail(self, error: str, status: int | None) -> None:
        self._status = status
        content = self._builder.content()
        self._end(self._builder.message, content, "streaming" if content else "errored", error)

    def _take(
        self,
        blocks: Sequence[JSON],
        also: Sequence[Callable[[RunWriter], None]] = (),
        *,
        until_ns: int | None = None,
    ) -> None:
        """
        Take complete content blocks: a tool call is a step, a result of the service's own tools ends one.

        The calls, and what is `also` to be written, become one transaction.
        """
        self.wait()
        wire, late = self._wire, self._is_late
        new = [block for block in blocks if is_for_take(block) and id(block) not in self._taken and not late]
        self._taken.update(map(id, new))
        if new:
            self._find_turn(str(new[0].get("id") or ""))
        calls = [wire.guard.attempt("a call", functools.partial(self._call, b)) for b in new if b.get("type") in _CALLS]
        known = [call for call in calls if call is not None]
        told: list[StepEntry] = []
        for entries in wire.steps.intend_all(known, turn=self.turn, also=also):
            self.newest_step = entries[-1].index if entries else self.newest_step
            self.intended_ns = time.monotonic_ns()
            if self.elsewhere:
                for entry in entries:
                    entry.answered = True  # the layer that recorded the reply records what comes of it
            else:
                told += entries
        if told:
            wire.on_calls(told, self.started, until_ns)
            with wire.lock:
                if self.talk is not None:
                    wire.shown.reply(self.talk.showing, told)
        for block in new:
            if block.get("type") not in _CALLS:
                wire.guard.attempt("a result", functools.partial(wire.results.take, block, self.started))

    def _call(self, block: JSON) -> tuple[list[Action], str]:
        """Return a tool call's actions, and its id, as results name it in requests that were cleaned."""
        wire, talk = self._wire, self.talk
        call_id = wire.guard.secrets.clean(str(block.get("id") or ""))
        if "input_partial" in block:
            block = {**block, "input": {"input_partial": block["input_partial"]}}
        with wire.lock:
            space = talk.space(wire.screen(), self.provider) if talk else None
            request = talk.asked if talk else None
            actions = self.provider.actions(block, space=space, request=request, pointer=wire.pointer)
            if talk is not None and call_id:
                zoom = any(action.is_computer and action.name == "zoom" for action in actions)
                wire.conversations.asked(talk, call_id, zoom=zoom)
        return actions, call_id

    @property
    def _is_late(self) -> bool:
        """Whether the agent has asked again meanwhile: another attempt goes on in this one's turn."""
        talk = self.talk
        return talk is not None and self.turn is not None and talk.turn == self.turn and talk.attempts != self.number

    def _find_turn(self, call_id: str = "") -> None:
        """Store the turn now, if that was put off until the reply came; unless another layer stored it."""
        request, self.request, talk = self.request, None, self.talk
        if request is None or talk is None:
            return
        found = self._wire.turn_of_others(str(self._builder.message.get("id") or ""), call_id)
        with self._wire.lock:
            if found is not None:
                self.elsewhere = True
                talk.turn, talk.number = found
            else:
                talk.turn = self._wire.new_turn(self, talk, *request)
            self.turn = talk.turn

    def _end(self, message: JSON, content: list[JSON], status: str, error: str, *, blocks: Sequence[JSON] = ()) -> None:
        """Store the end of the reply; `blocks` are the complete ones that nobody has taken yet."""
        if self._closed:
            return
        self._closed = True
        self.wait()
        self._find_turn(next((str(block.get("id") or "") for block in blocks if is_for_take(block)), ""))
        ended, turn, talk, late = Instant.now(), self.turn, self.talk, self._is_late
        response_id = str(message.get("id") or "")
        with self._wire.lock:
            if talk is not None and not late:
                talk.outcome = "failed" if error or self._hung_up else "done"
                self._wire.conversations.replied(talk, response_id)
        writes: list[Callable[[RunWriter], None]] = []
        if turn is not None and not self.elsewhere and not self.stored:
            if self.request_stored is not None:
                self.request_stored.wait()
            writes.append(self._attempt(turn, ended, error or (_HUNG_UP if self._hung_up else "")))
            if not late:
                writes.append(self._ended(turn, ended, message, content, status))
                self._wire.name_stand_in(str(message.get("model") or ""))
        self._take(blocks, writes)
        with self._wire.lock:
            if talk is not None and not late and not self.elsewhere:
                self._wire.shown.end(talk.showing)

    def _attempt(self, turn: int, ended: Instant, error: str) -> Callable[[RunWriter], None]:
        """Return what stores the attempt."""
        said = self._wire.guard.secrets.clean(error)
        return lambda w: w.attempt(
            turn, number=self.number, started=self.started, ended=ended, status=self._status, error=said
        )

    def _ended(
        self, turn: int, ended: Instant, message: JSON, content: list[JSON], status: str
    ) -> Callable[[RunWriter], None]:
        """Return what stores the reply."""
        clean, usage = self._wire.guard.secrets.clean_json, message.get("usage")
        used = clean(usage) if isinstance(usage, dict) else {}
        named = {name: clean(str(message.get(name) or "")) for name in ("stop_reason", "id", "model")}
        return lambda w: w.end_turn(
            turn,
            content=clean(content),
            stop_reason=named["stop_reason"],
            usage=used,
            response_id=named["id"],
            model=named["model"],
            ended=ended,
            status=status,
        )


def is_for_take(block: JSON) -> bool:
    """Tell whether a content block is a tool call, or the result of one of the service's own tools."""
    kind = str(block.get("type") or "")
    return kind in _CALLS or kind.endswith("_tool_result")


def _said(error: Mapping[str, Any]) -> str:
    """Return "type: message" of an error."""
    return f"{error.get('type') or 'error'}: {error.get('message') or ''}".strip()
