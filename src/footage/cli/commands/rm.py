"""`footage rm`: runs, gone for good."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from footage.cli.shared.options import json_option, store_option, with_examples
from footage.cli.shared.printing.terminal import counting
from footage.cli.shared.printing.text import counted, shortened, size
from footage.cli.shared.store_opening import open_for, print_json
from footage.trajectory import Run

__all__ = ["agreed", "command"]


@with_examples("footage rm 7f3k", "footage rm @1 @2 --yes", "footage rm 7f3k --yes --json")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
@json_option
def command(runs: tuple[str, ...], yes: bool, store: Path | None, as_json: bool) -> int:
    """Remove runs for good, each with the replays and forks that were made from it.

    What only they needed goes with them: pictures, texts, files of machines; the room is given back to the disk. A
    run that is being recorded is refused. Exit code 1 where the question was answered with no.
    """
    from footage.storage.upkeep.removal import collect, remove_runs, with_descendants

    with open_for(store, write=True) as opened:
        doomed = with_descendants(opened, runs)
        if not yes and not agreed(doomed, f"footage rm {' '.join(runs)} --yes", as_json=as_json):
            return 1
        with counting("removing", hidden=as_json) as tick:
            gone = remove_runs(opened, runs, on_progress=tick)
        with counting("freeing", hidden=as_json) as tick:
            freed = collect(opened, removed=gone, on_progress=tick)
    if as_json:
        print_json({"removed": [run.id for run in gone], "freed": freed.as_json()})
    else:
        given = size(freed.freed_bytes + freed.file_bytes)
        click.echo(f"{counted(len(gone), 'run')} removed, {given} given back to the disk.")
    return 0


def agreed(doomed: Sequence[Run], unasked: str, *, as_json: bool) -> bool:
    """
    Show which runs would go, and ask a person; `unasked` is the command that does not ask.

    Raises UsageError where nobody can be asked.
    """
    from footage.errors import UsageError

    if as_json or not sys.stdin.isatty():
        raise UsageError(
            f"Removing {counted(len(doomed), 'run')} takes a person's yes.", hint=f"Without asking: {unasked}"
        )
    for run in doomed:
        made_from = f", made from {run.parent.run}" if run.parent else ""
        click.echo(f"{run.id}  {run.kind}{made_from}, {counted(run.steps, 'step')}  {shortened(run.task, 60)}")
    return click.confirm(f"Remove {'this run' if len(doomed) == 1 else f'these {len(doomed)} runs'} for good?")
