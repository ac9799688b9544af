"""What is in a run: its turns, steps, frames and gaps, the requests, and what else passed the proxy."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import replace

from footage.errors import UsageError
from footage.storage.file.locks import run_is_live
from footage.storage.pictures.reading import PictureReader
from footage.storage.requests.chains import dump_json, rebuild_request
from footage.storage.rows import from_rows as reading
from footage.storage.rows import read_many as many
from footage.storage.rows.row_checks import checked, sound
from footage.storage.search.newest import RAW_SINCE
from footage.storage.store_parts.run_lookup import LISTED, RunLookup
from footage.trajectory import (
    JSON,
    Conversation,
    Frame,
    FrameRole,
    Gap,
    Note,
    RawExchange,
    RunStatus,
    Step,
    StepStatus,
    Turn,
)

__all__ = ["RunContents"]


class RunContents(RunLookup):
    """Reads what is in a run."""

    _pictures: PictureReader

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
            frames = self._frames(f"frame.id IN {LISTED}", dump_json(sorted({frame for _, frame, _ in roles})))
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
        """Return what passed a run's proxy beside what models were asked (with this in its path), in its order."""
        row = self._row(run)
        if self.database.row("SELECT 1 FROM sqlite_master WHERE name = 'raw_exchange'") is None:
            return []  # a file of version 1, open for reading
        sql = "SELECT * FROM raw_exchange WHERE run = ? AND instr(path, ?) ORDER BY id"
        rows = self.database.rows(sql, row["id"], path)
        with checked(f"the raw exchanges of {row['name']}"):
            return [reading.raw_exchange_of(row) for row in rows]

    def raw_heads(self, run: str) -> list[tuple[str, str]]:
        """Return (path, error) of each raw exchange of a run, in their order, without reading the rest."""
        row = self._row(run)
        if self.database.version < RAW_SINCE:
            return []
        with checked(f"the raw exchanges of {row['name']}"):
            found = self.database.rows("SELECT path, error FROM raw_exchange WHERE run = ? ORDER BY id", row["id"])
            return [(str(exchange["path"]), str(exchange["error"] or "")) for exchange in found]

    def notes(self, run: str) -> list[Note]:
        """Return people's remarks on a run and its steps."""
        rows = self.database.rows("SELECT * FROM note WHERE run = ? ORDER BY id", self._row(run)["id"])
        with checked("the notes"):
            return [Note(row["text"], row["step"]) for row in map(sound, rows)]

    def request(self, turn: int, *, pictures: bool = False) -> JSON | None:
        """
        Return the request that a turn (its `id`) answers, rebuilt; None where none was recorded.

        Images are {"type": "footage", "picture": id, "sha256": of the bytes sent, …}, or base64 with `pictures`.
        Raises StoreCorrupt where what was rebuilt is not what was stored.
        """
        return rebuild_request(self.database, self._pictures, turn, pictures=pictures)
