"""
The vocabulary, as types: one word, one thing, the same in code, database, command line, docs and pages.

A run holds conversations; a conversation holds turns (one model reply each); a turn asks for steps (one tool call
each); frames show the screen around steps. Nothing here touches a file, a network or a screen, and nothing here
imports anything else of footage.

Units: screen pixels with the origin top left; nanoseconds for instants; milliseconds for durations. The pixels of
a picture are a numpy array of shape (height, width, 3), dtype uint8, RGB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from footage.trajectory.action_types import (
    JSON,
    Action,
    InputEvent,
    Instant,
    Performed,
    Pixels,
    Region,
    Screenshot,
    Space,
)
from footage.trajectory.fixed_words import (
    WEBSOCKET_REFUSED,
    Cause,
    FrameRole,
    Guarantee,
    OutcomeSource,
    RunKind,
    RunStatus,
    StepStatus,
    Verdict,
)
from footage.trajectory.run_types import (
    Attempt,
    Conversation,
    Divergence,
    Finding,
    Frame,
    Gap,
    Note,
    Outcome,
    Parent,
    RawExchange,
    Run,
    Step,
    StepVerdict,
    Turn,
    gaps_by_reason,
)

__all__ = [
    "JSON",
    "WEBSOCKET_REFUSED",
    "Action",
    "Attempt",
    "Cause",
    "Conversation",
    "Divergence",
    "Finding",
    "Frame",
    "FrameRole",
    "Gap",
    "Guarantee",
    "InputEvent",
    "Instant",
    "Note",
    "Outcome",
    "OutcomeSource",
    "Parent",
    "Performed",
    "Pixels",
    "RawExchange",
    "Region",
    "Run",
    "RunKind",
    "RunStatus",
    "Screenshot",
    "Space",
    "Step",
    "StepStatus",
    "StepVerdict",
    "Turn",
    "Verdict",
    "gaps_by_reason",
]

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
