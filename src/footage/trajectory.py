"""
The vocabulary, as types: one word, one thing, the same in code, database, command line, docs and pages.

A run holds conversations; a conversation holds turns (one model reply each); a turn asks for steps (one tool call
each); frames show the screen around steps. Nothing here touches a file, a network or a screen, and nothing here
imports anything else of footage.

Units: screen pixels with the origin top left; nanoseconds for instants; milliseconds for durations. The pixels of
a picture are a numpy array of shape (height, width, 3), dtype uint8, RGB.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, dataclass_transform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]
    """Shape (height, width, 3), RGB."""
else:
    Pixels = Any  # numpy is not loaded for a type's sake

JSON: TypeAlias = dict[str, Any]
"""A JSON object."""


Made = TypeVar("Made")


@dataclass_transform(frozen_default=True)
def _made_by_thousands(cls: type[Made]) -> type[Made]:
    """
    Make a dataclass of whose objects a long run has thousands: a value like the others, frozen to type checkers alone.

    A frozen object is filled through `object.__setattr__`, field by field, which takes ten times as long and more.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


# --- words with a fixed set of values -------------------------------------------------------------


class RunKind(StrEnum):
    """How a run came to be."""

    RECORDED = "recorded"
    IMPORTED = "imported"
    REPLAY = "replay"
    TAPE = "tape"
    FORK = "fork"


class RunStatus(StrEnum):
    """Where a run stands. Success or failure of the task is an outcome, never a status."""

    RECORDING = "recording"
    """A live process holds the run's lock."""
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    """Never ended, and no process holds the run's lock any more."""
    ERRORED = "errored"


class StepStatus(StrEnum):
    """What became of a tool call."""

    INTENDED = "intended"
    """Asked for, in a run that goes on: whether it was carried out is not known yet."""
    EXECUTED = "executed"
    FAILED = "failed"
    NOT_EXECUTED = "not_executed"
    UNKNOWN = "unknown"
    """Asked for, or begun: nobody told what became of it, and nobody will."""


class FrameRole(StrEnum):
    """What a frame is to a step."""

    BEFORE = "before"
    AFTER = "after"
    OBSERVED = "observed"
    """What the model was given as the step's result."""
    BETWEEN = "between"


class OutcomeSource(StrEnum):
    """Who said how a run ended."""

    HUMAN = "human"
    JUDGE = "judge"
    EVALUATOR = "evaluator"
    SELF = "self"


class Verdict(StrEnum):
    """How a re-executed step, or a whole replay, compares with its recording."""

    REPRODUCED = "reproduced"
    COSMETIC = "cosmetic"
    DIVERGED = "diverged"
    UNREACHED = "unreached"


class Guarantee(StrEnum):
    """What a replay promises. `exact`: same instructions, same pixels. `anchored`: each action waits for its screen."""

    EXACT = "exact"
    ANCHORED = "anchored"


class Cause(StrEnum):
    """Whose doing a divergence is."""

    ENVIRONMENT = "environment"
    MODEL = "model"
    HARNESS = "harness"
    EXECUTION = "execution"


# --- instants, regions, actions -------------------------------------------------------------------


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return f"process-{time.time_ns() - time.monotonic_ns()}"


