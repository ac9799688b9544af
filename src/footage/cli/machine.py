"""`footage machine`: what actions can be performed on."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click
from rich.text import Text

from footage.cli.opening import print_json
from footage.cli.options import ExampleGroup, json_option, with_examples
from footage.cli.terminal import console
from footage.cli.text import shortened

if TYPE_CHECKING:
    from footage.replay.machines.check import CheckResult

__all__ = ["command"]


@click.group(cls=ExampleGroup, examples=("footage machine list", "footage machine check desktop"))
def command() -> None:
    """List the machines, and check that one does what it should."""


@with_examples("footage machine list", "footage machine list --json")
@json_option
def list_machines(as_json: bool) -> None:
    """List the machines by name."""
    from footage.replay.machines import machine_names

    if as_json:
        print_json({"machines": [{"name": name} for name in machine_names()]})
    else:
        click.echo("\n".join(machine_names()))


@with_examples("footage machine check desktop", "footage machine check desktop --json")
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> int:
    """Start the machine NAME, perform every action on it, and see that each took effect.

    Exit code 1 where one did not.
    """
    from footage.replay.machines import open_machine
    from footage.replay.machines.check import check_machine

    with closing(open_machine(name)) as started:
        results = check_machine(started, on_result=None if as_json else _print_result)
    passed = all(result.ok for result in results)
    if as_json:
        found = [{"name": result.name, "ok": result.ok, "detail": result.detail} for result in results]
        print_json({"machine": name, "ok": passed, "checks": found})
    else:
        click.echo(f"{sum(result.ok for result in results)} of {len(results)} checks passed")
    return 0 if passed else 1


command.add_command(list_machines, "list")
command.add_command(check, "check")


def _print_result(result: CheckResult) -> None:
    mark = ("✓ ", "green") if result.ok else ("✗ ", "red")
    console().print(Text.assemble(mark, f"{result.name:<30} ", (shortened(result.detail, 90), "dim")))
