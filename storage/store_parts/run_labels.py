"""What people say of runs: tags, notes, outcomes, what changes by itself, whether they may be replayed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from footage.errors import UsageError
from footage.storage.requests.chains import dump_json
from footage.storage.rows.to_rows import insert, instant_columns, update
from footage.storage.store_parts.run_contents import RunContents
from footage.trajectory import Instant, OutcomeSource, Region

__all__ = ["RunLabels"]


class RunLabels(RunContents):
    """Writes what is said of a run afterwards."""

    def add_tag(self, run: str, tag: str) -> None:
        """Tag a run; a second time changes nothing. Raises UsageError for an empty tag."""
        if not tag.strip():
            raise UsageError("A tag cannot be empty.")
        row = self._row(run)
        with self.database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO tag (run, value) VALUES (?, ?)", (row["id"], tag))

    def remove_tag(self, run: str, tag: str) -> None:
        """Take a tag off a run; one that it has not changes nothing."""
        row = self._row(run)
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM tag WHERE run = ? AND value = ?", (row["id"], tag))

    def add_note(self, run: str, text: str, *, step: int | None = None) -> None:
        """Remark on a run, or a step of it. Raises UsageError for an empty remark or a step that is not there."""
        if not text.strip():
            raise UsageError("A remark cannot be empty.")
        row = self._row(run)
        if step is not None:
            self.step(run, step)
        with self.database.transaction() as connection:
            values = {"run": row["id"], "step": step, "text": text, **instant_columns("at", Instant.now())}
            insert(connection, "note", values)

    def add_outcome(self, run: str, value: str, source: OutcomeSource, note: str = "") -> None:
        """Say whether the task succeeded, and who says so."""
        row = self._row(run)
        with self.database.transaction() as connection:
            values = {"run": row["id"], "value": value, "source": source, "note": note}
            insert(connection, "outcome", values | instant_columns("at", Instant.now()))

    def set_volatile(self, run: str, regions: Sequence[Region]) -> None:
        """Keep which regions of a run's screen change by themselves, in its machine's specification (`volatile`)."""
        row = self._row(run)
        with self.database.transaction() as connection:
            (known,) = connection.execute("SELECT machine FROM run WHERE id = ?", (row["id"],)).fetchone()
            machine = {**(json.loads(known) if known else {}), "volatile": [region.as_list() for region in regions]}
            update(connection, "run", row["id"], {"machine": dump_json(machine)})

    def set_trusted(self, run: str, trusted: bool) -> None:
        """Say whether a run may be replayed: what others recorded may not, until a person has looked at it."""
        row = self._row(run)
        with self.database.transaction() as connection:
            update(connection, "run", row["id"], {"trusted": int(trusted)})
