"""Exporting runs with whichever exporter is asked for: the one door for the command line and for everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from footage import plugins
from footage.errors import PluginBroken, UsageError
from footage.interchange.exporters.contract import Exporter, Progress, Written
from footage.storage.store import Store

__all__ = ["export_runs"]


def export_runs(
    store: Store,
    runs: Sequence[str],
    path: Path,
    *,
    to: str | None = None,
    with_machine: bool = False,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> Written:
    """
    Write runs into a file: in the format `to`, else in the one that the file's ending names.

    Raises UsageError (no such format, more than one run for a file that holds one, the file exists), RunNotFound,
    PluginBroken.
    """
    exporter: Exporter = plugins.find("exporter", to or _named_by(path)).load()
    if len(runs) != 1 and not getattr(exporter, "MANY", False):
        raise UsageError(f"A file of format {exporter.NAME} holds one run.", hint="A .footage file holds any number.")
    more = {}
    if with_machine:
        if not getattr(exporter, "MACHINES", False):
            raise UsageError(f"A file of format {exporter.NAME} holds no machine.", hint="Export to .footage.")
        more["with_machine"] = True
    return exporter.export(store, runs, path, overwrite=overwrite, on_progress=on_progress or _untold, **more)


def _named_by(path: Path) -> str:
    """Return the name of the exporter that a file's ending names: footage's own before others, those by their names."""
    endings = []
    for plugin in plugins.installed("exporter").values():
        try:
            endings.append(plugin.load().ENDING)
        except (PluginBroken, AttributeError):
            continue  # `footage plugins` tells of it
        if endings[-1] == path.suffix.lower():
            return plugin.name
    named = ", ".join(dict.fromkeys(endings))
    raise UsageError(f"The ending of {path} names no format.", hint=f"Use {named}, or name one with --to.")


def _untold(_done: int, _total: int) -> None:
    """Let progress pass."""
