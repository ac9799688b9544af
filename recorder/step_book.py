"""
The steps of a run while it lasts: where the layers of a recording meet.

The wire says that a step is intended; the screen layer finds it again when the action is performed; the wire adds what
the model was told of it. All three name it by its call id, or else by its canonical action.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from footage.recorder.safe_writer import Guard
from footage.storage import RunWriter
from footage.trajectory import Action, FrameRole, InputEvent, Instant, Step, StepStatus

__all__ = ["StepBook", "StepEntry"]

_Write = Callable[[RunWriter], int | None]


@dataclass(slots=True, eq=False)
class StepEntry:
    """One step, as far as this process knows."""

    action: Action
    index: int | None
    """None where the store failed to take it."""
    turn: int | None = None
    call_id: str = ""
    claimed: bool = False
    """Somebody performs it, or has performed it."""
    status: StepStatus = StepStatus.INTENDED
    answered: bool = False
    """The model was told its result."""
    observed: int = 0
    """Pictures of its result that are stored, or about to be."""
    secret: bool = False
    """Its arguments hold something that is kept out of the recording."""


class StepBook:
    """The steps of one run, and the only way they are written. Thread-safe."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._lock = threading.Lock()
        self._open: list[StepEntry] = []
        self._calls: dict[str, list[StepEntry]] = {}

    def intend(
        self, actions: Sequence[Action], *, turn: int | None = None, call_id: str = "", claimed: bool = False
    ) -> list[StepEntry]:
        """Store that one call's actions are about to be taken; a call that is known already gives its entries."""
        return self.intend_all([(actions, call_id)], turn=turn, claimed=claimed)[0]

    def intend_all(
        self,
        calls: Sequence[tuple[Sequence[Action], str]],
        *,
        turn: int | None = None,
        claimed: bool = False,
        also: Sequence[_Write] = (),
    ) -> list[list[StepEntry]]:
        """Do so for several calls (their actions, and their id), and write what else there is, in one transaction."""
        with self._lock:
            known, new = list[list[StepEntry]](), list[StepEntry]()
            writes: list[_Write] = []
            for actions, call_id in calls:
                entries = self._calls.get(call_id, []) if call_id else []
                if not entries:
                    entries = [StepEntry(action, None, turn, call_id, claimed=claimed) for action in actions]
                    writes += [self._intent(entry, number) for number, entry in enumerate(entries)]
                    new += entries
                    if call_id:
                        self._calls[call_id] = entries
                known.append(entries)
            indexes = self._guard.write_all("a step", [*writes, *also])
            for entry, index in zip(new, indexes, strict=False):
                entry.index = index
            self._open += [] if claimed else new
            return known

    def _intent(self, entry: StepEntry, number: int) -> _Write:
        """Return what stores an entry."""
        kept, at = self._without_secrets(entry.action), Instant.now()
        entry.secret = kept is not entry.action
        return lambda w: w.intend(kept, turn=entry.turn, call_id=entry.call_id, call_index=number, at=at)

    def _without_secrets(self, action: Action) -> Action:
        """Return the action as it may be stored; the very same object if it has no secrets."""
        clean = self._guard.secrets.clean_json
        kept = {name: clean(getattr(action, name)) for name in ("arguments", "raw", "name", "namespace")}
        clear = all(value is getattr(action, name) for name, value in kept.items())
        return action if clear else replace(action, **kept)

    def claim(self, action: Action, call_id: str | None = None) -> StepEntry:
        """
        Return the step that is now being performed.

        By call id: its first action not yet performed, an equal one first. Else the first intended step with an equal
        action. Else a new, scripted step.
        """
        call_id = call_id and self._guard.secrets.clean(call_id)
        with self._lock:
            found = self._free(action, call_id)
            if not found and self._guard.shared:
                self._meet_others()
                found = self._free(action, call_id)
            for entry in found:
                entry.claimed = True
                # Whoever stored it may have taken the secret out, and this layer alone sees what is performed.
                entry.secret = entry.secret or self._without_secrets(action) is not action
                self._open.remove(entry)
        return found[0] if found else self.intend([action], call_id=self._fresh(call_id), claimed=True)[0]

    def _free(self, action: Action, call_id: str | None) -> list[StepEntry]:
        """Return the entry to claim, or nothing."""
        among = self._calls.get(call_id, []) if call_id else self._open
        free = [entry for entry in among if not entry.claimed]
        equal = [entry for entry in free if _same(entry.action, action)]
        if not equal and not call_id:
            cleaned = self._without_secrets(action)
            equal = [entry for entry in free if _same(entry.action, cleaned)]
        return (equal or (free if call_id else []))[:1]

    def resume(self, steps: Sequence[Step]) -> None:
        """
        Take in the steps that an earlier recorder of this run stored.

        The model may not have been told of those that nothing is known of but that they were performed.
        """
        with self._lock:
            for step in steps:
                observed = len(step.frames.get(FrameRole.OBSERVED, ()))
                self._take_in(step, answered=bool(step.result_text or step.error or observed), observed=observed)

    def _meet_others(self) -> None:
        """Take in the open steps that other layers of the run stored; those tell what comes of them."""
        known = {entry.index for entry in self._open} | {e.index for call in self._calls.values() for e in call}
        for step in self._guard.write("what others recorded", lambda w: w.open_steps()) or []:
            if step.index not in known:
                self._take_in(step, answered=True)

    def _take_in(self, step: Step, *, answered: bool, observed: int = 0) -> None:
        is_open = step.status is StepStatus.INTENDED and step.started is None
        entry = StepEntry(
            step.action,
            step.index,
            step.turn,
            step.call_id,
            claimed=not is_open,
            status=step.status,
            answered=answered,
            observed=observed,
        )
        if is_open:
            self._open.append(entry)
        if step.call_id:
            self._calls.setdefault(step.call_id, []).append(entry)

    def _fresh(self, call_id: str | None) -> str:
        """Return the call id for a step that is new: none for a call performed more often than it was asked for."""
        return call_id if call_id and call_id not in self._calls else ""

    def of_call(self, call_id: str) -> list[StepEntry]:
        """Return the steps of a call ([] if it is not known)."""
        return self._calls.get(self._guard.secrets.clean(call_id), [])

    def abandon(self, turn: int | None, why: str) -> None:
        """Say of a turn's steps that nobody performed that nobody will."""
        self._abandon(lambda entry: turn is not None and entry.turn == turn, why)

    def abandon_all(self, why: str) -> None:
        """Say so of all steps: whoever performs them has ended."""
        self._abandon(lambda _: True, why)

    def _abandon(self, is_left: Callable[[StepEntry], bool], why: str) -> None:
        with self._lock:
            left = [entry for entry in self._open if not entry.claimed and is_left(entry)]
            self._open = [entry for entry in self._open if entry not in left]
        for entry in left:
            entry.claimed = True
            self.finish(entry, StepStatus.NOT_EXECUTED, error=why)

    def start(self, entry: StepEntry, at: Instant) -> None:
        """Store that it is being performed from now on."""
        index = entry.index
        if index is not None:
            self._guard.write("the start of a step", lambda w: w.start(index, at))

    def finish(
        self,
        entry: StepEntry,
        status: StepStatus,
        *,
        result_text: str | None = None,
        error: str | None = None,
        delivered: Sequence[InputEvent] | None = None,
        ended: Instant | None = None,
        icounts: Sequence[int] = (),
        hearsay: bool = False,
    ) -> None:
        """
        Store what became of it; what is None stays as it is.

        `hearsay`: only the model was told so; what the layer that performed it knows counts more. The input events of
        an action with a secret would spell it out: they are not stored.
        """
        entry.status = status
        index, clean = entry.index, self._guard.secrets.clean
        if index is not None:
            self._guard.write(
                "the outcome of a step",
                lambda w: w.finish(
                    index,
                    status=status,
                    result_text=None if result_text is None else clean(result_text),
                    error=None if error is None else clean(error),
                    delivered=None if entry.secret else delivered,
                    ended=ended,
                    icounts=icounts,
                    hearsay=hearsay,
                ),
            )


def _same(a: Action, b: Action) -> bool:
    return a.namespace == b.namespace and a.name == b.name and dict(a.arguments) == dict(b.arguments)
