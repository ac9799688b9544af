"""`footage trust`: what a replay of somebody else's run would do, and leave to do it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from footage.cli.shared.options import json_option, store_option, with_examples
from footage.cli.shared.printing.text import clean
from footage.cli.shared.store_opening import open_for, print_json
from footage.trajectory import Run, Step, StepStatus

__all__ = ["command"]


@with_examples(
    "footage trust 7f3k",
    "footage trust 7f3k --yes",
    "footage trust 7f3k --revoke",
)
@click.argument("run")
@click.option("--revoke", is_flag=True, help="Take the leave back: the run is not replayed any more.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
@json_option
def command(run: str, revoke: bool, yes: bool, store: Path | None, as_json: bool) -> int:
    """Allow RUN, which others recorded, to be replayed here.

    A replay clicks and types on a machine of yours what the run says, so everything it would do is shown first: the
    machine, each action, and all the text it types. Imported runs are shown and compared without this; replay and
    fork refuse them. Exit code 1 where the question was answered with no.
    """
    with open_for(store, write=True) as opened:
        found = opened.run(run)
        steps = _plan_of(opened.steps(found.id))
        if not as_json and not revoke:
            _print_plan(found, steps)
        agreed = revoke or yes or found.trusted or _asked(found, as_json=as_json)
        if agreed:
            opened.set_trusted(found.id, not revoke)
    if as_json:
        actions = [
            {"index": step.index, "action": step.action.title, "arguments": step.action.arguments} for step in steps
        ]
        print_json({"run": found.id, "trusted": agreed and not revoke, "machine": found.machine, "actions": actions})
    elif agreed:
        click.echo(f"Run {found.id} is {'not trusted any more' if revoke else 'trusted'}.")
    return 0 if agreed else 1


def _plan_of(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that a replay would perform: those that only look change nothing."""
    return [step for step in steps if not step.action.looks_only and step.status is not StepStatus.NOT_EXECUTED]


def _print_plan(run: Run, steps: Sequence[Step]) -> None:
    click.echo(f"{run.id}  {clean(run.task) or '(task not known)'}")
    click.echo(f"came from: {run.source_format}, {'trusted' if run.trusted else 'not trusted'}")
    machine = "none" if run.machine is None else clean(json.dumps(dict(run.machine), ensure_ascii=False))
    click.echo(f"machine: {machine}")
    click.echo(f"A replay would take {len(steps)} actions:")
    for step in steps:
        given = json.dumps(dict(step.action.arguments), ensure_ascii=False, default=str)
        click.echo(f"{step.index:>5}  {clean(step.action.title)} {clean(given)}")


def _asked(run: Run, *, as_json: bool) -> bool:
    from footage.errors import UsageError

    if as_json or not sys.stdin.isatty():
        raise UsageError(
            f"Trusting run {run.id} takes a person's yes.",
            hint=f"Read what it does, then: footage trust {run.id} --yes",
        )
    return click.confirm(f"Trust run {run.id}?")
