"""From rows to the types of `footage.trajectory`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from footage.storage.rows.row_checks import sound
from footage.trajectory import (
    Attempt,
    Cause,
    Divergence,
    Gap,
    Guarantee,
    Instant,
    Outcome,
    OutcomeSource,
    Parent,
    RawExchange,
    Region,
    Run,
    RunKind,
    RunStatus,
    Verdict,
)

__all__ = [
    "LIFE_SQL",
    "RUN_SQL",
    "attempt_of",
    "death_of",
    "gap_of",
    "instant_of",
    "outcome_of",
    "raw_exchange_of",
    "run_of",
    "value_of",
]

RUN_SQL = (
    "SELECT run.*, family.name AS family_name, mother.name AS parent_name"
    " FROM run JOIN family ON family.id = run.family LEFT JOIN run AS mother ON mother.id = run.parent"
)
LIFE_SQL = (  # a run's signs of life: each of its writers' last heartbeat and last event
    "SELECT heartbeat_boot AS at_boot, heartbeat_mono AS at_mono, heartbeat_wall AS at_wall FROM writer WHERE run = ?1"
    " UNION ALL SELECT at_boot, at_mono, at_wall FROM writer JOIN event ON event.run = writer.run"
    " AND event.writer = writer.number AND event.sequence = writer.next_sequence - 1 WHERE writer.run = ?1"
)


def instant_of(row: sqlite3.Row, name: str) -> Instant | None:
    """Read the three columns of an instant."""
    if row[f"{name}_mono"] is None:
        return None
    return Instant(row[f"{name}_boot"] or "", row[f"{name}_mono"], row[f"{name}_wall"] or 0)


def value_of(text: str | None, kind: type) -> Any:
    """Return a JSON text's value, an empty one for None. Raises ValueError or TypeError for anything else."""
    value = kind() if text is None else json.loads(text)
    if not isinstance(value, kind):
        raise TypeError(f"JSON of a wrong type: {type(value).__name__}")
    return value


def _divergence(text: str | None) -> Divergence | None:
    if text is None:
        return None
    found = value_of(text, dict)
    regions = tuple(Region(**region) for region in found.pop("regions"))
    return Divergence(**{**found, "cause": Cause(found["cause"])}, regions=regions)


def run_of(row: sqlite3.Row, *, live: bool, outcomes: Iterable[Outcome], tags: Iterable[str]) -> Run:
    """Read a row of `RUN_SQL`; `live` says whether a process holds the run's lock."""
    status = RunStatus(sound(row)["status"])
    if status is RunStatus.RECORDING and not live:
        status = RunStatus.INTERRUPTED
    return Run(
        id=row["name"],
        family=row["family_name"],
        kind=RunKind(row["kind"]),
        status=status,
        task=row["task"],
        task_id=row["task_id"],
        model=row["model"],
        started=instant_of(row, "started") or Instant("", 0, 0),
        ended=instant_of(row, "ended"),
        parent=Parent(row["parent_name"], row["parent_step"]) if row["parent_name"] else None,
        machine=value_of(row["machine"], dict) if row["machine"] is not None else None,
        steps=row["steps"],
        turns=row["turns"],
        outcomes=tuple(outcomes),
        tags=tuple(tags),
        source_format=row["source_format"] or "footage",
        error=row["error"] or "",
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        guarantee=Guarantee(row["guarantee"]) if row["guarantee"] else None,
        divergence=_divergence(row["divergence"]),
        trusted=bool(row["trusted"]),
    )


def outcome_of(row: sqlite3.Row) -> Outcome:
    """Read a row of `outcome`."""
    sound(row)
    return Outcome(row["value"], OutcomeSource(row["source"]), row["note"] or "")


def attempt_of(row: sqlite3.Row) -> Attempt:
    """Read a row of `attempt`."""
    started = instant_of(sound(row, numbers="status"), "started") or Instant("", 0, 0)
    return Attempt(row["number"], started, instant_of(row, "ended"), row["status"], row["error"] or "")


def gap_of(row: sqlite3.Row, run: str) -> Gap:
    """Read a row of `gap`."""
    sound(row)
    return Gap(run, row["reason"], row["step"], instant_of(row, "at"), row["lost"])


def death_of(run: sqlite3.Row, signs: Iterable[sqlite3.Row]) -> Gap:
    """Return the gap after the last sign of life (rows of `LIFE_SQL`) of a run (`RUN_SQL`) that was never ended."""
    found = [instant for row in signs if (instant := instant_of(row, "at"))]
    last = max(found, key=lambda at: at.wall_ns) if found else instant_of(run, "started")
    if len({at.boot_id for at in found}) == 1:  # then the clock that cannot be set tells
        last = max(found, key=lambda at: at.monotonic_ns)
    when = "" if last is None else f" {datetime.fromtimestamp(last.wall_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC,"
    return Gap(run["name"], f"the recorder died: nothing is known after{when} its last sign of life", at=last)


def raw_exchange_of(row: sqlite3.Row) -> RawExchange:
    """Read a row of `raw_exchange`."""
    sound(row, numbers="status")
    return RawExchange(
        method=row["method"],
        path=row["path"],
        status=row["status"],
        started=instant_of(row, "started") or Instant("", 0, 0),
        ended=instant_of(row, "ended"),
        error=row["error"],
        request_headers=value_of(row["request_headers"], dict),
        request=row["request"] or b"",
        request_bytes=row["request_bytes"],
        response_headers=value_of(row["response_headers"], dict),
        response=row["response"] or b"",
        response_bytes=row["response_bytes"],
    )
