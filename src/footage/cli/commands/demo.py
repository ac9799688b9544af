"""`footage demo`: the main job, end to end, on a real desktop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from footage.cli.shared.exactness import GIGABYTE, budget_option, exact_option, state_budget
from footage.cli.shared.options import json_option, store_option, with_examples
from footage.cli.shared.store_opening import open_for, print_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from footage.cli.shared.demonstration import Demonstration, OnStage
    from footage.storage import Store

__all__ = ["command"]


@with_examples(
    "footage demo",
    "footage demo --no-view --json",
    "footage demo --think 3 --store demo.db",
    "footage demo --machine qemu/desktop --exact",
    "footage demo --machine qemu/installer",
)
@store_option
@json_option
@click.option("--machine", default="desktop", show_default=True, help="The machine to do it on.")
@exact_option
@budget_option
@click.option("--think", type=click.FloatRange(0, 120), default=0.0, help="Seconds the model takes for each reply.")
@click.option("--no-view", is_flag=True, help="Do not start the viewer afterwards.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The viewer's port (0: any free one).")
def command(
    store: Path | None,
    as_json: bool,
    machine: str,
    exact: bool,
    budget: float,
    think: float,
    no_view: bool,
    port: int,
) -> int:
    """Record, replay, fork and diff a sample task, then open the viewer.

    Three runs of one task on a private desktop with a real calculator and a real editor; the model is a small stand-in
    that finds what it clicks by looking at the screen, once careful, once hasty, once careful again.

    With --machine it is done on another machine: qemu/desktop has the same programs in a virtual machine, which with
    --exact records itself, so that the replay is byte for byte; on qemu/installer the task is the first pages of
    Debian's installer.
    """
    from footage.cli.shared.demonstration import Setting, demonstrate
    from footage.cli.shared.printing.terminal import console
    from footage.machines.opening import exact_driver

    if exact:
        state_budget(exact_driver(machine), budget)
    with open_for(store, create=True) as opened:
        shown = console(error=True)
        with _staging(shown, hidden=as_json) as on_stage:
            setting = Setting(machine, exact, int(budget * GIGABYTE), think)
            done = demonstrate(opened, setting, on_stage=on_stage)
        if as_json:
            print_json({**done.as_json(), "store": str(opened.path)})
        else:
            _tell(console(), done, store)
        if not no_view:
            _view(opened, port, quiet=as_json)
    return 0 if done.as_expected else 1


@contextmanager
def _staging(shown: Console, *, hidden: bool) -> Iterator[OnStage]:
    """Show a line for each stage, ticked off when the next one begins; a plain line each where there is no terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        TextColumn("[dim]{task.fields[now]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=shown, disable=hidden or not shown.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def on_stage(title: str, now: str) -> None:
            if title not in tasks:
                for task in tasks.values():
                    progress.update(task, completed=1, now="")
                tasks[title] = progress.add_task(title, total=1, now=now)
                if not hidden and not shown.is_terminal:
                    shown.print(title)
            progress.update(tasks[title], now=now)

        yield on_stage
        for task in tasks.values():
            progress.update(task, completed=1, now="")


def _tell(out: Console, done: Demonstration, store: Path | None) -> None:
    """Print what came out, a line each."""
    from rich.table import Table
    from rich.text import Text

    from footage.cli.shared.printing.terminal import print_next, styled

    out.print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("run", "model", "steps", "outcome", "what it left"):
        table.add_column(title)
    recorded = [*done.runs, *([done.repaired] if done.repaired else [])]
    for run in recorded:
        model = f"{run.model}, forked" if run is done.repaired else run.model
        table.add_row(run.id, model, str(run.steps), styled("success" if run.success else "failure"), run.left)
    out.print(table)
    out.print()
    out.print(Text.assemble("Replay of the careful run: ", styled(done.replay.verdict), "."))
    found = done.diff.divergence
    if found is None:
        out.print(Text.assemble("Careful and hasty: ", styled(done.diff.verdict), "."))
    else:
        line = (
            "Careful and hasty part at step ",
            str(found.b_step),
            ". Cause: ",
            (found.cause, "bold"),
            f". {found.why}",
        )
        out.print(Text.assemble(*line))
    if done.fork is not None:
        end = "ends as the careful run ended" if done.same_end else "does not end as the careful run ended"
        out.print(f"The hasty run, forked at step {done.fork.at} with the careful run's action, {end}.")
    out.print()
    print_next(store, "runs", f"show {done.runs[1].id}", f"diff {done.runs[0].id} {done.runs[1].id}")


def _view(store: Store, port: int, *, quiet: bool) -> None:
    from footage.viewer.serving import serve

    def tell(url: str) -> None:
        click.echo(f"\nThe viewer: {url}\nCtrl-C stops it.", err=quiet)

    serve(store, port=port, on_ready=tell)
