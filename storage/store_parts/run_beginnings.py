"""Beginning runs, and joining those that another process began."""

from __future__ import annotations

import sqlite3
from typing import Any

from footage.errors import UsageError
from footage.storage.family_copy import new_name
from footage.storage.file.locks import RunLock, run_is_live
from footage.storage.requests.chains import dump_json
from footage.storage.rows.to_rows import insert, instant_columns, task_id_of
from footage.storage.store_parts.run_lookup import RunLookup
from footage.storage.writer import RunWriter
from footage.trajectory import JSON, Guarantee, Instant, Parent, RunKind, RunStatus

__all__ = ["RunBeginnings"]


class RunBeginnings(RunLookup):
    """Gives the pens that runs are written with."""

    def begin_run(
        self,
        *,
        kind: RunKind = RunKind.RECORDED,
        task: str = "",
        task_id: str | None = None,
        model: str = "",
        machine: JSON | None = None,
        parent: Parent | None = None,
        guarantee: Guarantee | None = None,
        source_format: str = "footage",
        trusted: bool = True,
        layer: str = "in process",
        origin: str | None = None,
        started: Instant | None = None,
        durable: bool = True,
    ) -> RunWriter:
        """
        Begin a run and hold its lock; return the pen to write it with.

        With a parent the run joins its family. Without a task id, runs of the same task text share one. `origin` names
        the recording that a run is imported from: no two whole runs have the same (`run_from`). Without `durable` what
        is written reaches the disk at the latest with the run's end. Raises UsageError for an origin that is taken.
        """
        name = new_name()
        mother = self._row(parent.run) if parent else None
        values: dict[str, Any] = {"name": name, "kind": kind, "status": RunStatus.RECORDING, "task": task}
        values |= {"task_id": task_id or task_id_of(task), "model": model, "source_format": source_format}
        values |= {"machine": dump_json(machine) if machine is not None else None, "guarantee": guarantee}
        values |= {"parent": mother["id"] if mother else None, "parent_step": parent.step if parent else None}
        values |= {"steps": 0, "turns": 0, "trusted": int(trusted), "origin": origin}
        values |= instant_columns("started", started or Instant.now())
        lock = RunLock(self.path, name)  # held before the run can be seen
        try:
            with self.database.transaction() as connection:
                if origin is not None:
                    self._free_origin(connection, origin)
                family = mother["family"] if mother else insert(connection, "family", {"name": name})
                run = insert(connection, "run", {**values, "family": family})
                return RunWriter(self.database, run, name, family, layer=layer, lock=lock, durable=durable)
        except BaseException:
            lock.release()
            raise

    def _free_origin(self, connection: sqlite3.Connection, origin: str) -> None:
        """Take the origin from a run whose import broke off. Raises UsageError where a run has it by right."""
        row = connection.execute("SELECT id, name, status FROM run WHERE origin = ?", (origin,)).fetchone()
        if row is None:
            return
        run, name, status = row
        if status != RunStatus.RECORDING or run_is_live(self.path, name):
            raise UsageError(f"This recording is in {self.path} already, as run {name}.")
        connection.execute("UPDATE run SET origin = NULL WHERE id = ?", (run,))

    def join_run(self, reference: str, *, layer: str) -> RunWriter:
        """Return a pen for a run that another process began; `layer` says who writes with it."""
        row = self._row(reference)
        lock = RunLock(self.path, row["name"])
        try:
            return RunWriter(self.database, row["id"], row["name"], row["family"], layer=layer, lock=lock)
        except BaseException:
            lock.release()
            raise
