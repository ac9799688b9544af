"""A door: where the input of a machine that another process acts on passes, and is held until the screen was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from footage.machines.shared.call_inputs import Asked, Sorted
from footage.trajectory import Machine, Screenshot

__all__ = ["Arrival", "Door", "Gone", "Over", "door_of"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An input event that came to a machine: whose it is, and the screen from before it where that was looked at."""

    sorted: Sorted
    shot: Screenshot | None = None
    """None as well where the screen could not be looked at."""
    lost: int = 0
    """How many events before it, since the door was listened to, nobody was told of."""


@dataclass(frozen=True, slots=True)
class Over:
    """All input from before a call of `answered` was told."""

    steps: tuple[int, ...]
    since_ns: int
    moved: tuple[int, ...] = ()
    """The numbers of events that were told as theirs and may be another call's."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The door has ended by itself: nothing more is told, and no input passes it."""


@runtime_checkable
class Door(Protocol):
    """What a machine's `door()` returns. Thread-safe."""

    def listen(self, hear: Callable[[Arrival | Over | Gone], None]) -> None:
        """Have input told from now on, in its order, from a thread of the door's own; before that none is held."""

    def expect(self, calls: Sequence[Asked], since_ns: int) -> None:
        """Take note of calls that the agent is about to learn of, in a reply to a request that came at `since_ns`."""

    def answered(self, steps: Sequence[int], since_ns: int) -> None:
        """
        Take note that the model is told what came of these steps, by a request that came at `since_ns`.

        What is heard next, after all input so far, is an `Over` that says the same.
        """

    def close(self) -> None:
        """Tell no more; input passes as before `listen`. Safe to call twice."""


def door_of(machine: Machine) -> Door | None:
    """
    Return a machine's door; None where it has none.

    It is there from this call on: `environment` leads through it. Raises what the machine raises.
    """
    make = getattr(machine, "door", None)
    door = make() if callable(make) else None
    return door if isinstance(door, Door) else None
