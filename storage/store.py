"""The store: one SQLite file with everybody's runs."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from footage.errors import RunNotFound, UsageError
from footage.storage.family_copy import new_name
from footage.storage.file.database import Database, default_path
from footage.storage.file.locks import RunLock, live_runs, run_is_live
from footage.storage.pictures.parts import Parts
from footage.storage.pictures.reading import PictureReader
from footage.storage.pictures.signatures import signatures_of
from footage.storage.pictures.thumbnails import THUMBNAIL_WIDTH, Thumbnails
from footage.storage.requests.chains import dump_json, rebuild_request
from footage.storage.rows import from_rows as reading
from footage.storage.rows import read_many as many
from footage.storage.rows.row_checks import checked, sound
from footage.storage.rows.to_rows import insert, instant_columns, task_id_of, update
from footage.storage.search.newest import RAW_SINCE, numbers_of, run_at
from footage.storage.search.places import Place
from footage.storage.search.queries import RunQuery, facets, places_of_text, runs_that_fit
from footage.storage.writer import RunWriter
from footage.trajectory import (
    JSON,
    Conversation,
    Frame,
    FrameRole,
    Gap,
    Guarantee,
    Instant,
    Note,
    OutcomeSource,
    Parent,
    Pixels,
    RawExchange,
    Region,
    Run,
    RunKind,
    RunStatus,
    Step,
    StepStatus,
    Turn,
)

__all__ = ["Store", "open_store"]

_LISTED = "(SELECT value FROM json_each(?))"  # however many: the number of SQL parameters is limited


def open_store(path: str | Path | None = None, *, create: bool = True, readonly: bool = False) -> Store:
    """
    Open a store: `path`, else `FOOTAGE_STORE`, else `footage.db` in the user's data directory.

    Opening after a crash is the recovery. Raises NotAStore, StoreTooNew or StoreError.
    """
    return Store(Path(path).expanduser() if path is not None else default_path(), create=create, readonly=readonly)


class Store:
    """
    One store. A context manager; may be used from any thread.

    `run` and `reference` name a run as `run()` takes it; RunNotFound where none fits, or more than one. All raise
    StoreError once it is closed; what writes raises it too where the store is open for reading only, and StoreFull
    where the disk has no room.
    """

    def __init__(self, path: Path, *, create: bool = True, readonly: bool = False) -> None:
        self.database = Database(path, create=create, readonly=readonly)
        """The file as SQLite has it, for modules of footage."""
        self.path = self.database.path
        """Where the file lies."""
        self._pictures = PictureReader(self.database)
        self._thumbnails = Thumbnails(self.database, self._pictures)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self.database.close()

    # --- runs ---

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
        return self.database.rows(f"{reading.RUN_SQL} WHERE run.id IN {_LISTED}", dump_json(list(runs)))

    def numbers(self, runs: Sequence[Run]) -> dict[str, int]:
        """Return {id: N} for those of the runs that an `@N` means (see `run`); replays and forks have none."""
        rows = self.database.rows(
            f"SELECT id, name FROM run WHERE name IN {_LISTED}", dump_json([run.id for run in runs])
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
        sql = f"SELECT * FROM {table} WHERE run IN {_LISTED} ORDER BY id"
        return self.database.rows(sql, dump_json([row["id"] for row in runs]))

    # --- inside a run ---

    def conversations(self, run: str) -> list[Conversation]:
        """Return a run's conversations."""
        row = self._row(run)
        rows = self.database.rows("SELECT * FROM conversation WHERE run = ? ORDER BY number", row["id"])
        with checked(f"the conversations of {row['name']}"):
            rows = [sound(r) for r in rows]
        return [Conversation(r["id"], row["name"], r["number"], r["label"] or "") for r in rows]

    def turns(self, run: str) -> list[Turn]:
        """Return a run's turns in their order, with their attempts."""
        row = self._row(run)
        attempts = defaultdict(list)
        with checked(f"the turns of {row['name']}"):
            for attempt in self.database.rows("SELECT * FROM attempt WHERE run = ? ORDER BY number", row["id"]):
                attempts[attempt["turn"]].append(reading.attempt_of(attempt))
            return many.turns_of(self.database, row["id"], row["name"], attempts)

    def steps(self, run: str) -> list[Step]:
        """Return a run's steps in their order, with their frames; none is `intended` once the run is over."""
        row = self._row(run)
        return self._as_left(row, self._steps(row["name"], "step.run = ?", row["id"]))

    def step(self, run: str, index: int) -> Step:
        """Return the step with this index, 0.. within the run. Raises UsageError where the run has none there."""
        row = self._row(run)
        found = self._as_left(row, self._steps(row["name"], "step.run = ? AND step.number = ?", row["id"], index))
        if not found:
            raise UsageError(
                f"Run {row['name']} has no step {index}.",
                hint=f"Its steps are 0 to {row['steps'] - 1}." if row["steps"] else "It has no steps.",
            )
        return found[0]

    def _as_left(self, run: sqlite3.Row, steps: list[Step]) -> list[Step]:
        """Return steps as a run leaves them: once it is over, nobody will tell any more what became of a call."""
        if not any(step.status is StepStatus.INTENDED for step in steps):
            return steps
        if run["status"] == RunStatus.RECORDING and run_is_live(self.path, run["name"]):
            return steps
        unknown = StepStatus.UNKNOWN
        return [replace(step, status=unknown) if step.status is StepStatus.INTENDED else step for step in steps]

    def _steps(self, run: str, condition: str, *values: object) -> list[Step]:
        held: dict[int, list[tuple[FrameRole, Frame]]] = defaultdict(list)
        with checked(f"the steps of {run}"):
            roles = many.roles_where(self.database, condition, *values)
            frames = self._frames(f"frame.id IN {_LISTED}", dump_json(sorted({frame for _, frame, _ in roles})))
            for step, frame, role in roles:
                if frame in frames:
                    held[step].append((role, frames[frame]))
            return many.steps_where(self.database, run, held, condition, *values)

    def _frames(self, condition: str, value: object) -> dict[int, Frame]:
        with checked("the frames"):
            return many.frames_where(self.database, condition, value)

    def frames(self, run: str) -> list[Frame]:
        """Return all frames of a run in the order they were stored."""
        return list(self._frames("frame.run = ?", self._row(run)["id"]).values())

    def frame(self, frame: int) -> Frame:
        """Return one frame by its id. Raises UsageError where the store has no such frame."""
        found = self._frames("frame.id = ?", frame)
        if not found:
            raise UsageError(f"There is no frame {frame} in {self.path}.")
        return found[frame]

    def gaps(self, run: str) -> list[Gap]:
        """Return the stretches of a run that are known to be missing, what came after a recorder's death the last."""
        row = self._row(run)
        rows = self.database.rows("SELECT * FROM gap WHERE run = ? ORDER BY id", row["id"])
        with checked(f"the gaps of {row['name']}"):
            return [reading.gap_of(r, row["name"]) for r in rows] + self._deaths(row)

    def _deaths(self, run: sqlite3.Row) -> list[Gap]:
        """Return the gap that nobody could write: a run that never ended, and no process holds its lock."""
        found = self._runs([run])[0]
        if found.status is not RunStatus.INTERRUPTED or found.ended is not None:
            return []
        return [reading.death_of(run, self.database.rows(reading.LIFE_SQL, run["id"]))]

    def raw_exchanges(self, run: str, *, path: str = "") -> list[RawExchange]:
        """Return what passed a run's proxy beside the Messages API (with this in its path), in its order."""
        row = self._row(run)
        if self.database.row("SELECT 1 FROM sqlite_master WHERE name = 'raw_exchange'") is None:
            return []  # a file of version 1, open for reading
        sql = "SELECT * FROM raw_exchange WHERE run = ? AND instr(path, ?) ORDER BY id"
        rows = self.database.rows(sql, row["id"], path)
        with checked(f"the raw exchanges of {row['name']}"):
            return [reading.raw_exchange_of(row) for row in rows]

    def raw_paths(self, run: str) -> list[str]:
        """Return the path of each raw exchange of a run, in their order; what was asked and answered is not read."""
        row = self._row(run)
        if self.database.version < RAW_SINCE:
            return []
        with checked(f"the raw exchanges of {row['name']}"):
            found = self.database.rows("SELECT path FROM raw_exchange WHERE run = ? ORDER BY id", row["id"])
            return [str(exchange["path"]) for exchange in found]

    def notes(self, run: str) -> list[Note]:
        """Return people's remarks on a run and its steps."""
        rows = self.database.rows("SELECT * FROM note WHERE run = ? ORDER BY id", self._row(run)["id"])
        with checked("the notes"):
            return [Note(row["text"], row["step"]) for row in map(sound, rows)]

    def pixels(self, picture: int) -> Pixels:
        """Return a picture's pixels, (height, width, 3) RGB, checked by their hash. `picture` is `Frame.picture`.

        Raises StoreCorrupt where they do not fit it, and where the store has no such picture.
        """
        return self._pictures.load(picture)

    def forget_pictures(self) -> None:
        """Read pictures anew from here on: some may have been removed, and their numbers given to others."""
        self._pictures.forget()

    def parts(self, a: int, b: int) -> Parts | None:
        """
        Return the part of two pictures that differs, without loading either; unchecked, see `Parts`.

        None where that cannot be told: load both then. Call `forget_pictures` before the first of many.
        """
        return self._pictures.parts(a, b)

    def signatures(self, pictures: Collection[int], on_made: Callable[[], None] = lambda: None) -> dict[int, bytes]:
        """
        Return what pictures look like from afar, by their ids: grey means of 40x25 cells, 1000 bytes, row by row.

        They are stored with their pictures; one that is not is made and kept, and `on_made` is called.
        """
        return signatures_of(self.database, self._pictures, pictures, on_made)

    def thumbnail(self, picture: int, *, width: int = THUMBNAIL_WIDTH) -> bytes:
        """Return a picture as a JPEG of at most `width` pixels across, made now or kept. Raises StoreCorrupt."""
        return self._thumbnails.get(picture, width)

    def request(self, turn: int, *, pictures: bool = False) -> JSON | None:
        """
        Return the request that a turn (its `id`) answers, rebuilt; None where none was recorded.

        Images are {"type": "footage", "picture": id, "sha256": of the bytes sent, …}, or base64 with `pictures`.
        Raises StoreCorrupt where what was rebuilt is not what was stored.
        """
        return rebuild_request(self.database, self._pictures, turn, pictures=pictures)

    # --- writing ---

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
