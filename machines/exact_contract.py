"""
The contract of machines that record themselves, so that the very same instructions can be executed again.

A machine keeps a log of all that came from outside, and checkpoints on the way (`RecordsItself`). Its class finds out
whether the same can be had here (`ExactDriver.recorded`), and then executes a log again or goes on from a checkpoint
(`ExecutesAgain`). Instants are counts of instructions. What is in the files is the machine's own affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from footage.machines.contract import Machine
    from footage.trajectory import JSON, Pixels

__all__ = [
    "ExactDriver",
    "ExecutesAgain",
    "Execution",
    "HasRehearsal",
    "LeftBehind",
    "PackedSnapshot",
    "RecordsItself",
    "RehearsalGate",
    "Scene",
]


class LeftBehind(Protocol):
    """What a machine's own recording consists of, in files that may be moved away."""

    @property
    def log(self) -> Path:
        """The file with all that came from outside, as the machine wrote it."""
        ...

    @property
    def end(self) -> int:
        """Instant of the recording's end: instants are counts of instructions."""
        ...

    @property
    def checkpoints(self) -> Sequence[tuple[str, int, Path]]:
        """Each one's name, instant and file, oldest first; the first is where the recording starts."""
        ...

    @property
    def timeline(self) -> Sequence[tuple[int, int]]:
        """Pairs of (instant, monotonic ns of the host), both growing."""
        ...

    @property
    def dropped(self) -> int:
        """How many checkpoints were let go, to stay within the budget."""
        ...


@runtime_checkable
class RecordsItself(Protocol):
    """A machine that records itself, so that the very same can be executed again."""

    @property
    def facts(self) -> JSON:
        """What must be the same for the recording to be executed again; `ExactDriver.recorded` takes it."""
        ...

    def finish(self, on_progress: Callable[[int, int], None] | None = None) -> LeftBehind:
        """End the machine's recording, and the machine; its files stay until `close`."""
        ...


@dataclass(frozen=True, slots=True)
class PackedSnapshot:
    """A checkpoint of a recording, in a file as the machine left it behind."""

    name: str
    icount: int
    path: Path


class Execution(Protocol):
    """A machine that does again what it did, from a snapshot on; it only goes forward."""

    @property
    def reach(self) -> int:
        """The instant it is at, or on its way to."""
        ...

    def begin(self, icount: int) -> None:
        """Begin to execute up to an instant; `run_to` waits for it."""
        ...

    def run_to(self, icount: int) -> None:
        """Execute up to an instant, which must not lie behind. Raises MachineError where that fails."""
        ...

    def screen(self) -> Pixels:
        """Return the screen as it is at this instant."""
        ...

    def close(self) -> None:
        """End it and remove its files. Safe to call twice."""
        ...


class ExecutesAgain(Protocol):
    """What one recording was made on, as it is here: the recording can be executed, and gone on from."""

    def execute(self, log: Path, snapshot: PackedSnapshot, *, to: int) -> Execution:
        """Start it from a snapshot, on its way to instant `to`. Raises CannotDo, MachineError."""
        ...

    def go_on(
        self, snapshot: PackedSnapshot, *, pointer: tuple[int, int] | None, budget: int | None, remote: bool
    ) -> Machine:
        """
        Start a machine that records itself from a snapshot; what it leaves is a recording of its own.

        `pointer` is where the pointer is then, None where it starts; `budget` how many bytes checkpoints may take
        (None: as by default). With `remote` other processes can reach it, by a gate (`HasRehearsal`).
        """
        ...


@runtime_checkable
class ExactDriver(Protocol):
    """
    The class of a driver's exact mode (the plug-in `NAME-exact`): its machines record themselves.

    It is called as the driver's own class, with `budget` (bytes), `remote` (other processes can reach the machine) and
    `tell` (is told what takes long) by name, each where it is wanted.
    """

    @property
    def interval(self) -> float:
        """How many seconds lie between two checkpoints at the least, by default."""
        ...

    def recorded(self, facts: Mapping[str, Any], *, anyway: bool = False) -> ExecutesAgain:
        """
        Return what a recording with these facts was made on, by a class method.

        Raises CannotDo where it is not the same here; with `anyway` changes are let pass.
        """
        ...


# --- an agent that goes once more through what its machine has behind it ----------------------------------------------


class Scene(Protocol):
    """What other processes are shown in the place of a machine's screen. Thread-safe."""

    def picture(self) -> Pixels:
        """Return what is shown now: the same object as long as it is the same."""
        ...

    def touched(self) -> None:
        """Take note that a client has sent input."""
        ...

    def looked(self) -> None:
        """Take note that a client has asked for the screen."""
        ...


class RehearsalGate(Protocol):
    """What other processes reach a machine through, and may be held before a scene."""

    def hold(self, scene: Scene) -> None:
        """Show a scene from now on. To be called before anybody has connected."""
        ...

    def refresh(self) -> None:
        """Send clients what the scene shows now, where they wait for it."""
        ...

    def open(self) -> None:
        """Let everybody through to the machine from now on. Safe to call twice."""
        ...


@runtime_checkable
class HasRehearsal(Protocol):
    """A machine before which an agent can go once more through what the machine has behind it already."""

    @property
    def gate(self) -> RehearsalGate | None:
        """Where agents are held; None where the machine was not started `remote`."""
        ...
