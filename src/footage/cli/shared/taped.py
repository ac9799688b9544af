"""What `footage replay` and `footage fork` do with a command: the user's own agent, on the model tape."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from footage.cli.shared.exactness import forked_machine, late_counting, restored_steps
from footage.cli.shared.given import given_secrets
from footage.cli.shared.printing.terminal import console, divergence_text, print_gaps, print_next, styled, verdict_mark
from footage.cli.shared.printing.text import counted, shortened
from footage.cli.shared.services import services, stand_in_key
from footage.cli.shared.store_opening import machine_like, open_for, print_json
from footage.trajectory import Verdict

if TYPE_CHECKING:
    from footage.machines.contract import Machine
    from footage.recorder.proxy.relay_process.upstream import Upstream
    from footage.replay.tape.tape_fork import TapeFork
    from footage.replay.tape.tape_report import TapeReport
    from footage.replay.tape.tape_run import TapeOptions
    from footage.replay.tape.tape_service import Asked, Refused
    from footage.storage import Store
    from footage.trajectory import Run

__all__ = ["agent_argument", "fork_on_tape", "policy_option", "replay_on_tape"]

_SAME = {Verdict.REPRODUCED, Verdict.COSMETIC}

agent_argument = click.argument("argv", metavar="[-- CMD...]", nargs=-1, type=click.UNPROCESSED)
policy_option = click.option(
    "--policy",
    type=click.Choice(["stop", "warn", "continue"]),
    default="stop",
    show_default=True,
    help="With CMD: what to do when it asks for something else than was recorded.",
)


def replay_on_tape(
    run: str, argv: Sequence[str], *, machine: str | None, policy: str, store: Path | None, as_json: bool
) -> int:
    """Run a command on a run's tape, print how it compares, and return the exit code."""
    from footage.replay.tape.tape_run import check_tape, replay_tape

    with open_for(store, write=True) as opened:
        source = opened.run(run)
        check_tape(source)
        with _machine_of(source, machine) as started:
            report = replay_tape(opened, source.id, argv, started, _options(policy, as_json))
        gaps = opened.gaps(report.run)
    if as_json:
        print_json(report.as_json())
    else:
        _print_end(report)
        print_gaps(gaps, error=True)
        print_next(store, f"show {report.run}", f"diff {report.source} {report.run}", error=True)
    return _exit_code(report, same=report.verdict in _SAME)


def fork_on_tape(
    run: str,
    at: int,
    argv: Sequence[str],
    *,
    machine: str | None,
    budget: float,
    anyway: bool,
    policy: str,
    store: Path | None,
    as_json: bool,
) -> int:
    """
    Run a command on a run's tape up to a step, and live from there; return the exit code.

    An exactly recorded run begins at its last checkpoint before the step, unless another `machine` is named.
    """
    from footage.replay.tape.tape_fork import fork_tape, turn_of
    from footage.replay.tape.tape_run import check_tape

    with open_for(store, write=True) as opened:
        source = opened.run(run)
        check_tape(source)
        options = _options(policy, as_json, stand_in_key() if _by_stand_in(source) else {})
        turn_of(opened.steps(source.id), opened.step(source.id, at))
        if machine is None and source.replayable == "exact":
            fork = _fork_exactly(opened, source, at, argv, options, budget=budget, anyway=anyway, quiet=as_json)
        else:
            with _machine_of(source, machine) as started:
                fork = fork_tape(opened, source.id, at, argv, started, _live(source), options)
        gaps = opened.gaps(fork.tape.run)
    if as_json:
        print_json(fork.as_json())
    else:
        _print_fork(fork)
        print_gaps(gaps, error=True)
        print_next(store, f"show {fork.tape.run}", f"diff {fork.tape.source} {fork.tape.run}", error=True)
    return _exit_code(fork.tape, same=fork.forked)


def _exit_code(report: TapeReport, *, same: bool) -> int:
    """Return the command's own exit code where somebody stopped it, else the answer: 0 or 1."""
    from footage.recorder.command import was_stopped

    return report.exit_code if was_stopped(report.exit_code) else int(not same)


