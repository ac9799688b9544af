"""
Replay: a recorded run's actions again, on a machine, each after its recorded screen.

The guarantee is `anchored`: before each action the engine waits until the screen equals the recorded one, else it
stops with the evidence, and nothing more is performed; after it, it compares, to the pixel where the machine allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from footage.errors import UsageError
from footage.machines.contract import Machine
from footage.recorder.heartbeat import Heartbeat
from footage.recorder.safe_writer import Guard
from footage.replay.steps import DEFAULT_TIMEOUT, Played, StepPlayer
from footage.storage import RunWriter, Store
from footage.trajectory import JSON, Divergence, Guarantee, Parent, Run, RunKind, RunStatus, StepVerdict, Verdict

__all__ = ["OnStep", "ReplayReport", "replay_run"]

OnStep = Callable[[int, int, StepVerdict], None]
"""Called after each step with (index, number of steps, verdict)."""


@dataclass(slots=True)
class ReplayReport:
    """What a replay came to. `steps` has a verdict for every recorded step, unreached ones included."""

    source: str
    run: str
    """The replay, a run of its own."""
    guarantee: Guarantee = Guarantee.ANCHORED
    steps: list[StepVerdict] = field(default_factory=list)
    divergence: Divergence | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a step; `unreached` where an unsupported action stopped a replay that had not parted."""
        if self.divergence is not None:
            return Verdict.DIVERGED
        found = {step.verdict for step in self.steps}
        order = (Verdict.DIVERGED, Verdict.UNREACHED, Verdict.COSMETIC)
        return next((verdict for verdict in order if verdict in found), Verdict.REPRODUCED)

    @property
    def reached(self) -> bool:
        """Whether all its steps came out the same, cosmetic differences aside: what comes next may be done."""
        return self.divergence is None and self.verdict in {Verdict.REPRODUCED, Verdict.COSMETIC}

    def as_json(self) -> JSON:
        """Return the document of `footage replay --json`."""
        divergence = self.divergence.as_json() if self.divergence else None
        head = {"format": 1, "verdict": self.verdict, "guarantee": self.guarantee, "run": self.run}
        return {**head, "source": self.source, "divergence": divergence, "steps": verdicts_json(self.steps)}


def verdicts_json(steps: Sequence[StepVerdict], *, first: int = 0) -> list[JSON]:
    """Return {"index", "verdict", "why"} for each step, in their order; `first` is the index of the first one."""
    return [{"index": i, "verdict": step.verdict, "why": step.why} for i, step in enumerate(steps, first)]


def begin_again(
    store: Store, source: Run, kind: RunKind, machine: Machine, *, model: str = "", at: int | None = None
) -> RunWriter:
    """Begin a run of the same task, made from `source` (at its step `at`, for a fork) on another machine."""
    return store.begin_run(
        kind=kind,
        task=source.task,
        task_id=source.task_id,
        model=model or source.model,
        machine=machine.specification,
        parent=Parent(source.id, at),
        guarantee=Guarantee.ANCHORED,
        layer=kind.value,
    )


def check_replayable(run: Run) -> None:
    """Raise UsageError where a run cannot be re-executed, saying why."""
    if not run.trusted:
        raise UsageError(f"Run {run.id} was imported and is not trusted.", hint=f"footage trust {run.id}")
    if run.steps == 0:
        raise UsageError(f"Run {run.id} has no steps to replay.")
    if run.replayable == "no":
        raise UsageError(
            f"Run {run.id} names no machine: where its actions were carried out is not known, so they cannot be again.",
            hint="Record with --machine or run.watch; or run the agent itself again: footage replay RUN -- CMD",
        )


def replay_run(
    store: Store,
    reference: str,
    machine: Machine,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    secrets: Mapping[str, str] | None = None,
    on_step: OnStep | None = None,
) -> ReplayReport:
    """
    Re-execute a run on a freshly started machine; the result is a run of kind `replay` in the same family.

    `timeout` is how many seconds an anchor waits for its screen. `secrets` are what was redacted in the run, by the
    marks in their places; without them it stops where one is typed. Raises RunNotFound, UsageError (not replayable),
    MachineError (the machine broke down; the replay is then `errored`).
    """
    source = store.run(reference)
    check_replayable(source)
    writer = begin_again(store, source, RunKind.REPLAY, machine)
    report = ReplayReport(source.id, writer.run_id)
    with ending(writer):
        player = StepPlayer(store, source, writer, machine, timeout=timeout, secrets=secrets)
        play_steps(player, range(len(player.steps)), report, on_step)
        writer.end(verdict=report.verdict, divergence=report.divergence)
    return report


def play_steps(
    player: StepPlayer, numbers: Sequence[int], report: ReplayReport, on_step: OnStep | None
) -> list[Played]:
    """Play steps until one stops the replay; those after it are `unreached`. Fills the report."""
    played: list[Played] = []
    for number in numbers:
        if played and not played[-1].goes_on:
            verdict = StepVerdict(Verdict.UNREACHED, f"stopped at step {len(played) - 1}")
        else:
            played.append(player.play(number))
            verdict = played[-1].verdict
            report.divergence = report.divergence or played[-1].divergence
        report.steps.append(verdict)
        if on_step:
            on_step(number, len(player.steps), verdict)
    return played


class ending:  # noqa: N801 - reads as a statement: `with ending(writer):`
    """
    Ends a run as `errored` or `interrupted` where the block raises, so that its lock is not held for longer.

    Until then it gives the run signs of life.
    """

    def __init__(self, writer: RunWriter) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        self._heartbeat = Heartbeat(Guard(self._writer))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._heartbeat.stop()
        if error is None:
            return
        stopped = isinstance(error, (KeyboardInterrupt, SystemExit))
        status = RunStatus.INTERRUPTED if stopped else RunStatus.ERRORED
        self._writer.end(status, error="" if stopped else f"{type(error).__name__}: {error}")
