"""
What a model is told when a run goes another way at one of its steps.

A fork at step N asks the model with the very history it had when it chose that step. With another action instead, its
own reply is kept up to that call, and the call is replaced; its thinking in that reply is dropped, since providers bind
thinking to the conversation it was made in.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from footage.errors import UsageError
from footage.providers.anthropic.computer_tools import tool_version, wire_call
from footage.storage import Store
from footage.trajectory import JSON, Action, Step, Turn

__all__ = ["Continuation", "continuation"]

_THINKING = frozenset({"thinking", "redacted_thinking"})


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a fork goes on."""

    messages: list[JSON]
    """The history, pictures included. Ends with the replaced call, still to be carried out, if there is one."""
    system: str | None
    """The request's system prompt."""
    version: str
    """The computer tool of the request ("" without one)."""
    dropped_thinking: int = 0
    """How many thinking blocks had to be left out."""


def continuation(store: Store, turns: Sequence[Turn], step: Step, action: Action | None) -> Continuation:
    """
    Return the history to go on from at a step. Raises UsageError where the run does not hold it.

    Without an action the model is asked anew for this step; with one, that action is taken in its place.
    """
    turn = next((turn for turn in turns if turn.number == step.turn), None)
    body = store.request(turn.id, pictures=True) if turn else None
    if turn is None or body is None:
        raise UsageError(
            f"Step {step.index} has no recorded request, so no model can be asked to go on from there.",
            hint="Runs recorded by footage agent, or with run.attach(client), can be forked.",
        )
    if step.call_index:
        raise UsageError(f"Step {step.index} is inside a batch call.", hint="Fork at the first step of the batch.")
    kept = list(turn.content[: _position(turn, step)])
    results = _results_of(store, turns, turn, {str(block.get("id")) for block in kept if _is_call(block)})
    messages: list[JSON] = list(body["messages"])
    version, system = tool_version(body.get("tools") or []), _text(body.get("system"))
    if results:  # calls before it in the same reply were carried out: they become a reply of their own
        messages += [{"role": "assistant", "content": kept}, {"role": "user", "content": results}]
        kept = []
    if action is None:
        return Continuation(messages, system, version)
    said = [block for block in kept if block.get("type") not in _THINKING]
    call = wire_call(action, version, call_id=f"toolu_fork_{secrets.token_hex(8)}", space=step.action.space)
    messages.append({"role": "assistant", "content": [*said, call]})
    return Continuation(messages, system, version, len(kept) - len(said))


def _text(system: object) -> str | None:
    """Return a system prompt as text, whether it was sent as text or as blocks."""
    if isinstance(system, list):
        return "\n\n".join(str(block.get("text", "")) for block in system if isinstance(block, dict))
    return system if isinstance(system, str) else None


def _is_call(block: JSON) -> bool:
    return block.get("type") == "tool_use"


def _position(turn: Turn, step: Step) -> int:
    for at, block in enumerate(turn.content):
        if _is_call(block) and block.get("id") == step.call_id:
            return at
    raise UsageError(f"Step {step.index} is not among the calls of its turn, so the run cannot go another way there.")


def _results_of(store: Store, turns: Sequence[Turn], turn: Turn, calls: set[str]) -> list[JSON]:
    """Return the tool results that the model was given for these calls, in their order."""
    if not calls:
        return []
    for later in turns:
        if later.number <= turn.number or later.conversation != turn.conversation:
            continue
        body = store.request(later.id, pictures=True) or {}
        blocks = [b for m in body.get("messages", []) for b in m.get("content", []) if isinstance(b, dict)]
        found = [b for b in blocks if b.get("type") == "tool_result" and b.get("tool_use_id") in calls]
        if len(found) == len(calls):
            return found
    raise UsageError(f"The results of the calls before it in turn {turn.number} were not recorded.")
