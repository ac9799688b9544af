"""
The whole job, once: record three runs of a task, replay one, find where the bad one went wrong, and repair it.

The model is the stand-in (docs/stand-in.md); everything else is real: programs on an X display or in a virtual machine,
the SDK over HTTP, the store. `footage demo` shows it; scripts/make-sample.py keeps what it records.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from footage.agent.loop import AgentEvent, run_agent
from footage.agent.model_client import make_client
from footage.agent.standin.goals import PAGES, SUM, Sample
from footage.agent.standin.sight import Sight
from footage.analysis.runs.diff import RunDiff, diff_runs
from footage.machines.contract import KeepsFiles, Machine
from footage.machines.opening import open_machine
from footage.recorder.recording import record
from footage.replay.engine import ReplayReport, replay_run
from footage.replay.exact.forking import machine_at, steps_behind
from footage.replay.exact.log_keeping import keeping
from footage.replay.exact.replaying import replay_exactly
from footage.replay.fork import ForkReport, fork_run
from footage.replay.fork_options import ForkChange, ForkOptions
from footage.storage import Store
from footage.trajectory import JSON, Cause, FrameRole, OutcomeSource, StepVerdict, Verdict

__all__ = ["Demonstration", "OnStage", "Recorded", "Setting", "demonstrate"]

CAREFUL, HASTY = "stand-in/careful", "stand-in/hasty"
NOTES = "notes.txt"
_PATIENCE = 60.0
"""Seconds that a replay waits for a recorded screen: the installer takes its time between two pages."""

OnStage = Callable[[str, str], None]
"""Called with a stage's title and what is being done in it now."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One run of the demo."""

    id: str
    model: str
    steps: int
    left: str
    """What it left behind: the notes, or the keyboard that the installer offers."""
    screen: str
    """Hash of the last screen."""
    success: bool

    def as_json(self) -> JSON:
        """Return {"id", "model", "steps", "left", "outcome"}."""
        outcome = "success" if self.success else "failure"
        return {"id": self.id, "model": self.model, "steps": self.steps, "left": self.left, "outcome": outcome}


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
        """Whether the fork ended as the careful run did: it left the same behind, and the same last screen."""
        careful, fork = self.runs[0], self.repaired
        return fork is not None and (fork.left, fork.screen) == (careful.left, careful.screen)

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
            ending = {"left": left["left"], "outcome": left["outcome"], "ends_as": self.runs[0].id}
            fork = {**_bare(self.fork.as_json()), **ending, "same_end": self.same_end}
        runs = [run.as_json() for run in self.runs]
        rest = {"replay": _bare(self.replay.as_json()), "diff": _bare(self.diff.as_json()), "fork": fork}
        return {"format": 1, "ok": self.as_expected, "runs": runs, **rest}


def _bare(document: JSON) -> JSON:
    return {key: value for key, value in document.items() if key != "format"}


@dataclass(frozen=True, slots=True)
class Setting:
    """What the demo is done on, and who is told of it."""

    machine: str = "desktop"
    exact: bool = False
    """Whether the machine records itself."""
    budget: int | None = None
    """Bytes that the checkpoints of a recording may take; None: as many as by the machine's default."""
    think: float = 0.0
    """Seconds the model takes for each reply."""

    @property
    def sample(self) -> Sample:
        """The task."""
        return PAGES if self.machine.endswith("installer") else SUM


def demonstrate(store: Store, setting: Setting | None = None, *, on_stage: OnStage) -> Demonstration:
    """Do the whole job on fresh machines, one after another. Raises what its parts raise."""
    return _Demo(store, setting or Setting(), on_stage).run()


