"""`footage fork`: everything up to a step again, then another way."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from footage.cli.commands.agent import event_printer
from footage.cli.shared.exactness import budget_option, forked_machine, restored_steps
from footage.cli.shared.given import given_secrets
from footage.cli.shared.options import (
    anyway_option,
    json_option,
    max_steps_option,
    store_option,
    system_option,
    think_option,
    with_examples,
)
from footage.cli.shared.printing.step_lines import step_printer
from footage.cli.shared.printing.terminal import console, divergence_text, print_gaps, print_next, styled
from footage.cli.shared.printing.text import counted, shortened
from footage.cli.shared.store_opening import machine_like, open_for, print_json
from footage.cli.shared.taped import agent_argument, fork_on_tape, policy_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from footage.replay.fork import ForkReport
    from footage.trajectory import Action, Gap

__all__ = ["command", "parse_action"]


@with_examples(
    'footage fork @1 --at 3 --action \'{"action": "left_click", "coordinate": [640, 400]}\'',
    "footage fork 7f3k --at 3 --model stand-in/careful",
    "footage fork 7f3k --at 0 --system prompt.txt --json",
    "footage fork 7f3k --at 3 -- python my_agent.py",
)
@click.argument("run")
@click.option(
    "--at", type=click.IntRange(min=0), required=True, metavar="STEP", help="The step to go another way from."
)
@click.option("--action", "document", metavar="JSON", help="Do this in the step's place; points in screen pixels.")
@click.option("--model", help="Ask this model from there on; by default the run's own.")
@system_option
@click.option("--machine", help="The kind of machine; by default one like the recorded.")
@budget_option
@anyway_option
@max_steps_option
@think_option
@agent_argument
@policy_option
@store_option
@json_option
def command(
    run: str,
    at: int,
    argv: tuple[str, ...],
    document: str | None,
    model: str | None,
    system: str | None,
    machine: str | None,
    budget: float,
    anyway: bool,
    max_steps: int,
    think: float,
    policy: str,
    store: Path | None,
    as_json: bool,
) -> int:
    """Re-execute RUN up to step STEP, then go another way, live.

    With --action that is done in the step's place; else the model is asked anew, with the history it had there.
    The result is a run of its own. Exit code 1 where the step was not reached. Secrets that were typed before STEP are
    asked for, as by `footage replay`.

    A run that was recorded with --exact begins at its last checkpoint before STEP, and the fork is recorded exactly
    too; with --machine it begins anew on that machine.

    With CMD your own agent runs again: the recorded replies are served to it up to STEP, and its requests go to the
    model from there on. On an exactly recorded run it sees the recorded screens until then, and gets the machine, which
    is at STEP already, with its first live request.
    """
    from footage.agent.model_client import make_client
    from footage.replay.engine import check_replayable
    from footage.replay.fork import fork_run
    from footage.replay.fork_options import ForkChange, ForkOptions

    if argv:
        if document or model or system:
            raise click.UsageError("--action, --model and --system are for the reference loop: CMD decides for itself.")
        return fork_on_tape(
            run,
            at,
            argv,
            machine=machine,
            budget=budget,
            anyway=anyway,
            policy=policy,
            store=store,
            as_json=as_json,
        )
    action = parse_action(document) if document else None
    with open_for(store, write=True) as opened:
        source = opened.run(run)
        check_replayable(source)
        opened.step(source.id, at)
        steps = opened.steps(source.id)
        secrets = given_secrets(steps[:at], ask=not as_json)
        exact = machine is None and source.replayable == "exact"
        with (
            closing(make_client(model or source.model, think=think)) as client,
            forked_machine(opened, source, at, anyway=anyway, budget=budget)
            if exact
            else closing(machine_like(source, machine)) as started,
        ):
            report = fork_run(
                opened,
                source.id,
                at,
                started,
                client,
                ForkChange(action, model, system),
                ForkOptions(
                    max_steps=max_steps,
                    restored=restored_steps(opened, source, at) if exact else 0,
                    secrets=secrets,
                    on_step=None if as_json else step_printer(steps),
                    on_event=None if as_json else event_printer(first=at),
                ),
            )
        gaps = opened.gaps(report.run)
    if as_json:
        print_json(report.as_json())
    else:
        _print_end(report, gaps, store)
    return 0 if report.forked else 1


def parse_action(document: str) -> Action:
    """
    Read `--action`: {"action": name, …} as on the wire, or {"name", "arguments"} as `footage show --json` has it.

    Raises BadAction.
    """
    from footage.errors import BadAction
    from footage.providers.anthropic.computer_tools import actions_of, problem

    hint = 'For example: --action \'{"action": "left_click", "coordinate": [640, 400]}\''
    try:
        given: Any = json.loads(document)
    except ValueError as error:
        raise BadAction(f"--action is no JSON: {error}.", hint=hint) from error
    if not isinstance(given, dict):
        raise BadAction("--action must be a JSON object.", hint=hint)
    if "name" in given and isinstance(given.get("arguments", {}), dict):
        given = {"action": given["name"], **given.get("arguments", {})}
    action = actions_of({"type": "tool_use", "name": "computer", "input": given})[0]
    if wrong := problem(action):
        raise BadAction(wrong, hint=hint)
    return action


def _print_end(report: ForkReport, gaps: Sequence[Gap], store: Path | None) -> None:
    out = console()
    if report.result is None:
        verdict = "diverged" if report.divergence else "unreached"
        out.print(Text.assemble("\n", styled(verdict), f": step {report.at} was not reached"))
        if report.divergence:
            out.print(divergence_text(report.divergence))
    else:
        said = f": {shortened(report.result.text, 100)}" if report.result.text else ""
        out.print(f"\n{report.result.reason} after {counted(report.result.steps, 'more step')}{said}")
    if report.dropped_thinking:
        left_out = counted(report.dropped_thinking, "thinking block")
        out.print(f"left out of the replaced reply: {left_out}", style="dim")
    print_gaps(gaps)
    print_next(store, f"show {report.run}", f"diff {report.source} {report.run}")
