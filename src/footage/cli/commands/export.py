"""`footage export`: runs in one file that others can open."""

from __future__ import annotations

from pathlib import Path

import click

from footage.cli.shared.options import json_option, sample_option, store_option, with_examples
from footage.cli.shared.plugin_names import PluginName, lines_of
from footage.cli.shared.printing.terminal import counting
from footage.cli.shared.printing.text import size
from footage.cli.shared.store_opening import open_for, print_json

__all__ = ["command"]


@with_examples(
    "footage export @1 -o run.footage",
    "footage export 7f3k 9x2m -o both.footage --force",
    "footage export 7f3k -o run.html",
    "footage export 7f3k -o trajectory.json --to atif",
    listing=("Formats", lambda: lines_of("exporter")),
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-o", "--output", "path", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The file to write."
)
@click.option("--to", "form", type=PluginName("exporter"), help="The format; else by the file's ending.")
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

    What a file tells, it tells everybody who has it: `footage redact` takes secrets out of a run before.
    """
    from footage.interchange.exporters.exporting import export_runs

    with open_for(store, sample=sample) as opened, counting("exporting", hidden=as_json) as tick:
        written = export_runs(opened, runs, path, to=form, with_machine=with_machine, overwrite=force, on_progress=tick)
    document = written.as_json()
    if as_json:
        print_json(document)
        return
    click.echo(f"{path}: {size(document['bytes'])}, {_counted(document['runs'])}")
    for one in document.get("left_out", ()):
        click.echo(f"left out (--with-machine takes it along): {one['kind']} of run {one['run']}, {size(one['bytes'])}")


def _counted(runs: list[str]) -> str:
    return f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs"
