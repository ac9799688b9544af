"""`footage diff`: two runs, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.text import Text

from footage.analysis.runs.diff import Condition, DiffVerdict, RunDiff, StepPair, diff_runs
from footage.analysis.runs.same_action import ActionVerdict
from footage.analysis.screens.comparison_of_screens import ScreenVerdict
from footage.cli.shared.options import json_option, sample_option, store_option, with_examples
from footage.cli.shared.printing.terminal import (
    action_text,
    console,
    counting,
    plain_table,
    print_with_remarks,
    styled,
    verdict_mark,
)
from footage.cli.shared.printing.text import clean, shortened
from footage.cli.shared.store_opening import open_for, print_json
from footage.trajectory import Divergence, Run, Step, Verdict

__all__ = ["command"]

MOST_TOLERATED = 3
SHORT = 60  # letters
WIDE = 120  # columns: then there is room for what differs beside the steps


@with_examples(
    "footage diff @2 @1",
    "footage diff 7f3k 9x2m --store runs.db",
    "footage diff @2 @1 --json | jq .divergence",
)
@click.argument("a")
@click.argument("b")
@sample_option
@store_option
@json_option
def command(a: str, b: str, store: Path | None, sample: bool, as_json: bool) -> int:
    """Compare the runs A and B: where they part first, where it mattered, whose doing that is.

    A is the run to compare against, B the one that may have changed. Told are also what was different about them from
    the beginning (model, system prompt, tools, task), what both took in their stride, and where they rejoin. Exit code
    1 where they diverge.
    """
    with open_for(store, sample=sample) as opened:
        with counting("comparing", hidden=as_json) as tick:
            found = diff_runs(opened, a, b, on_progress=tick)
        if as_json:
            print_json(found.as_json())
        else:
            _print_head(found, opened.run(found.a), opened.run(found.b))
            _print_steps(found, opened.steps(found.a), opened.steps(found.b))
    return 1 if found.verdict is DiffVerdict.DIVERGED else 0


def _print_head(found: RunDiff, a: Run, b: Run) -> None:
    out = console()
    out.print(_head(found))
    _print_what_mattered(found)
    for i, j in found.rejoined:
        out.print(f"On the same screen again: A at step {i}, B at step {j}.", style="dim")
    if found.ended_alike is not None:
        out.print("They ended on " + ("the same screen." if found.ended_alike else "different screens."), style="dim")
    for region in found.left_out:
        where = f"{region.width}x{region.height} at ({region.x}, {region.y})"
        out.print(f"Left out: {where}, which differs from the first screens to the last, as clocks do.", style="dim")
    for each in found.forgiven[:MOST_TOLERATED]:
        said = (f"Forgiven: {each.sentence}: ", shortened(each.a, SHORT), " (A), ", shortened(each.b, SHORT), " (B).")
        out.print("".join(said), style="dim", markup=False, highlight=False)
    if len(found.forgiven) > MOST_TOLERATED:
        out.print(f"and {len(found.forgiven) - MOST_TOLERATED} other texts like that (--json)", style="dim")
    for name, run in (("A", a), ("B", b)):
        out.print(Text.assemble((f"{name} ", "dim"), (run.id, "bold"), f"  {run.kind}  {shortened(run.model, 60)}"))
    for condition in (*found.conditions, *found.answers[:MOST_TOLERATED]):
        out.print(_condition_text(condition))
    if len(found.answers) > MOST_TOLERATED:
        out.print(f"and {len(found.answers) - MOST_TOLERATED} other answers (--json)", style="dim")
    out.print()


def _head(found: RunDiff) -> Text:
    """Return the verdict; where the runs themselves differed, that of their steps alone."""
    if found.divergence is not None:
        return Text.assemble(styled(found.verdict), " ", _parting(found.divergence))
    said = Text(same_steps(found), style="green") if found.conditions or found.answers else styled(found.verdict)
    besides = [
        *([", of runs that were made otherwise"] if found.conditions else []),
        *([", which were answered otherwise or ended in other words"] if found.answers else []),
        *([" (not every screen was recorded)"] if not found.seen_whole else []),
    ]
    return Text.assemble(said, *besides)


def same_steps(found: RunDiff) -> str:
    """Return what is said of two runs that did the same, whatever else differs."""
    screens = (pair.screen for pair in found.steps if pair.screen is not None)
    exact = all(screen.kind is ScreenVerdict.IDENTICAL for screen in screens)
    return "same steps" if exact else "same steps but for what does not matter"


def _parting(divergence: Divergence) -> Text:
    """Return where two runs differ, whose doing it is, and why: `at step 5 of A, step 6 of B: model (sampling), …`."""
    a, b = ("its end" if step is None else f"step {step}" for step in (divergence.a_step, divergence.b_step))
    where = f"at {'the end' if a == 'its end' else a}" if a == b else f"at {a} of A, {b} of B"
    cause = (divergence.by if divergence.is_given else f"{divergence.cause} ({divergence.kind})", "bold")
    return Text.assemble(f"{where}: ", cause, f", {clean(divergence.why)}")


def _condition_text(condition: Condition) -> Text:
    """Return what was different about the runs: on one line, or below each other where that is long."""
    name, a, b = (shortened(text, 200) for text in (condition.name, condition.a, condition.b))
    short = len(name) + len(a) + len(b) < SHORT
    parts = (f" {a}", (" (A), ", "dim"), b, (" (B)", "dim")) if short else (("\n  A ", "dim"), a, ("\n  B ", "dim"), b)
    return Text.assemble((f"another {name}:", "yellow"), *parts)


def _print_what_mattered(found: RunDiff) -> None:
    """Print the second answer, where it is another than the first, and what both runs took in their stride."""
    out = console()
    if found.mattered is not None and found.mattered != found.divergence:
        out.print(Text.assemble(("what mattered: ", "bold red"), _parting(found.mattered)))
    elif found.mattered is None and found.divergence is not None:
        out.print(found.why_it_did_not_matter, style="green")
    for each in found.tolerated[:MOST_TOLERATED]:
        first = each.divergence == found.divergence
        where = Text("the first difference") if first else _parting(each.divergence)
        out.print(Text.assemble(("tolerated: ", "dim"), where, (f" (in {_screens(each.pairs)})", "dim")))
    if len(found.tolerated) > MOST_TOLERATED:
        out.print(f"and {len(found.tolerated) - MOST_TOLERATED} smaller differences tolerated (--json)", style="dim")


def _screens(count: int) -> str:
    return "one screen" if count == 1 else f"{count} screens"


def _print_steps(found: RunDiff, a: Sequence[Step], b: Sequence[Step]) -> None:
    """Print the steps side by side; what differs in a column, or below its row where there is no room for one."""
    table, wide = plain_table(), console().width >= WIDE
    table.add_column("")
    for name in ("A", "B"):
        table.add_column(name, justify="right", style="dim")
        table.add_column("", no_wrap=True)
    if wide:
        table.add_column("differs", style="dim")
    for pair in found.steps:
        one, two = (None if pair.a is None else a[pair.a]), (None if pair.b is None else b[pair.b])
        table.add_row(_mark(pair), *_cells(one), *_cells(two), *([_why(pair)] if wide else []))
    if wide:
        console().print(table)
    else:
        print_with_remarks(table, [Text(_why(pair), style="dim") for pair in found.steps])


def _cells(step: Step | None) -> tuple[str, Text]:
    return ("", Text("")) if step is None else (str(step.index), action_text(step.action))


def _mark(pair: StepPair) -> Text:
    """Return ✓ for equal, ≈ for what does not matter, ✗ for what does, ? for unknown, - and + for one run's own."""
    if pair.a is None or pair.b is None:
        return Text("-" if pair.b is None else "+", style="yellow")
    action = pair.action.kind if pair.action else ActionVerdict.SAME
    screen = pair.screen.kind if pair.screen else None
    if screen is ScreenVerdict.MATERIAL or action is ActionVerdict.DIFFERENT:
        return verdict_mark(Verdict.DIVERGED)
    if screen is None:
        return Text("?", style="dim")
    same = screen is ScreenVerdict.IDENTICAL and action is ActionVerdict.SAME
    return verdict_mark(Verdict.REPRODUCED if same else Verdict.COSMETIC)


def _why(pair: StepPair) -> str:
    parts = (pair.screen.why if pair.screen else "", pair.action.why if pair.action else "")
    return shortened("; ".join(part for part in parts if part), 70)
