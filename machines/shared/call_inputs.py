"""
Which call of a reply an input belongs to: told from the order of the calls, and from what each asks for.

An agent carries out the calls of a reply one after another. A call that asks for a click is begun by a move or a press,
one that asks for text by a key; a look gives no input and is passed over. Whoever stands where the input passes (a
gate) asks here before it lets an event in, and takes a frame where one begins a call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from footage.machines.shared.expected_input import Expected, expected_of, place_of
from footage.trajectory import JSON, Action, InputEvent

__all__ = ["Asked", "InputSorter", "Sorted", "asked_json"]

_PAUSE_NS = 100_000_000
"""Input that nobody asked for is a gesture of its own after so long without any."""
_KEPT = 4096
"""Events that are remembered: the calls that they belong to may be told of late."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that an agent is to carry out: its step, and the action."""

    step: int
    action: Action
    secret: bool = False
    """Whether it holds something that must not be stored."""

    @classmethod
    def from_json(cls, said: JSON) -> Asked:
        """Return what `asked_json` wrote."""
        action = Action(said["name"], said["arguments"], said["namespace"], said["raw"])
        return cls(said["step"], action, said["secret"])


def asked_json(step: int, action: Action, *, secret: bool) -> JSON:
    """Return a call as JSON: what is no computer's has no arguments here, since they tell nothing of input."""
    own = action.is_computer
    raw = {name: value for name, value in (action.raw or {}).items() if "coordinate" in name} if own else {}
    arguments = dict(action.arguments) if own else {}
    about = {"name": action.name, "namespace": action.namespace, "arguments": arguments, "raw": raw}
    return {"step": step, "secret": secret, **about}


@dataclass(frozen=True, slots=True)
class Sorted:
    """Whose an event is. `number` is the event's own, 0.. in the order they came."""

    number: int
    event: InputEvent
    step: int | None
    """None where nobody asked for it."""
    begins: bool
    """Whether it is the first of its call, or of what nobody asked for."""
    look: bool
    """Whether the screen is worth a look before it: it begins something, or may do so for a call not told of yet."""


@dataclass(slots=True, eq=False)
class _Reply:
    """The calls of one reply that are not answered yet, in their order."""

    since_ns: int
    calls: list[_Call]


@dataclass(slots=True, eq=False)
class _Call:
    step: int
    expected: Expected
    begun: bool = False
    passed: bool = False
    """Whether a later call of the reply has begun: this one is over, or gave no input."""
    had_all: bool = False
    """Whether all that it asks for has come: what comes now is more, also while that holds something down."""


@dataclass(slots=True)
class _Recent:
    number: int
    event: InputEvent
    client: object
    call: _Call | None
    extra: bool
    """Whether its call had had all that it asks for."""


