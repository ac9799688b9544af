"""`footage agent`: the reference agent loop, recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from footage.cli.shared.exactness import budget_option, exact_option, kept, started_machine
from footage.cli.shared.options import (
    json_option,
    max_steps_option,
    store_option,
    system_option,
    think_option,
    with_examples,
)
from footage.cli.shared.printing.terminal import action_text, console, print_next
from footage.cli.shared.printing.text import counted, shortened
from footage.cli.shared.store_opening import open_for, print_json

if TYPE_CHECKING:
    from footage.agent.loop import AgentEvent

__all__ = ["command", "event_printer"]


@with_examples(
    'footage agent "Work out 17 * 23 with the calculator" --model stand-in/careful',
    'footage agent "Write a shopping list in the editor" --machine desktop --max-steps 30',
    'footage agent "Rename the file" --system prompt.txt --tag nightly --json',
    'footage agent "Write hello in the notes" --machine qemu/desktop --exact',
)
@click.argument("task")
@click.option("--machine", default="desktop", show_default=True, help="What it acts on; see `footage machine list`.")
@click.option(
    "--model", help="Claude by default (needs ANTHROPIC_API_KEY); stand-in/careful and stand-in/hasty need none."
)
@exact_option
@budget_option
@max_steps_option
@system_option
@think_option
@click.option("--task-id", help="Runs of the same task id are compared with each other; by default: the same text.")
@click.option("--tag", "tags", multiple=True, help="Put a tag on the run; may be given several times.")
@store_option
@json_option
def command(
    task: str,
    machine: str,
    model: str | None,
    exact: bool,
    budget: float,
    max_steps: int,
    system: str | None,
    think: float,
    task_id: str | None,
    tags: tuple[str, ...],
    store: Path | None,
    as_json: bool,
) -> int:
    """Let a model work on TASK with a machine, and record it.

    Exit code 1 where it stopped before the model said it was done.
    """
    from footage.agent.loop import run_agent
    from footage.agent.model_client import DEFAULT_MODEL, make_client
    from footage.errors import UsageError
    from footage.recorder.recording import record
    from footage.replay.steps import why_stopped

    if not task.strip():
        raise UsageError("The task is empty.", hint='Say what is to be done: footage agent "Write hello in the notes".')
    chosen = model or DEFAULT_MODEL
    with (
        closing(make_client(chosen, think=think)) as client,
        open_for(store, create=True) as opened,
        started_machine(machine, exact=exact, budget=budget) as started,
        record(task, store=opened, task_id=task_id, model=chosen, machine=started, strict=True, tags=tags) as run,
    ):
        if not as_json:
            click.echo(f"run {run.id} · {chosen} · {machine}")
        with kept(opened, run, started, quiet=as_json):
            result = run_agent(
                task,
                started,
                client,
                model=chosen,
                recording=run,
                max_steps=max_steps,
                system=system,
                on_event=None if as_json else event_printer(),
                why_stopped=partial(why_stopped, opened.path),
            )
    if as_json:
        ended = {"reason": result.reason, "text": result.text, "steps": result.steps}
        print_json({"run": run.id, "model": chosen, **ended})
    else:
        click.echo(f"{result.reason} after {counted(result.steps, 'step')}")
        print_next(store, f"show {run.id}", f"view {run.id}")
    return 0 if result.reason == "done" else 1


def event_printer(*, first: int = 0) -> Callable[[AgentEvent], None]:
    """Return a function that prints what the agent does as it does it; `first` is the number of its first step."""
    out = console()

    def tell(event: AgentEvent) -> None:
        if event.kind == "error":
            out.print(f"     ✗ {shortened(event.text, 100)}", style="red")
        elif event.action is not None:
            out.print(Text.assemble((f"{first + event.step:>5} ", "dim"), action_text(event.action)))
        elif event.text:
            out.print(f"      {shortened(event.text, 100)}", style="italic dim")

    return tell
