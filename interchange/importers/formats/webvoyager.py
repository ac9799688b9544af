r"""
WebVoyager: a folder a task, `interact_messages.json` (a chat) and `screenshot1.png`, `screenshot2.png`, ….

A reply is `Thought: …\n\nAction: Click [5]`: elements are named by the labels drawn into the picture, so that no
action has a position. Screenshot N was taken before reply N; some runs keep it without labels too, as
`screenshotN_no_box.png`. In the chat, pictures are replaced by the literal `{b64_img}`, and what was said with older
ones by "(Omitted in context.)".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import objects, text_of
from footage.interchange.importers.common.derive import derive_after
from footage.interchange.importers.draft import DraftNote, DraftPicture, DraftRun, DraftStep, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.trajectory import JSON, Action, FrameRole, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "webvoyager"
LINE = "interact_messages.json"
PRIORITY = 70

_ACTION = re.compile(r"Action\s*:\s*(.+)\Z", re.DOTALL)
_LABELLED = re.compile(r"(Click|Type|Scroll)\s*\[?\s*(\w+)\s*\]?\s*(?:;\s*(.*))?\Z", re.DOTALL | re.IGNORECASE)
_TASK = re.compile(r"Now given a task:\s*(.*?)\s*Please interact with\s+(\S+)", re.DOTALL)
_OMITTED = "(Omitted in context.)"


def recognise(entry: Entry) -> bool:
    """Tell a chat by its first replies, which have a thought and an action."""
    if entry.kind not in {"json", "jsonl"} or b'"assistant"' not in entry.data:
        return False
    chat = objects(entry.value)
    said = [str(message.get("content")) for message in chat[:8] if message.get("role") == "assistant"]
    asked = [text_of(message.get("content")) for message in chat[:3] if message.get("role") == "user"]
    return any("Action:" in text for text in said) and any("Observation" in text for text in asked)


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the task's run."""
    chat = objects(entry.value)
    run = DraftRun(identity=entry.sha256, task_id=entry.folder.name, conversations=[""])
    asked = next((text_of(m.get("content")) for m in chat if m.get("role") == "user"), "")
    found = _TASK.search(asked)
    run.task = f"{found[1]} ({found[2].rstrip('.')})" if found else asked[:2000]
    for message in chat:
        with run.trying("a message"):
            _add(run, message)
    _show(entry, run)
    if not run.steps or run.steps[-1].action.name != "answer":
        run.status = RunStatus.INTERRUPTED
    derive_after(run)
    yield run


def _add(run: DraftRun, message: JSON) -> None:
    role, text = message.get("role"), text_of(message.get("content"))
    if role == "user" and run.steps:
        run.steps[-1].result_text = text.replace(_OMITTED, "").strip()
    if role != "assistant":
        return
    run.turns.append(DraftTurn([{"type": "text", "text": text}] if text else []))
    run.steps.append(DraftStep(_action(text), turn=len(run.turns) - 1))
    if run.steps[-1].action.name == "answer":
        run.notes.append(DraftNote(f"The agent's answer: {run.steps[-1].action.arguments['text']}", len(run.steps) - 1))


def _action(text: str) -> Action:
    """Return what a reply asks for; labels are no positions."""
    found = _ACTION.search(text)
    said = found[1].strip() if found else ""
    raw = {"action": said or text}
    labelled = _LABELLED.match(said)
    if labelled:
        return _labelled(labelled[1].lower(), labelled[2], (labelled[3] or "").strip(), raw)
    word = said.split(";", 1)[0].split("(", 1)[0].strip().lower()
    if word == "answer":
        return Action("answer", {"text": said.partition(";")[2].strip()}, "agent", raw)
    if word == "wait":
        return Action("wait", {"duration": 5}, raw=raw)
    names = {"goback": "go_back", "google": "google"}
    return Action(names.get(word, "unknown"), {}, "browser", raw)


def _labelled(kind: str, label: str, rest: str, raw: JSON) -> Action:
    arguments: dict[str, Any] = {"label": label}
    if kind == "type":
        return Action("type", {**arguments, "text": rest.removeprefix("[").removesuffix("]")}, "browser", raw)
    if kind == "scroll":
        return Action("scroll", {**arguments, "scroll_direction": rest.strip("[] ").lower()}, "browser", raw)
    return Action("click", arguments, "browser", raw)


def _show(entry: Entry, run: DraftRun) -> None:
    """Give each reply its pictures: the one with labels, which the model saw, before the one without."""
    pictures = _pictures(entry)
    for index, step in enumerate(run.steps):
        mine = pictures.pop(index + 1, [])
        if not mine:
            run.problem("there is no such picture", entry.named(f"screenshot{index + 1}.png"), step=index)
        for picture in mine:
            step.show(picture, FrameRole.BEFORE)
    for left in pictures.values():
        for picture in left:
            run.problem("this picture belongs to no reply", picture.name)


def _pictures(entry: Entry) -> dict[int, list[DraftPicture]]:
    """Return the pictures by their numbers, those with labels first."""
    found: dict[int, list[DraftPicture]] = {}
    for name in sorted(entry.files(), key=lambda name: "_no_box" in name):
        number = re.fullmatch(r"screenshot_?(\d{1,6})(?:_no_box)?\.(?:png|jpe?g|webp)", name)
        picture = entry.picture(name, up=0) if number else None
        if number and picture:
            found.setdefault(int(number[1]), []).append(picture)
    return dict(sorted(found.items()))
