"""
Demonstrations recorded with pictures before and after: a task's JSON file, `action_0001_before.png`, `…_after.png`.

    {"task_id", "description", "start_time", "end_time", "screen_resolution": [w, h], "actions": [
      {"action_type": "click" | "double_click" | "drag" | "scroll" | "hotkey", "action_coords": [x, y],
       "action_details": {"mouse": [{"button", "press_coords", "release_coords"}], "keys": [{"key", "press_time"}],
                          "scroll": {"dx_total", "dy_total", "direction"}},
       "timestamp_before", "timestamp_action", "timestamp_after", "pre_screenshot", "post_screenshot",
       "screen_resolution"?, "pre_degraded"?}]}

The only recordings in which both sides of every action were taken. Positions are pixels of the screen, whose size
stands at the action, else at the task; pictures may be smaller, or missing. Keys are listed as they were let go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import objects, wall_ns
from footage.interchange.importers.draft import DraftNote, DraftPicture, DraftRun, DraftStep
from footage.interchange.importers.entry import Entry
from footage.providers.actions.canvas import Canvas
from footage.providers.actions.computer_calls import computer_action
from footage.trajectory import JSON, Action, FrameRole

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "demo-recorder"
LINE = "a task's actions with pictures on both sides"
PRIORITY = 30

_NAMES = {
    "click": "left_click",
    "double_click": "double_click",
    "drag": "left_click_drag",
    "move": "mouse_move",
    "scroll": "scroll",
}
_KEYS = frozenset({"hotkey", "key", "key_press"})
_BUTTONS = {"right": "right_click", "middle": "middle_click"}
_SIDES = {"before": "pre_screenshot", "after": "post_screenshot"}
_UNITS_A_CLICK = 120
"""Of a wheel that counts finely; totals may be a little off."""


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
    run.task = str(task.get("description") or "")
    reader = _Reader(entry, run, _size(task.get("screen_resolution")))
    for number, action in enumerate(task["actions"], 1):
        with run.trying(f"action {number}"):
            reader.add(number, action)
    run.started, run.ended = wall_ns(task.get("start_time")), wall_ns(task.get("end_time"))
    yield run


class _Reader:
    """Reads one demonstration, action by action."""

    def __init__(self, entry: Entry, run: DraftRun, screen: tuple[int, int] | None) -> None:
        self._entry = entry
        self._run = run
        self._screen = screen

    def add(self, number: int, given: JSON) -> None:
        """Take in one action."""
        before = self._picture(number, "before", given)
        after = self._picture(number, "after", given)
        size = next((p.size for p in (before, after) if p is not None and p.size), None)
        screen = _size(given.get("screen_resolution")) or self._screen
        step = DraftStep(_action(given, Canvas(size or screen, screen)))
        step.started, step.ended = wall_ns(given.get("timestamp_action")), wall_ns(given.get("timestamp_after"))
        step.show(before, FrameRole.BEFORE)
        step.show(after, FrameRole.AFTER)
        if given.get("pre_degraded"):
            self._run.notes.append(DraftNote("The picture before was taken late (pre_degraded)", len(self._run.steps)))
        self._run.steps.append(step)

    def _picture(self, number: int, side: str, given: JSON) -> DraftPicture | None:
        name = str(given.get(_SIDES[side]) or f"action_{number:04}_{side}.png")
        found = self._entry.picture(f"screenshots/{name}", name, up=0, at=wall_ns(given.get(f"timestamp_{side}")))
        if found is None:
            self._run.problem("there is no such picture", self._entry.named(name), step=len(self._run.steps))
        return found


def _action(given: JSON, canvas: Canvas) -> Action:
    kind, details = str(given.get("action_type") or "unknown").lower(), given.get("action_details")
    about: JSON = details if isinstance(details, dict) else {}
    mouse = objects(about.get("mouse"))[:1]
    if kind in _KEYS:
        keys = sorted(objects(about.get("keys")), key=lambda key: str(key.get("press_time")))
        names = [re.sub(r"_[lr]$", "", str(key.get("key"))) for key in keys]
        pressed = computer_action("keypress", {"keys": names})
        return Action("key", pressed.arguments if pressed else {}, raw=given)
    if kind not in _NAMES:
        return Action(kind, {}, NAME, given)
    name = _BUTTONS.get(str(mouse[0].get("button")), _NAMES[kind]) if mouse and kind == "click" else _NAMES[kind]
    end = mouse[0].get("release_coords") if mouse and kind == "drag" else None
    ends = {"start_coordinate": given.get("action_coords"), "coordinate": end}
    if end is None:
        ends = {"coordinate": given.get("action_coords")}
    points = {key: _point(pair, canvas) for key, pair in ends.items()}
    arguments: JSON = {key: point for key, point in points.items() if point}
    return Action(name, arguments | (_scroll(about) if kind == "scroll" else {}), raw=given, space=canvas.space)


def _point(pair: Any, canvas: Canvas) -> list[int] | None:
    return canvas.point(*pair) if isinstance(pair, list) and len(pair) == 2 else None


def _scroll(about: JSON) -> JSON:
    wheel: Any = about.get("scroll")
    way = wheel.get("direction") if isinstance(wheel, dict) else None
    if way not in {"up", "down", "left", "right"}:
        return {}
    total = wheel.get("dy_total" if way in {"up", "down"} else "dx_total")
    turned = abs(total) if isinstance(total, int | float) and abs(total) < 1_000_000 else 0
    return {"scroll_direction": way, "scroll_amount": max(1, round(turned / _UNITS_A_CLICK))}


def _size(given: Any) -> tuple[int, int] | None:
    if isinstance(given, list) and len(given) == 2 and all(type(n) is int and 0 < n < 65536 for n in given):
        return given[0], given[1]
    return None
