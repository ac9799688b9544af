"""`footage replay`: a recorded run's actions again, each after its recorded screen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from footage.cli.shared.exactness import say
from footage.cli.shared.given import given_secrets
from footage.cli.shared.options import anyway_option, json_option, store_option, with_examples
from footage.cli.shared.printing.step_lines import step_printer
from footage.cli.shared.printing.terminal import (
    console,
    divergence_text,
    print_gaps,
    print_next,
    styled,
)
from footage.cli.shared.printing.text import counted
from footage.cli.shared.store_opening import machine_like, open_for, print_json
from footage.cli.shared.taped import agent_argument, policy_option, replay_on_tape
from footage.trajectory import Gap, Verdict

if TYPE_CHECKING:
    from footage.replay.engine import ReplayReport

__all__ = ["command"]

_SAME = {Verdict.REPRODUCED, Verdict.COSMETIC}


@with_examples(
    "footage replay @1",
    "footage replay 7f3k --machine desktop --timeout 30",
    "footage replay @1 --exact --from 17",
    "footage replay @1 --json | jq -r .verdict",
    "footage replay @1 --policy warn -- python my_agent.py",
)
@click.argument("run")
@click.option("--machine", help="The kind of machine to replay on; by default one like the recorded.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a recorded screen before an action.",
)
@click.option("--exact", is_flag=True, help="Execute the same instructions again; for runs recorded with --exact.")
@click.option(
    "--from",
    "first",
    type=click.IntRange(min=0),
    default=0,
    metavar="STEP",
    help="With --exact: begin at the last checkpoint before this step.",
)
@anyway_option
@agent_argument
@policy_option
@store_option
@json_option
def command(
    run: str,
    argv: tuple[str, ...],
    machine: str | None,
    timeout: float,
    exact: bool,
    first: int,
    anyway: bool,
    policy: str,
    store: Path | None,
    as_json: bool,
) -> int:
    """Re-execute RUN on a machine and say for every step whether it came out the same.

    Before each action it waits until the screen is the recorded one; where it is not, the replay stops and shows why.
    The result is a run of its own. Exit code 1 where it diverged. What `footage redact` took out of the run is asked
    for, or read from FOOTAGE_SECRET_1 …; without it, the replay stops where it is typed.

    With --exact nothing is performed: a virtual machine executes its recorded instructions again, and every recorded
    screen comes out the same byte for byte, or the first step that does not is named.

    With CMD the agent itself runs again, while the recorded replies of the model are served to it in
    ANTHROPIC_BASE_URL; nothing goes to the network, and every request is compared with the recorded one.
    """
    from footage.replay.engine import check_replayable, replay_run

    if argv and (exact or first):
        raise click.UsageError("--exact executes a recording again, in which nothing is asked for: leave CMD out.")
    if argv:
        return replay_on_tape(run, argv, machine=machine, policy=policy, store=store, as_json=as_json)
    if exact or first:
        _check_exact(exact=exact, machine=machine)
        return _replay_exactly(run, first, anyway=anyway, store=store, as_json=as_json)
    with open_for(store, write=True) as opened:
        source = opened.run(run)
        check_replayable(source)
        steps = opened.steps(source.id)
        secrets = given_secrets(steps, ask=not as_json)
        printer = None if as_json else step_printer(steps)
        with closing(machine_like(source, machine)) as started:
            report = replay_run(opened, source.id, started, timeout=timeout, secrets=secrets, on_step=printer)
        gaps = opened.gaps(report.run)
    if as_json:
        print_json(report.as_json())
    else:
        _print_end(report, gaps, store)
    return 0 if report.verdict in _SAME else 1


def _check_exact(*, exact: bool, machine: str | None) -> None:
    from footage.errors import UsageError

    if not exact:
        raise UsageError("--from is for exact replays: others begin at the first step.", hint="Add --exact.")
    if machine:
        raise UsageError("An exact replay runs on the machine that was recorded.", hint="Leave --machine out.")


def _replay_exactly(run: str, first: int, *, anyway: bool, store: Path | None, as_json: bool) -> int:
    from footage.replay.exact.replaying import replay_exactly

    with open_for(store, write=True) as opened:
        source = opened.run(run)
        report = replay_exactly(
            opened,
            source.id,
            first=first,
            anyway=anyway,
            on_step=None if as_json else step_printer(opened.steps(source.id)),
            on_restart=None if as_json else say,
        )
        gaps = opened.gaps(report.run)
    if as_json:
        print_json(report.as_json())
    else:
        console().print(
            f"\n{counted(report.screens, 'recorded screen')} compared, from the checkpoint {report.checkpoint} on."
        )
        _print_end(report, gaps, store)
    return 0 if report.verdict in _SAME else 1


def _print_end(report: ReplayReport, gaps: Sequence[Gap], store: Path | None) -> None:
    out = console()
    same = sum(step.verdict in _SAME for step in report.steps)
    said = f": {same} of {counted(len(report.steps), 'step')} came out the same ({report.guarantee})"
    out.print(Text.assemble("\n", styled(report.verdict), said))
    if report.divergence:
        out.print(divergence_text(report.divergence))
    print_gaps(gaps)
    print_next(store, f"show {report.run}", f"diff {report.source} {report.run}")
