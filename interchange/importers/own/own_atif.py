"""
What footage's own ATIF files say beyond ATIF, in `extra`: actions as they are named here, roles of pictures, outcomes.

The files may have been changed by anyone, and are read as carefully as those of others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import objects
from footage.interchange.importers.draft import DraftOutcome, DraftPicture, DraftRun, DraftStep
from footage.providers.anthropic.tool_calls import PointerTracker, point_of
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource, RunStatus, StepStatus

__all__ = ["own_action", "own_facts", "own_result"]

_POINTS = ("coordinate", "start_coordinate")


def own_action(call: JSON, pointer: PointerTracker) -> Action | None:
    """Return the action of a call that carries it under its canonical name; None for other calls."""
    extra: JSON = call["extra"] if isinstance(call.get("extra"), dict) else {}
    arguments, name = extra.get("arguments"), extra.get("canonical")
    if not isinstance(arguments, dict) or not isinstance(name, str) or not name:
        return None
    namespace = str(call.get("function_name") or "computer").removesuffix(f":{name}") or "computer"
    if any(key in arguments and point_of(arguments[key]) is None for key in _POINTS):
        return None
    point = None if "coordinate" in arguments else point_of(extra.get("point"))
    tracked = (int(point[0]), int(point[1])) if point else None
    raw = call.get("arguments")
    action = Action(name, arguments, namespace, raw if isinstance(raw, dict) else None, tracked=tracked)
    pointer.follow(action)
    return action


def own_result(step: DraftStep, extra: Any, picture: Callable[[str], DraftPicture | None]) -> None:
    """Give a step its status and its pictures in their roles; what is not told stays as it is."""
    told: JSON = extra if isinstance(extra, dict) else {}
    with contextlib.suppress(ValueError):
        step.status = StepStatus(str(told.get("status")))
    error = told.get("error")
    if isinstance(error, str) and error:  # what is told is the result's text, and then the error's
        text = step.result_text or step.error
        step.error, step.result_text = error, text.removesuffix(error).removesuffix("\n")
    spent = told.get("duration_ms")
    if step.started is not None and isinstance(spent, int | float) and 0 <= spent < 1e9:
        step.ended = step.started + int(spent * 1e6)
    if not isinstance(told.get("frames"), list):
        return
    step.frames = []
    found: dict[str, DraftPicture | None] = {}
    for frame in objects(told["frames"]):
        path = str(frame.get("path") or "")
        with contextlib.suppress(ValueError):
            role = FrameRole(str(frame.get("role")))
            found.setdefault(path, picture(path) if path and path not in found else None)
            step.show(found[path], role, derived=frame.get("derived") is True)


def own_facts(run: DraftRun, extra: Any) -> None:
    """Take over what a document says of the whole run: its task's id, status, outcomes and tags."""
    told: JSON = extra if isinstance(extra, dict) else {}
    run.task_id = str(told.get("task_id") or run.task_id)
    with contextlib.suppress(ValueError):
        status = RunStatus(str(told.get("status")))
        run.status = RunStatus.INTERRUPTED if status is RunStatus.RECORDING else status
    for outcome in objects(told.get("outcomes")):
        with contextlib.suppress(ValueError):
            source = OutcomeSource(str(outcome.get("source")))
            run.outcomes.append(DraftOutcome(str(outcome.get("value")), source, str(outcome.get("note") or "")))
    tags = told.get("tags")
    run.tags += [tag for tag in tags if isinstance(tag, str) and tag.strip()] if isinstance(tags, list) else []
