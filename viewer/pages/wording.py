"""How times, sizes and actions are written on the pages, in words of people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from footage.trajectory import Action, Instant, Run, Turn
from footage.viewer.pages.page_text import one_line

__all__ = ["action_line", "elapsed_ms", "run_duration_ms", "span", "token_rows", "when"]

_CLICKS = {
    "left_click": "click",
    "right_click": "right-click",
    "middle_click": "middle-click",
    "double_click": "double-click",
    "triple_click": "triple-click",
    "left_mouse_down": "press",
    "left_mouse_up": "release",
    "mouse_move": "move to",
}

_TOKENS = {
    "input_tokens": "Input",
    "cache_read_input_tokens": "Input from cache",
    "cache_creation_input_tokens": "Input into cache",
    "output_tokens": "Output",
}


def when(instant: Instant, *, now: datetime | None = None) -> str:
    """Return the local time of day for today, else the date with it."""
    moment = datetime.fromtimestamp(instant.wall_ns / 1e9).astimezone()
    today = (now or datetime.now().astimezone()).date()
    if moment.date() == today:
        return f"today {moment:%H:%M:%S}"
    if moment.year == today.year:
        return f"{moment.day} {moment:%b, %H:%M}"
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def span(milliseconds: float | None) -> str:
    """Return a duration as people write it: `12 ms`, `3.4 s`, `2 min 05 s`, `1 h 07 min`; a dash for None."""
    if milliseconds is None:
        return "\N{EN DASH}"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def elapsed_ms(start: Instant | None, end: Instant | None) -> float | None:
    """Return the time between two instants: by the monotonic clock within one boot, else by the wall clock."""
    if start is None or end is None:
        return None
    if start.boot_id == end.boot_id:
        return (end.monotonic_ns - start.monotonic_ns) / 1e6
    return (end.wall_ns - start.wall_ns) / 1e6


def run_duration_ms(run: Run) -> float | None:
    """Return how long a run took; None while it has not ended, and for one that was imported without times."""
    return elapsed_ms(run.started, run.ended) or None


def token_rows(turn: Turn) -> list[tuple[str, str]]:
    """Return what the turn's `usage` counts as (label, number with thousands separators), the known fields only."""
    return [
        (label, f"{turn.usage[key]:,}")
        for key, label in _TOKENS.items()
        if isinstance(turn.usage.get(key), int) and turn.usage[key]
    ]


def action_line(action: Action, limit: int = 60) -> str:
    """Return the action in one short line: `click 412, 318`, `type "hello"`, `scroll down 5`, `bash:run ls -l`."""
    if not action.is_computer:
        return one_line(f"{action.title} {_first_text(action.arguments)}".strip(), limit)
    return one_line(_computer_line(action, action.arguments), limit)


def _computer_line(action: Action, arguments: Mapping[str, Any]) -> str:
    name, text = action.name, str(arguments.get("text") or "")
    if name in _CLICKS:
        held = f"{text}+" if text else ""
        return f"{held}{_CLICKS[name]}{_at(action.point)}"
    if name == "left_click_drag":
        return f"drag{_at(arguments.get('start_coordinate'))} to{_at(action.point)}"
    if name == "type":
        return f'type "{text}"'
    if name == "key":
        repeat = arguments.get("repeat")
        return f"key {text}" + (f", {repeat} times" if repeat and repeat != 1 else "")
    if name == "hold_key":
        return f"hold {text} for {arguments.get('duration', '?')} s"
    if name == "scroll":
        return f"scroll {arguments.get('scroll_direction', '')} {arguments.get('scroll_amount', '')}{_at(action.point)}"
    if name == "wait":
        return f"wait {arguments.get('duration', '')} s"
    return name.replace("_", " ")


def _at(point: object) -> str:
    if isinstance(point, (tuple, list)) and len(point) == 2:
        return f" {point[0]}, {point[1]}"
    return ""


def _first_text(arguments: Mapping[str, Any]) -> str:
    return next((value for value in arguments.values() if isinstance(value, str)), "")
