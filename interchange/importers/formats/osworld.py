"""
OSWorld result folders: `traj.jsonl`, a picture after every action, `result.txt`.

    {"step_num": 7, "action_timestamp": "20250828@194707", "action": "pyautogui.hotkey('ctrl', 'l')",
     "response": "…", "reward": 0, "done": false, "info": {}, "screenshot_file": "step_7_20250828@194707.png"}

Lines that share a `step_num` are the actions of one reply. Pictures were taken after the action (some forks name one
from before it); the first observation may lie there as `step_0.png`. Actions are Python code with pixels of the screen,
objects that hold such code, or objects of the benchmark's own action space; WAIT, DONE and FAIL are actions too.
`result.txt` is what the evaluator gave, from 0 to 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import text_of, usage_of
from footage.interchange.importers.common.calls import CallBook
from footage.interchange.importers.common.derive import derive_before
from footage.interchange.importers.draft import DraftOutcome, DraftPicture, DraftRun, DraftStep, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.providers.actions.canvas import Canvas
from footage.providers.actions.computer_calls import computer_action
from footage.providers.actions.gestures import joined
from footage.providers.actions.pyautogui import action_named, actions_in
from footage.providers.anthropic.tool_calls import CLICKS, COMPUTER_ACTIONS, PointerTracker, actions_of
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource, RunStatus, StepStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "osworld"
LINE = "traj.jsonl: lines with a step_num"
PRIORITY = 120

_TIME = re.compile(r"(\d{8})@(\d{6})_?(\d{0,6})")
_CODE = ("code", "command", "action")
_STATES = frozenset({"DONE", "FAIL", "WAIT"})
_CALLS = {
    "CLICK": "click",
    "RIGHT_CLICK": "rightClick",
    "DOUBLE_CLICK": "doubleClick",
    "MOVE_TO": "moveTo",
    "MOUSE_DOWN": "mouseDown",
    "MOUSE_UP": "mouseUp",
    "TYPING": "typewrite",
    "PRESS": "press",
    "KEY_DOWN": "keyDown",
    "KEY_UP": "keyUp",
    "HOTKEY": "hotkey",
    "DRAG_TO": "dragTo",
}
"""The benchmark's own action space, and the calls it is carried out by."""
_TASKS = ("instruction.txt", "task.txt")
_SPOKEN = (
    "response",
    "raw_response",
    "thought",
    "text",
    "content",
    "plan",
    "output_text",
    "message",
)


