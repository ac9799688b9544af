"""From rows to the types of `footage.trajectory`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from footage.storage.soundness import sound
from footage.trajectory import (
    JSON,
    Action,
    Attempt,
    Cause,
    Divergence,
    Frame,
    FrameRole,
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
    Space,
    Step,
    StepStatus,
    StepVerdict,
    Turn,
    Verdict,
)

__all__ = [
    "FRAME_SQL",
    "LIFE_SQL",
    "RUN_SQL",
    "attempt_of",
    "death_of",
    "frame_of",
    "gap_of",
    "instant_of",
    "outcome_of",
    "raw_exchange_of",
    "run_of",
    "step_of",
    "turn_of",
]

RUN_SQL = (
    "SELECT run.*, family.name AS family_name, mother.name AS parent_name"
    " FROM run JOIN family ON family.id = run.family LEFT JOIN run AS mother ON mother.id = run.parent"
)
FRAME_SQL = (
    "SELECT frame.*, run.name AS run_name, picture.width, picture.height, picture.sha256, picture.lossy"
    " FROM frame JOIN picture ON picture.id = frame.picture JOIN run ON run.id = frame.run"
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


def added(row: sqlite3.Row, name: str) -> Any:
    """Return a column that a file of an older version, open for reading, does not have: then None."""
    return row[name] if name in row.keys() else None  # noqa: SIM118 - a row's values are no keys


def _value(text: str | None, kind: type) -> Any:
    """Return a JSON text's value, an empty one for None. Raises ValueError or TypeError for anything else."""
    value = kind() if text is None else json.loads(text)
    if not isinstance(value, kind):
        raise TypeError(f"JSON of a wrong type: {type(value).__name__}")
    return value


def _region(values: Any) -> Region:
    x, y, width, height = map(int, values)
    return Region(x, y, width, height)


def _regions(text: str | None) -> tuple[Region, ...]:
    return tuple(_region(values) for values in _value(text, list))


def _divergence(text: str | None) -> Divergence | None:
    if text is None:
        return None
    found = _value(text, dict)
    regions = tuple(Region(**region) for region in found.pop("regions"))
    return Divergence(**{**found, "cause": Cause(found["cause"])}, regions=regions)


def _blocks(text: str | None) -> tuple[JSON, ...]:
    blocks = tuple(_value(text, list))
    if not all(isinstance(block, dict) for block in blocks):
        raise ValueError("a block of a reply is no object")
    return blocks


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
        machine=_value(row["machine"], dict) if row["machine"] is not None else None,
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


def turn_of(row: sqlite3.Row, run: str, attempts: Iterable[Attempt]) -> Turn:
    """Read a row of `turn`."""
    sound(row)
    return Turn(
        id=row["id"],
        run=run,
        conversation=row["conversation"],
        number=row["number"],
        model=row["model"],
        content=_blocks(row["content"]),
        stop_reason=row["stop_reason"] or "",
        usage=_value(row["usage"], dict),
        started=instant_of(row, "started") or Instant("", 0, 0),
        ended=instant_of(row, "ended"),
        response_id=row["response_id"] or "",
        status=row["status"],
        attempts=tuple(attempts),
        copied_from=row["copied_from"],
    )


def frame_of(row: sqlite3.Row) -> Frame:
    """Read a row of `FRAME_SQL`."""
    region = sound(row)["region"]
    return Frame(
        id=row["id"],
        run=row["run_name"],
        picture=row["picture"],
        width=row["width"],
        height=row["height"],
        sha256=row["sha256"],
        captured=instant_of(row, "captured") or Instant("", 0, 0),
        display=row["display"] or "",
        screen_width=row["screen_width"],
        screen_height=row["screen_height"],
        region=_region(_value(region, list)) if region is not None else None,
        source=row["source"],
        derived=bool(row["derived"]),
        lossy=bool(row["lossy"]),
        icount=added(row, "icount"),
    )


def _action_of(row: sqlite3.Row) -> Action:
    space = _value(row["space"], dict)
    return Action(
        name=row["name"],
        arguments=_value(row["arguments"], dict),
        namespace=row["namespace"],
        raw=_value(row["raw"], dict) if row["raw"] is not None else None,
        space=Space(**space) if space else None,
        tracked=(row["x"], row["y"]) if row["tracked"] else None,
    )


def _verdict_of(row: sqlite3.Row) -> StepVerdict | None:
    if row["verdict"] is None:
        return None
    return StepVerdict(
        Verdict(row["verdict"]),
        row["verdict_why"] or "",
        _regions(row["verdict_regions"]),
        row["expected_frame"],
        row["actual_frame"],
    )


def step_of(row: sqlite3.Row, run: str, frames: Iterable[tuple[FrameRole, Frame]]) -> Step:
    """Read a row of `step`."""
    sound(row)
    by_role: dict[FrameRole, tuple[Frame, ...]] = {}
    for role, frame in frames:
        by_role[role] = (*by_role.get(role, ()), frame)
    delivered = None if row["delivered"] is None else _value(row["delivered"], list)
    return Step(
        id=row["id"],
        run=run,
        index=row["number"],
        action=_action_of(row),
        status=StepStatus(row["status"]),
        turn=row["turn"],
        call_id=row["call_id"],
        call_index=row["call_index"],
        result_text=row["result_text"] or "",
        error=row["error"] or "",
        intended=instant_of(row, "intended"),
        started=instant_of(row, "started"),
        ended=instant_of(row, "ended"),
        delivered=None if delivered is None else tuple(tuple(event) for event in delivered),
        source_step=row["source_step"],
        verdict=_verdict_of(row),
        frames=by_role,
        icounts=tuple(map(int, _value(added(row, "icounts"), list))),
    )


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
        request_headers=_value(row["request_headers"], dict),
        request=row["request"] or b"",
        request_bytes=row["request_bytes"],
        response_headers=_value(row["response_headers"], dict),
        response=row["response"] or b"",
        response_bytes=row["response_bytes"],
    )
