"""`footage gc`: room given back, and old runs let go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from footage.cli.commands.rm import agreed
from footage.cli.shared.options import json_option, store_option, with_examples
from footage.cli.shared.printing.terminal import counting
from footage.cli.shared.printing.text import counted, shortened, size
from footage.cli.shared.store_opening import open_for, print_json

if TYPE_CHECKING:
    from footage.storage.upkeep.removal import Collected
    from footage.storage.upkeep.retention import Outdated

__all__ = ["command"]

_SHOWN = 20
"""Runs that --dry-run lists; all of them stand in the JSON document."""
_DAYS = {"": 1, "d": 1, "w": 7, "m": 30, "y": 365}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


class _Measure(click.ParamType[float]):
    """A number with a unit."""

    def __init__(self, name: str, units: dict[str, int], example: str) -> None:
        self.name = name
        self._units = units
        self._example = example

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]?)[bB]?", str(value).strip())
        if found is None or found[2].lower() not in self._units:
            self.fail(f"{value!r} is none; write it like {self._example}.", param, ctx)
        return float(found[1]) * self._units[found[2].lower()]


@with_examples(
    "footage gc",
    "footage gc --older-than 90d --dry-run",
    "footage gc --older-than 90d --keep-bytes 20G --yes",
)
@click.option(
    "--older-than",
    type=_Measure("age", _DAYS, "90d, 12w or 1y"),
    metavar="AGE",
    help="Remove runs that nobody has written into for so long: 90d, 12w, 1y.",
)
@click.option(
    "--keep-bytes",
    type=_Measure("size", _BYTES, "500M or 20G"),
    metavar="SIZE",
    help="Remove the oldest runs until the store holds no more than this: 500M, 20G.",
)
@click.option("--kept-too", is_flag=True, help="Also runs that are tagged `keep`, or have notes.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
@json_option
def command(
    older_than: float | None,
    keep_bytes: float | None,
    kept_too: bool,
    dry_run: bool,
    yes: bool,
    store: Path | None,
    as_json: bool,
) -> int:
    """Remove what no run needs, tidy the index of texts, and give room back to the disk; with a limit, old runs too.

    A run goes with its replays and forks, or not at all; of those, the newest counts. Never removed are runs that are
    being recorded, and unless asked for, those with a run that is tagged `keep` or has a note. Exit code 1 where the
    question was answered with no.
    """
    from footage.storage.upkeep.removal import collect, remove_runs
    from footage.storage.upkeep.retention import outdated
    from footage.storage.upkeep.tidying import tidy_texts

    with open_for(store, write=not dry_run) as opened:
        old: Sequence[Outdated] = ()
        if older_than is not None or keep_bytes is not None:
            most = None if keep_bytes is None else int(keep_bytes)
            old = outdated(opened, days=older_than, keep_bytes=most, kept_too=kept_too)
        doomed = [run for family in old for run in family.runs]
        if doomed and not dry_run:
            if not yes and not agreed(doomed, "footage gc … --yes", as_json=as_json):
                return 1
            with counting("removing", hidden=as_json) as tick:
                remove_runs(opened, [run.id for run in doomed], on_progress=tick)
        tidied = False
        if not dry_run:
            with counting("tidying", hidden=as_json) as tick:
                tidied = tidy_texts(opened.database, on_progress=tick)
        with counting("freeing", hidden=as_json) as tick:
            freed = collect(opened, dry_run=dry_run, on_progress=tick)
    if as_json:
        removed = [{"run": run.id, "days": round(each.days, 1)} for each in old for run in each.runs]
        sizes = sum(each.bytes for each in old)
        freed_json = {"freed": freed.as_json(), "tidied": tidied}
        print_json({"dry_run": dry_run, "removed": removed, "removed_bytes": sizes, **freed_json})
    else:
        _print(old, freed, dry_run=dry_run)
    return 0


def _print(old: Sequence[Outdated], freed: Collected, *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    runs = [(family.days, run) for family in old for run in family.runs]
    if dry_run:
        for days, run in runs[:_SHOWN]:
            about = f"{run.kind}, {counted(run.steps, 'step')}  {shortened(run.task, 60)}"
            click.echo(f"{run.id}  {counted(round(days), 'day')}  {about}")
        if len(runs) > _SHOWN:
            click.echo(f"… and {len(runs) - _SHOWN} more; --json lists them all")
    if old:
        told = f"{counted(len(runs), 'run')} in {counted(len(old), 'family')}, {size(sum(f.bytes for f in old))}"
        click.echo(f"{told}: {would}removed.")
    pictures, atlases = counted(freed.pictures, "picture"), counted(freed.atlases, "atlas")
    texts = counted(freed.documents, "text")
    click.echo(f"Needed by no run: {pictures}, {atlases} and {texts} ({would}removed).")
    given = size(freed.freed_bytes + freed.file_bytes)
    click.echo(f"{given} {'of the file are free.' if dry_run else 'given back to the disk.'}")
    if freed.busy_families:
        click.echo(f"Left alone, since they are being recorded: {counted(freed.busy_families, 'family')}.")
