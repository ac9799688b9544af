"""`footage record -- CMD …`: any agent, recorded as it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from footage.cli.shared.exactness import budget_option, exact_option, kept, started_machine
from footage.cli.shared.hints import command_line
from footage.cli.shared.options import store_option, with_examples
from footage.cli.shared.printing.losses import tell_losses
from footage.cli.shared.services import services, stand_in_key
from footage.stopping import Stopped

if TYPE_CHECKING:
    from footage.machines.contract import Machine
    from footage.recorder.proxy.supervisor import Supervisor
    from footage.trajectory import JSON

__all__ = [
    "command",
    "named_secrets",
    "provider_option",
    "secret_option",
    "services",
    "stand_in_key",
    "stand_in_option",
]

_DRAIN_SECONDS = 120.0
_NOTHING = (
    "footage: no request passed the proxy. Does the command take the service's address\n         from {variables}?"
)

provider_option = click.option(
    "--provider",
    "providers",
    multiple=True,
    hidden=True,
    expose_value=False,
    help="Of 0.1: every service's requests pass through the proxy.",
)
secret_option = click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="VARIABLE",
    help="A variable whose value must not be stored, wherever it turns up. Those named …_KEY, …_TOKEN, …_PASSWORD"
    " are kept out anyway.",
)
stand_in_option = click.option(
    "--stand-in",
    is_flag=True,
    help="Answer with the stand-in model that comes with footage: it needs no key and no network.",
)


@with_examples(
    "footage record -- python my_agent.py",
    'footage record --task "Rename the file" --tag nightly -- ./agent.sh --fast',
    "footage record --machine desktop -- node agent.mjs",
    "footage record --machine qemu/desktop --exact -- python my_agent.py",
    "footage record --secret LOGIN --store runs.db -- python my_agent.py",
    "footage record --stand-in --machine desktop -- python examples/plain_agent.py",
)
@click.argument("argv", metavar="-- CMD...", nargs=-1, type=click.UNPROCESSED, required=True)
@click.option(
    "--task",
    default="",
    help="What the agent is to do; by default what it says first, else the command.",
)
@click.option("--task-id", help="Runs of the same task id are compared with each other; by default: the same text.")
@click.option("--tag", "tags", multiple=True, help="Put a tag on the run; may be given several times.")
@click.option("--machine", help="Start this machine for the agent, and record its screen; see `footage machine list`.")
@exact_option
@budget_option
@stand_in_option
@provider_option
@secret_option
@store_option
def command(
    argv: tuple[str, ...],
    task: str,
    task_id: str | None,
    tags: tuple[str, ...],
    machine: str | None,
    exact: bool,
    budget: float,
    stand_in: bool,
    secrets: tuple[str, ...],
    store: Path | None,
) -> int:
    """Run CMD as it is, and record its exchanges with the model.

    CMD finds the recording proxy in ANTHROPIC_BASE_URL, OPENAI_BASE_URL and GOOGLE_GEMINI_BASE_URL; requests go on to
    what the variable said before, or to the provider, or with --stand-in to the stand-in model. With --machine it finds
    the machine's display in DISPLAY, that of a virtual machine in FOOTAGE_VNC. The exit code is CMD's own.
    """
    from footage.recorder.command import check_command, command_environment, ending_of, run_command, short_name
    from footage.recorder.proxy.known_services import SERVICES, signed_sentence
    from footage.recorder.proxy.supervisor import Supervisor
    from footage.storage.file.database import default_path
    from footage.trajectory import RunStatus

    path = store or default_path()
    check_command(argv)
    with ExitStack() as stack:
        wanted = services(stand_in=stand_in)
        kept_out = named_secrets(secrets)
        started = stack.enter_context(_machine(machine, exact=exact, budget=budget))
        screens: list[_Layer] = []
        losses: list[JSON] = []
        stack.callback(tell_losses, losses)
        seen: JSON = {}

        def hear(said: JSON) -> None:
            seen.update(said if "ended" in said and "empty" in said else {})
            if "incomplete" in said:
                losses.append(said)
            for layer in screens:
                layer.hear(said)

        supervisor = Supervisor(
            wanted,
            path,
            {
                "task": task,
                "name": short_name(argv),
                "task_id": task_id,
                "tags": list(tags),
                "machine": started.specification if started else None,
            },
            secrets=kept_out,
            on_said=hear,
        )
        name = supervisor.run or "unrecorded"
        environment = command_environment(
            {service: supervisor.address(name, service) for service in wanted},
            run=supervisor.run,
            store=os.path.realpath(path),
            proxy=supervisor.url,
            machine=started.environment if started else {},
            secrets=secrets,
        )
        environment |= stand_in_key() if stand_in else {}
        variables = ", ".join(SERVICES[service].variable for service in wanted)
        click.echo(f"footage: recording what is asked by {variables}", err=True)
        if signed := signed_sentence(os.environ):
            click.echo(f"footage: {signed}", err=True)
        try:
            if started and supervisor.run:
                screens.append(stack.enter_context(closing(_Layer(supervisor, path, kept_out, started))))
                supervisor.looks(watched=True)
            code = run_command(argv, environment, started=supervisor.watch)
            _drain(supervisor)
            supervisor.stop()
        except KeyboardInterrupt:
            supervisor.end(RunStatus.INTERRUPTED, "Interrupted.")
            raise
        except BaseException as error:
            supervisor.end(RunStatus.ERRORED, f"{type(error).__name__}: {error}")
            raise
        supervisor.looks(watched=False)
        try:
            for layer in screens:
                layer.close()
        finally:  # the command has ended, whatever becomes of its machine's recording
            losses += [layer.loss for layer in screens if layer.loss]
            supervisor.end(*ending_of(code))
    seen["empty"] = bool(seen.get("empty")) and not losses
    _tell_end(supervisor.run, store, path, seen | {"variables": variables}, watched=bool(screens))
    return code


def _tell_end(run: str, store: Path | None, path: Path, seen: JSON, *, watched: bool) -> None:
    """
    Say how the run is found again, and what is strange about it.

    `store` is the one that was named; `seen` is what the writing process saw of the agent.
    """
    from footage.analysis.runs.absences import unread_sentence

    if not run:
        click.echo("Nothing of this run could be stored.", err=True)
        return
    if seen["empty"]:
        click.echo(_NOTHING.format(variables=seen["variables"]), err=True)
    if unread := unread_sentence(seen.get("raw", []), asked=bool(seen.get("turns"))):
        click.echo(f"footage: {unread}", err=True)
    if watched:
        _tell_misses(path, run)
    click.echo(f"recorded: {command_line(f'show {run}', store)}", err=True)


def _tell_misses(path: Path, run: str) -> None:
    """Say where the agent's actions landed elsewhere than they were asked for."""
    from footage.analysis.runs.delivery import misses
    from footage.errors import FootageError
    from footage.storage import open_store

    with suppress(FootageError, OSError), open_store(path, readonly=True) as store:
        missed = misses(store.steps(run))
        if missed is not None:
            click.echo(f"footage: {missed.sentence}", err=True)


