"""`footage export`: runs in one file that others can open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from footage.cli.shared.options import json_option, sample_option, store_option, with_examples
from footage.cli.shared.printing.terminal import counting
from footage.cli.shared.printing.text import size
from footage.cli.shared.store_opening import open_for, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from footage.storage import Store
    from footage.trajectory import JSON

    Tick = Callable[[int, int], None]

__all__ = ["command"]

_FORMATS = {".footage": "footage", ".html": "html", ".json": "atif"}


@with_examples(
    "footage export @1 -o run.footage",
    "footage export 7f3k 9x2m -o both.footage --force",
    "footage export 7f3k -o run.html",
    "footage export 7f3k -o trajectory.json --to atif",
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-o", "--output", "path", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The file to write."
)
@click.option("--to", "form", type=click.Choice(list(_FORMATS.values())), help="The format; else by the file's ending.")
@click.option(
    "--with-machine",
    is_flag=True,
    help="Of .footage: take along what lies beside the store: a machine's log and snapshots.",
)
@click.option("--force", is_flag=True, help="Replace the file where it exists.")
@sample_option
@store_option
@json_option
def command(
    runs: tuple[str, ...],
    path: Path,
    form: str | None,
    with_machine: bool,
    force: bool,
    store: Path | None,
    sample: bool,
    as_json: bool,
) -> None:
    """Write RUNs into one file that others can open.

    \b
    .footage  their whole families, replays and forks included, without loss: a store that holds nothing else.
              `footage import` takes it into another store, `--store FILE` looks at it where it is.
    .html     one run as a flipbook that plays in any browser, without a network and without footage.
    .json     one run in ATIF, the Agent Trajectory Interchange Format, with its pictures in a folder beside it.

    What a file tells, it tells everybody who has it: `footage redact` takes secrets out of a run before.
    """  # noqa: D301 - `\b` is click's mark for lines that are not to be wrapped
    chosen = form or _format_of(path)
    with open_for(store, sample=sample) as opened, counting("exporting", hidden=as_json) as tick:
        if chosen == "footage":
            document = _family(opened, runs, path, with_machine=with_machine, overwrite=force, tick=tick)
        else:
            document = _one(opened, runs, path, chosen, overwrite=force, tick=tick)
    if as_json:
        print_json(document)
        return
    click.echo(f"{path}: {size(document['bytes'])}, {_counted(document['runs'])}")
    for one in document.get("left_out", ()):
        click.echo(f"left out (--with-machine takes it along): {one['kind']} of run {one['run']}, {size(one['bytes'])}")


def _format_of(path: Path) -> str:
    from footage.errors import UsageError

    if path.suffix.lower() not in _FORMATS:
        endings = ", ".join(_FORMATS)
        raise UsageError(f"The ending of {path} names no format.", hint=f"Use {endings}, or name one with --to.")
    return _FORMATS[path.suffix.lower()]


def _family(
    store: Store, runs: tuple[str, ...], path: Path, *, with_machine: bool, overwrite: bool, tick: Tick
) -> JSON:
    from footage.interchange.exporters.footage_writer import write_footage_file

    made = write_footage_file(store, runs, path, with_machine=with_machine, overwrite=overwrite, on_progress=tick)
    return made.as_json()


def _one(store: Store, runs: tuple[str, ...], path: Path, form: str, *, overwrite: bool, tick: Tick) -> JSON:
    from footage.errors import UsageError

    if len(runs) != 1:
        raise UsageError(f"A file of format {form} holds one run.", hint="A .footage file holds any number.")
    if form == "html":
        from footage.viewer.html_export import write_page

        return write_page(store, runs[0], path, overwrite=overwrite, on_progress=tick).as_json()
    from footage.interchange.exporters.atif_writer import write_atif

    return write_atif(store, runs[0], path, overwrite=overwrite, on_progress=tick).as_json()


def _counted(runs: list[str]) -> str:
    return f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs"
