"""Finding runs: by reference, by question, by family."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from footage.errors import RunNotFound
from footage.storage.file.database import Database
from footage.storage.file.locks import live_runs, run_is_live
from footage.storage.requests.chains import dump_json
from footage.storage.rows import from_rows as reading
from footage.storage.rows.row_checks import checked, sound
from footage.storage.search.newest import numbers_of, run_at
from footage.storage.search.places import Place
from footage.storage.search.queries import RunQuery, facets, places_of_text, runs_that_fit
from footage.trajectory import Run, RunStatus

__all__ = ["RunLookup"]

LISTED = "(SELECT value FROM json_each(?))"  # however many: the number of SQL parameters is limited


class RunLookup:
    """Finds runs, as they are now."""

    database: Database
    path: Path

    def runs(self, *, limit: int = 50, before: str | None = None, **conditions: Any) -> list[Run]:
        """
        Return the newest runs first, up to `limit`; `before` is the last run of the page before.

        The conditions are the fields of `RunQuery`. A status of `recording` or `interrupted` is told apart by the
        runs' locks. With `since` or `until` runs come in the order in which they started.
        """
        query = RunQuery(**conditions)
        last = self._row(before) if before is not None else None
        after = (last["id"], last["started_wall"] or 0) if last is not None else None
        live = sorted(live_runs(self.path)) if query.status is not None else []
        ids = runs_that_fit(self.database, query, before=after, limit=limit, live=live)
        found = {row["id"]: row for row in self._rows_of(ids)}
        runs = self._runs([found[run] for run in ids if run in found])
        return [run for run in runs if query.status is None or run.status == query.status]

    def _rows_of(self, runs: Sequence[int]) -> list[sqlite3.Row]:
        return self.database.rows(f"{reading.RUN_SQL} WHERE run.id IN {LISTED}", dump_json(list(runs)))

    def numbers(self, runs: Sequence[Run]) -> dict[str, int]:
        """Return {id: N} for those of the runs that an `@N` means (see `run`); replays and forks have none."""
        rows = self.database.rows(
            f"SELECT id, name FROM run WHERE name IN {LISTED}", dump_json([run.id for run in runs])
        )
        names = {int(row["id"]): str(row["name"]) for row in rows}
        return {names[row]: number for row, number in numbers_of(self.database, list(names)).items()}

    def places_of_text(self, run: str, text: str, *, limit: int = 3) -> list[Place]:
        """Return where a run has a text (see `RunQuery.text`): in its task, in which turns and steps."""
        return places_of_text(self.database, self._row(run)["id"], text, limit=limit)

    def facets(self, name: str, *, limit: int = 50) -> list[tuple[str, int]]:
        """
        Return the values of a filter, and how many runs have each, the most frequent first.

        The filters are kind, status, model, source_format, tag, outcome and finding.
        """
        found = facets(self.database, name, limit=limit)
        if name != "status":
            return found
        counts = dict(found)
        live = len(live_runs(self.path))
        dead = counts.pop(RunStatus.RECORDING, 0) - live + counts.pop(RunStatus.INTERRUPTED, 0)
        counts |= {RunStatus.RECORDING: live, RunStatus.INTERRUPTED: max(dead, 0)}
        return sorted(((value, runs) for value, runs in counts.items() if runs), key=lambda pair: -pair[1])

    def count_runs(self) -> int:
        """Return how many runs there are."""
        return int(self.database.rows("SELECT count(*) FROM run")[0][0])

    def run(self, reference: str) -> Run:
        """
        Return a run by its id, a unique prefix of it, or `@1`, `@2` …. Raises RunNotFound.

        Those count the recorded runs, newest first, then the imported ones, then those in which nothing happened.
        """
        return self._runs([self._row(reference)])[0]

    def family(self, reference: str) -> list[Run]:
        """Return all runs of a run's family, oldest first."""
        row = self._row(reference)
        return self._runs(self.database.rows(f"{reading.RUN_SQL} WHERE run.family = ? ORDER BY run.id", row["family"]))

    def row_id(self, reference: str) -> int:
        """Return the id of a run's row, for modules of the store with tables of their own. Raises RunNotFound."""
        return int(self._row(reference)["id"])

    def _row(self, reference: str) -> sqlite3.Row:
        if reference.startswith("@"):
            return self._newest(reference)
        name = reference.strip().lower()
        sql = f"{reading.RUN_SQL} WHERE run.name >= ? AND run.name < ? ORDER BY run.name LIMIT 3"
        rows = self.database.rows(sql, name, name + "\x7f") if name else []
        with checked("the runs"):
            found = [sound(row) for row in rows]
        exact = [row for row in found if row["name"] == name]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            names = ", ".join(row["name"] for row in found)
            raise RunNotFound(f"More than one run begins with {reference!r}: {names} …", hint="Give more letters.")
        raise RunNotFound(f"There is no run {reference!r} in {self.path}.", hint="`footage runs` lists the runs.")

    def _newest(self, reference: str) -> sqlite3.Row:
        digits = reference[1:]
        number = int(digits) if digits.isdecimal() and len(digits) < 10 else 0
        if number < 1:
            raise RunNotFound(f"{reference!r} names no run.", hint="@1 is the newest recorded run, @2 the one before.")
        if (found := run_at(self.database, number)) is not None and (rows := self._rows_of([found])):
            return rows[0]
        raise RunNotFound(
            f"There is no run {reference} in {self.path}: fewer runs are recorded there.",
            hint="`footage runs` lists the runs; `footage demo` records some.",
        )

    def _runs(self, rows: Sequence[sqlite3.Row]) -> list[Run]:
        recording = [row for row in rows if row["status"] == RunStatus.RECORDING]
        live = {row["id"] for row in recording if run_is_live(self.path, row["name"])}
        # A run that let go of its lock has written its end before, perhaps after its row was read: read it again.
        doubtful = [row["id"] for row in recording if row["id"] not in live]
        again = {row["id"]: row for row in self._rows_of(doubtful)} if doubtful else {}
        outcomes, tags = defaultdict(list), defaultdict(list)
        with checked("the runs"):
            for row in self._of_runs("outcome", rows):
                outcomes[row["run"]].append(reading.outcome_of(row))
            for row in self._of_runs("tag", rows):
                tags[row["run"]].append(sound(row)["value"])
            return [
                reading.run_of(
                    again.get(row["id"], row),
                    live=row["id"] in live,
                    outcomes=outcomes[row["id"]],
                    tags=tags[row["id"]],
                )
                for row in rows
            ]

    def _of_runs(self, table: str, runs: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
        sql = f"SELECT * FROM {table} WHERE run IN {LISTED} ORDER BY id"
        return self.database.rows(sql, dump_json([row["id"] for row in runs]))

    def run_from(self, origin: str) -> str | None:
        """Return the id of the run imported from this recording, whole or just now; None where there is none."""
        row = self.database.row("SELECT name, status FROM run WHERE origin = ?", origin)
        if row is None or (row["status"] == RunStatus.RECORDING and not run_is_live(self.path, row["name"])):
            return None
        return str(row["name"])

    def run_named(self, name: str) -> str | None:
        """Return the id itself if a run has it, in full; None where none has."""
        row = self.database.row("SELECT name FROM run WHERE name = ?", name)
        return str(row["name"]) if row else None
