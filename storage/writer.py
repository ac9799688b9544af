"""
Writing a run, one durable transaction an event.

A `RunWriter` is one process's (or one layer's) pen for one run. Its events are numbered without holes, so that a
missing one is seen. When a call has returned, what it wrote survives the end of the process and of the power.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from footage.storage.pen.frame_pen import FramePen
from footage.storage.pen.step_pen import StepPen
from footage.storage.pen.turn_pen import TurnPen
from footage.storage.requests.chains import dump_json
from footage.storage.rows.to_rows import insert, instant_columns, task_id_of, update
from footage.storage.upkeep.tidying import merge_some_texts
from footage.trajectory import JSON, Divergence, Instant, OutcomeSource, RunStatus, Verdict

__all__ = ["RunWriter"]


class RunWriter(TurnPen, StepPen, FramePen):
    """Writes into one run: its turns, steps and frames, and the run itself. Made by `begin_run` and `join_run`."""

    def gap(self, reason: str, *, step: int | None = None, lost: int | None = None) -> None:
        """Mark a stretch that is missing."""
        with self._event("gap") as (connection, subject):
            values = {"run": self._run, "step": step, "reason": reason, "lost": lost}
            subject.append(insert(connection, "gap", values | instant_columns("at", Instant.now())))

    def outcome(self, value: str, source: OutcomeSource, note: str = "") -> None:
        """Store an opinion on whether the task succeeded."""
        with self._event("judgement") as (connection, subject):
            values = {"run": self._run, "value": value, "source": source, "note": note}
            subject.append(insert(connection, "outcome", values | instant_columns("at", Instant.now())))

    def describe(self, *, model: str | None = None, task: str | None = None, machine: JSON | None = None) -> None:
        """Set what was not known when the run began."""
        values: dict[str, Any] = {"model": model, "task": task}
        values["machine"] = dump_json(machine) if machine is not None else None
        values = {name: value for name, value in values.items() if value is not None}
        if values:
            with self._event("description") as (connection, _):
                update(connection, "run", self._run, values)

    def describe_missing(
        self, *, task: str = "", task_id: str | None = None, model: str = "", machine: JSON | None = None
    ) -> None:
        """Set what is not known of the run yet; what is known stays."""
        known = self._database.row("SELECT task, task_id, model, machine FROM run WHERE id = ?", self._run)
        given = {"task": task, "task_id": task_id or (task and task_id_of(task)), "model": model}
        given["machine"] = dump_json(machine) if machine is not None else ""
        values = {name: value for name, value in given.items() if value and not (known and known[name])}
        if values:
            with self._event("description") as (connection, _):
                update(connection, "run", self._run, values)

    def end(
        self,
        status: RunStatus = RunStatus.COMPLETED,
        *,
        error: str = "",
        verdict: Verdict | None = None,
        divergence: Divergence | None = None,
        ended: Instant | None = None,
    ) -> None:
        """
        End the run (now, unless it `ended` before) and let go of its lock.

        A second call does nothing; in a child of `fork()` it only leaves.
        """
        if self._lock.released or self._in_child:
            self.leave()
            return
        try:
            with self._event("end") as (connection, _):
                values: dict[str, Any] = {"status": status, "error": error, "verdict": verdict}
                values["divergence"] = dump_json(asdict(divergence)) if divergence else None
                update(connection, "run", self._run, values | instant_columns("ended", ended or Instant.now()))
                merge_some_texts(connection)
        finally:
            self._lock.release()

    def leave(self) -> None:
        """Let go of the run without ending it: another layer, or nobody, will."""
        self._lock.release()
