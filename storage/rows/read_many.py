"""
Steps, frames and turns, which are read by the thousand.

Their rows are plain tuples, whose types are checked a column at a time, and what few rows have is looked at only where
it is there. The columns stand in the order of version 1; what later versions added stands behind them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from footage.storage.file.database import Database
from footage.storage.rows.from_rows import value_of
from footage.storage.rows.row_checks import sound_columns
from footage.trajectory import (
    JSON,
    Action,
    Attempt,
    Frame,
    FrameRole,
    Instant,
    Region,
    Space,
    Step,
    StepStatus,
    StepVerdict,
    Turn,
    Verdict,
)

__all__ = ["frames_where", "roles_where", "steps_where", "turns_of"]

_FRAMES = (
    "SELECT run.name AS run_name, picture.width, picture.height, picture.sha256, picture.lossy, frame.*"
    " FROM frame JOIN picture ON picture.id = frame.picture JOIN run ON run.id = frame.run"
)

_decode = json.JSONDecoder().raw_decode
_ROLES = {role.value: role for role in FrameRole}
_STATUSES = {status.value: status for status in StepStatus}
_NEVER = Instant("", 0, 0)

Row = tuple[Any, ...]
Held = Mapping[int, Iterable[tuple[FrameRole, Frame]]]
"""By a step's id: its frames, and what they are to it."""


def _read(database: Database, sql: str, *values: object) -> list[Row]:
    """Return the rows of a query, once all of them hold what such columns hold. Raises ValueError or TypeError."""
    names, rows = database.tuples(sql, *values)
    sound_columns(names, rows)
    return rows


def _value(text: str) -> Any:
    """Return the value of a JSON text; the quick way where there is no space around it, as the store writes it."""
    try:
        found, end = _decode(text)
    except ValueError:
        end = -1
    return found if end == len(text) else json.loads(text)


def _object(text: str) -> JSON:
    found = _value(text)
    if type(found) is not dict:
        raise TypeError(f"JSON of a wrong type: {type(found).__name__}")
    return found


def _instant(row: Row, at: int) -> Instant | None:
    """Read the three columns of an instant, the first of which is number `at`."""
    monotonic = row[at + 1]
    return None if monotonic is None else Instant(row[at] or "", monotonic, row[at + 2] or 0)


def _region(values: Any) -> Region:
    x, y, width, height = map(int, values)
    return Region(x, y, width, height)


# --- turns ---


def turns_of(database: Database, run: int, name: str, attempts: Mapping[int, Sequence[Attempt]]) -> list[Turn]:
    """Return a run's turns in their order; `attempts` by the ids of turns."""
    rows = _read(database, "SELECT * FROM turn WHERE run = ? ORDER BY number", run)
    return [_turn(row, name, tuple(attempts.get(row[0], ()))) for row in rows]


def _turn(row: Row, run: str, attempts: tuple[Attempt, ...]) -> Turn:
    turn, _, conversation, number, model, status, response, content, stop_reason, usage, copied_from = row[:11]
    blocks = () if content is None else tuple(_value(content))
    if not set(map(type, blocks)) <= {dict}:
        raise ValueError("a block of a reply is no object")
    return Turn(
        turn,
        run,
        conversation,
        number,
        model,
        blocks,
        stop_reason or "",
        {} if usage is None else _object(usage),
        _instant(row, 11) or _NEVER,
        _instant(row, 14),
        response or "",
        status,
        attempts,
        copied_from,
        (row[17] if len(row) > 17 else "") or "",
    )


# --- frames ---


def frames_where(database: Database, condition: str, *values: object) -> dict[int, Frame]:
    """Return the frames that fulfil a condition on `frame`, by their ids, in the order they were stored."""
    rows = _read(database, f"{_FRAMES} WHERE {condition} ORDER BY frame.id", *values)
    return {row[5]: _frame(row) for row in rows}


def _frame(row: Row) -> Frame:
    run, width, height, sha256, lossy, frame, _, picture, display, screen_width, screen_height, region = row[:12]
    later = row[17:]  # icount, redacted_regions
    return Frame(
        frame,
        run,
        picture,
        width,
        height,
        sha256,
        _instant(row, 14) or _NEVER,
        display or "",
        screen_width,
        screen_height,
        None if region is None else _region(_value(region)),
        row[12],
        row[13] == 1,
        lossy == 1,
        tuple(map(_region, value_of(later[1], list))) if later[1:] and later[1] is not None else (),
        later[0] if later else None,
    )


def roles_where(database: Database, condition: str, *values: object) -> list[tuple[int, int, FrameRole]]:
    """Return (step, frame, role) of the steps that fulfil a condition on `step`, in the order they were stored."""
    sql = "SELECT frame_role.id, step, frame, role FROM step JOIN frame_role ON frame_role.step = step.id"
    rows = _read(database, f"{sql} WHERE {condition} ORDER BY frame_role.id", *values)
    return [(step, frame, _ROLES.get(role) or FrameRole(role)) for _, step, frame, role in rows]


# --- steps ---


def steps_where(database: Database, name: str, held: Held, condition: str, *values: object) -> list[Step]:
    """Return the steps of the run `name` that fulfil a condition on `step`, in their order."""
    rows = _read(database, f"SELECT * FROM step WHERE {condition} ORDER BY number", *values)
    return [_step(row, name, held.get(row[0], ())) for row in rows]


def _step(row: Row, run: str, frames: Iterable[tuple[FrameRole, Frame]]) -> Step:
    step, _, number, turn, call_id, call_index, *action = row[:14]
    status, result_text, error, delivered, source_step, verdict, *compared = row[14:24]
    later = row[33:]  # icounts, redacted
    by_role: dict[FrameRole, tuple[Frame, ...]] = {}
    for role, frame in frames:
        by_role[role] = (*by_role.get(role, ()), frame)
    return Step(
        step,
        run,
        number,
        _action(*action),
        _STATUSES.get(status) or StepStatus(status),
        turn,
        call_id,
        call_index,
        result_text or "",
        error or "",
        _instant(row, 24),
        _instant(row, 27),
        _instant(row, 30),
        None if delivered is None else tuple(map(tuple, value_of(delivered, list))),
        source_step,
        None if verdict is None else _verdict(verdict, *compared),
        later[1:2] == (1,),
        by_role,
        tuple(map(int, value_of(later[0], list))) if later and later[0] is not None else (),
    )


def _action(
    namespace: str,
    name: str,
    arguments: str,
    raw: str | None,
    space: str | None,
    x: int | None,
    y: int | None,
    tracked: int | None,
) -> Action:
    return Action(
        name,
        _object(arguments),
        namespace,
        None if raw is None else _object(raw),
        None if space is None else Space(**_object(space)),
        (x, y) if tracked and x is not None and y is not None else None,
    )


def _verdict(verdict: str, why: str | None, regions: str | None, *frames: int | None) -> StepVerdict:
    return StepVerdict(Verdict(verdict), why or "", tuple(map(_region, value_of(regions, list))), *frames)
