"""`footage plugins`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Column, Table
from rich.text import Text

from footage import plugins
from footage.cli.shared.options import ExampleGroup, json_option, with_examples
from footage.cli.shared.printing.terminal import console
from footage.cli.shared.printing.text import shortened
from footage.cli.shared.store_opening import print_json
from footage.errors import PluginBroken, UsageError

if TYPE_CHECKING:
    from footage.plugins import Plugin
    from footage.storage import Store
    from footage.trajectory import JSON

__all__ = ["command"]


@click.group(
    cls=ExampleGroup,
    invoke_without_command=True,
    examples=("footage plugins list", "footage plugins check no-effect"),
)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int | None:
    """List what is installed, and check a plug-in. Without a word more: list."""
    if ctx.invoked_subcommand is None:
        return int(ctx.invoke(list_plugins, as_json=as_json))
    if as_json:
        raise click.UsageError(f"--json stands behind the word: footage plugins {ctx.invoked_subcommand} --json.")
    return None


@with_examples("footage plugins list", "footage plugins list --json")
@json_option
def list_plugins(as_json: bool) -> int:
    """List every plug-in: its kind and name, the package that brings it, and whether it can be loaded.

    Exit code 1 where one cannot be used.
    """
    found = [_state(plugin) for kind in plugins.GROUPS for plugin in plugins.installed(kind).values()]
    found += [
        {**_head(plugin), "state": "hidden", "why": f"The name {plugin.name!r} is taken by another package."}
        for kind in plugins.GROUPS
        for plugin in plugins.shadowed(kind)
    ]
    if as_json:
        print_json({"plugins": found})
    else:
        table = Table.grid(Column(width=1), *(Column(no_wrap=True) for _ in range(3)), Column(), padding=(0, 1))
        for each in found:
            mark = Text("✓", "green") if each["state"] == "loaded" else Text("✗", "red")
            package = f"{each['package']} {each['version']}"
            table.add_row(mark, each["kind"], each["name"], Text(package, "dim"), Text(each["why"], "yellow"))
        console().print(table)
    return 0 if all(each["state"] == "loaded" for each in found) else 1


@with_examples(
    "footage plugins check no-effect",
    "footage plugins check atif --kind exporter",
    "footage plugins check osworld --example results/chrome-task --json",
)
@click.argument("name")
@click.option("--kind", type=click.Choice(list(plugins.GROUPS)), help="Which, where two kinds share the name.")
@click.option(
    "--example",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Of an importer: a recording of its format, where it brings none.",
)
@json_option
def check(name: str, kind: str | None, example: Path | None, as_json: bool) -> int:
    """Look whether the plug-in NAME keeps what its contract promises.

    An importer is shown strangers, broken files and an example; an exporter writes the sample; a detector looks at it;
    a machine is started, and every action performed on it. Exit code 1 where a check failed.
    """
    plugin = _named(name, kind)
    results: list[JSON] = []
    for result in _results(plugin, example):
        results.append({"name": result.name, "ok": result.ok, "detail": result.detail})
        if not as_json:
            row = Table.grid(Column(width=1), Column(width=14), Column(style="dim"), padding=(0, 1))
            mark = Text("✓", "green") if result.ok else Text("✗", "red")
            row.add_row(mark, Text(result.name), Text(shortened(result.detail, 300)))
            console().print(row)
    passed = sum(result["ok"] for result in results)
    if as_json:
        print_json({"plugin": _head(plugin), "ok": passed == len(results), "checks": results})
    else:
        click.echo(f"{passed} of {len(results)} checks passed")
    return 0 if passed == len(results) else 1


command.add_command(list_plugins, "list")
command.add_command(check, "check")


def _head(plugin: Plugin) -> JSON:
    """Return {"kind", "name", "package", "version", "where"}."""
    place = {"package": plugin.package, "version": plugin.version, "where": plugin.value}
    return {"kind": plugin.kind, "name": plugin.name, **place}


def _state(plugin: Plugin) -> JSON:
    try:
        plugin.load()
    except PluginBroken as broken:
        return {**_head(plugin), "state": "broken", "why": f"{broken.message} {broken.hint}"}
    return {**_head(plugin), "state": "loaded", "why": ""}


def _named(name: str, kind: str | None) -> Plugin:
    """Return the plug-in of that name. Raises UsageError where there is none, or more than one."""
    kinds = [kind] if kind else list(plugins.GROUPS)
    found = [plugin for one in kinds for plugin in plugins.installed(one).values() if plugin.name == name]
    if not found:
        raise UsageError(
            f"There is no plug-in {name!r}.",
            hint="`footage plugins` lists what is installed. After a new entry point, install its package again.",
        )
    if len(found) > 1:
        named = " and ".join(plugin.kind for plugin in found)
        raise UsageError(f"{name!r} is the name of an {named}.", hint="Say which with --kind.")
    return found[0]


def _results(plugin: Plugin, example: Path | None) -> Iterator[plugins.CheckResult]:
    """Yield the results of the check for the plug-in's kind."""
    if example is not None and plugin.kind != "importer":
        raise UsageError("--example is for importers.", hint="Leave it out.")
    if plugin.kind == "importer":
        from footage.interchange.importers.importer_check import check_importer

        yield from check_importer(plugin, example)
    elif plugin.kind == "exporter":
        from footage.interchange.exporters.exporter_check import check_exporter

        with _trial() as (store, empty):
            yield from check_exporter(plugin, store, empty)
    elif plugin.kind == "detector":
        from footage.analysis.detectors.detector_check import check_detector

        with _trial() as (store, empty):
            yield from check_detector(plugin, store, empty)
    elif plugin.kind == "provider":
        from footage.providers.provider_check import check_provider

        yield from check_provider(plugin)
    else:
        from footage.machines.checking.check import check_machine
        from footage.machines.opening import open_machine

        driver = plugin.name.removesuffix("-exact")
        with closing(open_machine(driver, exact=driver != plugin.name)) as started:
            yield from check_machine(started, close=True)


@contextmanager
def _trial() -> Iterator[tuple[Store, str]]:
    """Yield a copy of the sample, with a run in it in which nothing happened, and that run's id."""
    from footage.sample import sample_path
    from footage.storage import open_store

    with tempfile.TemporaryDirectory(prefix="footage-check-") as folder:
        copied = Path(folder, "sample.db")
        shutil.copyfile(sample_path(), copied)
        with open_store(copied) as store:
            empty = store.begin_run(task="")
            empty.end()
            yield store, empty.run_id
