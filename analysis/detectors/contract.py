"""
What a detector is: a module, or an object, that looks at one run and says what it notices.

It is registered as an entry point of the group `footage.detectors`. `footage plugins check NAME` looks whether it keeps
what is promised here; `footage diagnose RUN` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from footage.analysis.detectors.effects import Effects
from footage.storage import Store
from footage.trajectory import JSON, Frame, Gap, Pixels, Region, Run, Step, Turn

__all__ = ["Abstained", "Detector", "ExaminedRun", "Noticed"]


class ExaminedRun:
    """A run as a detector sees it. Everything is read where it is first asked for, and nothing can be changed."""

    def __init__(self, store: Store, run: Run) -> None:
        self.run = run
        """The run itself."""
        self._store = store

    @cached_property
    def steps(self) -> Sequence[Step]:
        """Return the steps in their order, each with its frames by role."""
        return tuple(self._store.steps(self.run.id))

    @cached_property
    def turns(self) -> Sequence[Turn]:
        """The model's replies in their order."""
        return tuple(self._store.turns(self.run.id))

    @cached_property
    def _replies(self) -> Mapping[int, Turn]:
        return {turn.number: turn for turn in self.turns}

    def turn_of(self, step: Step, *, later: int = 0) -> Turn | None:
        """Return the reply that asked for a step, or so many replies `later`; None where there is none."""
        return None if step.turn is None else self._replies.get(step.turn + later)

    @cached_property
    def gaps(self) -> Sequence[Gap]:
        """What is known to be missing from the run."""
        return tuple(self._store.gaps(self.run.id))

    def pixels(self, frame: Frame) -> Pixels:
        """
        Return a frame's picture: (height, width, 3) of uint8, RGB, not to be written to. Raises StoreCorrupt.

        Equal pictures have an equal `frame.sha256`, which is there without loading either.
        """
        return self._store.pixels(frame.picture)

    def request(self, turn: Turn) -> JSON | None:
        """Return the request that a turn answers, pictures as references; None where none was recorded."""
        return self._store.request(turn.id)

    @cached_property
    def effects(self) -> Effects:
        """What each step changed on the screen, worked out once for all detectors."""
        return Effects(self._store, self.steps, self.gaps)


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that a detector noticed."""

    kind: str
    """What it is, in a word with underscores: what `footage runs --finding` takes. One of the detector's `KINDS`."""
    message: str
    """One sentence that is true of this run; it holds nothing that was typed."""
    step: int | None = None
    """The step it is about, the first of several; None for the whole run."""
    evidence: tuple[Frame, ...] = ()
    """The frames of this run that show it."""
    region: Region | None = None
    """Where on the screen."""
    confidence: float = 1.0
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class Abstained:
    """What a detector could not look at: silence that does not mean that nothing is wrong."""

    why: str
    """A phrase: `no pictures that the model was sent`."""
    steps: int | None = None
    """How many steps it could not judge; None for the whole run."""


class Detector(Protocol):
    """
    What every detector has. It is silent where it does not know.

    It may have `LISTED`, those of its kinds that are worth seeing and are no alarm: good runs show them too.
    """

    NAME: str
    """The entry point's name."""
    VERSION: int
    """Of its rule: a higher one where it finds other things than before. It is kept with each finding."""
    LINE: str
    """What it notices, in a few words, for the help."""
    KINDS: tuple[str, ...]
    """The kinds of what it notices."""

    def detect(self, examined: ExaminedRun) -> Iterator[Noticed | Abstained]:
        """
        Yield what is noticed: of the same run the same each time. A run without steps is a run too.

        What it could not judge, it may yield as `Abstained`.
        """
        ...
