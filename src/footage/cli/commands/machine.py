"""`footage machine`: what actions can be performed on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Column, Table
from rich.text import Text

from footage.cli.commands.machine_build import build
from footage.cli.shared.options import ExampleGroup, json_option, store_option, with_examples
from footage.cli.shared.printing.terminal import console, verdict_mark
from footage.cli.shared.printing.text import shortened
from footage.cli.shared.store_opening import machine_like, open_for, print_json

if TYPE_CHECKING:
    from footage.machines.checking.check import CheckResult
    from footage.replay.engine import ReplayReport

__all__ = ["command"]

_NAME = 31
"""Characters of the longest name of a check."""


@click.group(
    cls=ExampleGroup,
    examples=("footage machine list", "footage machine build desktop", "footage machine check qemu/desktop"),
)
def command() -> None:
    """List the machines, build guests of virtual ones, and check that one does what it should."""


@with_examples("footage machine list", "footage machine list --json")
@json_option
def list_machines(as_json: bool) -> None:
    """List the machines by name, and say which can be had here."""
    from footage.machines.availability import availabilities

    found = availabilities()
    if as_json:
        print_json({"machines": [{"name": name, **each.as_json()} for name, each in found.items()]})
        return
    for name, each in found.items():
        mark = ("✓ ", "green") if each.ready else ("· ", "dim")
        hint = f"  ({each.hint})" if each.hint else ""
        console().print(Text.assemble(mark, f"{name:<16} ", (f"{each.detail}{hint}", "dim")))


@with_examples(
    "footage machine check desktop",
    "footage machine check vnc:127.0.0.1:5901 --display :1",
    "footage machine check my_driver:MyMachine --json",
    "footage machine check --volatile @1",
)
@click.argument("name", required=False)
@click.option("--display", metavar="DISPLAY", help="The X display that the machine shows, to see its input arrive.")
@click.option(
    "--volatile", "run", metavar="RUN", help="Learn instead which regions of a run's screen move by themselves."
)
@click.option(
    "--times",
    type=click.IntRange(min=2, max=100),
    default=3,
    show_default=True,
    metavar="N",
    help="With --volatile: how often the run is replayed.",
)
@store_option
@json_option
def check(name: str | None, display: str | None, run: str | None, times: int, store: Path | None, as_json: bool) -> int:
    """Start the machine NAME, perform every action on it, and see that each took effect.

    NAME may be a driver of your own, as module:Class. With --volatile RUN, the run is replayed several times with
    nothing changed: what moves all the same is kept with the run, and is no difference any more. Exit code 1 where a
    check failed.
    """
    from footage.machines.checking.check import check_machine
    from footage.machines.opening import open_machine

    if run is not None:
        return _learn(run, name, times, store, as_json=as_json)
    if name is None:
        raise click.UsageError("Name a machine, or a run with --volatile.")
    with closing(open_machine(name)) as started:
        results = check_machine(started, display=display, close=True, on_result=None if as_json else _print_result)
    passed = all(result.ok for result in results)
    if as_json:
        found = [{"name": result.name, "ok": result.ok, "detail": result.detail} for result in results]
        print_json({"machine": name, "ok": passed, "checks": found})
    else:
        click.echo(f"{sum(result.ok for result in results)} of {len(results)} checks passed")
    return 0 if passed else 1


def _learn(run: str, name: str | None, times: int, store: Path | None, *, as_json: bool) -> int:
    """Replay a run several times, and keep with it what moves by itself."""
    from footage.replay.learning import learn_from_replays
    from footage.trajectory import Verdict

    def tell(number: int, report: ReplayReport) -> None:
        why = f"  {shortened(report.divergence.why, 110)}" if report.divergence else ""
        mark = verdict_mark(report.verdict if report.divergence else Verdict.REPRODUCED)
        console().print(Text.assemble(mark, f" replay {number + 1} of {times}", (why, "dim")))

    with open_for(store, write=True) as opened:
        source = opened.run(run)
        learned = learn_from_replays(
            opened, source.id, lambda: machine_like(source, name), times=times, on_replay=None if as_json else tell
        )
    if as_json:
        print_json(learned.as_json())
    elif not learned.complete:
        click.echo("Nothing was learned: a replay did not come to the end of the run.")
    elif not learned.regions:
        click.echo("Nothing moves by itself.")
    else:
        click.echo("These regions move by themselves, and are left out when the run is replayed or compared:")
        for region in learned.regions:
            click.echo(f"  {region.width}x{region.height} at ({region.x}, {region.y})")
    for region in () if as_json else learned.still:
        click.echo(f"Not as recorded, each time: {region.width}x{region.height} at ({region.x}, {region.y})")
    return 0 if learned.ok else 1


command.add_command(list_machines, "list")
command.add_command(build, "build")
command.add_command(check, "check")


def _print_result(result: CheckResult) -> None:
    """Print one line; what does not fit goes on below itself."""
    row = Table.grid(Column(width=1), Column(width=_NAME), Column(style="dim"), padding=(0, 1))
    mark = Text("✓", "green") if result.ok else Text("✗", "red")
    row.add_row(mark, Text(result.name), Text(shortened(result.detail, 90)))
    console().print(row)