def recognise(entry: Entry) -> bool:
    """Tell a trajectory by its first line: numbered, with a moment, a picture, or an action and its reward."""
    first = entry.first if entry.kind in {"json", "jsonl"} else None
    if not isinstance(first, dict):
        return False
    if first.keys() == {"Error"}:  # of a run that failed before its first step
        return entry.name == "traj.jsonl"
    if "step_num" not in first:
        return False
    if {"action_timestamp", "screenshot_file", "screenshot_file_before_exec"} & first.keys():
        return True
    return "action" in first and bool({"reward", "done", "response"} & first.keys())


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the run."""
    run = DraftRun(identity=entry.sha256, task_id=entry.folder.name)
    reader = _Result(entry, run)
    for line in entry.lines():
        with run.trying(f"line {line.number}"):
            if line.problem:
                run.problem(line.problem.rstrip("."))
            else:
                reader.line(line.value)
    reader.finish()
    yield run


class _Result:
    """Reads one result folder, line by line."""

    def __init__(self, entry: Entry, run: DraftRun) -> None:
        self._entry = entry
        self._run = run
        self._calls = CallBook(run)
        self._number: Any = None
        self._said = ""
        self._shown: dict[str, DraftStep] = {}
        self._done = False
        self._size: tuple[int, int] | None = None
        self._first = self._initial()

    def _initial(self) -> DraftPicture | None:
        """Return the first observation, where it was kept."""
        names = [n for n in self._entry.files() if re.fullmatch(r"(step_0|step_reset|initial)[^/]*\.(png|jpe?g)", n)]
        found = self._entry.picture(*names, up=0) if names else None
        self._size = found.size if found else None
        return found

    def line(self, line: JSON) -> None:
        """Take in one action."""
        if "step_num" not in line:
            self._stopped(line)
            return
        at = _time(line.get("action_timestamp"))
        self._run.task = self._run.task or str(line.get("instruction") or "")
        self._run.started = at if self._run.started is None else self._run.started
        after, before = self._picture(line, "screenshot_file"), self._picture(line, "screenshot_file_before_exec")
        action = line.get("action")
        if action == "__init__" or (action is None and not self._run.steps and after is not None):
            self._first = after or self._first
            return
        self._turn(line, at)
        if action is None:
            return
        shown = after or before
        self._size = (shown.size if shown else None) or self._size
        step = self._step(action, at)
        step.show(before or self._first, FrameRole.BEFORE)
        step.show(after, FrameRole.AFTER, FrameRole.OBSERVED)
        self._owner(line, step)
        self._first = None
        self._run.ended = at
        self._done = self._done or bool(line.get("done"))

    def _turn(self, line: JSON, at: int | None) -> None:
        """Begin a turn where a new reply does."""
        said = _spoken(line.get("response")) or _spoken({k: v for k, v in line.items() if k in _SPOKEN and v})
        if not said and isinstance(line.get("action"), dict):
            said = _spoken(line["action"].get("raw_response"))
        if self._run.turns and line["step_num"] == self._number and said == self._said:
            return
        self._number, self._said = line["step_num"], said
        content = [{"type": "text", "text": said}] if said else []
        response = line.get("response")
        about: JSON = dict(response) if isinstance(response, Mapping) else {}
        turn = DraftTurn(content, str(about.get("model") or ""), started=at, ended=at)
        turn.usage = usage_of(about.get("usage") or line.get("model_usage"))
        turn.response_id = str(about.get("response_id") or "")
        self._run.turns.append(turn)

    def _step(self, action: Any, at: int | None) -> DraftStep:
        """Add the step of one line: code of several statements is one step, as the loop took it for one action."""
        turn, call = len(self._run.turns) - 1, f"line-{len(self._run.steps)}"
        fields: JSON = dict(action) if isinstance(action, Mapping) else {"code": action}
        made = self._actions(action, fields)
        acting = joined([one for one in made if one.name != "wait"]) or made[:1]  # code often sleeps after what it does
        one = _called(fields.get("input"), acting, self._calls.pointer)
        one = one or (acting[0] if len(acting) == 1 else _combined(acting, fields))
        (step,) = self._calls.add_actions(turn, call, [replace(one, raw=fields)], at=at)
        step.status = StepStatus.EXECUTED
        return step

    def _actions(self, action: Any, fields: JSON) -> list[Action]:
        canvas, pointer = Canvas(self._size), self._calls.pointer
        kind = str(fields.get("action_type") or "").upper()
        if kind in _STATES:
            return actions_in(kind, canvas, pointer)
        code = next((fields[key] for key in _CODE if isinstance(fields.get(key), str)), "")
        if code or isinstance(action, str):
            return actions_in(code, canvas, pointer) or [Action("run", {"code": code}, "python")]
        inner = fields.get("parameters")
        given: JSON = dict(inner) if isinstance(inner, Mapping) else fields
        return [_of_space(kind, given, canvas, pointer) or Action(kind.lower() or "unknown", fields, "agent")]

    def _picture(self, line: JSON, key: str) -> DraftPicture | None:
        name = line.get(key)
        if key == "screenshot_file" and key not in line:
            return self._unnamed(line)
        if not isinstance(name, str) or not name:
            return None
        at = _time(line.get("action_timestamp"))
        last = name.replace("\\", "/").rsplit("/", 1)[-1]
        found = self._entry.picture(name, last, up=0, at=at)
        if found is None:
            self._run.problem("there is no such picture", last, step=len(self._run.steps))
        return found

    def _unnamed(self, line: JSON) -> DraftPicture | None:
        """Return the picture of a line that names none, by the names that the loops give to pictures."""
        number, moment = line.get("step_num"), line.get("action_timestamp")
        if not isinstance(number, int) or "screenshot_file_before_exec" in line:
            return None
        return self._entry.picture(f"step_{number}_{moment}.png", f"step_{number}.png", up=0, at=_time(moment))

    def _owner(self, line: JSON, step: DraftStep) -> None:
        """Take a picture from the action that wrote it first, where two wrote the same file within one second."""
        name = str(line.get("screenshot_file") or "")
        before = self._shown.get(name) if name else None
        if before is not None:
            before.frames = [frame for frame in before.frames if frame.role is FrameRole.BEFORE]
            index = next(i for i, one in enumerate(self._run.steps) if one is before)
            self._run.problem("the next action wrote over this one's picture", name, step=index)
        self._shown[name] = step

    def _stopped(self, line: JSON) -> None:
        error = line.get("Error") or line.get("error")
        if error is None:
            raise LookupError("a line without a step_num")
        self._run.status, self._run.error = RunStatus.ERRORED, str(error)

    def finish(self) -> None:
        """Add what lies beside the trajectory: the task, the model, the evaluator's result."""
        run, entry = self._run, self._entry
        for name in _TASKS:
            found = entry.at(name)
            run.task = run.task or (found.data.decode("utf-8", "replace").strip() if found else "")
        arguments = entry.beside("args.json", up=2)
        known: Any = arguments.value if arguments else None
        run.model = str(known.get("model") or "") if isinstance(known, dict) else run.model
        run.model = run.model or next((turn.model for turn in run.turns if turn.model), "")
        for turn in run.turns:
            turn.model = turn.model or run.model
        derive_before(run)
        self._report()
        result = entry.at("result.txt")
        score = _score(result.data) if result else None
        if score is not None:
            value = {1.0: "success", 0.0: "failure"}.get(score, str(score))
            run.outcomes.append(DraftOutcome(value, OutcomeSource.EVALUATOR, f"result {score}"))
        if run.status is RunStatus.COMPLETED and not self._done and result is None:
            run.status = RunStatus.INTERRUPTED

    def _report(self) -> None:
        """Take the agent's last word, DONE or FAIL, as its own opinion."""
        last = self._run.steps[-1].action if self._run.steps else None
        if last is not None and last.namespace == "agent" and last.name in {"done", "fail"}:
            value = "success" if last.name == "done" else "failure"
            self._run.outcomes.append(DraftOutcome(value, OutcomeSource.SELF, last.name.upper()))


