"""
A fork of an exactly recorded run with the user's own agent: the machine goes ahead, and the agent follows.

The machine starts from a checkpoint and does again what is left up to the step, with nobody else about. Then the agent
runs from its beginning, answered by the tape and before recorded screens; with its first request beyond the tape the
machine is its own. All of it is recorded exactly once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from footage.errors import UsageError
from footage.machines.exact_contract import HasRehearsal, RehearsalGate
from footage.providers.registry import asked_in
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.resume import take_up
from footage.replay.engine import OnStep, ReplayReport, begin_again, check_replayable
from footage.replay.exact.log_keeping import keeping
from footage.replay.fork import copy_turns, play_before
from footage.replay.steps import StepPlayer
from footage.replay.tape.model_tape import Tape
from footage.replay.tape.rehearsal import Rehearsal, pictures_given
from footage.replay.tape.tape_fork import TapeFork, turn_of
from footage.replay.tape.tape_report import TapeReport, judge_requests
from footage.replay.tape.tape_run import TapeOptions, check_tape, end_judged, recording_of, run_recorded, service_for
from footage.replay.tape.tape_service import Asked
from footage.replay.tape.tape_upstream import TapeUpstream
from footage.storage import Store
from footage.trajectory import Run, RunKind

if TYPE_CHECKING:
    from footage.machines.contract import Machine
    from footage.recorder.recording import Recording

__all__ = ["fork_exact_tape"]


def fork_exact_tape(
    store: Store,
    reference: str,
    at: int,
    command: Sequence[str],
    machine: Machine,
    live: Mapping[str, Upstream],
    options: TapeOptions | None = None,
    *,
    restored: int = 0,
    secrets: Mapping[str, str] | None = None,
    on_step: OnStep | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> TapeFork:
    """
    Fork a run with `command` on its machine, started `remote` from a checkpoint with `restored` steps before it.

    As `fork_tape` otherwise; `secrets` as for `replay_run`. The command is not run where the steps before the fork did
    not come out as recorded.
    """
    source = store.run(reference)
    check_tape(source)
    check_replayable(source)
    if not isinstance(machine, HasRehearsal) or (gate := machine.gate) is None:
        raise UsageError("An agent cannot be held before this machine until it is where the run was.")
    options = options or TapeOptions()
    options = replace(options, secrets=[*options.secrets, *(secrets or {}).values()])
    step = store.step(source.id, at)
    turn = turn_of(store.steps(source.id), step)
    tape = Tape(store, source, until=turn)
    writer = begin_again(store, source, RunKind.FORK, machine, at=at)
    recording = recording_of(writer, source, machine, options)
    report = TapeReport(source.id, writer.run_id, options.policy, [t for t in tape.turns if t.number < turn])
    fork = TapeFork(at, report, restored=restored)
    with recording:
        with keeping(store, recording, machine, on_progress=on_progress):
            copies = copy_turns(store, source, tape.turns, step, writer)
            player = StepPlayer(store, source, writer, machine, turns=copies, secrets=secrets)
            done = play_before(player, at, restored, ReplayReport(source.id, writer.run_id), on_step)
            report.steps, report.numbers = done.steps, list(range(len(done.steps)))
            report.divergence = done.divergence
            if done.reached:
                take_up(recording, store)
                _run(store, source, recording, machine, gate, tape, fork, command, live, options)
        end_judged(recording, writer, report, {})
    return fork


def _run(
    store: Store,
    source: Run,
    recording: Recording,
    machine: Machine,
    gate: RehearsalGate,
    tape: Tape,
    fork: TapeFork,
    command: Sequence[str],
    live: Mapping[str, Upstream],
    options: TapeOptions,
) -> None:
    """Run the command, rehearsed up to the fork and live from there; fills the report."""
    report = fork.tape
    bodies = [asked_in(turn, store.request(turn.id)) for turn in tape.turns]
    steps = store.steps(source.id)[: fork.at + 1]
    rehearsal = Rehearsal(store, steps, pictures_given(bodies), machine.specification["screen"])

    def asked(each: Asked) -> None:
        rehearsal.served(each.turn.number)
        gate.refresh()
        if options.on_asked:
            options.on_asked(each)

    followed = replace(options, on_asked=asked)
    service = service_for(store, source, tape, recording, followed, live=True, on_live=gate.open)

    def before(onward: Mapping[str, Upstream]) -> Mapping[str, Upstream]:
        return {name: TapeUpstream(service, name, live=way) for name, way in onward.items()}

    if report.turns:
        gate.hold(rehearsal)
    report.exit_code = run_recorded(
        recording, store.path, command, live, machine, options.more, options.stdout, before=before
    )
    report.asked, report.refused, report.remarks = service.asked, service.refused, service.remarks
    fork.live = replace(service.live)
    judge_requests(store, source, report)
