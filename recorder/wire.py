"""
The wire layer: exchanges with the Messages API become turns, attempts and steps.

Works on plain dicts and bytes, whoever carries them (an SDK's middleware, a proxy). For each request call `Wire.ask`,
then tell the `Exchange` what came back, as it comes. What completes a tool call is recorded, durably, before `feed` or
`reply` returns: whoever passes the reply on afterwards cannot be ahead of its own recording.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from footage.recorder.actions import TOOLSET, PointerTracker, actions_of
from footage.recorder.blocks import objects, tool_results
from footage.recorder.conversations import Conversations, Talk, full_print, label_of, text_print
from footage.recorder.guard import Guard
from footage.recorder.pictures import PictureQueue
from footage.recorder.results import ResultReader
from footage.recorder.steps import StepBook
from footage.recorder.stream import EventReader, MessageBuilder
from footage.trajectory import JSON, Instant

__all__ = ["Exchange", "Wire"]

_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_CUT = "The reply was cut off before its end."


class Wire:
    """
    The wire of one run. Thread-safe: conversations may run side by side.

    `screen` returns the size of the watched machine's screen, or None without one.
    """

    def __init__(
        self,
        guard: Guard,
        steps: StepBook,
        pictures: PictureQueue,
        *,
        screen: Callable[[], tuple[int, int] | None],
        model: str = "",
    ) -> None:
        self.guard = guard
        self.steps = steps
        self.screen = screen
        self.model = model
        self._model_is_sure = bool(model)
        self.conversations = Conversations()
        self.pointer = PointerTracker()
        self.lock = threading.RLock()
        self.results = ResultReader(steps, pictures, screen)

    def ask(self, body: JSON) -> Exchange:
        """Record that a request is about to be sent (the JSON body); return the exchange it opens."""
        exchange = Exchange(self)
        self.guard.attempt("a request", lambda: self._open(exchange, body))
        return exchange

    def adopt(self, conversation: int, messages: Sequence[JSON]) -> None:
        """
        Go on in a conversation of this run that somebody else recorded up to `messages`.

        A request that begins with them, or repeats them, belongs to it.
        """
        with self.lock:
            talk = self.conversations.begin(conversation)
            talk.prints, talk.outcome = [text_print(message) for message in messages], "failed"

    def _open(self, exchange: Exchange, body: JSON) -> None:
        with self.lock:
            talk = self.conversations.find(body) or self._new_talk(body)
            fingerprint = full_print(body)
            retried = talk.outcome == "failed" and talk.request == fingerprint
            talk.prints = talk.prints if retried else self._prints(talk, body)
            talk.request, talk.outcome = fingerprint, ""
            talk.learn(body, self.conversations.zooms)
            for block in tool_results(objects(body.get("messages"))):
                self.results.take(block)
            if retried:
                talk.attempts += 1
                self.steps.abandon(talk.turn, _CUT)
            else:
                talk.attempts = 0
                talk.turn = self._new_turn(exchange, talk, body)
            exchange.talk, exchange.turn, exchange.number = talk, talk.turn, talk.attempts

    def _prints(self, talk: Talk, body: JSON) -> list[int]:
        """Return fingerprints of all messages so far; a thread's request brings only the new ones."""
        messages = [text_print(m) for m in objects(body.get("messages"))]
        thread = body.get("thread")
        continues = isinstance(thread, dict) and "previous_message_id" in thread
        return [*talk.prints, *messages] if continues else messages

    def _new_talk(self, body: JSON) -> Talk:
        label = label_of(body) if len(self.conversations) else ""
        return self.conversations.begin(self.guard.write("a conversation", lambda w: w.conversation(label)))

    def _new_turn(self, exchange: Exchange, talk: Talk, body: JSON) -> int | None:
        number, model = talk.number, str(body.get("model") or "")
        self._name_model(model, bool(body.get("tools")))
        if number is None:
            return None
        return self.guard.write(
            "a request",
            lambda w: w.begin_turn(conversation=number, model=model, request=body, started=exchange.started),
        )

    def _name_model(self, model: str, has_tools: bool) -> None:
        """Name the run's model where nobody did: the first that was asked, or the first that was given tools."""
        if model and (not self.model or (has_tools and not self._model_is_sure)):
            self._model_is_sure = has_tools
            if model != self.model:
                self.model = model
                self.guard.write("the model's name", lambda w: w.describe(model=model))