def _combined(actions: list[Action], fields: JSON) -> Action:
    """Return one action for code that does several things: its code, its first place, and what it types."""
    code = "\n".join(str((action.raw or {}).get("code", "")) for action in actions)
    arguments: JSON = {"code": str(fields.get("code") or fields.get("command") or code)}
    placed = next((action for action in actions if action.arguments.get("coordinate")), None)
    if placed is not None:
        arguments["coordinate"] = placed.arguments["coordinate"]
    typed = [str(action.arguments.get("text", "")) for action in actions if action.name == "type"]
    return Action("run", arguments | ({"text": "".join(typed)} if typed else {}), "python")


def _of_space(kind: str, given: JSON, canvas: Canvas, pointer: PointerTracker) -> Action | None:
    """Return an action of the benchmark's own space, or of another one that names computer actions."""
    if kind == "SCROLL" and {"dx", "dy"} & given.keys():
        name, clicks = ("vscroll", given.get("dy")) if given.get("dy") else ("hscroll", given.get("dx"))
        return action_named(name, {"clicks": clicks}, given, canvas, pointer)
    if kind not in _CALLS:
        return computer_action(kind, given, pointer)
    words = {"clicks": given.get("num_clicks"), "message": given.get("text")}
    found = action_named(_CALLS[kind], given | words, given, canvas, pointer)
    if found is not None:
        pointer.follow(found)
    return found


def _called(given: Any, acting: list[Action], pointer: PointerTracker) -> Action | None:
    """Return the action that a call of the Messages API names, at the places its code has: those are scaled."""
    if not isinstance(given, Mapping) or given.get("action") not in COMPUTER_ACTIONS:
        return None
    (told,) = actions_of({"type": "tool_use", "name": "computer", "input": given})
    kept = {key: value for key, value in told.arguments.items() if not key.endswith("coordinate")}
    places = [{k: v for k, v in one.arguments.items() if k.endswith("coordinate")} for one in acting]
    found: JSON = next((place for place in reversed(places) if "coordinate" in place), {})
    tracked = pointer.position if not found and told.name in CLICKS | {"scroll"} else None
    return replace(told, arguments=kept | found, tracked=tracked)


def _spoken(response: Any) -> str:
    """Return what a reply says: agents keep it as text, as content blocks, or in an object of their own."""
    if isinstance(response, str):
        return response.strip()
    if isinstance(response, list):
        return text_of(response) or (json.dumps(response, ensure_ascii=False) if response else "")
    if not isinstance(response, Mapping) or not response:
        return ""
    said = [_spoken(response[key]) for key in _SPOKEN if isinstance(response.get(key), str | list)]
    return "\n\n".join(dict.fromkeys(part for part in said if part)) or json.dumps(response, ensure_ascii=False)


def _time(given: Any) -> int | None:
    """Return the moment of `20250828@194707`, with or without a fraction; the zone is not told: UTC."""
    found = _TIME.fullmatch(str(given))
    if found is None:
        return None
    try:
        moment = datetime.strptime(found[1] + found[2], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 10**9 + int((found[3] or "0").ljust(6, "0")) * 1000


def _score(data: bytes) -> float | None:
    words = data.decode("utf-8", "replace").split()
    try:
        return float(words[0]) if words else None
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(words[0].lower())