@_made_by_thousands
class Instant:
    """A moment: (boot id, monotonic clock) orders events, the wall clock is for people."""

    boot_id: str
    monotonic_ns: int
    wall_ns: int

    @classmethod
    def now(cls) -> Instant:
        """Return this moment."""
        return cls(_boot_id(), time.monotonic_ns(), time.time_ns())


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in screen pixels; `right` and `bottom` are exclusive."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of the region."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the region."""
        return self.y + self.height

    def as_list(self) -> list[int]:
        """Return [x, y, width, height], the form in JSON documents."""
        return [self.x, self.y, self.width, self.height]


@dataclass(frozen=True, slots=True)
class Space:
    """
    The coordinate space of an action's raw input: an image of `width` x `height` pixels that shows a screen of
    `screen_width` x `screen_height`.
    """

    width: int
    height: int
    screen_width: int
    screen_height: int

    def to_screen(self, x: float, y: float) -> tuple[int, int]:
        """
        Return the screen pixel of the image's pixel (x, y): each number times the scale, rounded, as agents' own
        loops move the pointer there. A point within the image is within the screen, one outside stays outside.
        """
        sx, sy = round(x * self.screen_width / self.width), round(y * self.screen_height / self.height)
        if self.shows(x, y):
            return min(sx, self.screen_width - 1), min(sy, self.screen_height - 1)
        return sx, sy

    def shows(self, x: float, y: float) -> bool:
        """Tell whether the image has the pixel (x, y)."""
        return 0 <= x < self.width and 0 <= y < self.height

    def as_json(self) -> JSON:
        """Return {"width", "height", "screen_width", "screen_height"}."""
        return {
            "width": self.width,
            "height": self.height,
            "screen_width": self.screen_width,
            "screen_height": self.screen_height,
        }


def _is_point(given: Any) -> bool:
    """Tell whether what a model gave is two numbers that can be pixels."""
    if not isinstance(given, list | tuple) or len(given) < 2:
        return False
    return all(isinstance(number, int | float) and abs(number) < 1 << 31 for number in given[:2])


@_made_by_thousands
class Action:
    """
    One tool call's meaning: canonical name and arguments, and the raw input as it came.

    Names of computer actions are the members of `computer_toolset_20260801`: key, hold_key, type, cursor_position,
    mouse_move, left_mouse_down, left_mouse_up, left_click, right_click, middle_click, double_click, triple_click,
    left_click_drag, scroll, wait, screenshot, zoom. Any other tool has a `namespace` (bash, browser, an MCP server).

    Arguments of computer actions (all points in screen pixels):

    - clicks: {"coordinate": [x, y]?, "text": "shift+ctrl"?} (held modifiers; no coordinate: the current pointer)
    - left_click_drag: {"start_coordinate": [x, y], "coordinate": [x, y], "text"?}
    - mouse_move: {"coordinate": [x, y]}; left_mouse_down, left_mouse_up, cursor_position, screenshot: {}
    - type: {"text"}; key: {"text": "ctrl+s", "repeat"?}; hold_key: {"text", "duration": seconds}
    - scroll: {"scroll_direction": up|down|left|right, "scroll_amount": clicks, "coordinate"?, "text"?}
    - wait: {"duration": seconds}; zoom: {"region": [x0, y0, x1, y1]}
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = "computer"
    raw: Mapping[str, Any] | None = None
    """The input exactly as the model gave it."""
    space: Space | None = None
    """The space of the raw input's coordinates; None where it is the screen itself."""
    tracked: tuple[int, int] | None = None
    """The pointer as footage tracked it, for a click that names no point."""

    @property
    def is_computer(self) -> bool:
        """Whether this acts on, or looks at, the screen."""
        return self.namespace == "computer"

    @property
    def looks_only(self) -> bool:
        """Whether this changes nothing by itself: screenshot, zoom, wait, cursor_position."""
        return self.is_computer and self.name in {"screenshot", "zoom", "wait", "cursor_position"}

    @property
    def shows_part(self) -> bool:
        """Whether what it shows is a part of the screen only."""
        return self.is_computer and self.name == "zoom"

    @property
    def point(self) -> tuple[int, int] | None:
        """Where the action lands, in screen pixels: given, else tracked; None where it has none, or a wrong one."""
        given = self.arguments.get("coordinate")
        if given is None:
            return self.tracked if self.is_computer else None
        return (int(given[0]), int(given[1])) if _is_point(given) else None

    @property
    def title(self) -> str:
        """The name as people read it: `left_click`, or `bash:run` outside the computer."""
        return self.name if self.is_computer else f"{self.namespace}:{self.name}"


# --- what a run is made of ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parent:
    """Where a run was made from another: the run, and the step for a fork."""

    run: str
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One opinion on whether the task succeeded."""

    value: str
    """`success`, `failure`, or a number as text."""
    source: OutcomeSource
    note: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A person's remark on a run or on one of its steps."""

    text: str
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One trajectory. A run, its replays and its forks are a family, named by its first run."""

    id: str
    family: str
    kind: RunKind
    status: RunStatus
    task: str
    task_id: str
    model: str
    started: Instant
    ended: Instant | None = None
    parent: Parent | None = None
    machine: Mapping[str, Any] | None = None
    """The specification of the machine; None where the run has no screen of its own."""
    steps: int = 0
    turns: int = 0
    outcomes: tuple[Outcome, ...] = ()
    tags: tuple[str, ...] = ()
    source_format: str = "footage"
    error: str = ""
    """Why the run is `errored`."""
    verdict: Verdict | None = None
    """Of a replay, or of a fork's replayed part."""
    guarantee: Guarantee | None = None
    divergence: Divergence | None = None
    trusted: bool = True
    """Imported runs are untrusted until `footage trust`."""

    @property
    def replayable(self) -> str:
        """`exact`, `anchored` or `no`: what a replay of this run can promise."""
        if self.machine is None or self.steps == 0:
            return "no"
        exact = self.guarantee is Guarantee.EXACT and self.kind is not RunKind.REPLAY
        return "exact" if exact else "anchored"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One thread of messages with a model, within a run."""

    id: int
    run: str
    number: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to get a turn's reply: a retry, a cut stream or the one that worked."""

    number: int
    started: Instant
    ended: Instant | None
    status: int | None
    """HTTP status; None where no response came."""
    error: str = ""


