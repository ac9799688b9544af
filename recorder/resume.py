"""How a recorder goes on where another one of the same run ended: from what the store holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from footage.errors import StoreCorrupt
from footage.providers.common_form import objects
from footage.providers.registry import asked_in
from footage.providers.uploads import UPLOADED_TO
from footage.recorder.wire.conversations import Left
from footage.storage import Store
from footage.trajectory import JSON, Step, Turn

if TYPE_CHECKING:
    from footage.recorder.recording import Recording

__all__ = ["take_up"]


def take_up(recording: Recording, store: Store) -> None:
    """Have a recording go on from how far its run's conversations and steps have come in the store."""
    turns, steps = store.turns(recording.id), store.steps(recording.id)
    recording.steps.resume(steps)
    for exchange in store.raw_exchanges(recording.id, path=UPLOADED_TO):
        recording.wire.results.uploads.learn(exchange)
    for step in steps:
        recording.wire.pointer.follow(step.action)
    called = defaultdict[int | None, list[Step]](list)
    for step in steps:
        called[step.turn].append(step)
    conversations = defaultdict[int, list[Turn]](list)
    for turn in turns:
        conversations[turn.conversation].append(turn)
    for _, own in sorted(conversations.items()):
        _take_up_conversation(recording, store, own, [step for turn in own for step in called[turn.number]])


def _take_up_conversation(recording: Recording, store: Store, turns: Sequence[Turn], called: Sequence[Step]) -> None:
    wire, last = recording.wire, turns[-1]
    found = ((turn, body) for turn in reversed(turns) if (body := store.request(turn.id)) is not None)
    turn, request = next(found, (last, {}))
    asked = asked_in(turn, request)
    with wire.lock:
        talk = wire.adopt(last.conversation, objects(asked.get("messages")))
        for step in called:
            if step.call_id:
                wire.conversations.asked(talk, step.call_id, zoom=step.action.shows_part)
        for each in turns:
            wire.conversations.replied(talk, each.response_id)
        talk.calls = list(dict.fromkeys(step.call_id for step in called if step.turn == last.number and step.call_id))
        talk.learn(asked, wire.conversations.zooms, lambda block: _size_of(recording, store, block))
        if turn is last and last.attempts:
            failed = bool(last.attempts[-1].error)
            talk.left = Left(request, last.number, last.attempts[-1].number, failed)


def _size_of(recording: Recording, store: Store, block: JSON) -> tuple[int, int] | None:
    """Return the (width, height) of the picture in an image block of a stored request; None where it is not known."""
    source = block.get("source")
    if not isinstance(source, dict) or not isinstance(source.get("picture"), int):
        return recording.wire.results.uploads.size_of(block)
    try:
        height, width = store.pixels(source["picture"]).shape[:2]
    except StoreCorrupt:
        return None
    return width, height
