"""The wire of a run: what the model was asked and what it replied, and what else passed the proxy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footage.storage.pen.event_pen import EventPen
from footage.storage.requests.chains import dump_json
from footage.storage.rows.to_rows import insert, instant_columns, update
from footage.trajectory import JSON, Instant, RawExchange

__all__ = ["BegunTurn", "TurnPen"]

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


class TurnPen(EventPen):
    """Writes conversations, turns, attempts and raw exchanges."""

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
        """Store what passed a proxy and is no exchange with a model; `again`: unless it is stored already."""
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
