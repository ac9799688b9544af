"""
Online-Mind2Web: a folder a task, `result.json` and `trajectory/<i>_full_screenshot.png`.

    {"task_id", "task", "final_result_response", "action_history": ["<button> -> CLICK", …], "thoughts": […]}

Picture i was taken before action i; there is one more than actions. Actions name elements of the page, not positions.
`human_label.json`, in a folder above, maps task ids to 0 (failed), 1 (done) and 2 (could not be carried out), or to one
of these for each agent; folders are then named by agents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import objects
from footage.interchange.importers.common.derive import derive_after
from footage.interchange.importers.draft import DraftNote, DraftOutcome, DraftPicture, DraftRun, DraftStep, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "online-mind2web"
LINE = "result.json with an action_history"
PRIORITY = 50

_ACTION = re.compile(r"(.*?)\s*->\s*([A-Z_ ]+)\s*(?::\s*(.*))?\Z", re.DOTALL)
_NAMES = {"TYPE": "type", "CLICK": "click", "PRESS ENTER": "key", "SCROLL DOWN": "scroll", "SCROLL UP": "scroll"}
_LABELS = {0: "failure", 1: "success"}


def recognise(entry: Entry) -> bool:
    """Tell a result by its task and its history of actions."""
    found = entry.object("task", "action_history")
    return found is not None and isinstance(found["action_history"], list)


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the task's run."""
    result = entry.required()
    run = DraftRun(identity=entry.sha256, task=str(result.get("task") or ""), conversations=[""])
    run.task_id = str(result.get("task_id") or entry.folder.name)
    pictures = _pictures(entry)
    thoughts: Any = result.get("thoughts")
    thoughts = thoughts if isinstance(thoughts, list) else []
    for index, said in enumerate(result["action_history"]):
        thought = str(thoughts[index]) if index < len(thoughts) else ""
        run.turns.append(DraftTurn([{"type": "text", "text": thought}] if thought else []))
        step = DraftStep(_action(said), turn=index)
        if index not in pictures:
            run.problem("there is no such picture", entry.named(f"trajectory/{index}_full_screenshot.png"), step=index)
        step.show(pictures.pop(index, None), FrameRole.BEFORE)
        run.steps.append(step)
    derive_after(run)
    if run.steps and len(run.steps) in pictures:
        run.steps[-1].show(pictures.pop(len(run.steps)), FrameRole.AFTER)
    for picture in pictures.values():
        run.problem("this picture belongs to no action", picture.name)
    _end(entry, run, result)
    yield run


def _end(entry: Entry, run: DraftRun, result: JSON) -> None:
    """Take over the answer, and what a person said of it."""
    if result.get("final_result_response"):
        last = len(run.steps) - 1 if run.steps else None
        run.notes.append(DraftNote(f"The agent's answer: {result['final_result_response']}", last))
    else:
        run.status = RunStatus.INTERRUPTED
    found = entry.beside("human_label.json", up=3)
    for label in _labels(found.value if found else None, run.task_id, entry.folder.parts):
        if label in _LABELS:
            run.outcomes.append(DraftOutcome(_LABELS[label], OutcomeSource.HUMAN))
        elif label == 2:
            run.notes.append(DraftNote("Judged by a person: the task could not be carried out"))


def _labels(value: Any, task: str, folders: tuple[str, ...]) -> list[int]:
    """Return the task's labels; where several agents have one each, that of the agent whose folder this is."""
    listed = {str(one.get("task_id")): one for one in objects(value)}
    label: Any = (value if isinstance(value, dict) else listed).get(task)
    if isinstance(label, dict):
        named = {_plain(part) for part in folders}
        mine = [found for agent, found in label.items() if _plain(agent) in named]
        label = mine[0] if mine else label.get("human_label", label.get("label"))
    return [label] if isinstance(label, int) and not isinstance(label, bool) else []


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _action(said: Any) -> Action:
    """Return what one line of the history did, to the element it names."""
    raw = {"action": said}
    found = _ACTION.match(said) if isinstance(said, str) else None
    if found is None:
        return Action("unknown", {}, "browser", raw)
    kind, rest = found[2].strip(), (found[3] or "").strip()
    arguments: JSON = {"element": found[1]}
    if rest:
        arguments["text"] = rest
    if kind.startswith("SCROLL"):
        arguments["scroll_direction"] = kind.rpartition(" ")[2].lower()
    return Action(_NAMES.get(kind, kind.lower().replace(" ", "_")), arguments, "browser", raw)


def _pictures(entry: Entry) -> dict[int, DraftPicture]:
    folder = entry.at("trajectory")
    names = folder.files() if folder is not None and folder.is_folder else []
    found = {}
    for name in names:
        number = re.match(r"(\d{1,6})_\w*\.(?:png|jpe?g|webp)\Z", name)
        picture = entry.picture(f"trajectory/{name}", up=0) if number else None
        if number and picture:
            found[int(number[1])] = picture
    return found