class _Demo:
    """One demonstration."""

    def __init__(self, store: Store, setting: Setting, on_stage: OnStage) -> None:
        self._store = store
        self._set = setting
        self._on_stage = on_stage

    def run(self) -> Demonstration:
        careful = self._record("Record a careful run", CAREFUL)
        hasty = self._record("Record a hasty run", HASTY)
        again = self._record("Record the careful run again", CAREFUL)
        replay = self._replay("Replay the careful run", careful)
        self._on_stage("Compare careful with hasty", "")
        diff = diff_runs(self._store, careful.id, hasty.id)
        fork, repaired = self._repair(careful, hasty, diff)
        return Demonstration((careful, hasty, again), replay, diff, fork, repaired)

    def _machine(self, title: str) -> Machine:
        self._on_stage(title, "")
        if not self._set.exact:
            return open_machine(self._set.machine)
        tell = partial(self._on_stage, title)
        budget = {} if self._set.budget is None else {"budget": self._set.budget}
        return open_machine(self._set.machine, exact=True, tell=tell, **budget)

    def _record(self, title: str, model: str) -> Recorded:
        task, store = self._set.sample.task, self._store
        with (
            closing(self._machine(title)) as fresh,
            closing(make_client(model, think=self._set.think)) as client,
            record(task, store=store, model=model, machine=fresh, tags=["demo"], strict=True) as recording,
        ):
            with keeping(store, recording, fresh):
                run_agent(task, fresh, client, model=model, recording=recording, on_event=self._told(title))
                recording.flush()
                left = self._left(fresh)
            return self._outcome(recording.id, model, left)

    def _replay(self, title: str, careful: Recorded) -> ReplayReport:
        if self._set.exact:
            self._on_stage(title, "")
            return replay_exactly(self._store, careful.id, on_step=self._counted(title))
        with closing(self._machine(title)) as fresh:
            return replay_run(self._store, careful.id, fresh, timeout=_PATIENCE, on_step=self._counted(title))

    def _repair(self, careful: Recorded, hasty: Recorded, diff: RunDiff) -> tuple[ForkReport | None, Recorded | None]:
        """Fork the hasty run where it parted, with what the careful run did there."""
        found, store = diff.divergence, self._store
        if found is None or found.a_step is None or found.b_step is None:
            return None, None
        at, left = found.b_step, [""]
        title = f"Fork the hasty run at step {at}"
        self._on_stage(title, "")
        fresh = (
            machine_at(store, store.run(hasty.id), at, budget=self._set.budget)
            if self._set.exact
            else self._machine(title)
        )

        def look() -> None:
            left[0] = self._left(fresh)

        with closing(fresh), closing(make_client(HASTY, think=self._set.think)) as client:
            report = fork_run(
                store,
                hasty.id,
                at,
                fresh,
                client,
                ForkChange(store.step(careful.id, found.a_step).action),
                ForkOptions(
                    restored=steps_behind(store, hasty.id, at) if self._set.exact else 0,
                    timeout=_PATIENCE,
                    on_step=self._counted(title),
                    on_event=self._told(title),
                    at_end=look,
                ),
            )
        store.add_tag(report.run, "demo")
        return report, self._outcome(report.run, HASTY, left[0])

    def _left(self, machine: Machine) -> str:
        """Look what a run leaves behind on its machine."""
        if self._set.sample is PAGES:
            row = f"row-{PAGES.expected.lower().replace(' ', '-')}"
            chosen = Sight(machine.screenshot().pixels).find(row, chosen=True).sure
            return PAGES.expected if chosen else "another keyboard"
        return machine.read_file(NOTES).decode("utf-8", "replace").strip() if isinstance(machine, KeepsFiles) else ""

    def _outcome(self, run: str, model: str, left: str) -> Recorded:
        """Store as a run's outcome whether it left what it should."""
        store, success = self._store, self._set.sample.expected in left
        store.add_outcome(run, "success" if success else "failure", OutcomeSource.EVALUATOR, f"left: {left}")
        steps = store.steps(run)
        frame = steps[-1].frame(FrameRole.AFTER) if steps else None
        return Recorded(run, model, len(steps), left, frame.sha256 if frame else "", success)

    def _told(self, title: str) -> Callable[[AgentEvent], None]:
        def tell(event: AgentEvent) -> None:
            if event.action is not None:
                self._on_stage(title, f"step {event.step}: {event.action.title}")

        return tell

    def _counted(self, title: str) -> Callable[[int, int, StepVerdict], None]:
        return lambda index, _total, verdict: self._on_stage(title, f"step {index}: {verdict.verdict}")
