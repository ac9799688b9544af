"""One process's (or one layer's) pen for one run: its lock, and its events, numbered without holes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

from footage.errors import UsageError
from footage.storage.file.database import Database
from footage.storage.file.forks import watch_forks
from footage.storage.file.locks import RunLock
from footage.storage.pictures.writing import PictureWriter, Prepared
from footage.storage.requests.chains import RequestWriter, dump_json
from footage.storage.rows.to_rows import insert, instant_columns, update
from footage.trajectory import Instant

__all__ = ["EventPen"]


class EventPen:
    """Writes events, each with what it changes in one transaction. Thread-safe."""

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

    @property
    def silent_for(self) -> float:
        """Seconds since the last event; what is written is a sign of life as well."""
        return time.monotonic() - self._wrote

    def heartbeat(self) -> None:
        """Note that this writer is alive: committed, but left to the system when it reaches the disk."""
        self._ready()
        with self._turn_lock, self._database.transaction(durable=False) as connection:
            update(connection, "writer", self._row, instant_columns("heartbeat", Instant.now()))

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
