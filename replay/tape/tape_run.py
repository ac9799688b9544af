"""
A run on the tape: the user's own agent again, while the recording proxy serves the recorded replies.

What the agent does on its machine is real, and recorded as in `footage record -- CMD`; what the model says is not asked
anew. So a change in the harness, or in the world, shows up as what it is. A fork goes on live after its tape.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from footage.errors import UsageError
from footage.machines.contract import Machine
from footage.recorder.command import command_environment, ending_of, run_command
from footage.recorder.kept_out import secrets_of_environment
from footage.recorder.proxy.known_services import SERVICES
from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.routing import Lanes, Unrecorded
from footage.recorder.recording import Recording
from footage.recorder.screen.observed_machine import Screens
from footage.replay.tape.model_tape import Tape
from footage.replay.tape.tape_report import TapeReport, judge_steps
from footage.replay.tape.tape_service import Asked, Policy, Refused, TapeService
from footage.replay.tape.tape_upstream import TapeUpstream
from footage.storage import RunWriter, Store
from footage.trajectory import Parent, Run, RunKind

__all__ = ["TapeOptions", "check_tape", "replay_tape"]

_PLACEHOLDER = {"ANTHROPIC_API_KEY": "tape", "OPENAI_API_KEY": "tape", "GEMINI_API_KEY": "tape"}
"""Clients insist on a key; the tape looks at none."""


@dataclass(frozen=True, slots=True)
class TapeOptions:
    """How an agent is run on the tape."""

    policy: Policy = Policy.STOP
    secrets: Sequence[str] = ()
    """Values that must not be stored."""
    on_asked: Callable[[Asked], None] | None = None
    on_refused: Callable[[Refused], None] | None = None
    stdout: int | None = None
    """A descriptor for the command's standard output; by default this process's own."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Variables that the command of a fork finds beside its own."""


def check_tape(run: Run) -> None:
    """Raise UsageError where a run has no tape to serve, or must not be served, saying why."""
    if not run.trusted:
        raise UsageError(f"Run {run.id} was imported and is not trusted.", hint=f"footage trust {run.id}")
    if run.turns == 0:
        raise UsageError(
            f"Run {run.id} has no recorded replies, so there is no tape to serve.",
            hint="Record the agent with footage record -- CMD, or with run.attach(client).",
        )


def replay_tape(
    store: Store,
    reference: str,
    command: Sequence[str],
    machine: Machine | None,
    options: TapeOptions | None = None,
) -> TapeReport:
    """
    Run `command` on a run's tape, on a freshly started machine; the result is a run of kind `tape` in its family.

    The command finds the tape where it finds the recording proxy (`ANTHROPIC_BASE_URL` …), and the machine in its
    environment. Raises RunNotFound, UsageError (no tape, or no such command), MachineError.
    """
    source = store.run(reference)
    check_tape(source)
    options = options or TapeOptions()
    tape = Tape(store, source)
    writer = begin_on_tape(store, source, RunKind.TAPE, machine)
    recording = recording_of(writer, source, machine, options)
    service = service_for(store, source, tape, recording, options)
    report = TapeReport(source.id, writer.run_id, options.policy, tape.turns)
    with recording:
        services: dict[str, Upstream] = {name: TapeUpstream(service, name) for name in SERVICES}
        keys = {name: value for name, value in _PLACEHOLDER.items() if not os.environ.get(name)}
        report.exit_code = run_recorded(recording, store.path, command, services, machine, keys, options.stdout)
        report.asked, report.refused, report.remarks = service.asked, service.refused, service.remarks
        matched = judge_steps(store, source, report)
        end_judged(recording, writer, report, matched)
    return report


def service_for(
    store: Store,
    source: Run,
    tape: Tape,
    recording: Recording,
    options: TapeOptions,
    *,
    live: bool = False,
    on_live: Callable[[], None] | None = None,
) -> TapeService:
    """Return what serves a tape to a command that is recorded; with `live` requests beyond the tape go on."""
    return TapeService(
        store,
        source,
        tape,
        policy=options.policy,
        secrets=recording.guard.secrets,
        live=live,
        on_live=on_live,
        on_model=recording.wire.go_on_with,
        on_asked=options.on_asked,
        on_refused=options.on_refused,
    )


def begin_on_tape(
    store: Store, source: Run, kind: RunKind, machine: Machine | None, *, at: int | None = None
) -> RunWriter:
    """Begin a run that the source's tape is served to (up to its step `at`, for a fork)."""
    return store.begin_run(
        kind=kind,
        task=source.task,
        task_id=source.task_id,
        model=source.model,
        machine=machine.specification if machine else None,
        parent=Parent(source.id, at),
        layer="proxy",
    )


def recording_of(writer: RunWriter, source: Run, machine: Machine | None, options: TapeOptions) -> Recording:
    """Return the recording of a run on the tape; keys of the environment are kept out of it."""
    kept_out = secrets_of_environment()
    for secret in options.secrets:
        kept_out.add(secret)
    specification = machine.specification if machine else None
    return Recording(writer, machine=specification, model=source.model, secrets=kept_out)


def run_recorded(
    recording: Recording,
    store: Path,
    command: Sequence[str],
    services: Mapping[str, Upstream],
    machine: Machine | None,
    more: Mapping[str, str],
    stdout: int | None,
    *,
    before: Callable[[Mapping[str, Upstream]], Mapping[str, Upstream]] | None = None,
) -> int:
    """
    Run a command whose requests go to `services` by way of the proxy, recorded; return its exit code.

    With `before` requests come by other services first: it is given the recorded way on, and returns them.
    """
    with ExitStack() as stack:
        lanes = stack.enter_context(closing(Lanes()))
        lanes.add(recording, recording.id)
        recorded = proxy = stack.enter_context(Proxy(services, lanes))
        if before is not None:
            onward = {service: Upstream(proxy.address(recording.id, service)) for service in services}
            proxy = stack.enter_context(Proxy(before(onward), Unrecorded()))
        if machine is not None:
            stack.enter_context(closing(Screens(recording, machine)))  # before `environment`: its door is open
        environment = command_environment(
            {service: proxy.address(recording.id, service) for service in services},
            run=recording.id,
            store=os.path.realpath(store),
            proxy=proxy.url,
            machine={**more, **(machine.environment if machine else {})},
        )
        code = run_command(command, environment, stdout=stdout)
        proxy.drain(10.0)
        recorded.drain(10.0)
    recording.flush()
    return code


def end_judged(recording: Recording, writer: RunWriter, report: TapeReport, matched: Mapping[int, int]) -> None:
    """Store the verdicts, and end the run."""
    for number, verdict in zip(report.numbers, report.steps, strict=True):
        if number in matched:
            writer.verdict(matched[number], verdict, source_step=number)
    status, error = ending_of(report.exit_code)
    recording.flush()
    writer.end(status, error=error, verdict=report.verdict, divergence=report.divergence)