class _Layer:
    """The screens of the machine: a layer of its own in the run, here, where the machine is."""

    def __init__(self, supervisor: Supervisor, store: Path, secrets: Sequence[str], machine: Machine) -> None:
        from footage.recorder.recording import resume
        from footage.recorder.screen.observed_machine import Screens

        self._supervisor = supervisor
        self._recording = resume(supervisor.run, store=store, secrets=secrets, layer="screen", joined=True)
        self._screens = Screens(self._recording, machine)
        self._store = store
        self._machine: Machine | None = machine

    def hear(self, said: JSON) -> None:
        """Take note of the calls that the recording process tells of."""
        from footage.machines.shared.call_inputs import calls_of

        if "calls" in said:
            self._screens.asked(calls_of(said["calls"]), said["since"], said.get("until"))
            if "look" in said:
                self._supervisor.looked(said["look"])
        if "told" in said:
            self._screens.told([step for step in said["told"] if step is not None], said["since"])

    @property
    def loss(self) -> JSON | None:
        """What could not be stored, in the form of `Supervisor`; None where everything was."""
        guard = self._recording.guard
        if not guard.lost_in_all:
            return None
        return {"incomplete": self._recording.id, "lost": guard.lost_in_all, "ended": True, "why": guard.why}

    def close(self) -> None:
        """Store the last frames, and what the machine recorded of itself. Safe to call twice."""
        self._screens.close()
        machine, self._machine = self._machine, None
        with kept(self._store, self._recording, machine):
            self._recording.flush()
        self._recording.end()


@contextmanager
def _machine(name: str | None, *, exact: bool, budget: float) -> Iterator[Machine | None]:
    """Start the machine that was asked for; None where none was. Raises UsageError."""
    if name is not None:
        from footage.machines.contract import door_of

        with started_machine(name, exact=exact, budget=budget, remote=True) as machine:
            door_of(machine)  # what the command does to the machine passes there
            yield machine
    elif exact:
        from footage.errors import UsageError

        raise UsageError("--exact needs a machine.", hint="For example: --machine qemu/desktop.")
    else:
        yield None


def _drain(proxy: Supervisor) -> None:
    """
    Wait for replies that are still on their way to a command which has ended: they belong to the recording.

    A Ctrl-C ends the wait alone; what another signal stops is the recording.
    """
    if not proxy.drain(0.2):
        try:
            click.echo("footage: waiting for a reply that is on its way (Ctrl-C: do not wait)", err=True)
            proxy.drain(_DRAIN_SECONDS)
        except KeyboardInterrupt as stop:
            if isinstance(stop, Stopped) and stop.number != signal.SIGINT:
                raise


def named_secrets(variables: Sequence[str]) -> list[str]:
    """Return the values of the variables that --secret names. Raises UsageError for one that is not set, or short."""
    from footage.errors import UsageError
    from footage.recorder.kept_out import SHORTEST_NAMED

    for name in variables:
        if not os.environ.get(name):
            raise UsageError(f"--secret {name}: there is no such variable.", hint="Name a variable, not its value.")
        if len(os.environ[name].strip()) < SHORTEST_NAMED:
            raise UsageError(
                f"--secret {name}: its value is too short to be kept out, as a part of ordinary words.",
                hint=f"It needs {SHORTEST_NAMED} characters or more.",
            )
    return [os.environ[name] for name in variables]
