"""A line for each step while it is performed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from footage.cli.shared.printing.terminal import action_text, console, verdict_mark
from footage.cli.shared.printing.text import shortened
from footage.trajectory import StepVerdict, Verdict

if TYPE_CHECKING:
    from footage.replay.engine import OnStep
    from footage.trajectory import Step

__all__ = ["step_printer"]


def step_printer(steps: Sequence[Step]) -> OnStep:
    """Return a function that prints a line for each step as it is played."""
    out = console()

    def tell(index: int, _total: int, verdict: StepVerdict) -> None:
        why = "" if verdict.verdict is Verdict.REPRODUCED else f"  {shortened(verdict.why, 90)}"
        number = (f"{index:>4} ", "dim")
        out.print(Text.assemble(verdict_mark(verdict.verdict), number, action_text(steps[index].action), (why, "dim")))

    return tell
