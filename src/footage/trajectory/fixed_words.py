"""The words of the vocabulary that have a fixed set of values."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "WEBSOCKET_REFUSED",
    "Cause",
    "FrameRole",
    "Guarantee",
    "OutcomeSource",
    "RunKind",
    "RunStatus",
    "StepStatus",
    "Verdict",
]

WEBSOCKET_REFUSED = (
    "footage records HTTP requests, no WebSockets. "
    "Switch off the client's WebSocket mode (realtime, live) for this run."
)
"""What a client is answered that asks a recording proxy for a WebSocket, and why its exchange ended."""


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
    """Carried out."""
    FAILED = "failed"
    """Carried out, or tried, with an error."""
    NOT_EXECUTED = "not_executed"
    """The agent answered the call without carrying it out."""
    UNKNOWN = "unknown"
    """Asked for, or begun: nobody told what became of it, and nobody will."""


class FrameRole(StrEnum):
    """What a frame is to a step."""

    BEFORE = "before"
    """The screen right before the action."""
    AFTER = "after"
    """The screen once the action had taken effect."""
    OBSERVED = "observed"
    """What the model was given as the step's result."""
    BETWEEN = "between"
    """The screen on the way, or between two steps."""


class OutcomeSource(StrEnum):
    """Who said how a run ended."""

    HUMAN = "human"
    JUDGE = "judge"
    EVALUATOR = "evaluator"
    SELF = "self"


class Verdict(StrEnum):
    """How a re-executed step, or a whole replay, compares with its recording."""

    REPRODUCED = "reproduced"
    """The same screens came."""
    COSMETIC = "cosmetic"
    """They differ in nothing that matters."""
    DIVERGED = "diverged"
    """Another screen came, or the action failed."""
    UNREACHED = "unreached"
    """The replay stopped before it, or the machine has no such action."""


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
