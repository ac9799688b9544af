"""`footage machine build`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from footage.cli.shared.options import json_option, with_examples
from footage.cli.shared.printing.terminal import console
from footage.cli.shared.store_opening import print_json

__all__ = ["build"]


@with_examples("footage machine build desktop", "footage machine build installer --json")
@click.argument("name")
@click.option("--rebuild", is_flag=True, help="Make it anew, though it is there.")
@json_option
def build(name: str, rebuild: bool, as_json: bool) -> int:
    """Make the guest NAME of a virtual machine: desktop or installer.

    It is made of the distribution's own packages (Debian 12), without installing them and without root; no image is
    downloaded. It takes a minute or two. A build that was interrupted goes on where it was; a guest that is there is
    checked by its hashes, and left as it is.
    """
    from footage.machines.qemu.guests.building import build_guest

    guest = name.removeprefix("qemu/")
    with _telling(f"guest {guest}", hidden=as_json) as tell:
        built = build_guest(guest, rebuild=rebuild, tell=tell)
    if as_json:
        files = {"folder": str(built.guest.folder), "sha256": dict(built.guest.sha256)}
        made = {"fresh": built.fresh, "seconds": round(built.seconds, 1), "bytes": built.bytes}
        print_json({"machine": f"qemu/{guest}", **made, **files, "packages": len(built.guest.packages)})
        return 0
    did = f"built in {built.seconds:.0f} s" if built.fresh else "there already, and whole"
    click.echo(f"qemu/{guest}: {did}; {built.bytes / 1e6:.0f} MB in {built.guest.folder}")
    return 0


@contextmanager
def _telling(title: str, *, hidden: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show what is being done and how far it is; a plain line for each stage where there is no terminal."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    shown = console(error=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=shown, transient=True, disable=hidden or not shown.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        stages: list[str] = []

        def tell(what: str, done: int, total: int) -> None:
            if what not in stages:
                stages.append(what)
                if not hidden and not shown.is_terminal:
                    shown.print(f"{title}: {what}")
            progress.update(task, description=f"{title}: {what}", completed=done, total=total or None)

        yield tell
