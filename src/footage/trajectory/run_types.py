"""What a run is made of: conversations, turns, steps, frames, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from footage.trajectory.action_types import JSON, Action, Instant, Region, made_by_thousands
from footage.trajectory.fixed_words import (
    Cause,
    FrameRole,
    Guarantee,
    OutcomeSource,
    RunKind,
    RunStatus,
    StepStatus,
    Verdict,
)

__all__ = [
    "Attempt",
    "Conversation",
    "Divergence",
    "Finding",
    "Frame",
    "Gap",
    "Note",
    "Outcome",
    "Parent",
    "RawExchange",
    "Run",
    "Step",
    "StepVerdict",
    "Turn",
    "gaps_by_reason",
]


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
    """Whose opinion it is."""
    note: str = ""
    """The reason, in words; may be empty."""


@dataclass(frozen=True, slots=True)
class Note:
    """A person's remark on a run or on one of its steps."""

    text: str
    """The remark."""
    step: int | None = None
    """The step's index; None for a remark on the run."""


@dataclass(frozen=True, slots=True)
class Run:
    """One trajectory. A run, its replays and its forks are a family, named by its first run."""

    id: str
    """Twelve letters and digits, unique in its store."""
    family: str
    """The id of the family's first run."""
    kind: RunKind
    """How it came to be."""
    status: RunStatus
    """Where it stands."""
    task: str
    """What the agent was to do, in words."""
    task_id: str
    """Runs with the same one are compared with each other."""
    model: str
    """The model's name; empty where none is known."""
    started: Instant
    """When it began."""
    ended: Instant | None = None
    """When it ended; None while it is recorded, or where its end was not told."""
    parent: Parent | None = None
    """Where it was made from another run; None for a run of its own."""
    machine: Mapping[str, Any] | None = None
    """The specification of the machine; None where the run has no screen of its own."""
    steps: int = 0
    """How many it has."""
    turns: int = 0
    """How many it has."""
    outcomes: tuple[Outcome, ...] = ()
    """Opinions on the task."""
    tags: tuple[str, ...] = ()
    """Its tags, each once."""
    source_format: str = "footage"
    """`footage`, or the format it was imported from."""
    error: str = ""
    """Why the run is `errored`."""
    verdict: Verdict | None = None
    """Of a replay, or of a fork's replayed part."""
    guarantee: Guarantee | None = None
    """What a replay promised, or an exact recording promises."""
    divergence: Divergence | None = None
    """Where a replay, or a fork, parted from its recording; None where it did not."""
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
    """The row's id in the store."""
    run: str
    """The run's id."""
    number: int
    """0.. within the run."""
    label: str = ""
    """What it is called; may be empty."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to get a turn's reply: a retry, a cut stream or the one that worked."""

    number: int
    started: Instant
    ended: Instant | None
    status: int | None
    """HTTP status; None where no response came."""
    error: str = ""


@made_by_thousands
class Turn:
    """One model reply, and the request it answers."""

    id: int
    """The row's id in the store: what `Store.request` takes."""
    run: str
    """The run's id."""
    conversation: int
    """The conversation's number within the run."""
    number: int
    """0.. within the run."""
    model: str
    """The model that answered."""
    content: tuple[JSON, ...]
    """The reply's content blocks, in the common form (`footage.providers.contract`)."""
    stop_reason: str
    """Why the reply ended, in the common form: `end_turn`, `tool_use`, `max_tokens` …"""
    usage: Mapping[str, Any]
    """Tokens: `input_tokens`, `output_tokens` and what else the provider counts."""
    started: Instant
    """When the request was made."""
    ended: Instant | None
    """When the reply was whole; None where it never was."""
    response_id: str = ""
    """The provider's id of the reply; may be empty."""
    status: str = "completed"
    """`completed`, `streaming` (not finished: cut, or still arriving) or `errored`."""
    attempts: tuple[Attempt, ...] = ()
    """The tries to get the reply, by their numbers."""
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


@made_by_thousands
class Frame:
    """A picture at an instant."""

    id: int
    """The row's id in the store: what `Store.frame` takes."""
    run: str
    """The run's id."""
    picture: int
    """The picture's id in the store."""
    width: int
    """Of the picture."""
    height: int
    """Of the picture."""
    sha256: str
    """Of (width, height, RGB rows): equal pictures have equal hashes, whichever run they belong to."""
    captured: Instant
    """When the screen looked like this."""
    display: str
    """The display's name, such as `:100`; may be empty."""
    screen_width: int
    """Of the screen at that moment; larger than the picture for a crop or a scaled picture."""
    screen_height: int
    """As `screen_width`."""
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


@made_by_thousands
class Step:
    """One tool call, numbered 0.. without holes within its run."""

    id: int
    """The row's id in the store."""
    run: str
    """The run's id."""
    index: int
    """0.. within the run."""
    action: Action
    """What the call means."""
    status: StepStatus
    """What became of it."""
    turn: int | None = None
    """The turn's number; None for a scripted or imported step."""
    call_id: str = ""
    """The `tool_use` id."""
    call_index: int = 0
    """Position within a batch call."""
    result_text: str = ""
    """What it answered, in words."""
    error: str = ""
    """Why it failed; empty where it did not."""
    intended: Instant | None = None
    """When it was asked for; None where that was not told."""
    started: Instant | None = None
    """When the action began; None where that was not told."""
    ended: Instant | None = None
    """When it ended; None where that was not told."""
    delivered: tuple[tuple[str | int, ...], ...] | None = None
    """The input events the machine delivered; None where it does not tell."""
    source_step: int | None = None
    """In a replay or fork: the index of the step in the parent run."""
    verdict: StepVerdict | None = None
    """In a replay, or a fork's replayed part: how it compares with its recording."""
    redacted: bool = False
    """Whether a part of the action's text was taken out afterwards: marks stand in its place (`footage redact`)."""
    frames: Mapping[FrameRole, tuple[Frame, ...]] = field(default_factory=dict)
    """Its frames by their role."""
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
    """The run's id."""
    reason: str
    """What is missing, and why: one sentence."""
    step: int | None = None
    """The step's index; None where it belongs to no step."""
    at: Instant | None = None
    """When, where that is known."""
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
    """The run's id."""
    step: int | None
    """The step's index; None for the run as a whole."""
    kind: str
    """One of its detector's kinds, such as `no_effect`."""
    message: str
    """What was noticed: one sentence."""
    confidence: float
    """From 0 to 1."""
    region: Region | None = None
    """Where on the screen; None for no place in particular."""
    evidence: tuple[int, ...] = ()
    """Frame ids."""
    rule: str = ""
    """Name and version of the rule."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first step where two runs part, and whose doing it is."""

    a_step: int | None
    """The step's index in run A; None where A has none there."""
    b_step: int | None
    """The step's index in run B; None where B has none there."""
    cause: Cause
    """Whose doing it is."""
    kind: str
    """What it is, within the cause: `content`, `prompt`, `changed` … (docs/diff.md)."""
    why: str
    """What differs: one sentence."""
    regions: tuple[Region, ...] = ()
    """Where the screens differ."""

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
