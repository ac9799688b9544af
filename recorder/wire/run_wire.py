"""
The wire of one run: where requests belong, and what they bring, whichever provider's they are.

It finds the conversation of each request, records the results in it and begins its turn; what comes back is the
matter of each `Exchange`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from footage.providers.actions.points import PointerTracker
from footage.providers.common_form import content_of, objects, tool_results
from footage.providers.contract import Provider
from footage.providers.model_names import STAND_IN
from footage.providers.registry import DEFAULT
from footage.providers.tasks import task_of_messages
from footage.recorder.safe_writer import Guard
from footage.recorder.screen.frame_queue import PictureQueue
from footage.recorder.screen.shown import ShownScreens
from footage.recorder.step_book import StepBook, StepEntry
from footage.recorder.wire.conversations import Conversations, Talk, full_print, label_of, text_print
from footage.recorder.wire.exchanges import CUT, Exchange
from footage.recorder.wire.results import ResultReader
from footage.recorder.worker import Worker
from footage.storage.pen.turn_pen import BegunTurn
from footage.trajectory import JSON, Instant

__all__ = ["OnCalls", "Wire"]

OnCalls = Callable[[list[StepEntry], Instant, int | None], None]
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
                self.steps.abandon(talk.turn, CUT)
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
