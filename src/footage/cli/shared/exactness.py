"""What commands share about exact recordings: the options, what a recording will cost, and starting the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from footage.machines.contract import Machine
    from footage.machines.exact_contract import ExactDriver
    from footage.recorder.recording import Recording
    from footage.storage import Store
    from footage.trajectory import Run

__all__ = [
    "GIGABYTE",
    "budget_option",
    "exact_option",
    "forked_machine",
    "kept",
    "late_counting",
    "restored_steps",
    "say",
    "started_machine",
    "state_budget",
]

GIGABYTE = 1_000_000_000

exact_option = click.option(
    "--exact", is_flag=True, help="Have the virtual machine record itself, so that the run can be executed exactly."
)
budget_option = click.option(
    "--budget",
    type=click.FloatRange(min=0.2),
    default=4.0,
    show_default=True,
    metavar="GB",
    help="With --exact: how much its checkpoints may take on the disk.",
)


@contextmanager
def started_machine(name: str, *, exact: bool, budget: float, remote: bool = False) -> Iterator[Machine]:
    """
    Start a machine by its name, under its own record log with `exact`; says before what that may cost.

    `remote`: another process is to act on it.
    """
    from footage.machines.opening import exact_driver, open_machine

    if not exact:
        with closing(open_machine(name)) as machine:
            yield machine
        return
    state_budget(exact_driver(name), budget)
    with closing(open_machine(name, exact=True, budget=int(budget * GIGABYTE), remote=remote, tell=say)) as machine:
        yield machine


@contextmanager
def kept(store: Store | Path, run: Recording, machine: Machine | None, *, quiet: bool = False) -> Iterator[None]:
    """Keep with the run what the machine recorded of itself in the block, with a progress bar."""
    from footage.machines.exact_contract import RecordsItself
    from footage.replay.exact.log_keeping import keeping
    from footage.storage import Store, open_store

    if not isinstance(machine, RecordsItself):
        yield
        return
    with ExitStack() as stack:
        opened = store if isinstance(store, Store) else stack.enter_context(open_store(store))
        packed = stack.enter_context(late_counting("packing the recording", hidden=quiet))
        stack.enter_context(keeping(opened, run, machine, on_progress=packed))
        try:
            yield
        except KeyboardInterrupt:
            say("what was recorded is being packed; another Ctrl-C lets the exact recording go")
            raise


@contextmanager
def forked_machine(
    store: Store, source: Run, at: int, *, anyway: bool, budget: float, remote: bool = False
) -> Iterator[Machine]:
    """
    Start an exactly recorded run's machine from its last checkpoint before a step; it is recorded exactly too.

    `remote`: another process is to act on it.
    """
    from footage.machines.opening import exact_driver_of
    from footage.replay.exact.forking import machine_at

    state_budget(exact_driver_of(source.machine or {}), budget)
    size = int(budget * GIGABYTE)
    with closing(machine_at(store, source, at, anyway=anyway, budget=size, remote=remote)) as machine:
        yield machine


def restored_steps(store: Store, source: Run, at: int) -> int:
    """Return how many steps lie before the last checkpoint that a fork at a step starts from."""
    from footage.replay.exact.forking import steps_behind

    return steps_behind(store, source.id, at)


def state_budget(driver: ExactDriver, budget: float) -> None:
    """Say what an exact recording may take on the disk, before it starts."""
    every = f"{driver.interval:g} s or more"
    say(f"exact: a checkpoint every {every}, about 0.1 GB each, at most {budget:g} GB in all (--budget)")


def say(sentence: str) -> None:
    """Tell something that is no result, on standard error."""
    click.echo(f"footage: {sentence}", err=True)


@contextmanager
def late_counting(title: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar from its first report on, not before."""
    with ExitStack() as stack:
        shown: list[Callable[[int, int], None]] = []

        def report(done: int, total: int) -> None:
            if not shown:
                from footage.cli.shared.printing.terminal import counting

                shown.append(stack.enter_context(counting(title, hidden=hidden)))
            shown[0](done, total)

        yield report