def _fork_exactly(
    store: Store,
    source: Run,
    at: int,
    argv: Sequence[str],
    options: TapeOptions,
    *,
    budget: float,
    anyway: bool,
    quiet: bool,
) -> TapeFork:
    """Fork an exactly recorded run with a command."""
    from footage.cli.shared.printing.step_lines import step_printer
    from footage.replay.tape.exact_tape_fork import fork_exact_tape

    steps = store.steps(source.id)
    secrets = given_secrets(steps[:at], ask=not quiet)
    with (
        forked_machine(store, source, at, anyway=anyway, budget=budget, remote=True) as started,
        late_counting("packing the recording", hidden=quiet) as packed,
    ):
        return fork_exact_tape(
            store,
            source.id,
            at,
            argv,
            started,
            _live(source),
            options,
            restored=restored_steps(store, source, at),
            secrets=secrets,
            on_step=None if quiet else step_printer(steps),
            on_progress=packed,
        )


@contextlib.contextmanager
def _machine_of(source: Run, name: str | None) -> Iterator[Machine | None]:
    """Start the machine for the command; none where the run was recorded without one, and none is asked for."""
    if source.machine is None and name is None:
        yield None
        return
    with closing(machine_like(source, name)) as machine:
        yield machine


def _live(source: Run) -> dict[str, Upstream]:
    """Return where a fork goes on: where the variables point, else the provider; the stand-in for its own runs."""
    return services(stand_in=_by_stand_in(source))


def _by_stand_in(source: Run) -> bool:
    from footage.providers.model_names import STAND_IN

    return source.model.startswith(STAND_IN) and not os.environ.get("ANTHROPIC_BASE_URL")


def _options(policy: str, as_json: bool, more: Mapping[str, str] | None = None) -> TapeOptions:
    from footage.replay.tape.tape_run import TapeOptions
    from footage.replay.tape.tape_service import Policy

    told = None if as_json else _teller(Policy(policy))
    refused = None if as_json else _print_refused
    # The command's own words go to standard error where standard output is for the document alone.
    stdout = sys.stderr.fileno() if as_json else None
    return TapeOptions(Policy(policy), on_asked=told, on_refused=refused, stdout=stdout, more=more or {})


def _teller(policy: Any) -> Callable[[Asked], None]:
    """Return a function that prints a line for each turn; a change is told in full where it first shows."""
    out, known = console(error=True), dict[str, int]()

    def tell(asked: Asked) -> None:
        first = asked.first
        mark = Verdict.DIVERGED if asked.counts else Verdict.REPRODUCED
        words = f"  {asked.grade}"
        if first is not None and first.path not in known and (asked.counts or policy != "continue"):
            known[first.path] = asked.turn.number
            words += f"  {first.path}: {shortened(first.why, 110)}"
        elif first is not None and asked.counts:
            words += f"  {first.path}" + (f", as in turn {known[first.path]}" if first.path in known else "")
        out.print(Text.assemble(verdict_mark(mark), (f" turn {asked.turn.number:>3}", "dim"), words))

    return tell


def _print_refused(refused: Refused) -> None:
    if refused.kind != "stopped" or "before:" not in refused.why:
        console(error=True).print(Text.assemble(verdict_mark(Verdict.DIVERGED), f" refused: {refused.why}"))


def _print_end(report: TapeReport) -> None:
    out = console(error=True)
    same = sum(not asked.counts for asked in report.asked)
    said = f": {same} of {counted(len(report.turns), 'turn')} asked for as recorded"
    if more := sum(extra.times for extra in report.extra):
        said += f", and {counted(more, 'request')} more"
    if not report.asked and not report.refused:
        said += "; the command asked for none: does it send its requests to ANTHROPIC_BASE_URL?"
    out.print(Text.assemble("\n", styled(report.verdict), said))
    if report.divergence:
        out.print(divergence_text(report.divergence))
    for what, times in Counter(f"{remark.what}: {remark.why}" for remark in report.remarks).items():
        out.print(f"not recorded: {what}" + (f", {times} times" if times > 1 else ""), style="dim")
    if report.exit_code:
        out.print(f"the command ended with exit code {report.exit_code}", style="dim")


def _print_fork(fork: TapeFork) -> None:
    out = console(error=True)
    if not fork.forked:
        _print_end(fork.tape)
        out.print(f"step {fork.at} was not reached")
        return
    out.print(f"\nforked at step {fork.at}: {counted(fork.live.requests, 'request')} went on live")
    if fork.tape.divergence:
        out.print(divergence_text(fork.tape.divergence))
    if fork.live.thinking:
        out.print(f"recorded thinking blocks that went along: {fork.live.thinking}", style="dim")
    for said in fork.live.complaints:
        out.print(f"the service does not accept recorded thinking: {shortened(said, 200)}", style="red")
