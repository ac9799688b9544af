"""
AgentNet (OpenCUA): demonstrations by people, one JSON object each, in two shapes.

    {"task_id", "user_task_description", "steps": [{"step_num", "image", "action", "inner_monologue",
      "ground_truth_actions"}], "meta_info"?}                                             (the benchmark's files)
    {"task_id", "instruction", "traj": [{"index", "image", "value": {"code", "thought", …}}]}   (JSON lines)

An action is a piece of `pyautogui` code; its positions are fractions of the picture, which was taken before it. The
thoughts were written by a model afterwards. `meta_info.screen_resolution` is not the size of the pictures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from footage.errors import BadImport
from footage.interchange.importers.common.blocks_of_recordings import objects
from footage.interchange.importers.common.derive import derive_after
from footage.interchange.importers.draft import (
    MOST_PROBLEMS,
    DraftNote,
    DraftOutcome,
    DraftRun,
    DraftStep,
    DraftTurn,
)
from footage.interchange.importers.entry import Entry
from footage.providers.actions.canvas import Canvas
from footage.providers.actions.gestures import joined
from footage.providers.actions.pyautogui import actions_in
from footage.providers.anthropic.tool_calls import PointerTracker
from footage.trajectory import JSON, FrameRole, OutcomeSource, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "agentnet"
LINE = "demonstrations with steps or traj"
PRIORITY = 60


def recognise(entry: Entry) -> bool:
    """Tell a demonstration by its steps with code and pictures."""
    if entry.kind not in {"json", "jsonl"} or b'"image"' not in entry.data:
        return False
    return _is_one(entry.first) or _is_one(entry.object("task_id", "steps")) or _is_one(entry.object("traj"))


def _is_one(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    steps = objects(value.get("traj"))
    if steps:
        return any(isinstance(s.get("value"), dict) and "code" in s["value"] for s in steps[:5])
    steps = objects(value.get("steps"))
    return any("image" in s and isinstance(s.get("action"), str) and "step_num" in s for s in steps[:5])


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield a run for each demonstration in the file."""
    if entry.kind == "json" and isinstance(entry.value, dict):
        yield _run(entry, entry.value, entry.sha256)
        return
    pending: DraftRun | None = None
    early: list[str] = []
    for line in entry.lines():
        if _is_one(line.value):
            if pending is not None:
                yield pending
            identity = hashlib.sha256(json.dumps(line.value, sort_keys=True).encode()).hexdigest()
            pending = _run(entry, line.value, identity)
            while early:
                pending.problem(early.pop(0))
            continue
        trouble = line.problem.rstrip(".") or f"line {line.number:,} is no demonstration"
        if pending is not None:
            pending.problem(trouble)
        elif len(early) < MOST_PROBLEMS:
            early.append(trouble)
    if pending is None:
        raise BadImport(early[0] if early else "There is no demonstration in it.")
    yield pending


def _run(entry: Entry, demonstration: JSON, identity: str) -> DraftRun:
    run = DraftRun(identity=identity, task_id=str(demonstration.get("task_id") or ""), conversations=[""])
    wanted = ("user_task_description", "instruction", "natural_language_task", "high_level_task_description")
    run.task = next((str(demonstration[key]) for key in wanted if demonstration.get(key)), "")
    pointer = PointerTracker()
    for number, step in enumerate(demonstration.get("steps") or demonstration.get("traj") or []):
        with run.trying(f"step {number}"):
            _step(entry, run, step, pointer)
    _judge(run, demonstration)
    derive_after(run)
    _mark_holes(run, demonstration)
    return run


def _mark_holes(run: DraftRun, demonstration: JSON) -> None:
    """Mark where steps were taken out of the demonstration: what follows does not show what the last one did."""
    numbers = [step.get("step_num", step.get("index")) for step in objects(demonstration.get("steps"))]
    for turn, (number, following) in enumerate(pairwise(numbers)):
        if not isinstance(number, int) or not isinstance(following, int) or following <= number + 1:
            continue
        mine = [index for index, step in enumerate(run.steps) if step.turn == turn]
        for index in mine:
            run.steps[index].frames = [frame for frame in run.steps[index].frames if not frame.derived]
        text = f"The demonstration leaves out what came next (numbers {number + 1} to {following - 1})"
        run.notes.append(DraftNote(text, mine[-1] if mine else None))


def _step(entry: Entry, run: DraftRun, step: JSON, pointer: PointerTracker) -> None:
    value: Any = step.get("value")
    told: Mapping[str, Any] = value if isinstance(value, dict) else step.get("inner_monologue") or {}
    code = str(told.get("code") or step.get("action") or "")
    name = str(step.get("image") or "")
    picture = entry.picture(name, f"images/{name}", f"screenshots/{name}", up=1) if name else None
    if picture is None:
        run.problem("there is no such picture", entry.named(name) if name else "", step=len(run.steps))
    run.turns.append(DraftTurn(_told(told)))
    canvas = Canvas.fractions(picture.size if picture else None)
    for index, action in enumerate(joined(actions_in(code, canvas, pointer))):
        made = DraftStep(action, turn=len(run.turns) - 1, call_index=index)
        if not index:
            made.show(picture, FrameRole.BEFORE)
            _annotate(run, step)
        run.steps.append(made)


def _told(told: Mapping[str, Any]) -> list[JSON]:
    """Return what a model wrote about a step, as a reply's content."""
    thoughts = [str(told[key]) for key in ("observation", "thought", "reflection") if told.get(key)]
    says = str(told.get("low_level_instruction") or told.get("action") or "")
    thinking: list[JSON] = [{"type": "thinking", "thinking": "\n\n".join(thoughts)}] if thoughts else []
    return [*thinking, *([{"type": "text", "text": says}] if says else [])]


def _annotate(run: DraftRun, step: JSON) -> None:
    """Keep the boxes of the targets, and what else would have been right, as notes."""
    index = len(run.steps)
    for truth in objects(step.get("ground_truth_actions")):
        about = truth.get("metadata")
        boxes = [box.get("rel_bbox") for box in objects(about.get("bboxes") if isinstance(about, dict) else None)]
        if boxes:
            run.notes.append(DraftNote(f"Target of {truth.get('type')}, as fractions: {json.dumps(boxes)}", index))
    if step.get("alternative_options"):
        run.notes.append(DraftNote(f"As good: {json.dumps(step['alternative_options'])[:2000]}", index))
    if step.get("milestone") is True:
        run.notes.append(DraftNote("A milestone of the task", index))


def _judge(run: DraftRun, demonstration: JSON) -> None:
    last = run.steps[-1].action if run.steps else None
    if last is None or last.name != "terminate":
        run.status = RunStatus.INTERRUPTED
    elif last.arguments.get("status") in {"success", "failure"}:
        run.outcomes.append(DraftOutcome(str(last.arguments["status"]), OutcomeSource.SELF))
    if isinstance(demonstration.get("task_completed"), bool):
        value = "success" if demonstration["task_completed"] else "failure"
        run.outcomes.append(DraftOutcome(value, OutcomeSource.JUDGE, str(demonstration.get("reason") or "")))