class Exchange:
    """One attempt to get a reply. Its methods never raise, unless the recording is strict."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.started = Instant.now()
        self.talk: Talk | None = None
        self.turn: int | None = None
        self.number = 0
        self._status: int | None = None
        self._reader = EventReader()
        self._builder = MessageBuilder()
        self._closed = False

    def reply(self, status: int, body: Any) -> None:
        """Record a whole response: its HTTP status and its JSON body (anything else for what was no JSON)."""
        self._wire.guard.attempt("a reply", lambda: self._reply(status, body))

    def feed(self, chunk: bytes, status: int = 200) -> None:
        """Record a piece of a streamed response, before it is passed on."""
        self._status = status
        self._wire.guard.attempt("a reply", lambda: self._feed(chunk))

    def fail(self, error: str, status: int | None = None) -> None:
        """Record that no response came, or that it broke off."""
        self._wire.guard.attempt("a failed attempt", lambda: self._fail(error, status or self._status))

    def close(self) -> None:
        """Record the end of a streamed response; one that has not come to its end was cut. Safe to call twice."""
        if not self._closed:
            self._wire.guard.attempt("a reply", self._finish_stream)

    # --- inside the guard ---

    def _reply(self, status: int, body: Any) -> None:
        message = body if isinstance(body, dict) else {}
        if status >= 400 or message.get("type") == "error":
            self._fail(_error_text(body), status)
            return
        content = objects(message.get("content"))
        for block in content:
            self._block(block)
        self._status = status
        self._end(message, content, "completed", "")

    def _feed(self, chunk: bytes) -> None:
        for event in self._reader.feed(chunk):
            block = self._builder.add(event)
            if block is not None:
                self._block(block)

    def _finish_stream(self) -> None:
        builder = self._builder
        error = "" if builder.finished else _CUT
        if builder.error is not None:
            error = _error_text({"error": builder.error})
        self._end(builder.message, builder.content(), "streaming" if error else "completed", error)

    def _fail(self, error: str, status: int | None) -> None:
        self._status = status
        content = self._builder.content()
        self._end(self._builder.message, content, "streaming" if content else "errored", error)

    def _block(self, block: JSON) -> None:
        """Take a complete content block: a tool call is a step, a result of the service's own tools ends one."""
        kind = str(block.get("type") or "")
        if kind in _CALLS:
            self._call(block)
        elif kind.endswith("_tool_result"):
            self._wire.results.take(block)

    def _call(self, block: JSON) -> None:
        wire, talk = self._wire, self.talk
        call_id = str(block.get("id") or "")
        if "input_partial" in block:
            block = {**block, "input": {"input_partial": block["input_partial"]}}
        with wire.lock:
            space = talk.space(wire.screen()) if talk else None
            toolset = talk is not None and talk.version == TOOLSET
            actions = actions_of(block, space=space, toolset=toolset, pointer=wire.pointer)
            if talk is not None and call_id:
                zoom = any(action.is_computer and action.name == "zoom" for action in actions)
                wire.conversations.asked(talk, call_id, zoom=zoom)
        wire.steps.intend(actions, turn=self.turn, call_id=call_id)

    def _end(self, message: JSON, content: list[JSON], status: str, error: str) -> None:
        if self._closed:
            return
        self._closed = True
        ended, turn, talk = Instant.now(), self.turn, self.talk
        response_id = str(message.get("id") or "")
        with self._wire.lock:
            if talk is not None:
                talk.outcome = "failed" if error else "done"
                self._wire.conversations.replied(talk, response_id)
        if turn is None:
            return
        usage = message.get("usage")
        self._wire.guard.write(
            "an attempt",
            lambda w: w.attempt(
                turn, number=self.number, started=self.started, ended=ended, status=self._status, error=error
            ),
        )
        self._wire.guard.write(
            "a reply",
            lambda w: w.end_turn(
                turn,
                content=content,
                stop_reason=str(message.get("stop_reason") or ""),
                usage=usage if isinstance(usage, dict) else {},
                response_id=response_id,
                model=str(message.get("model") or ""),
                ended=ended,
                status=status,
            ),
        )


def _error_text(body: Any) -> str:
    """Return "type: message" of an error body, or the body itself, shortened."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, Mapping):
        return f"{error.get('type') or 'error'}: {error.get('message') or ''}".strip()
    return str(body)[:2000]
