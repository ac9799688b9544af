"""
ScreenAgent: a folder a session, one `<time>_translate.json` for every call of the model, and `images/<time>.jpg`.

The picture was taken before the call. `LLM_response` is what the model answered, `LLM_response_editer` what a person
made of it, and `actions` what was carried out: the person's version. Positions are pixels, x called `width` and y
`height`. Plans and verdicts on sub-tasks are calls too; `_neg_` files hold made-up bad answers to train against, which
were never given, and become notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import objects, wall_ns
from footage.interchange.importers.common.derive import derive_after
from footage.interchange.importers.draft import DraftNote, DraftPicture, DraftRun, DraftStep, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.providers.actions.canvas import Canvas
from footage.providers.anthropic.tool_calls import PointerTracker
from footage.trajectory import JSON, Action, FrameRole

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "screenagent"
LINE = "a folder of *_translate.json"
PRIORITY = 90

_KEYS = ("saved_image_name", "actions", "task_prompt", "video_width", "video_height")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)_(\d\d)-(\d\d)-(\d\d)-(\d{6})")
_CLICKS = {
    ("click", "left"): "left_click",
    ("click", "right"): "right_click",
    ("click", "middle"): "middle_click",
    ("double_click", "left"): "double_click",
}
_PLAIN = {"move": "mouse_move", "down": "left_mouse_down", "up": "left_mouse_up", "drag": "left_click_drag"}


def recognise(entry: Entry) -> bool:
    """Tell a session's folder by the first of its calls that can be read."""
    if not entry.is_folder:
        return False
    for name in [name for name in entry.files() if name.endswith(".json")][:3]:
        if Entry(entry.path / name).object(*_KEYS) is not None:  # looked at, not claimed
            return True
    return False


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the session of a folder; calls of other sessions in it are runs of their own."""
    sessions: dict[str, list[tuple[str, JSON]]] = {}
    broken = []
    hashes: dict[str, list[str]] = {}
    for name in entry.files():
        call = entry.at(name) if name.endswith(".json") else None
        if call is None:
            continue
        found = call.object(*_KEYS)
        if found is None:
            broken.append((name, call.trouble or "it is no call of ScreenAgent"))
            continue
        session = str(found.get("session_id") or entry.name)
        sessions.setdefault(session, []).append((name, found))
        hashes.setdefault(session, []).append(call.sha256)
    for session, calls in sessions.items():
        run = DraftRun(identity="\n".join((session, *hashes[session])))
        run.conversations = [""]
        reader = _Session(entry, run)
        for name, one in calls:
            with run.trying("the call", entry.named(name)):
                reader.add(name, one)
        for name, reason in broken:
            run.problem(reason, entry.named(name))
        broken = []
        reader.end()
        derive_after(run)
        yield run


class _Session:
    """Reads one session, call by call."""

    def __init__(self, entry: Entry, run: DraftRun) -> None:
        self._entry = entry
        self._run = run
        self._pointer = PointerTracker()
        self._pictures: dict[str, DraftPicture | None] = {}
        self._acted: int | None = None

    def add(self, name: str, call: JSON) -> None:
        """Take in one call; a made-up one as a note."""
        if "_neg_" in name:
            self._counterexample(name, call)
            return
        run, at = self._run, _time(name)
        run.task = run.task or str(call.get("task_prompt_en") or call.get("task_prompt") or "")
        run.started = at if run.started is None else run.started
        run.ended = at or run.ended
        said, corrected = str(call.get("LLM_response") or ""), str(call.get("LLM_response_editer") or "")
        turn = DraftTurn([{"type": "text", "text": said}] if said else [], started=at, ended=at)
        if call.get("send_prompt"):
            turn.request = {"messages": [{"role": "user", "content": str(call["send_prompt"])}]}
        run.turns.append(turn)
        first = len(run.steps)
        self._steps(call, at)
        if said and corrected and said != corrected:
            better = str(call.get("LLM_response_editer_en") or corrected)
            text = f"The model's answer was corrected by a person, and the correction carried out: {better}"
            run.notes.append(DraftNote(text, first if len(run.steps) > first else None))

    def end(self) -> None:
        """Report the pictures that no call names."""
        folder = self._entry.at("images")
        for name in folder.files() if folder is not None and folder.is_folder else []:
            if name not in self._pictures and name.endswith((".jpg", ".png")):
                self._run.problem("this picture belongs to no call", self._entry.named(f"images/{name}"))

    def _steps(self, call: JSON, at: int | None) -> None:
        picture = self._picture(call, at)
        size = (picture.size if picture else None) or _size(call)
        canvas = Canvas(size, _size(call))
        moved = False
        for index, raw in enumerate(objects(call["actions"])):
            action = self._action(raw, canvas)
            self._pointer.follow(action)
            step = DraftStep(action, turn=len(self._run.turns) - 1, call_index=index, started=at)
            if not moved:
                step.show(picture, FrameRole.BEFORE)
            self._run.steps.append(step)
            if action.name == "evaluate_sub_task":
                self._judge(raw)
            elif action.is_computer:
                moved = True
                self._acted = len(self._run.steps) - 1

    def _judge(self, raw: JSON) -> None:
        """Make a verdict on a sub-task a note on the last action that was done for it."""
        verdict = ": ".join(str(raw[key]) for key in ("situation", "advice") if raw.get(key))
        self._run.notes.append(DraftNote(f"Verdict on the sub-task: {verdict}", self._acted))

    def _counterexample(self, name: str, call: JSON) -> None:
        """Note a made-up answer on the step that shows the same picture."""
        picture = self._pictures.get(str(call.get("saved_image_name")))
        where = next(
            (n for n, step in enumerate(self._run.steps) if picture and step.picture(FrameRole.BEFORE) is picture), None
        )
        kind = "plan" if "plan" in name else "verdict"
        said = str(call.get("LLM_response_editer_en") or call.get("LLM_response_editer") or call["actions"])
        self._run.notes.append(DraftNote(f"A made-up bad {kind}, to train against: {said.strip()}", where))

    def _picture(self, call: JSON, at: int | None) -> DraftPicture | None:
        name = str(call.get("saved_image_name") or "")
        if name not in self._pictures:
            found = self._entry.picture(f"images/{name}", name, up=0, at=at) if name else None
            self._pictures[name] = found
            if found is None:
                missing = self._entry.named(f"images/{name}")
                self._run.problem("there is no such picture", missing, step=len(self._run.steps))
        return self._pictures[name]

    def _action(self, raw: JSON, canvas: Canvas) -> Action:
        kind = raw.get("action_type")
        if kind == "MouseAction":
            return self._mouse(raw, canvas)
        if kind == "KeyboardAction" and raw.get("keyboard_action_type") == "text":
            return Action("type", {"text": str(raw.get("keyboard_text", ""))}, raw=raw)
        if kind == "KeyboardAction":
            return Action("key", {"text": str(raw.get("keyboard_key", ""))}, raw=raw)
        if kind == "WaitAction":
            seconds = raw.get("wait_time")
            return Action("wait", {"duration": seconds} if isinstance(seconds, int | float) else {}, raw=raw)
        if kind == "PlanAction":
            return Action("plan", {"text": str(raw.get("element", ""))}, NAME, raw)
        if kind == "EvaluateSubTaskAction":
            return Action("evaluate_sub_task", {k: v for k, v in raw.items() if k != "action_type"}, NAME, raw)
        return Action(str(kind or "unknown"), {}, NAME, raw)

    def _mouse(self, raw: JSON, canvas: Canvas) -> Action:
        given: Any = raw.get("mouse_position")
        position = given if isinstance(given, dict) else {}
        point = canvas.point(position.get("width"), position.get("height"))
        if position and point is None:
            self._run.problem("a position outside the picture", step=len(self._run.steps))
        at: JSON = {"coordinate": point} if point else {}
        kind, button = str(raw.get("mouse_action_type")), str(raw.get("mouse_button") or "left")
        tracked = self._pointer.position if not position else None
        if kind in {"scroll_up", "scroll_down"}:
            amount = raw.get("scroll_repeat")
            at |= {"scroll_direction": kind[7:], "scroll_amount": amount if isinstance(amount, int) else 1}
            return Action("scroll", at, raw=raw, space=canvas.space, tracked=tracked)
        if kind == "drag" and self._pointer.position:
            at = {"start_coordinate": list(self._pointer.position), **at}
        name = _CLICKS.get((kind, button)) or _PLAIN.get(kind) or kind
        return Action(name, at, raw=raw, space=canvas.space, tracked=tracked if kind != "move" else None)


def _size(call: JSON) -> tuple[int, int] | None:
    width, height = call.get("video_width"), call.get("video_height")
    if isinstance(width, int) and isinstance(height, int) and 0 < width < 65536 and 0 < height < 65536:
        return width, height
    return None


def _time(name: str) -> int | None:
    """Return the time in a call's file name, in its recorder's own zone, which nobody wrote down."""
    found = _TIME.match(name)
    if found is None:
        return None
    year, month, day, hour, minute, second, micro = found.groups()
    return wall_ns(f"{year}-{month}-{day}T{hour}:{minute}:{second}.{micro}")
