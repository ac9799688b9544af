"""
The contract of machines: what every machine has, and what one may offer beyond that.

`Machine` is what every machine has. Each other protocol is one thing that footage makes use of where a machine, or
its class, offers it: `isinstance(machine, HasEye)` is how that is asked, and no other way. A machine without any of
them is recorded and replayed all the same. `footage machine check` looks at each that a machine offers. What machines
that record themselves offer is in `exact_contract`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from footage.machines.shared.call_inputs import Asked, Sorted

if TYPE_CHECKING:
    from footage.trajectory import JSON, Action, InputEvent, Performed, Screenshot

__all__ = [
    "MACHINE_PROTOCOL",
    "WORDS",
    "Arrival",
    "Availability",
    "Door",
    "Eye",
    "Gone",
    "HasDoor",
    "HasEye",
    "HasVariants",
    "HasWitness",
    "KeepsFiles",
    "LooksBefore",
    "Machine",
    "Over",
    "Reopens",
    "Rests",
    "Settles",
    "Snapshots",
    "TellsAvailability",
    "Witness",
    "door_of",
]

MACHINE_PROTOCOL = 1
"""Version of the `Machine` protocol."""


@runtime_checkable
class Machine(Protocol):
    """
    What actions are performed on. Version `MACHINE_PROTOCOL`.

    Not thread-safe: one caller at a time. After `close()` nothing else may be called. All methods may raise
    `footage.errors.MachineError`; `perform` raises `UnsupportedAction` for what `capabilities` does not name.
    """

    @property
    def specification(self) -> JSON:
        """
        What it takes to have the same machine again, as JSON.

        At least {"driver": name, "protocol": version, "screen": [width, height]}.
        """
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """
        Names of the canonical actions it performs, and words for more.

        `pixel_exact`: after `reset` the screen is the same to the pixel. `isolated`: what runs on it cannot reach the
        computer's own files. `rest`, `snapshot` and `witness`: this very machine has the methods in `WORDS`.
        """
        ...

    @property
    def input_log(self) -> Sequence[InputEvent]:
        """Every input event delivered since the last `reset`, oldest first."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables by which another process finds this machine (`DISPLAY`, an RFB address)."""
        ...

    def screenshot(self) -> Screenshot:
        """Return the whole screen as it is now."""
        ...

    def perform(self, action: Action) -> Performed:
        """Carry out one action and return once its input has been delivered (its effect may come later)."""
        ...

    def clock(self) -> float:
        """Return seconds on the machine's own clock."""
        ...

    def reset(self) -> None:
        """Return to the state it started from; clears the input log."""
        ...

    def close(self) -> None:
        """Stop it and free everything it holds. Safe to call twice."""
        ...


# --- what a machine may offer: looking at its screen ------------------------------------------------------------------


@runtime_checkable
class Eye(Protocol):
    """A way to look at a machine's screen from another thread. Thread-safe."""

    def changed(self) -> bool:
        """Tell, cheaply, whether anything on the screen has changed since this was last asked."""
        ...

    def look(self) -> Screenshot | None:
        """Return the whole screen as it is now; None where that takes too long."""
        ...

    def close(self) -> None:
        """Let go of the screen. Safe to call twice."""
        ...


@runtime_checkable
class HasEye(Protocol):
    """A machine whose screen is recorded between actions too."""

    def eye(self) -> Eye:
        """Return a second way to look at the screen; it ends with `reset` and `close` at the latest."""
        ...


@runtime_checkable
class LooksBefore(Protocol):
    """A machine that has something to do at the moment before an action, such as a checkpoint."""

    def screenshot_before(self) -> Screenshot:
        """Return the screen as `screenshot` does: nothing is going on, and an action is about to be performed."""
        ...


@runtime_checkable
class Rests(Protocol):
    """A machine that knows when its programs are idle."""

    def rest(self, at_most: float = 2.0) -> bool:
        """Wait until its programs have dealt with their input; False if they do not within `at_most` seconds."""
        ...


@runtime_checkable
class Settles(Rests, Protocol):
    """A machine whose programs are slow: its screen is watched for rest once `rest` has returned."""

    @property
    def settling(self) -> float:
        """Seconds that a program may take to deal with an action: how long `rest` is waited for."""
        ...


# --- the input of other processes -------------------------------------------------------------------------------------


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
    """Where the input of other processes passes, and is held until the screen was seen. Thread-safe."""

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


@runtime_checkable
class HasDoor(Protocol):
    """A machine that sees what other processes do to it."""

    def door(self) -> Door | None:
        """Return its door, to which `environment` leads from now on; None where this very machine has none."""
        ...


def door_of(machine: Machine) -> Door | None:
    """
    Return a machine's door; None where it has none.

    It is there from this call on: `environment` leads through it. Raises what the machine raises.
    """
    return machine.door() if isinstance(machine, HasDoor) else None


# --- more that a machine may offer ------------------------------------------------------------------------------------


@runtime_checkable
class KeepsFiles(Protocol):
    """A machine whose files can be read."""

    def read_file(self, name: str) -> bytes:
        """Return the bytes of a file below the home folder. Raises MachineError where there is none."""
        ...


@runtime_checkable
class Snapshots(Protocol):
    """A machine that can be had again as it was at any moment."""

    def snapshot(self, name: str) -> None:
        """Keep the machine as it is now under a name; it goes on."""
        ...

    def restore(self, name: str) -> None:
        """Have the machine again as it was when the snapshot was taken. Raises UsageError for an unknown name."""
        ...


class Witness(Protocol):
    """A program on a machine that sees every event."""

    def read(self) -> tuple[int, Sequence[Any]]:
        """Return how many events there were so far, and the last ones (`machines.checking.probe.Event`)."""
        ...

    def close(self) -> None:
        """End the program."""
        ...


@runtime_checkable
class HasWitness(Protocol):
    """A machine that can show a window of its own which sees every event: its check needs no X display then."""

    def witness(self) -> Witness:
        """Show the window. Raises MachineError where it does not come up."""
        ...


# --- what a machine's class may offer ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a machine can be had."""

    ready: bool
    """Whether it can be started here and now."""
    detail: str
    """How it stands with it, for people."""
    hint: str = ""
    """What to do where it is not ready."""

    def as_json(self) -> JSON:
        """Return {"ready", "detail", "hint"}."""
        return asdict(self)


@runtime_checkable
class TellsAvailability(Protocol):
    """A class that knows whether its machines can be had here."""

    def availability(self, which: str = "") -> Availability:
        """Tell, without starting anything, by a class method; `which` is what stands after the driver's name."""
        ...


@runtime_checkable
class HasVariants(Protocol):
    """A class with a fixed choice of what can stand after the driver's name."""

    @property
    def variants(self) -> Sequence[str]:
        """What can stand there."""
        ...


@runtime_checkable
class Reopens(Protocol):
    """A class whose machines can be had again: what replay does unless it is told a machine."""

    def from_specification(self, specification: Mapping[str, Any]) -> Machine:
        """Start a machine like the one whose specification this was, by a class method. Raises UsageError."""
        ...


WORDS: Mapping[str, type] = {"rest": Rests, "snapshot": Snapshots, "witness": HasWitness}
"""Words in `capabilities`, and what the machine has then. A class may offer more than each machine of it has."""
