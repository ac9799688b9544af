"""
A fork with the user's own agent: the tape up to a step, live from there on.

The agent does its steps again on a fresh machine, while the tape says what the model said; the first request beyond
the tape goes to the service, and so does everything after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from footage.errors import UsageError
from footage.machines.contract import Machine
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.replay.tape.model_tape import Tape
from footage.replay.tape.tape_report import TapeReport, judge_steps
from footage.replay.tape.tape_run import (
    TapeOptions,
    begin_on_tape,
    check_tape,
    end_judged,
    recording_of,
    run_recorded,
    service_for,
)
from footage.replay.tape.tape_service import Live
from footage.replay.tape.tape_upstream import TapeUpstream
from footage.storage import Store
from footage.trajectory import JSON, RunKind, Step

__all__ = ["TapeFork", "fork_tape", "turn_of"]


@dataclass(slots=True)
class TapeFork:
    """What a fork with the user's own agent came to."""

    at: int
    tape: TapeReport
    """Of the part before the fork."""
    live: Live = field(default_factory=Live)
    restored: int = 0
    """How many steps lie before the checkpoint that the machine started from."""

    @property
    def forked(self) -> bool:
        """Whether the agent got beyond the tape."""
        return self.live.requests > 0

    def as_json(self) -> JSON:
        """Return the document of `footage fork RUN --at N --json -- CMD`."""
        live = {"requests": self.live.requests, "thinking_blocks": self.live.thinking}
        return {
            **self.tape.as_json(),
            "at": self.at,
            "forked": self.forked,
            "restored": self.restored,
            "live": {**live, "complaints": self.live.complaints},
        }


def fork_tape(
    store: Store,
    reference: str,
    at: int,
    command: Sequence[str],
    machine: Machine | None,
    live: Mapping[str, Upstream],
    options: TapeOptions | None = None,
) -> TapeFork:
    """
    Run `command` on a run's tape up to the reply that asked for step `at`, which is asked for anew, from `live`.

    `live` are the services by name, as in `known_services.SERVICES`. The result is a run of kind `fork` in the
    family. Raises RunNotFound, UsageError (no tape; a step that its reply does not begin with), MachineError.
    """
    source = store.run(reference)
    check_tape(source)
    options = options or TapeOptions()
    turn = turn_of(store.steps(source.id), store.step(source.id, at))
    tape = Tape(store, source, until=turn)
    recording = recording_of(begin_on_tape(store, source, RunKind.FORK, machine, at=at), source, machine, options)
    writer = recording.writer
    assert writer is not None  # it was just made
    service = service_for(store, source, tape, recording, options, live=True)
    before = [each for each in tape.turns if each.number < turn]
    fork = TapeFork(at, TapeReport(source.id, writer.run_id, options.policy, before))
    with recording:
        services = {name: TapeUpstream(service, name, live=upstream) for name, upstream in live.items()}
        fork.tape.exit_code = run_recorded(
            recording, store.path, command, services, machine, options.more, options.stdout
        )
        fork.tape.asked, fork.tape.refused, fork.tape.remarks = service.asked, service.refused, service.remarks
        fork.live = replace(service.live)
        end_judged(recording, writer, fork.tape, judge_steps(store, source, fork.tape))
    return fork


def turn_of(steps: Sequence[Step], step: Step) -> int:
    """Return the number of the turn that asked for a step. Raises UsageError where it asked for others before."""
    if step.turn is None:
        raise UsageError(
            f"Step {step.index} was asked for by no recorded reply, so no model can go on from there.",
            hint="Fork at a step that the model asked for.",
        )
    first = next(other.index for other in steps if other.turn == step.turn)
    if first != step.index:
        raise UsageError(
            f"Step {step.index} is not the first of its reply: an agent of your own asks for the whole reply anew.",
            hint=f"Fork at step {first}.",
        )
    return step.turn
