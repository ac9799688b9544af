"""`footage import`."""

from __future__ import annotations

from pathlib import Path

import click

from footage.cli.shared.options import json_option, store_option, with_examples
from footage.cli.shared.plugin_names import PluginName, lines_of
from footage.cli.shared.printing.terminal import console, counting, plain_table, print_next
from footage.cli.shared.printing.text import clean, shortened
from footage.cli.shared.store_opening import open_for, print_json
from footage.errors import UsageError
from footage.interchange.importers import NO_FORMAT, Report, import_paths

__all__ = ["command"]

_FEW = 3
"""So many that are in the store already are named; of more it is told how many."""
_SHOWN = 20
"""Reasons that are printed; all of them stand in the JSON document."""


@with_examples(
    "footage import results/",
    "footage import session.jsonl --tag baseline",
    "footage import runs/ --json",
    listing=("Formats", lambda: lines_of("importer")),
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option("--format", "form", type=PluginName("importer"), help="Take everything for this format.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag the imported runs; may be given again.")
@store_option
@json_option
def command(paths: tuple[Path, ...], form: str | None, tags: tuple[str, ...], store: Path | None, as_json: bool) -> int:
    """Bring in runs that other tools recorded.

    Folders are searched for recordings; their format is recognised by what is in them. What cannot be brought in is
    listed with its reason, and importing again adds nothing. Exit code 2 where nothing was a recording.
    """
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise UsageError(f"There is no file or folder {missing}.", hint="Name the recordings, or a folder of them.")
    with open_for(store, create=True) as opened, counting("importing", hidden=as_json) as tick:
        report = import_paths(opened, paths, format=form, tags=tags, on_progress=tick)
    if as_json:
        print_json(report.as_json())
    else:
        _print(report, store)
    return 0 if report.imported or report.already else 2


def _print(report: Report, store: Path | None) -> None:
    out = console()
    for problem in report.broken:
        out.print(clean(f"{problem.message} {problem.hint}"), style="yellow")
    if report.imported:
        table = plain_table()
        for heading in ("run", "format", "steps", "from"):
            table.add_column(heading, justify="right" if heading == "steps" else "left", no_wrap=heading == "run")
        for run in report.imported:
            table.add_row(run.run, run.format, str(run.steps), shortened(run.path, 90))
        out.print(table)
    known = [skipped for skipped in report.skipped if skipped.known]
    for skipped in known if len(known) <= _FEW else ():
        out.print(clean(f"{skipped.path}: {skipped.reason}"), style="dim")
    strange = [skipped for skipped in report.skipped if skipped.reason == NO_FORMAT]
    told = [skipped for skipped in report.skipped if skipped.reason != NO_FORMAT and not skipped.known]
    for skipped in told[:_SHOWN]:
        out.print(clean(f"not imported: {skipped.path}: {skipped.reason}"), style="yellow")
    if len(told) > _SHOWN:
        out.print(f"… and {len(told) - _SHOWN} more; --json lists them all", style="dim")
    if strange:
        named = f"not imported: {strange[0].path}" + (f" and {len(strange) - 1} more" if len(strange) > 1 else "")
        out.print(clean(f"{named}: {NO_FORMAT}"), style="dim")
    out.print(f"{len(report.imported)} imported, {report.already} in the store already")
    if report.imported:
        print_next(store, f"show {report.imported[0].run}", "view")
