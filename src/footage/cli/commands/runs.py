"""`footage runs`: the list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from footage.analysis.runs.run_tree import in_families
from footage.cli.shared.given_moments import MOMENT
from footage.cli.shared.hints import command_line, spelled
from footage.cli.shared.options import json_option, sample_option, store_option, with_examples
from footage.cli.shared.printing.json_output import runs_json
from footage.cli.shared.printing.terminal import console, plain_table, styled, verdict_mark
from footage.cli.shared.printing.text import ago, shortened
from footage.cli.shared.store_opening import open_for, print_json
from footage.storage.search.places import Place
from footage.trajectory import Guarantee, Run, RunKind, RunStatus

__all__ = ["command"]

_COUNTED = ("kind", "status", "model", "outcome", "tag", "finding", "source_format")

SHORT = 8
"""How much of an id is shown: enough of 32 to the 8th that no two runs of a store begin alike."""


@with_examples(
    "footage runs",
    "footage runs --status interrupted",
    "footage runs --model stand-in/hasty --limit 5",
    "footage runs --outcome failure --since 7d",
    "footage runs --text 'save the file'",
    "footage runs --counts",
    "footage runs --json | jq -r '.runs[].id'",
)
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, metavar="N", help="How many runs.")
@click.option("--before", metavar="RUN", help="Go on after this run: the page that follows.")
@click.option(
    "--kind",
    type=click.Choice(["recorded", "imported", "replay", "tape", "fork"]),
    help="Only runs that came to be in this way.",
)
@click.option(
    "--status",
    type=click.Choice(["recording", "completed", "interrupted", "errored"]),
    help="Only runs that stand like this.",
)
@click.option("--model", help="Only runs of this model.")
@click.option("--task-id", help="Only runs of this task.")
@click.option("--outcome", metavar="VALUE", help="Only runs with this outcome: success, failure, or a score.")
@click.option("--tag", help="Only runs with this tag.")
@click.option("--finding", metavar="KIND", help="Only runs in which a detector found this.")
@click.option("--source-format", metavar="FORMAT", help="Only runs that were imported from this format.")
@click.option("--since", type=MOMENT, help="Only runs that started then or later: 7d, 12h, 2026-11-01.")
@click.option("--until", type=MOMENT, help="Only runs that started before.")
@click.option(
    "--text",
    metavar="WORDS",
    help='Only runs in whose task, replies or typed text these words are. "Several words" in quotes, begin*.',
)
@click.option("--counts", is_flag=True, help="Count the runs of each kind, status, model, outcome … instead.")
@sample_option
@store_option
@json_option
def command(limit: int, store: Path | None, sample: bool, counts: bool, as_json: bool, **only: Any) -> None:
    """List the runs, newest first: one's own, then imported ones, then those in which nothing happened.

    That is what @1, @2 … count. Replays and forks stand below the run they were made from.
    """
    with open_for(store, sample=sample) as opened:
        if counts:
            _print_counts({name: opened.facets(name) for name in _COUNTED}, as_json=as_json)
            return
        found = opened.runs(limit=limit + 1, **only)
        page = found[:limit]
        text = only["text"]
        places = {run.id: opened.places_of_text(run.id, text) for run in page} if text else {}
        numbers = opened.numbers(page)
    following = page[-1].id if len(found) > limit else None
    if as_json:
        print_json(runs_json(page, following, places, numbers))
    elif page:
        _print_table(page, places, numbers)
        if following:
            more = command_line(f"runs --before {following[:SHORT]}", store)
            console().print(f"More: {more}", style="dim", soft_wrap=True)
    else:
        none_yet = spelled("No runs yet. `footage demo` records some.", store)
        click.echo("No run fits." if any(only.values()) else none_yet)


def _print_counts(counts: Mapping[str, Sequence[tuple[str, int]]], *, as_json: bool) -> None:
    if as_json:
        print_json({"counts": {name: dict(values) for name, values in counts.items()}})
        return
    table = plain_table()
    for name in ("filter", "value"):
        table.add_column(name)
    table.add_column("runs", justify="right")
    for name, values in counts.items():
        for number, (value, runs) in enumerate(values):
            option = "" if number else f"--{name.replace('_', '-')}"
            table.add_row(Text(option, style="dim"), styled(value) if value else Text("none", style="dim"), f"{runs:,}")
    console().print(table)


def _print_table(runs: Sequence[Run], places: Mapping[str, Sequence[Place]], numbers: Mapping[str, int]) -> None:
    out, known = console(), {run.id: run for run in runs}
    model, age = out.width >= 90, out.width >= 70
    table = plain_table(expand=True)
    table.add_column("", justify="right", style="dim", no_wrap=True)
    for name in ("run", "kind"):
        table.add_column(name, no_wrap=True)
    table.add_column("task", no_wrap=True, ratio=1, min_width=10)
    if any(places.values()):
        table.add_column("found in", no_wrap=True)
    if model:
        table.add_column("model", no_wrap=True)
    table.add_column("steps", justify="right")
    table.add_column("status", no_wrap=True)
    if age:
        table.add_column("age", no_wrap=True, style="dim")
    for run, branch in in_families(runs, numbers):
        mother = known.get(run.parent.run) if run.parent else None
        table.add_row(
            f"@{numbers[run.id]}" if run.id in numbers else "",
            Text(run.id[:SHORT], style="bold"),
            Text.assemble((branch, "dim"), _kind(run)),
            Text("" if mother and mother.task == run.task else shortened(run.task, 200)),
            *([_found_in(places[run.id])] if any(places.values()) else []),
            *([Text(shortened(run.model, 24))] if model else []),
            str(run.steps),
            _standing(run),
            *([ago(run.started).removesuffix(" ago")] if age else []),
        )
    out.print(table)


def _found_in(places: Sequence[Place]) -> Text:
    return Text(", ".join("task" if what == "task" else f"{what} {number}" for what, number in places), style="cyan")


def _kind(run: Run) -> str:
    """Return how a run came to be, and whether its machine recorded itself: `fork at 3, exact`."""
    at = f" at {run.parent.step}" if run.parent and run.parent.step is not None else ""
    return f"{run.kind}{at}{', exact' if run.guarantee is Guarantee.EXACT else ''}"


def _standing(run: Run) -> Text:
    """Return where a run stands, and what it came to: the verdict of a replay or a tape, else the last outcome."""
    if run.verdict is not None and run.kind is not RunKind.FORK:
        came_to = Text.assemble(verdict_mark(run.verdict), " ", styled(run.verdict))
    else:
        came_to = styled(run.outcomes[-1].value) if run.outcomes else Text("")
    stands = Text("") if came_to and run.status is RunStatus.COMPLETED else styled(run.status)
    return Text(" ").join(part for part in (stands, came_to) if part)
