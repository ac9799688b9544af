"""What a fork does otherwise than its run did, and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypedDict

from footage.replay.steps import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from footage.agent.loop import AgentEvent
    from footage.replay.engine import OnStep
    from footage.trajectory import Action

__all__ = ["ForkChange", "ForkKeywords", "ForkOptions", "with_keywords"]


@dataclass(frozen=True, slots=True)
class ForkChange:
    """What is done otherwise at the step: nothing given, the run's own model is asked anew."""

    action: Action | None = None
    """Done in the step's place."""
    model: str | None = None
    """Asked from there on, in the place of the run's own."""
    system: str | None = None
    """The system prompt from there on."""


@dataclass(frozen=True, slots=True)
class ForkOptions:
    """How a fork is done, and who is told of it."""

    max_steps: int = 50
    """Of the live part, at the most."""
    timeout: float = DEFAULT_TIMEOUT
    """Seconds that each recorded screen is waited for."""
    restored: int = 0
    """How many steps lie behind the machine already, because it started from a checkpoint of the run."""
    secrets: Mapping[str, str] | None = None
    """What was redacted in the run, by the marks in their places, as for `replay_run`."""
    on_step: OnStep | None = None
    """Told of each step before the fork."""
    on_event: Callable[[AgentEvent], None] | None = None
    """Told of what the live part does."""
    on_progress: Callable[[int, int], None] | None = None
    """Told how far the machine's own recording is packed, as (done, total)."""
    at_end: Callable[[], object] = lambda: None
    """Called in the end, while the machine is still there."""


class ForkKeywords(TypedDict, total=False):
    """The fields of both, as `fork_run` takes them by name."""

    action: Action | None
    model: str | None
    system: str | None
    max_steps: int
    timeout: float
    restored: int
    secrets: Mapping[str, str] | None
    on_step: OnStep | None
    on_event: Callable[[AgentEvent], None] | None
    on_progress: Callable[[int, int], None] | None
    at_end: Callable[[], object]


def with_keywords(
    change: ForkChange, options: ForkOptions, by_name: Mapping[str, object]
) -> tuple[ForkChange, ForkOptions]:
    """Return both with what was given by its name in its place. Raises TypeError for a name that is no field."""
    of_change, of_options = ({field.name for field in fields(kind)} for kind in (ForkChange, ForkOptions))
    for name in by_name:
        if name not in of_change | of_options:
            raise TypeError(f"fork_run() got an unexpected keyword argument {name!r}")
    changed = {name: value for name, value in by_name.items() if name in of_change}
    others = {name: value for name, value in by_name.items() if name in of_options}
    return replace(change, **changed), replace(options, **others)  # type: ignore[arg-type] # as ForkKeywords says
