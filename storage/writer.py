"""
Writing a run, one durable transaction an event.

A `RunWriter` is one process's (or one layer's) pen for one run. Its events are numbered without holes, so that a
missing one is seen. When a call has returned, what it wrote survives the end of the process and of the power.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from footage.errors import UsageError
from footage.storage.file.database import Database
from footage.storage.file.forks import watch_forks
from footage.storage.file.locks import RunLock
from footage.storage.pictures.writing import PictureWriter, Prepared
from footage.storage.requests.chains import RequestWriter, dump_json
from footage.storage.rows.read_many import steps_where
from footage.storage.rows.to_rows import action_columns, insert, instant_columns, regions_json, task_id_of, update
from footage.storage.upkeep.tidying import merge_some_texts
from footage.trajectory import (
    JSON,
    Action,
    Divergence,
    FrameRole,
    InputEvent,
    Instant,
    OutcomeSource,
    Pixels,
    RawExchange,
    Region,
    RunStatus,
    Step,
    StepStatus,
    StepVerdict,
    Verdict,
)

__all__ = ["RunWriter"]

_RAW_COLUMNS = (
    *("method", "path", "status", "error"),
    *("request_headers", "request", "request_bytes"),
    *("response_headers", "response", "response_bytes"),
)


@dataclass(frozen=True, slots=True)
class BegunTurn:
    """A turn as it was left by a writer that died."""

    turn: int
    conversation: int
    attempt: int
    """The attempt in it that began then."""
    ended: bool
    """Whether that attempt has an end."""
    has_request: bool


class RunWriter:
    """Writes into one run. Thread-safe; made by `Store.begin_run` and `Store.join_run`."""

    def __init__(
        self,
        database: Database,
        run: int,
        name: str,
        family: int,
        *,
        layer: str,
        lock: RunLock,
        durable: bool = True,
    ) -> None:
        self.run_id = name
        self._durable = durable
        self._database = database
        self._run = run
        self._family = family
        self._layer = layer
        self._steps: dict[int, int] = {}
        self._turns: dict[int, int] = {}
        self._in_child = False
        self._entered = True
        self._enter(lock)
        watch_forks(self)

    def _enter(self, lock: RunLock) -> None:
        """Begin to write as a layer, or a process, of its own."""
        self._lock = lock
        self._wrote = time.monotonic()
        self._turn_lock = threading.RLock()
        self._pictures = PictureWriter(self._database, self._family)
        self._requests = RequestWriter(self._database, self._run, self._family, self._pictures)
        with self._database.transaction() as connection:
            (count,) = connection.execute("SELECT count(*) FROM writer WHERE run = ?", (self._run,)).fetchone()
            about = dump_json({"pid": os.getpid()})
            beat = instant_columns("heartbeat", Instant.now())
            values = {"run": self._run, "number": count, "layer": self._layer, "about": about, "next_sequence": 0}
            self._row = insert(connection, "writer", values | beat)
            self._number = int(count)

    def after_fork(self) -> None:
        """Remember, in a child, that this is the parent's pen: the child takes one of its own when it writes."""
        self._in_child, self._entered = True, False

    def _ready(self) -> None:
        if self._entered:
            return
        lock = RunLock(self._database.path, self.run_id)
        try:
            self._enter(lock)
        except BaseException:
            lock.release()
            raise
        self._entered = True

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make the events of the block one transaction: all of them are stored, or none."""
        self._ready()
        with self._turn_lock, self._database.transaction():
            yield

    @contextlib.contextmanager
    def _event(self, kind: str, at: Instant | None = None) -> Iterator[tuple[sqlite3.Connection, list[int]]]:
        """One event, one transaction. The block appends the id of the row it is about to the list it is given."""
        self._ready()
        durable = self._durable or kind == "end"
        with self._turn_lock, self._database.transaction(durable=durable) as connection:
            subject: list[int] = []
            yield connection, subject
            sql = "UPDATE writer SET next_sequence = next_sequence + 1 WHERE id = ? RETURNING next_sequence - 1"
            (sequence,) = connection.execute(sql, (self._row,)).fetchone()
            event = {"run": self._run, "writer": self._number, "sequence": sequence, "kind": kind}
            when = instant_columns("at", at or Instant.now())
            insert(connection, "event", {**event, "subject": subject[-1] if subject else None, **when})
            self._database.after_commit(lambda: setattr(self, "_wrote", time.monotonic()))

    def event(self, kind: str) -> contextlib.AbstractContextManager[tuple[sqlite3.Connection, list[int]]]:
        """
        One event in tables that another module of the store fills.

        The block appends the id of the row it is about to the list it is given.
        """
        return self._event(kind)

    @property
    def row(self) -> int:
        """Id of the run's row."""
        return self._run

    def decode_with(self, decoder: Callable[[bytes], Prepared]) -> None:
        """Have the bytes of pictures, those within requests too, decoded by this from now on: they are not trusted."""
        self._ready()
        self._pictures.decoder = decoder

    # --- the wire ---

    def conversation(self, label: str = "") -> int:
        """Begin a conversation; return its number."""
        with self._event("conversation") as (connection, subject):
            (number,) = connection.execute("SELECT count(*) FROM conversation WHERE run = ?", (self._run,)).fetchone()
            subject.append(insert(connection, "conversation", {"run": self._run, "number": number, "label": label}))
            return int(number)

    def begin_turn(
        self,
        *,
        model: str,
        started: Instant,
        request: JSON | None = None,
        conversation: int = 0,
        copied_from: int | None = None,
        provider: str = "",
    ) -> int:
        """
        Store that the model was asked, and what; return the turn's number. `provider` names the API; "": Anthropic's.

        `copied_from` is the id of a turn of the same family: the request is then that turn's, as `Store.request` gave
        it.
        Raises UsageError for a request that is no JSON object.
        """
        self._ready()
        copied = copied_from is not None
        prepared = self._requests.prepare(request, copied=copied) if request is not None else None
        with self._event("turn", started) as (connection, subject):
            number = self._next_number(connection, "turns")
            values = {"run": self._run, "conversation": conversation, "number": number, "model": model}
            values |= {"status": "streaming", "copied_from": copied_from, **instant_columns("started", started)}
            values |= {"provider": provider or None}
            row = insert(connection, "turn", values)
            subject.append(row)
            if prepared is not None:
                self._requests.store(connection, row, conversation, prepared)
            self._database.after_commit(lambda: self._turns.__setitem__(number, row))
            return number

    def add_request(self, turn: int, request: JSON, *, conversation: int = 0) -> None:
        """Store what was asked in a turn that was begun without its request. Raises UsageError as `begin_turn` does."""
        self._ready()
        prepared = self._requests.prepare(request)
        with self._event("request") as (connection, subject):
            row = self._turn_row(connection, turn)
            self._requests.store(connection, row, conversation, prepared)
            subject.append(row)

    def attempt(
        self,
        turn: int,
        *,
        number: int,
        started: Instant,
        ended: Instant | None = None,
        status: int | None = None,
        error: str = "",
    ) -> None:
        """Store one try to get the turn's reply; the same number again replaces it."""
        with self._event("attempt", ended or started) as (connection, subject):
            row = self._turn_row(connection, turn)
            connection.execute("DELETE FROM attempt WHERE turn = ? AND number = ?", (row, number))
            values = {"run": self._run, "turn": row, "number": number, "status": status, "error": error}
            times = instant_columns("started", started) | instant_columns("ended", ended)
            subject.append(insert(connection, "attempt", values | times))

    def end_turn(
        self,
        turn: int,
        *,
        content: Sequence[JSON],
        ended: Instant,
        stop_reason: str = "",
        usage: Mapping[str, Any] | None = None,
        response_id: str = "",
        model: str = "",
        status: str = "completed",
    ) -> None:
        """Store the model's reply: content blocks as they came, why it stopped, what it used."""
        with self._event("reply", ended) as (connection, subject):
            row = self._turn_row(connection, turn)
            values: dict[str, Any] = {"status": status, "response_id": response_id, "stop_reason": stop_reason}
            values |= {"content": dump_json(list(content)), "usage": dump_json(dict(usage or {}))}
            values |= instant_columns("ended", ended)
            update(connection, "turn", row, values | ({"model": model} if model else {}))
            subject.append(row)

    def raw_exchange(self, exchange: RawExchange, *, again: bool = False) -> None:
        """Store what passed a proxy and is no exchange with the Messages API; `again`: unless it is stored already."""
        if again and self._has_raw(exchange):
            return
        with self._event("raw", exchange.ended or exchange.started) as (connection, subject):
            values = {name: getattr(exchange, name) for name in _RAW_COLUMNS} | {"run": self._run}
            for name in ("request_headers", "response_headers"):
                values[name] = dump_json(dict(values[name]))
            times = instant_columns("started", exchange.started) | instant_columns("ended", exchange.ended)
            subject.append(insert(connection, "raw_exchange", values | times))

    def _has_raw(self, exchange: RawExchange) -> bool:
        sql = (
            "SELECT 1 FROM raw_exchange WHERE run = ? AND method = ? AND path = ?"
            " AND started_boot = ? AND started_mono = ? AND started_wall = ?"
        )
        began = exchange.started
        at = (began.boot_id, began.monotonic_ns, began.wall_ns)
        return self._database.row(sql, self._run, exchange.method, exchange.path, *at) is not None

    # --- what other layers wrote ---

    def turn_of_reply(self, response_id: str, call_id: str = "") -> tuple[int, int] | None:
        """Return (turn, conversation) of the reply with this id, or this call in it, whichever layer stored it."""
        sql = (
            "SELECT number, conversation FROM turn WHERE run = ?1 AND (?2 != '' AND response_id = ?2 OR number ="
            " (SELECT turn FROM step WHERE run = ?1 AND ?3 != '' AND call_id = ?3 LIMIT 1)) ORDER BY number LIMIT 1"
        )
        row = self._database.row(sql, self._run, response_id, call_id)
        return (int(row[0]), int(row[1])) if row else None

    def turn_begun_at(self, started: Instant) -> BegunTurn | None:
        """Return the turn of this run that began at this very instant, or an attempt in it, as far as it is stored."""
        sql = (
            "SELECT turn.number, turn.conversation, coalesce(attempt.number, 0),"
            " attempt.id IS NOT NULL OR turn.ended_mono IS NOT NULL,"
            " EXISTS (SELECT 1 FROM request WHERE request.turn = turn.id)"
            " FROM turn LEFT JOIN attempt ON attempt.turn = turn.id AND"
            " (attempt.started_boot, attempt.started_mono, attempt.started_wall) = (?2, ?3, ?4)"
            " WHERE turn.run = ?1 AND (attempt.id IS NOT NULL"
            " OR (turn.started_boot, turn.started_mono, turn.started_wall) = (?2, ?3, ?4))"
        )
        row = self._database.row(sql, self._run, started.boot_id, started.monotonic_ns, started.wall_ns)
        return None if row is None else BegunTurn(int(row[0]), int(row[1]), int(row[2]), bool(row[3]), bool(row[4]))

    def others_ask(self) -> bool:
        """Tell whether a turn of another layer waits for its reply at this moment."""
        own = dump_json(list(self._turns.values()))
        sql = (
            "SELECT 1 FROM turn WHERE run = ? AND status = 'streaming' AND ended_mono IS NULL"
            " AND id NOT IN (SELECT value FROM json_each(?)) LIMIT 1"
        )
        return self._database.row(sql, self._run, own) is not None

    def open_steps(self) -> list[Step]:
        """Return the steps of the run that nobody has begun to perform, whichever layer stored them."""
        waiting = "run = ? AND status = 'intended' AND started_mono IS NULL"
        return steps_where(self._database, self.run_id, {}, waiting, self._run)

    # --- steps ---

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

    # --- screens ---

    def frame(
        self,
        picture: Pixels | bytes | Prepared,
        *,
        captured: Instant,
        roles: Sequence[tuple[int, FrameRole]] = (),
        display: str = "",
        screen: tuple[int, int] | None = None,
        region: Region | None = None,
        source: str = "machine",
        derived: bool = False,
        icount: int | None = None,
    ) -> int:
        """
        Store a picture as a frame, with its roles; return its id. Encodes in the calling thread, outside all locks.

        `screen` is (width, height) of the screen at that moment; by default the picture's own. Raises BadPicture.
        """
        self._ready()
        encoded = self._pictures.encode(self._pictures.prepare(picture))
        height, width = encoded.prepared.pixels.shape[:2]
        width, height = screen or (width, height)
        with self._event("frame", captured) as (connection, subject):
            stored = self._pictures.insert(connection, encoded)
            values = {"run": self._run, "picture": stored, "display": display, "screen_width": width}
            values |= {"screen_height": height, "source": source, "derived": int(derived)}
            values |= {"icount": icount}
            values |= {"region": dump_json(region.as_list()) if region else None}
            row = insert(connection, "frame", values | instant_columns("captured", captured))
            for index, role in roles:
                insert(
                    connection, "frame_role", {"frame": row, "step": self._step_row(connection, index), "role": role}
                )
            subject.append(row)
        return row

    def add_role(self, frame: int, index: int, role: FrameRole) -> None:
        """Give a stored frame one more role."""
        with self._event("role") as (connection, subject):
            connection.execute(
                "INSERT OR IGNORE INTO frame_role (frame, step, role) VALUES (?, ?, ?)",
                (frame, self._step_row(connection, index), role),
            )
            subject.append(frame)

    # --- the run ---

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

    @property
    def silent_for(self) -> float:
        """Seconds since the last event; what is written is a sign of life as well."""
        return time.monotonic() - self._wrote

    def heartbeat(self) -> None:
        """Note that this writer is alive: committed, but left to the system when it reaches the disk."""
        self._ready()
        with self._turn_lock, self._database.transaction(durable=False) as connection:
            update(connection, "writer", self._row, instant_columns("heartbeat", Instant.now()))

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

    # --- rows ---

    def _next_number(self, connection: sqlite3.Connection, counter: str) -> int:
        """Count one more turn or step in the run's row; return its number."""
        sql = f"UPDATE run SET {counter} = {counter} + 1 WHERE id = ? RETURNING {counter}"
        (after,) = connection.execute(sql, (self._run,)).fetchone()
        return int(after) - 1

    def _turn_row(self, connection: sqlite3.Connection, number: int) -> int:
        return self._row_of(connection, "turn", number, self._turns)

    def _step_row(self, connection: sqlite3.Connection, index: int) -> int:
        return self._row_of(connection, "step", index, self._steps)

    def _row_of(self, connection: sqlite3.Connection, table: str, number: int, known: dict[int, int]) -> int:
        """Return the id of the run's turn or step of that number. Raises UsageError where there is none."""
        if number not in known:
            sql = f"SELECT id FROM {table} WHERE run = ? AND number = ?"
            found = connection.execute(sql, (self._run, number)).fetchone()
            if found is None:
                raise UsageError(f"Run {self.run_id} has no {table} {number}.")
            row = int(found[0])
            self._database.after_commit(lambda: known.__setitem__(number, row))
            return row
        return known[number]
