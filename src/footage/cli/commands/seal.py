"""`footage seal`: finished runs in fewer bytes."""

from __future__ import annotations

from pathlib import Path

import click

from footage.cli.shared.options import json_option, store_option, with_examples
from footage.cli.shared.printing.terminal import counting
from footage.cli.shared.printing.text import size
from footage.cli.shared.store_opening import open_for, print_json

__all__ = ["command"]


@with_examples("footage seal @1", "footage seal --all", "footage seal --all --json")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--all", "everything", is_flag=True, help="Seal every run that is not being recorded.")
@store_option
@json_option
def command(runs: tuple[str, ...], everything: bool, store: Path | None, as_json: bool) -> None:
    """Compress the pictures of finished runs again, tighter than there is time for while they are recorded.

    The pixels stay the same, and so do all hashes. What runs share with their replays and forks is compressed with
    them. Others may record and read meanwhile; a seal that was interrupted goes on where it stopped.
    """
    from footage.errors import UsageError
    from footage.storage.file.locks import live_runs
    from footage.storage.upkeep.sealing import seal_runs

    if bool(runs) == everything:
        raise UsageError("Name the runs to seal, or give --all.", hint="`footage runs` lists the runs.")
    with open_for(store, write=True) as opened:
        if everything:
            live = live_runs(opened.path)
            runs = tuple(run.id for run in opened.runs(limit=opened.count_runs()) if run.id not in live)
        with counting("sealing", hidden=as_json) as tick:
            sealed = seal_runs(opened, runs, on_progress=tick)
    if as_json:
        print_json(sealed.as_json())
    else:
        saved = f", {1 - sealed.after / sealed.before:.0%} less" if sealed.before else ""
        number = f"{len(sealed.runs)} run{'' if len(sealed.runs) == 1 else 's'}"
        click.echo(f"{number} sealed: pictures took {size(sealed.before)}, now {size(sealed.after)}{saved}.")
