"""The steps of a run: what was to be done, what became of it, what a replay says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footage.storage.pen.event_pen import EventPen
from footage.storage.requests.chains import dump_json
from footage.storage.rows.read_many import steps_where
from footage.storage.rows.to_rows import action_columns, insert, instant_columns, regions_json, update
from footage.trajectory import Action, InputEvent, Instant, Step, StepStatus, StepVerdict

__all__ = ["StepPen"]


class StepPen(EventPen):
    """Writes steps; each layer adds its part."""

    def intend(
        self,
        action: Action,
        *,
        turn: int | None = None,
        call_id: str = "",
        call_index: int = 0,
        source_step: int | None = None,
        at: Instant | None = None,
    ) -> int:
        """Store that an action is about to be taken; return the step's index. The same call again: the same step."""
        at = at or Instant.now()
        with self._event("intent", at) as (connection, subject):
            known = connection.execute(
                "SELECT id, number FROM step WHERE run = ? AND call_id = ? AND call_index = ? AND ? != ''",
                (self._run, call_id, call_index, call_id),
            ).fetchone()
            if known:
                subject.append(known[0])
                return int(known[1])
            index = self._next_number(connection, "steps")
            values = {"run": self._run, "number": index, "turn": turn, "call_id": call_id, "call_index": call_index}
            values |= action_columns(action) | instant_columns("intended", at)
            row = insert(connection, "step", values | {"status": StepStatus.INTENDED, "source_step": source_step})
            subject.append(row)
            self._database.after_commit(lambda: self._steps.__setitem__(index, row))
            return index

    def start(self, index: int, at: Instant) -> None:
        """Store that the action is being performed from now on."""
        with self._event("start", at) as (connection, subject):
            row = self._step_row(connection, index)
            update(connection, "step", row, instant_columns("started", at))
            subject.append(row)

    def finish(
        self,
        index: int,
        *,
        status: StepStatus,
        result_text: str | None = None,
        error: str | None = None,
        delivered: Sequence[InputEvent] | None = None,
        started: Instant | None = None,
        ended: Instant | None = None,
        icounts: Sequence[int] = (),
        hearsay: bool = False,
    ) -> None:
        """
        Store what became of the action. What is None stays as it is, so that two layers can each add their part.

        `hearsay`: the status is only what follows from the model's being told a result; one that is known stays.
        """
        with self._event("outcome", ended) as (connection, subject):
            row = self._step_row(connection, index)
            (known,) = connection.execute("SELECT status FROM step WHERE id = ?", (row,)).fetchone()
            values: dict[str, Any] = {"status": known if hearsay and known != StepStatus.INTENDED else status}
            if result_text is not None:
                values["result_text"] = result_text
            if error is not None:
                values["error"] = error
            if delivered is not None:
                values["delivered"] = dump_json([event.as_list() for event in delivered])
            values |= instant_columns("started", started) if started else {}
            values |= instant_columns("ended", ended) if ended else {}
            values |= {"icounts": dump_json(list(icounts))} if icounts else {}
            update(connection, "step", row, values)
            subject.append(row)

    def seen(
        self,
        index: int,
        *,
        started: Instant | None = None,
        ended: Instant | None = None,
        delivered: Sequence[InputEvent] | None = None,
    ) -> None:
        """Store what somebody saw of an action from outside; what is known from whoever performed it stays."""
        with self._event("outcome", ended) as (connection, subject):
            row = self._step_row(connection, index)
            (known,) = connection.execute("SELECT delivered FROM step WHERE id = ?", (row,)).fetchone()
            (begun,) = connection.execute("SELECT started_mono FROM step WHERE id = ?", (row,)).fetchone()
            values: dict[str, Any] = {}
            if delivered is not None and known is None:
                values["delivered"] = dump_json([event.as_list() for event in delivered])
            if begun is None:
                values |= instant_columns("started", started) if started else {}
                values |= instant_columns("ended", ended) if ended else {}
            if values:
                update(connection, "step", row, values)
            subject.append(row)

    def verdict(self, index: int, verdict: StepVerdict, *, source_step: int | None = None) -> None:
        """Store what a replay says of a step, and which step of the source it is, if that was not stored before."""
        with self._event("verdict") as (connection, subject):
            row = self._step_row(connection, index)
            values = {"verdict": verdict.verdict, "verdict_why": verdict.why}
            values |= {"verdict_regions": regions_json(verdict.regions)}
            frames = {"expected_frame": verdict.expected_frame, "actual_frame": verdict.actual_frame}
            source = {} if source_step is None else {"source_step": source_step}
            update(connection, "step", row, values | frames | source)
            subject.append(row)

    def open_steps(self) -> list[Step]:
        """Return the steps of the run that nobody has begun to perform, whichever layer stored them."""
        waiting = "run = ? AND status = 'intended' AND started_mono IS NULL"
        return steps_where(self._database, self.run_id, {}, waiting, self._run)