@_made_by_thousands
class Turn:
    """One model reply, and the request it answers."""

    id: int
    run: str
    conversation: int
    """The conversation's number within the run."""
    number: int
    """0.. within the run."""
    model: str
    content: tuple[JSON, ...]
    """The reply's content blocks, in the common form (`footage.providers.contract`)."""
    stop_reason: str
    usage: Mapping[str, Any]
    started: Instant
    ended: Instant | None
    response_id: str = ""
    status: str = "completed"
    """`completed`, `streaming` (not finished: cut, or still arriving) or `errored`."""
    attempts: tuple[Attempt, ...] = ()
    copied_from: int | None = None
    """A fork's replayed part: the id of the turn in the parent run."""
    provider: str = ""
    """The name of the model API that was asked; "" for Anthropic's."""

    @property
    def text(self) -> str:
        """All text blocks, joined by blank lines."""
        return "\n\n".join(str(b.get("text", "")) for b in self.content if b.get("type") == "text")

    @property
    def thinking(self) -> str:
        """All thinking blocks, joined by blank lines."""
        return "\n\n".join(str(b.get("thinking", "")) for b in self.content if b.get("type") == "thinking")


@_made_by_thousands
class Frame:
    """A picture at an instant."""

    id: int
    run: str
    picture: int
    """The picture's id in the store."""
    width: int
    """Of the picture."""
    height: int
    sha256: str
    """Of (width, height, RGB rows): equal pictures have equal hashes, whichever run they belong to."""
    captured: Instant
    display: str
    screen_width: int
    """Of the screen at that moment; larger than the picture for a crop or a scaled picture."""
    screen_height: int
    region: Region | None = None
    """The part of the screen that the picture shows; None for all of it."""
    source: str = "machine"
    """`machine` (the recorder's own), `wire` (what the model was sent), `import`, or `replay` (taken afterwards)."""
    derived: bool = False
    """Taken over from a neighbour, not captured."""
    lossy: bool = False
    """Arrived as JPEG or lossy WebP."""
    redacted: tuple[Region, ...] = ()
    """Parts of the screen that were painted over afterwards (`footage redact`)."""
    icount: int | None = None
    """In an exact recording: how many instructions the machine had executed."""


@dataclass(frozen=True, slots=True)
class InputEvent:
    """One event as the machine delivered it: ("key_down", "a"), ("move", 10, 20), ("button_up", 1)."""

    kind: str
    values: tuple[str | int, ...] = ()
    at_ns: int = 0
    """Monotonic clock of the host; not compared."""

    def as_list(self) -> list[str | int]:
        """Return [kind, *values], the form that is stored and compared."""
        return [self.kind, *self.values]


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """What a replay says of one step."""

    verdict: Verdict
    why: str = ""
    regions: tuple[Region, ...] = ()
    """Where the screens differ."""
    expected_frame: int | None = None
    """Id of the recorded frame."""
    actual_frame: int | None = None
    """Id of the frame that was seen instead."""