@dataclass(slots=True)
class InputSorter:
    """Sorts the input of one machine. Not thread-safe."""

    _replies: list[_Reply] = field(default_factory=list)
    _current: _Call | None = None
    _owners: dict[tuple[str, Any], _Call | None] = field(default_factory=dict)
    """Whose the keys and buttons are that are down."""
    _recent: deque[_Recent] = field(default_factory=partial(deque, maxlen=_KEPT))
    _count: int = 0
    _pointer: tuple[int, int] | None = None
    _last_ns: int = 0
    _last_client: object = None
    _fresh: bool = True

    def expect(self, calls: Sequence[Asked], since_ns: int) -> list[Sorted]:
        """
        Take note of the calls of a reply, which answers a request that came at `since_ns` (monotonic, ns).

        Returns the events since then that were sorted as nobody's and are theirs: an agent may be ahead of the news.
        """
        reply = next((each for each in self._replies if each.since_ns == since_ns), None)
        if reply is None:
            reply = _Reply(since_ns, [])
            self._replies.append(reply)
        known = {call.step for each in self._replies for call in each.calls}
        reply.calls += [_Call(each.step, expected_of(each.action)) for each in calls if each.step not in known]
        found = []
        late = [each for each in self._recent if each.call is None or each.extra]
        for each in [each for each in late if each.event.at_ns >= since_ns]:
            earlier = each.call
            each.call, begins, each.extra = self._placed(each.event, each.client)
            if each.call is not None and each.call is not earlier:
                found.append(Sorted(each.number, each.event, each.call.step, begins, begins))
        return found

    def answered(self, steps: Iterable[int], since_ns: int) -> list[int]:
        """
        Take note that the model is told what came of these steps, by a request that came at `since_ns`.

        Their input is over: what came later, and more than they ask for, is nobody's until it is known whose. Returns
        the numbers of those events.
        """
        over = set(steps)
        moved = []
        for each in self._recent:
            if each.call is not None and each.call.step in over and each.extra and each.event.at_ns >= since_ns:
                each.call = None
                moved.append(each.number)
        for reply in self._replies:
            reply.calls = [call for call in reply.calls if call.step not in over]
        self._replies = [reply for reply in self._replies if reply.calls]
        if self._current is not None and self._current.step in over:
            self._current = None
        self._owners = {what: call if call and call.step not in over else None for what, call in self._owners.items()}
        self._fresh = True
        return moved

    def sort(self, event: InputEvent, client: object = None, pointer: tuple[int, int] | None = None) -> Sorted:
        """Tell whose an event is, before it is let in. `client` is who sends it, `pointer` where the pointer is."""
        self._pointer = pointer if pointer is not None else self._pointer
        number, self._count = self._count, self._count + 1
        paused = self._fresh or event.at_ns - self._last_ns > _PAUSE_NS or client != self._last_client
        paused = paused and not event.kind.endswith("_up")
        over = self._current is None or self._current.expected.done
        call, begins, more = self._placed(event, client)
        begins = begins or (call is None and paused)
        self._recent.append(_Recent(number, event, client, call, extra=more))
        self._fresh = False
        self._last_ns, self._last_client = event.at_ns, client
        if event.kind == "move":
            self._pointer = place_of(event)
        return Sorted(number, event, call.step if call else None, begins, begins or (over and paused))

    def let_in(self, found: Sorted, at_ns: int) -> Sorted:
        """Return what was sorted last as it is once it was let in, at that instant (monotonic)."""
        event = replace(found.event, at_ns=at_ns)
        self._recent[-1].event = event
        return replace(found, event=event)

    # --- whose it is ---

    def _placed(self, event: InputEvent, client: object) -> tuple[_Call | None, bool, bool]:
        """Return whose an event is, whether it begins that, and whether it is more than a call asks for."""
        current = self._current
        if current is not None and current.expected.done:
            current.had_all = True
        call, begins = self._whose(event, client)
        return call, begins, call is not None and call is current and call.had_all

    def _whose(self, event: InputEvent, client: object) -> tuple[_Call | None, bool]:
        released = event.kind.endswith("_up")
        what = (event.kind.partition("_")[0], event.values[0] if event.values else None)
        owner = self._owners.pop(what, None) if released else None
        if released and (owner is not None or self._current is not None):
            following = self._beginner(event) if owner is None or owner.expected.waits_for_release else None
            if following is None:
                call = owner or self._current
                assert call is not None
                call.expected.take(event)
                return call, False
            return self._begin(following, event, client), True
        current = self._current
        if current is not None and current.expected.wants(event, client, self._others(current)):
            current.expected.take(event, client)
            call, begins = current, False
        elif (following := self._beginner(event)) is not None:
            call, begins = self._begin(following, event, client), True
        elif current is not None:
            current.expected.take(event, client)
            call, begins = current, False
        else:
            return None, False
        if event.kind.endswith("_down"):
            self._owners[what] = call
        return call, begins

    def _begin(self, call: _Call, event: InputEvent, client: object) -> _Call:
        for reply in self._replies:
            if call in reply.calls:
                for earlier in reply.calls[: reply.calls.index(call)]:
                    earlier.passed = True
        call.begun, self._current = True, call
        call.expected.take(event, client)
        return call

    def _pending(self) -> Iterable[list[_Call]]:
        """Yield what has not begun yet of each reply, the newest reply first: an older one may be given up."""
        for reply in reversed(self._replies):
            yield [call for call in reply.calls if not (call.begun or call.passed)]

    def _others(self, current: _Call) -> list[Expected]:
        """Return what the calls after the current one in its reply expect."""
        own = next((reply.calls for reply in self._replies if current in reply.calls), [])
        return [call.expected for call in own if not (call.begun or call.passed)]

    def _beginner(self, event: InputEvent) -> _Call | None:
        """Return the call that an event begins: what asks for just that, else the first that may begin so."""
        pending = list(self._pending())
        for exactly in (2, 1):
            for calls in pending:
                for call in calls:
                    if call.expected.begins(event, self._pointer) >= exactly:
                        return call
        return None if event.kind.endswith("_up") else self._other(pending)

    def _other(self, pending: Sequence[Sequence[_Call]]) -> _Call | None:
        """Return whose an event is that no call asks for: one that may do anything, or the only ones there are."""
        every = [call for calls in pending for call in calls]
        free = [call for call in every if call.expected.anything]
        if not free and self._current is None:
            free = [call for call in every if call.expected.acts] or every
        return free[0] if free else None


def calls_of(said: Sequence[Mapping[str, Any]]) -> list[Asked]:
    """Return calls as they were told by another process."""
    return [Asked.from_json(dict(each)) for each in said]
