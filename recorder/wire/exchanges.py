"""
The wire layer: exchanges with a model become turns, attempts and steps, whichever provider's they are.

Works on plain dicts and bytes, whoever carries them (an SDK's middleware, a proxy). For each request call `Wire.ask`,
then tell the `Exchange` what came back, as it comes. What completes a tool call is recorded, durably, before `feed` or
`reply` returns: whoever passes the reply on afterwards cannot be ahead of its own recording.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from footage.providers.actions.points import PointerTracker
from footage.providers.common_form import content_of, objects, tool_results
from footage.providers.contract import Provider
from footage.providers.model_names import STAND_IN
from footage.providers.registry import DEFAULT, default_provider
from footage.providers.tasks import task_of_messages
from footage.recorder.safe_writer import Guard
from footage.recorder.screen.frame_queue import PictureQueue
from footage.recorder.screen.shown import ShownScreens
from footage.recorder.step_book import StepBook, StepEntry
from footage.recorder.wire.conversations import Conversations, Talk, full_print, label_of, text_print
from footage.recorder.wire.results import ResultReader
from footage.recorder.worker import Done, Worker
from footage.storage import RunWriter
from footage.storage.writer import BegunTurn
from footage.trajectory import JSON, Action, Instant

__all__ = ["Exchange", "Wire", "is_for_take"]

OnCalls = Callable[[list[StepEntry], Instant, int | None], None]
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_CUT = "The reply was cut off before its end."
_HUNG_UP = "The agent hung up before the end of the reply."
_SENDING = 0.03
"""Seconds that the agent has to send its request, before recording it takes time from the same interpreter."""
_PATIENCE = 2.0
"""Seconds that another layer, which waits for a reply, gets to store the one that this layer has already seen."""
_DOUBT = 0.25
"""Seconds that it gets to show itself at all; once in vain is enough."""


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
        self._task_is_sure = False
        self._task_without_tools = ""
        self.conversations = Conversations()
        self.pointer = PointerTracker()
        self.lock = threading.RLock()
        self.results = ResultReader(steps, pictures, screen)
        self.shown = ShownScreens(pictures, self.results.uploads, screen)
        self.requests = Worker(guard)
        """Stores the requests, while the agent waits for the reply."""
        self._others_record = True
        self.on_calls: OnCalls = lambda _entries, _since, _until_ns: None
        """
        Told of the steps of each call, once they are stored, and of when the request came that they answer; the agent
        does not learn of the call before this returns, or before `until_ns` (monotonic; None: whatever it takes).
        """

    def ask(self, body: JSON, *, retry: bool = False, provider: Provider | None = None, path: str = "") -> Exchange:
        """
        Have it recorded that a request is about to be sent (the JSON body); return the exchange it opens.

        `provider` is whose model it asks, Anthropic's by default, and `path` where it is sent.

        Another thread does that, while the request is on its way: the caller must not change the body any more. The
        exchange waits for it before it records a reply.
        """
        exchange = Exchange(self, provider=provider, path=path)
        if self.guard.strict:
            exchange.open(body, retry=retry)
        else:
            exchange.opened = self.requests.do(lambda: exchange.open(body, retry=retry), delay=_SENDING)
        return exchange

    def adopt(self, conversation: int, messages: Sequence[JSON]) -> Talk:
        """
        Go on in a conversation of this run that somebody else recorded up to `messages`.

        A request that begins with them, or repeats them, belongs to it.
        """
        with self.lock:
            talk = self.conversations.begin(conversation)
            talk.prints, talk.outcome = [text_print(message) for message in messages], "failed"
            return talk

    def begin(self, exchange: Exchange, body: JSON, *, retry: bool) -> None:
        """Find where a request belongs, record the results in it, and begin its turn. For `Exchange.open`."""
        body = self.guard.secrets.clean_json(body)
        asked = exchange.provider.read_request(body, exchange.path)
        in_path: JSON = {key: asked[key] for key in ("model", "stream") if key in asked and key not in body}
        body = {**in_path, **body}
        with self.lock:
            fingerprint = full_print(body)
            if retry:
                self.conversations.retried(fingerprint)
            begun = self._begun(exchange) if exchange.again else None
            talk = self.conversations.numbered(begun.conversation) if begun else None
            talk = talk or self.conversations.find(asked, fingerprint) or self._new_talk(asked)
            retried = begun is None and talk.asks_again(body, fingerprint, retry=retry)
            talk.prints = talk.prints if retried else self._prints(talk, asked)
            talk.request, talk.outcome = fingerprint, ""
            talk.learn(asked, self.conversations.zooms, self.results.uploads.size_of)
            messages = talk.with_calls_named(objects(asked.get("messages")))
            self._take_results(exchange, messages)
            if not retried and begun is None:
                self._end_unanswered(talk, messages, exchange.started)
            talk.calls = []
            known = retried or begun is not None
            self.shown.ask(talk.showing, messages, exchange.started, declared=talk.declared, again=known)
            if retried:
                talk.attempts += 1
                self.steps.abandon(talk.turn, _CUT)
            elif begun is not None:
                talk.number, talk.turn, talk.attempts = begun.conversation, begun.turn, begun.attempt
                exchange.stored = begun.ended
                if not begun.has_request:
                    self._store_request(exchange, begun.turn, begun.conversation, body)
            else:
                talk.attempts = 0
                # Where others record too, they may know this turn already: its reply will tell.
                talk.turn = None if self.guard.shared else self.new_turn(exchange, talk, body, asked)
            exchange.talk, exchange.turn, exchange.number = talk, talk.turn, talk.attempts
            exchange.request = (body, asked) if talk.turn is None else None

    def _begun(self, exchange: Exchange) -> BegunTurn | None:
        """Return the turn of an exchange of which a recorder that died stored something."""
        return self.guard.write("a turn", lambda w: w.turn_begun_at(exchange.started))

    def _take_results(self, exchange: Exchange, messages: list[JSON]) -> None:
        """Record what the model is told of its calls."""
        for block in tool_results(messages):
            self.results.take(block, exchange.started)
        if exchange.again:
            for block in tool_results(messages[-1:]):
                self.results.take(block, exchange.started, again=True)

    def _end_unanswered(self, talk: Talk, messages: list[JSON], since: Instant) -> None:
        """End the last reply's calls, of which no result tells: the picture that the agent shows next does."""
        newest = content_of(messages[-1]) if messages and messages[-1].get("role") != "assistant" else []
        shows = any(block.get("type") == "image" for block in newest)
        if shows and not any(tool_results(messages[-1:])):
            for call_id in talk.calls:
                self.results.take({"type": "tool_result", "tool_use_id": call_id, "content": []}, since)

    def _prints(self, talk: Talk, body: JSON) -> list[int]:
        """Return fingerprints of all messages so far; a thread's request brings only the new ones."""
        messages = [text_print(m) for m in objects(body.get("messages"))]
        thread = body.get("thread")
        continues = isinstance(thread, dict) and "previous_message_id" in thread
        return [*talk.prints, *messages] if continues else messages

    def _new_talk(self, body: JSON) -> Talk:
        talk = self.conversations.begin(None)
        talk.label = label_of(body) if len(self.conversations) > 1 else ""
        return talk

    def new_turn(self, exchange: Exchange, talk: Talk, body: JSON, asked: JSON) -> int | None:
        """
        Store a turn, and its conversation if it is the first there; None where the store fails.

        `asked` is the request in the common form.
        """
        if talk.number is None:
            talk.number = self.guard.write("a conversation", lambda w: w.conversation(talk.label))
        number, model = talk.number, str(asked.get("model") or "")
        self._name_model(model, bool(asked.get("tools")))
        self._name_task(asked)
        if number is None:
            return None
        with_turn = body if self.guard.strict else None
        name = "" if exchange.provider.NAME == DEFAULT else exchange.provider.NAME
        turn = self.guard.write(
            "a request",
            lambda w: w.begin_turn(
                conversation=number, model=model, request=with_turn, started=exchange.started, provider=name
            ),
        )
        if turn is not None and with_turn is None:
            self._store_request(exchange, turn, number, body)
        return turn

    def _store_request(self, exchange: Exchange, turn: int, conversation: int, body: JSON) -> None:
        """Have another thread store what was asked: pictures take their time. The reply waits for it."""
        exchange.request_stored = self.requests.do(
            lambda: self.guard.write("a request", lambda w: w.add_request(turn, body, conversation=conversation))
        )

    def turn_of_others(self, response_id: str, call_id: str) -> tuple[int, int] | None:
        """
        Return (turn, conversation) where another layer of the run has recorded this reply.

        It may be about to, and is given a moment.
        """
        begun = time.monotonic()
        while self.guard.shared and (response_id or call_id):
            found = self.guard.write("a turn", lambda w: w.turn_of_reply(response_id, call_id))
            waited = time.monotonic() - begun
            if found:
                self._others_record = True
                return found
            asks = self.guard.write("a turn", lambda w: w.others_ask())
            if waited > (_PATIENCE if asks else _DOUBT if self._others_record else 0.0):
                self._others_record = self._others_record and bool(asks)
                return None
            time.sleep(0.01)
        return None

    def _name_model(self, model: str, has_tools: bool) -> None:
        """Name the run's model where nobody did: the first that was asked, or the first that was given tools."""
        if model and (not self.model or (has_tools and not self._model_is_sure)):
            self._model_is_sure = has_tools
            self._set_model(model)

    def _name_task(self, body: JSON) -> None:
        """Take what the first user of a model with tools asks for the run's task, where nobody named one."""
        if self._task_is_sure or not (task := task_of_messages(body.get("messages"))):
            return
        if body.get("tools"):
            self._task_is_sure = True
            self.guard.write("the task", lambda w: w.describe_missing(task=task))
        elif not self._task_without_tools and body.get("max_tokens") != 1:  # as clients ask whether they may ask
            self._task_without_tools = task

    def name_task(self, otherwise: str = "") -> None:
        """
        Name the run's task at its end, where nobody did and no model with tools was asked.

        It is what the first user of a model asks, else `otherwise`.
        """
        task = self._task_without_tools or self.guard.secrets.clean(otherwise)
        if task and not self._task_is_sure:
            self.guard.write("the task", lambda w: w.describe_missing(task=task))

    def go_on_with(self, model: str) -> None:
        """Name the run after the model that goes on in it from here, whichever it was named after."""
        if model:
            self._model_is_sure = True
            self._set_model(model)

    def name_stand_in(self, model: str) -> None:
        """Name the run after the stand-in that answered in another model's place: what it did is not that model's."""
        if model.startswith(STAND_IN) and not self.model.startswith(STAND_IN):
            self._model_is_sure = True
            self._set_model(model)

    def _set_model(self, model: str) -> None:
        if model != self.model:
            self.model = model
            named = self.guard.secrets.clean(model)
            self.guard.write("the model's name", lambda w: w.describe(model=named))


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
        error = "" if builder.finished else why or _CUT
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
