"""
What a format's reader yields: a run as drafts, plain values that nothing has stored yet.

A reader fills in what its format knows and leaves the rest alone. Turns and conversations are named by their place in
the run's lists, steps by their place in `steps`; times are nanoseconds since 1970 (None: unknown). Points of actions
are pixels of the stored picture, their raw input and its space are kept beside them (see coordinates.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from footage.errors import FootageError
from footage.interchange.importers.reasons import reason_of
from footage.interchange.importers.safety import sniff
from footage.storage.pictures.decoding import check_size
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource, Region, RunStatus, StepStatus

__all__ = [
    "MOST_PROBLEMS",
    "DraftFrame",
    "DraftNote",
    "DraftOutcome",
    "DraftPicture",
    "DraftRun",
    "DraftStep",
    "DraftTurn",
    "Problem",
]


MOST_PROBLEMS = 200
"""Of one run."""


@dataclass(slots=True, eq=False)
class DraftPicture:
    """
    One picture, not read before it is needed. The same object in several frames is stored once.

    Two frames of one picture that share `derived` are one frame with several roles.
    """

    load: Callable[[], bytes]
    """Return the encoded bytes. Raises FootageError or OSError where they cannot be had."""
    name: str
    """Where it came from, for people: a path within the recording."""
    at: int | None = None
    """When it was taken."""
    screen: tuple[int, int] | None = None
    """(width, height) of the screen, where that is known to differ from the picture's."""
    region: Region | None = None
    """The part of the screen that it shows; None for all of it."""
    _size: tuple[int, int] | None = None
    _sized: bool = False

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) from the picture's header; None where it cannot be read."""
        if not self._sized:
            try:
                header = sniff(self.load())
                check_size(header.width, header.height)  # what a header says may be a lie, and points are scaled by it
                self._size = header.width, header.height
            except (FootageError, OSError, ValueError):
                self._size = None  # the writer reads it again, and reports why it cannot
            self._sized = True
        return self._size


@dataclass(slots=True)
class DraftFrame:
    """What a picture is to a step."""

    picture: DraftPicture
    role: FrameRole
    derived: bool = False
    """Taken over from a neighbour: the format has no picture of its own here."""


@dataclass(slots=True)
class DraftStep:
    """One tool call."""

    action: Action
    """What the call means."""
    status: StepStatus = StepStatus.EXECUTED
    """What became of it."""
    turn: int | None = None
    """The index of its reply in `DraftRun.turns`; None for a step without one."""
    call_id: str = ""
    """The call's id; may be empty."""
    call_index: int = 0
    """Position within a batch call."""
    result_text: str = ""
    """What it answered, in words."""
    error: str = ""
    """Why it failed."""
    started: int | None = None
    """Nanoseconds since 1970, UTC; None where it is not known."""
    ended: int | None = None
    """Nanoseconds since 1970, UTC; None where it is not known."""
    frames: list[DraftFrame] = field(default_factory=list)
    """Its pictures and what they are to it; `show` adds some."""

    def show(self, picture: DraftPicture | None, *roles: FrameRole, derived: bool = False) -> None:
        """Give the step a picture in these roles; None adds nothing."""
        if picture is not None:
            self.frames += [DraftFrame(picture, role, derived) for role in roles]

    def picture(self, role: FrameRole) -> DraftPicture | None:
        """Return the first picture in that role, or None."""
        return next((frame.picture for frame in self.frames if frame.role is role), None)

    def own(self, role: FrameRole) -> DraftPicture | None:
        """Return the first picture in that role that was taken for this step, not derived."""
        return next((frame.picture for frame in self.frames if frame.role is role and not frame.derived), None)


@dataclass(slots=True)
class DraftTurn:
    """One model reply, and the request it answers where that is known."""

    content: list[JSON] = field(default_factory=list)
    """Content blocks: {"type": "text", "text"}, {"type": "thinking", "thinking"}, {"type": "tool_use", …}."""
    model: str = ""
    conversation: int = 0
    request: JSON | None = None
    """As it was sent to the Messages API; pictures as base64 blocks."""
    response_id: str = ""
    stop_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    started: int | None = None
    ended: int | None = None
    status: str = "completed"
    error: str = ""


@dataclass(slots=True)
class DraftOutcome:
    """One opinion on whether the task succeeded: `success`, `failure`, or a number as text."""

    value: str
    source: OutcomeSource
    note: str = ""


@dataclass(slots=True)
class DraftNote:
    """A remark on the run, or on one of its steps."""

    text: str
    step: int | None = None


@dataclass(slots=True)
class Problem:
    """Something that could not be brought in: a gap in the run, and a line of the import's report."""

    reason: str
    """A sentence without its full stop."""
    path: str = ""
    """The file it is about; "" for the run's own."""
    step: int | None = None


@dataclass(slots=True)
class DraftRun:
    """One run of a recording."""

    identity: str
    """What is the same whenever this run is imported: a hash of the bytes that tell it (`Entry.sha256`)."""
    exported_from: str = ""
    """The id of the run that footage exported it from; "" for what others recorded."""
    task: str = ""
    """What the agent was to do, in words."""
    task_id: str = ""
    """Runs with the same one are compared; empty: made from the task."""
    model: str = ""
    """The model's name; may be empty."""
    status: RunStatus = RunStatus.COMPLETED
    """`completed`, `interrupted` (the recording breaks off) or `errored`."""
    error: str = ""
    """Why it is `errored`."""
    started: int | None = None
    """Nanoseconds since 1970, UTC; None where it is not known."""
    ended: int | None = None
    """Nanoseconds since 1970, UTC; None where it is not known."""
    machine: JSON | None = None
    """What is known of the machine; no `driver`, since none here can start it."""
    conversations: list[str] = field(default_factory=list)
    """Their labels; a run with turns has at least one, nameless."""
    turns: list[DraftTurn] = field(default_factory=list)
    """The model's replies, in their order."""
    steps: list[DraftStep] = field(default_factory=list)
    """The tool calls, in their order."""
    outcomes: list[DraftOutcome] = field(default_factory=list)
    """Who says how the task ended."""
    notes: list[DraftNote] = field(default_factory=list)
    """Remarks of people."""
    tags: list[str] = field(default_factory=list)
    """Its tags."""
    problems: list[Problem] = field(default_factory=list)
    """What could not be brought in; `problem` adds one."""
    more: int = 0
    """How many problems are counted, and not kept."""

    def problem(self, reason: str, path: str = "", *, step: int | None = None) -> None:
        """Note what could not be brought in; of very many problems the first are kept, and how many more there are."""
        self.problems.append(Problem(reason, path, step))
        self.more += len(self.problems) > MOST_PROBLEMS
        if self.more:
            self.problems[MOST_PROBLEMS - 1 :] = [Problem(f"{self.more + 1:,} more could not be brought in")]

    @contextlib.contextmanager
    def trying(self, what: str, path: str = "", *, step: int | None = None) -> Iterator[None]:
        """Read one part of a recording; where it is not as such parts are, note that as a problem and go on."""
        try:
            yield
        except (
            *(FootageError, LookupError, TypeError, ValueError, AttributeError),
            *(ArithmeticError, RecursionError, MemoryError),
        ) as error:
            self.problem(f"{what}: {reason_of(error)}", path, step=step)
