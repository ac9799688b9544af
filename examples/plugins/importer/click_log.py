"""
An importer of one's own, complete: logs of clicks.

    {"click_log": 1, "task": "Add two numbers", "screen": [1280, 800]}
    {"x": 40, "y": 60, "at": "2026-11-30T10:00:00Z"}

The first line says what it is, each other line is a click. There are no pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from footage import Action, DraftRun, DraftStep, Entry
from footage.errors import BadImport

NAME = "click-log"
LINE = "click_log in the first line of a JSON lines file"


def recognise(entry: Entry) -> bool:
    """Tell a log by its first line; `entry.first` reads no more than that."""
    return entry.kind in {"json", "jsonl"} and isinstance(entry.first, dict) and entry.first.get("click_log") == 1


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the one run of a log, as far as its lines can be read."""
    head = entry.first
    if not isinstance(head, dict):
        raise BadImport(f"{entry.name} does not begin with the head of a click log.")
    run = DraftRun(identity=entry.sha256, task=str(head.get("task") or ""))
    for number, line in enumerate(entry.lines()):
        if number == 0:
            continue
        if line.problem:
            run.problem(f"line {number + 1}: {line.problem}")
            continue
        with run.trying(f"line {number + 1}"):
            run.steps.append(_step(line.value))
    run.started = run.steps[0].started if run.steps else None
    run.ended = run.steps[-1].started if run.steps else None
    yield run


def _step(click: dict[str, Any]) -> DraftStep:
    action = Action("left_click", {"coordinate": [int(click["x"]), int(click["y"])]}, raw=click)
    at = datetime.fromisoformat(click["at"])
    return DraftStep(action, started=int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * 10**9)


def write_example(folder: Path) -> Path:
    """Write a log of two clicks: what `footage plugins check click-log` imports."""
    lines = [
        {"click_log": 1, "task": "Press two buttons", "screen": [1280, 800]},
        {"x": 40, "y": 60, "at": "2026-11-30T10:00:00Z"},
        {"x": 80, "y": 60, "at": "2026-11-30T10:00:02Z"},
    ]
    path = folder / "clicks.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path
