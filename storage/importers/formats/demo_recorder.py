"""
Demonstrations recorded with pictures before and after: a task's JSON file, `action_0001_before.png`, `…_after.png`.

    {"screen_resolution": [w, h], "actions": [{"action_type"|"type", "x", "y", "timestamp_before", "timestamp_action",
      "timestamp_after", "screen_resolution"?, "text"?, "key"?, …}]}

The only recordings in which both sides of every action were taken. Positions are pixels of the screen, whose size
stands at the action, else at the task; pictures may be smaller, or missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from footage.storage.importers.canvas import Canvas
from footage.storage.importers.draft import DraftNote, DraftOutcome, DraftPicture, DraftRun, DraftStep
from footage.storage.importers.entry import Entry
from footage.storage.importers.messages import objects, wall_ns
from footage.toolcalls import PointerTracker
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource

__all__ = ["NAME", "read", "recognise"]

NAME = "demo-recorder"

_NAMES = {
    "click": "left_click",
    "left_click": "left_click",
    "mouse_click": "left_click",
    "right_click": "right_click",
    "middle_click": "middle_click",
    "double_click": "double_click",
    "triple_click": "triple_click",
    "drag": "left_click_drag",
    "move": "mouse_move",
    "mouse_move": "mouse_move",
    "scroll": "scroll",
    "type": "type",
    "text": "type",
    "key": "key",
    "key_press": "key",
    "press": "key",
    "hotkey": "key",
    "wait": "wait",
}


def recognise(entry: Entry) -> bool:
    """Tell a demonstration by its actions, which carry the time before, of and after each."""
    found = entry.object("actions", "timestamp_before") if entry.kind == "json" else None
    if found is None and entry.kind == "json" and b'"timestamp_before"' in entry.data:
        found = entry.object("actions")
    return any("timestamp_before" in action for action in objects(found.get("actions"))[:5]) if found else False


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the demonstration."""
    task = entry.required()
    run = DraftRun(identity=entry.sha256, task_id=str(task.get("task_id") or entry.folder.name))
    names = ("task", "task_description", "instruction", "description", "task_name", "name")
    run.task = next((str(task[key]) for key in names if isinstance(task.get(key), str) and task[key]), "")
    reader = _Reader(entry, run, _size(task.get("screen_resolution")))
    for number, action in enumerate(task["actions"], 1):
        with run.trying(f"action {number}"):
            reader.add(number, action)
    times = [time for step in run.steps for time in (step.started, step.ended) if time is not None]
    run.started, run.ended = (min(times), max(times)) if times else (None, None)
    if isinstance(task.get("success"), bool):
        run.outcomes.append(DraftOutcome("success" if task["success"] else "failure", OutcomeSource.HUMAN))
    yield run


class _Reader:
    """Reads one demonstration, action by action."""

    def __init__(self, entry: Entry, run: DraftRun, screen: tuple[int, int] | None) -> None:
        self._entry = entry
        self._run = run
        self._screen = screen
        self._pointer = PointerTracker()

    def add(self, number: int, given: JSON) -> None:
        """Take in one action."""
        before = self._picture(number, "before", given, "timestamp_before")
        after = self._picture(number, "after", given, "timestamp_after")
        size = next((p.size for p in (before, after) if p is not None and p.size), None)
        screen = _size(given.get("screen_resolution")) or self._screen
        action = self._action(given, Canvas(size or screen, screen))
        self._pointer.follow(action)
        step = DraftStep(action, started=wall_ns(given.get("timestamp_action")))
        step.ended = wall_ns(given.get("timestamp_after"))
        step.show(before, FrameRole.BEFORE)
        step.show(after, FrameRole.AFTER)
        if given.get("pre_degraded"):
            self._run.notes.append(DraftNote("The picture before was taken late (pre_degraded)", len(self._run.steps)))
        self._run.steps.append(step)

    def _picture(self, number: int, side: str, given: JSON, time: str) -> DraftPicture | None:
        stated = given.get(f"screenshot_{side}") or given.get(f"{side}_screenshot")
        name = str(stated).replace("\\", "/") if isinstance(stated, str) else ""
        index = given.get("index") if isinstance(given.get("index"), int) else number
        usual = f"action_{index:04}_{side}.png"
        names = [n for n in (name, name.rpartition("/")[2], usual, f"screenshots/{usual}", f"images/{usual}") if n]
        found = self._entry.picture(*names, up=0, at=wall_ns(given.get(time)))
        if found is None:
            self._run.problem("there is no such picture", self._entry.named(name or usual), step=len(self._run.steps))
        return found

    def _action(self, given: JSON, canvas: Canvas) -> Action:
        kind = str(given.get("action_type") or given.get("type") or given.get("action") or "unknown").lower()
        name = _NAMES.get(re.sub(r"[\s-]+", "_", kind))
        if name is None:
            return Action(kind, {}, NAME, given)
        point = _point(given, canvas)
        if name == "left_click" and str(given.get("button", "left")).lower() in {"right", "middle"}:
            name = f"{str(given['button']).lower()}_click"
        arguments: JSON = {"coordinate": point} if point else {}
        if name == "left_click_drag":
            start = _point(given, canvas, "start")
            arguments = {**({"start_coordinate": start} if start else {}), **arguments}
        if name in {"type", "key"}:
            keys: Any = given.get("text") or given.get("key") or given.get("keys") or ""
            arguments = {"text": "+".join(map(str, keys)) if isinstance(keys, list) else str(keys)}
        if name == "scroll":
            arguments |= _scroll(given)
        clicks = name.endswith("_click") or name == "scroll"
        return Action(
            name,
            arguments,
            raw=given,
            space=canvas.space,
            tracked=self._pointer.position if clicks and not point else None,
        )


def _point(given: JSON, canvas: Canvas, side: str = "") -> list[int] | None:
    """Return a position, wherever the recorder put it: `x` and `y`, or a pair."""
    names = (
        [f"{side}_position", f"{side}_coordinates", side] if side else ["position", "coordinates", "coordinate", "end"]
    )
    if not side and given.get("x") is not None:
        return canvas.point(given.get("x"), given.get("y"))
    if side and given.get(f"{side}_x") is not None:
        return canvas.point(given.get(f"{side}_x"), given.get(f"{side}_y"))
    for name in names:
        pair: Any = given.get(name)
        if isinstance(pair, dict):
            return canvas.point(pair.get("x"), pair.get("y"))
        if isinstance(pair, list) and len(pair) == 2:
            return canvas.point(*pair)
    return None


def _scroll(given: JSON) -> JSON:
    across, down = given.get("dx") or 0, given.get("dy") or given.get("amount") or 0
    if not all(isinstance(n, int | float) and abs(n) < 1_000_000 for n in (across, down)):
        return {}
    amount = int(down or across)
    ways = ("down", "up") if down else ("left", "right")
    return {"scroll_direction": ways[amount > 0], "scroll_amount": abs(amount)}


def _size(given: Any) -> tuple[int, int] | None:
    if isinstance(given, dict):
        given = [given.get("width"), given.get("height")]
    if isinstance(given, list) and len(given) == 2 and all(type(n) is int and 0 < n < 65536 for n in given):
        return given[0], given[1]
    return None
