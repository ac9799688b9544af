"""
Steps, frames and turns, which are read by the thousand: their rows are unpacked, since a row looks for a name in all of
its columns. The columns stand in the order of version 1; what later versions added stands behind them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from footage.storage.reading import value_of
from footage.storage.soundness import sound
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

__all__ = ["FRAME_SQL", "frame_of", "step_of", "turn_of"]

FRAME_SQL = (
    "SELECT run.name AS run_name, picture.width, picture.height, picture.sha256, picture.lossy, frame.*"
    " FROM frame JOIN picture ON picture.id = frame.picture JOIN run ON run.id = frame.run"
)

_decode = json.JSONDecoder().decode
_STATUSES = {status.value: status for status in StepStatus}
_NEVER = Instant("", 0, 0)


def _instant(boot: str | None, mono: int | None, wall: int | None) -> Instant | None:
    return None if mono is None else Instant(boot or "", mono, wall or 0)


def _object(text: str) -> JSON:
    found = _decode(text)
    if not isinstance(found, dict):
        raise TypeError(f"JSON of a wrong type: {type(found).__name__}")
    return found


def _region(values: Any) -> Region:
    x, y, width, height = map(int, values)
    return Region(x, y, width, height)


def turn_of(row: sqlite3.Row, run: str, attempts: Iterable[Attempt]) -> Turn:
    """Read a row of `turn`."""
    row_id, _, conversation, number, model, status, response_id, content, stop_reason, usage, copied, *rest = sound(row)
    blocks = () if content is None else tuple(_decode(content))
    if not all(isinstance(block, dict) for block in blocks):
        raise ValueError("a block of a reply is no object")
    return Turn(
        id=row_id,
        run=run,
        conversation=conversation,
        number=number,
        model=model,
        content=blocks,
        stop_reason=stop_reason or "",
        usage={} if usage is None else _object(usage),
        started=_instant(*rest[:3]) or _NEVER,
        ended=_instant(*rest[3:6]),
        response_id=response_id or "",
        status=status,
        attempts=tuple(attempts),
        copied_from=copied,
    )


def frame_of(row: sqlite3.Row) -> Frame:
    """Read a row of `FRAME_SQL`."""
    run, width, height, sha256, lossy, frame, _, picture, display, *screen = sound(row)
    screen_width, screen_height, region, source, derived, boot, mono, wall, *later = screen
    return Frame(
        id=frame,
        run=run,
        picture=picture,
        width=width,
        height=height,
        sha256=sha256,
        captured=_instant(boot, mono, wall) or _NEVER,
        display=display or "",
        screen_width=screen_width,
        screen_height=screen_height,
        region=_region(_decode(region)) if region is not None else None,
        source=source,
        derived=bool(derived),
        lossy=bool(lossy),
        redacted=tuple(map(_region, value_of(later[1], list))) if later[1:] else (),
        icount=later[0] if later else None,
    )


def _verdict_of(verdict: str | None, why: str | None, regions: str | None, *frames: int | None) -> StepVerdict | None:
    if verdict is None:
        return None
    found = tuple(map(_region, value_of(regions, list)))
    return StepVerdict(Verdict(verdict), why or "", found, *frames)


def step_of(row: sqlite3.Row, run: str, frames: Iterable[tuple[FrameRole, Frame]]) -> Step:
    """Read a row of `step`."""
    step, _, number, turn, call_id, call_index, namespace, name, arguments, raw, space, x, y, *rest = sound(row)
    tracked, status, result_text, error, delivered, source_step, *rest = rest
    verdict, why, regions, expected, actual, *instants = rest
    action = Action(
        name=name,
        arguments=_object(arguments),
        namespace=namespace,
        raw=None if raw is None else _object(raw),
        space=None if space is None else Space(**_object(space)),
        tracked=(x, y) if tracked else None,
    )
    by_role: dict[FrameRole, tuple[Frame, ...]] = {}
    for role, frame in frames:
        by_role[role] = (*by_role.get(role, ()), frame)
    return Step(
        id=step,
        run=run,
        index=number,
        action=action,
        status=_STATUSES.get(status) or StepStatus(status),
        turn=turn,
        call_id=call_id,
        call_index=call_index,
        result_text=result_text or "",
        error=error or "",
        intended=_instant(*instants[:3]),
        started=_instant(*instants[3:6]),
        ended=_instant(*instants[6:9]),
        delivered=None if delivered is None else tuple(map(tuple, value_of(delivered, list))),
        source_step=source_step,
        verdict=_verdict_of(verdict, why, regions, expected, actual),
        redacted=bool(instants[10]) if instants[10:] else False,
        frames=by_role,
        icounts=tuple(map(int, value_of(instants[9], list))) if instants[9:] else (),
    )
