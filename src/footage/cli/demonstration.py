"""
The whole job, once: record three runs of a task, replay one, find where the bad one went wrong, and repair it.

The model is the stand-in (docs/stand-in.md); everything else is real: programs on an X display, the SDK over HTTP, the
store. `footage demo` shows it; scripts/make-sample.py keeps what it records.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from footage.analysis.diff import RunDiff, diff_runs
from footage.recorder.agent import AgentEvent, run_agent
from footage.recorder.client import make_client
from footage.recorder.session import record
from footage.recorder.standin.goals import SUM
from footage.replay.engine import ReplayReport, replay_run
from footage.replay.fork import ForkReport, fork_run
from footage.replay.machines import open_machine
from footage.storage import Store
from footage.trajectory import JSON, Cause, FrameRole, Machine, OutcomeSource, StepVerdict, Verdict

__all__ = ["Demonstration", "OnStage", "Recorded", "demonstrate"]

CAREFUL, HASTY = "stand-in/careful", "stand-in/hasty"
NOTES = "notes.txt"

OnStage = Callable[[str, str], None]
"""Called with a stage's title and what is being done in it now."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One run of the demo."""

    id: str
    model: str
    steps: int
    notes: str
    """What it left in the notes."""
    screen: str
    """Hash of the last screen."""
    success: bool

    def as_json(self) -> JSON:
        """Return {"id", "model", "steps", "notes", "outcome"}."""
        outcome = "success" if self.success else "failure"
        return {"id": self.id, "model": self.model, "steps": self.steps, "notes": self.notes, "outcome": outcome}


@dataclass(slots=True)
class Demonstration:
    """What the demo did and found."""

    runs: tuple[Recorded, Recorded, Recorded]
    """Careful, hasty, careful again."""
    replay: ReplayReport
    """Of the first run."""
    diff: RunDiff
    """Careful against hasty."""
    fork: ForkReport | None
    """The hasty run, repaired; None where it did not part from the careful one."""
    repaired: Recorded | None

    @property
    def same_end(self) -> bool:
        """Whether the fork ended as the careful run did: the same notes, and the same last screen."""
        careful, fork = self.runs[0], self.repaired
        return fork is not None and (fork.notes, fork.screen) == (careful.notes, careful.screen)

    @property
    def as_expected(self) -> bool:
        """Whether everything came out as it should."""
        found = self.diff.divergence
        reproduced = self.replay.verdict is Verdict.REPRODUCED
        return reproduced and found is not None and found.cause is Cause.MODEL and self.same_end

    def as_json(self) -> JSON:
        """Return the document of `footage demo --json`."""
        fork = None
        if self.fork is not None and self.repaired is not None:
            left = self.repaired.as_json()
            ending = {"notes": left["notes"], "outcome": left["outcome"], "ends_as": self.runs[0].id}
            fork = {**_bare(self.fork.as_json()), **ending, "same_end": self.same_end}
        runs = [run.as_json() for run in self.runs]
        rest = {"replay": _bare(self.replay.as_json()), "diff": _bare(self.diff.as_json()), "fork": fork}
        return {"format": 1, "ok": self.as_expected, "runs": runs, **rest}


def _bare(document: JSON) -> JSON:
    return {key: value for key, value in document.items() if key != "format"}


def demonstrate(store: Store, *, machine: str = "desktop", think: float = 0.0, on_stage: OnStage) -> Demonstration:
    """Do the whole job on fresh machines, one after another. Raises what its parts raise."""
    careful = _record(store, "Record a careful run", machine, CAREFUL, think, on_stage)
    hasty = _record(store, "Record a hasty run", machine, HASTY, think, on_stage)
    again = _record(store, "Record the careful run again", machine, CAREFUL, think, on_stage)
    title = "Replay the careful run"
    on_stage(title, "")
    with closing(open_machine(machine)) as fresh:
        replay = replay_run(store, careful.id, fresh, on_step=_counted(title, on_stage))
    on_stage("Compare careful with hasty", "")
    diff = diff_runs(store, careful.id, hasty.id)
    fork, repaired = _repair(store, careful, hasty, diff, machine, think, on_stage)
    return Demonstration((careful, hasty, again), replay, diff, fork, repaired)


def _record(store: Store, title: str, machine: str, model: str, think: float, on_stage: OnStage) -> Recorded:
    on_stage(title, "")
    with (
        closing(open_machine(machine)) as fresh,
        closing(make_client(model, think=think)) as client,
        record(SUM.task, store=store, model=model, machine=fresh, tags=["demo"], strict=True) as recording,
    ):
        run_agent(SUM.task, fresh, client, model=model, recording=recording, on_event=_told(title, on_stage))
        recording.flush()
        return _outcome(store, recording.id, model, fresh)


def _repair(
    store: Store,
    careful: Recorded,
    hasty: Recorded,
    diff: RunDiff,
    machine: str,
    think: float,
    on_stage: OnStage,
) -> tuple[ForkReport | None, Recorded | None]:
    """Fork the hasty run where it parted, with what the careful run did there."""
    found = diff.divergence
    if found is None or found.a_step is None or found.b_step is None:
        return None, None
    title = f"Fork the hasty run at step {found.b_step}"
    on_stage(title, "")
    right = store.step(careful.id, found.a_step).action
    with closing(open_machine(machine)) as fresh, closing(make_client(HASTY, think=think)) as client:
        report = fork_run(
            store,
            hasty.id,
            found.b_step,
            fresh,
            client,
            action=right,
            on_step=_counted(title, on_stage),
            on_event=_told(title, on_stage),
        )
        store.add_tag(report.run, "demo")
        return report, _outcome(store, report.run, HASTY, fresh)


def _outcome(store: Store, run: str, model: str, machine: Machine) -> Recorded:
    """Look what a run left behind, and store that as its outcome."""
    read_file: Callable[[str], bytes] | None = getattr(machine, "read_file", None)
    notes = read_file(NOTES).decode("utf-8", "replace") if read_file else ""
    success = SUM.expected in notes
    store.add_outcome(run, "success" if success else "failure", OutcomeSource.EVALUATOR, f"{NOTES}: {notes.strip()}")
    steps = store.steps(run)
    frame = steps[-1].frame(FrameRole.AFTER) if steps else None
    return Recorded(run, model, len(steps), notes.strip(), frame.sha256 if frame else "", success)


def _told(title: str, on_stage: OnStage) -> Callable[[AgentEvent], None]:
    def tell(event: AgentEvent) -> None:
        if event.action is not None:
            on_stage(title, f"step {event.step}: {event.action.title}")

    return tell


def _counted(title: str, on_stage: OnStage) -> Callable[[int, int, StepVerdict], None]:
    return lambda index, _total, verdict: on_stage(title, f"step {index}: {verdict.verdict}")