@_made_by_thousands
class Step:
    """One tool call, numbered 0.. without holes within its run."""

    id: int
    run: str
    index: int
    action: Action
    status: StepStatus
    turn: int | None = None
    """The turn's number; None for a scripted or imported step."""
    call_id: str = ""
    """The `tool_use` id."""
    call_index: int = 0
    """Position within a batch call."""
    result_text: str = ""
    error: str = ""
    intended: Instant | None = None
    started: Instant | None = None
    ended: Instant | None = None
    delivered: tuple[tuple[str | int, ...], ...] | None = None
    """The input events the machine delivered; None where it does not tell."""
    source_step: int | None = None
    """In a replay or fork: the index of the step in the parent run."""
    verdict: StepVerdict | None = None
    redacted: bool = False
    """Whether a part of the action's text was taken out afterwards: marks stand in its place (`footage redact`)."""
    frames: Mapping[FrameRole, tuple[Frame, ...]] = field(default_factory=dict)
    icounts: tuple[int, ...] = ()
    """In an exact recording: instructions executed before the first input event, and after each."""

    @property
    def duration_ms(self) -> float | None:
        """From the start of the action to its end."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended.monotonic_ns - self.started.monotonic_ns) / 1e6

    @property
    def outside(self) -> bool:
        """Whether the action's point lies outside the screen, whose size its frames tell, or else its space."""
        frame = next((held[0] for held in self.frames.values() if held), None)
        screen = frame or self.action.space
        if self.action.point is None or screen is None:
            return False
        x, y = self.action.point
        return not (0 <= x < screen.screen_width and 0 <= y < screen.screen_height)

    def frame(self, role: FrameRole) -> Frame | None:
        """Return the (first) frame in that role, or None."""
        found = self.frames.get(role, ())
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that is known to be missing."""

    run: str
    reason: str
    step: int | None = None
    at: Instant | None = None
    lost: int | None = None
    """How many events, where that is known; 0 where none is, but might have been."""


def gaps_by_reason(gaps: Iterable[Gap]) -> list[tuple[Gap, int]]:
    """Return one gap for each reason, with all that was lost, and how many it stands for; several have no step."""
    found: dict[str, list[Gap]] = {}
    for gap in gaps:
        found.setdefault(gap.reason, []).append(gap)
    return [(same[0] if len(same) == 1 else _joined(same), len(same)) for same in found.values()]


def _joined(gaps: Sequence[Gap]) -> Gap:
    known = [gap.lost for gap in gaps if gap.lost is not None]
    return replace(gaps[0], step=None, lost=sum(known) if known else None)


@dataclass(frozen=True, slots=True)
class RawExchange:
    """A request that passed the proxy and was none to the Messages API, with its response; keys are removed."""

    method: str
    path: str
    """With its query."""
    status: int | None
    """HTTP status; None where no response came."""
    started: Instant
    ended: Instant | None = None
    error: str = ""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    request: bytes = b""
    """The first bytes of the body."""
    request_bytes: int = 0
    """How many it had in all."""
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response: bytes = b""
    response_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a detector noticed."""

    run: str
    step: int | None
    kind: str
    message: str
    confidence: float
    region: Region | None = None
    evidence: tuple[int, ...] = ()
    """Frame ids."""
    rule: str = ""
    """Name and version of the rule."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first step where two runs part, and whose doing it is."""

    a_step: int | None
    b_step: int | None
    cause: Cause
    kind: str
    why: str
    regions: tuple[Region, ...] = ()

    @property
    def is_given(self) -> bool:
        """Whether a fork's action parts the runs, which a person gave and no model chose."""
        return self.cause is Cause.HARNESS and self.kind == "given"

    @property
    def by(self) -> str:
        """Whose doing it is, as people say it: `by the model`, `by the environment` …, or `by you`."""
        return "by you" if self.is_given else f"by the {self.cause}"

    def as_json(self) -> JSON:
        """Return {"a_step", "b_step", "cause", "kind", "regions", "why"}, regions as [x, y, width, height]."""
        steps = {"a_step": self.a_step, "b_step": self.b_step, "cause": self.cause.value, "kind": self.kind}
        return {**steps, "regions": [region.as_list() for region in self.regions], "why": self.why}


# --- machines -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Screenshot:
    """Pixels as a machine showed them at an instant."""

    pixels: Pixels
    captured: Instant
    display: str = ""
    icount: int | None = None
    """In an exact recording: how many instructions the machine had executed."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True, slots=True)
class Performed:
    """What a machine says of an action it carried out."""

    text: str = ""
    delivered: tuple[InputEvent, ...] = ()
    picture: Pixels | None = None
    """For `zoom`: the region at full resolution."""
    region: Region | None = None
    icounts: tuple[int, ...] = ()
    """In an exact recording: instructions executed before the first input event, and after each."""


if not TYPE_CHECKING:  # a type checker would take any name for one of this module's

    def __getattr__(name: str) -> Any:
        """Return what stood here in 0.1, and is in the contract of machines since."""
        if name not in {"MACHINE_PROTOCOL", "Machine"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib
        import warnings

        there = "footage.machines.contract"
        warnings.warn(f"{__name__}.{name} is in {there} since 0.2", DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(there), name)
