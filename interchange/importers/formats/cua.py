"""
Trajectories of cua agents: a folder with `metadata.json` and `turn_000/`, `turn_001/` …, their files numbered through.

    turn_000/0000_api_start.json  0001_api_result.json  0002_agent_response.json
    turn_001/0003_screenshot_after.png  0004_computer_call_result.json  0005_screenshot_action.png

A response is a list of items as the Responses API has them; its calls are steps. Pictures in the JSON are omitted: they
are the files, taken after the call (`screenshot_action` has a crosshair drawn in, and is used where there is no other).
Coordinates are pixels of them. `created_at` counts 100 ns since 1582. The recorder of single commands (`cua do`) writes
`turn_001/turn_001_agent_response.json` and `screenshot.png`, also taken after the action.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from footage.errors import BadImport
from footage.interchange.importers.common.blocks_of_recordings import (
    base64_picture,
    objects,
    text_of,
    usage_of,
    wall_ns,
)
from footage.interchange.importers.common.calls import CallBook
from footage.interchange.importers.common.derive import derive_before_from_last
from footage.interchange.importers.draft import DraftOutcome, DraftPicture, DraftRun, DraftStep, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.interchange.importers.safety import parse_json, parse_literal
from footage.providers.actions.any_call import actions_of_call
from footage.providers.tasks import task_of_messages
from footage.trajectory import JSON, FrameRole, OutcomeSource, RunStatus, StepStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "cua"
LINE = "metadata.json with a trajectory_id, or turn_NNN/ folders"
PRIORITY = 110

_TURN = re.compile(r"turn_\d+$")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_LEAST_PICTURE = 200  # characters of base64; "[omitted]" and paths are shorter
_EPOCH_OF_UUIDS = 0x01B21DD213814000  # 1582-10-15, in units of 100 ns before 1970
_BEFORE = ("screenshot_before", "screenshot_start")


def recognise(entry: Entry) -> bool:
    """Tell a trajectory by its metadata, or by the names within its turns' folders."""
    if not entry.is_folder:
        return False
    turns = [name for name in entry.folders() if _TURN.match(name)]
    about = entry.peek("metadata.json")
    if about is not None and about.object("trajectory_id") is not None:
        return bool(turns) or about.object("kwargs") is not None
    held = Entry(entry.path / turns[0]).files() if turns else []
    return any(name.endswith(("agent_response.json", "api_start.json", "api_result.json")) for name in held)


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the run."""
    found = entry.at("metadata.json")
    about: JSON = found.value if found and isinstance(found.value, dict) else {}
    reader = _Trajectory(entry, about)
    for turn in sorted((name for name in entry.folders() if _TURN.match(name)), key=_number):
        reader.turn(turn)
    yield reader.finished()


def _number(name: str) -> tuple[int, str]:
    digits = re.search(r"\d{1,18}", name)
    return (int(digits[0]) if digits else 0), name


class _Trajectory:
    """Reads one trajectory, file by file."""

    def __init__(self, entry: Entry, about: JSON) -> None:
        self._entry = entry
        self._about = about
        known = about.get("kwargs")
        model = known.get("model") if isinstance(known, dict) else None
        self._run = DraftRun(identity="", model=str(model or ""), started=_time(about.get("created_at")))
        self._calls = CallBook(self._run)
        self._shots: list[tuple[str, DraftPicture]] = []
        self._last: DraftStep | None = None
        self._before: DraftPicture | None = None
        if isinstance(known, dict):
            self._say(known.get("messages"))

    def turn(self, name: str) -> None:
        """Take in one turn's folder: its files by their numbers, `screenshot.png` after the response it belongs to."""
        folder = Entry(self._entry.path / name, base=self._entry.base, used=self._entry.used)
        numbered = sorted(folder.files(), key=lambda file: (not file[:1].isdigit(), _number(file)[0], file))
        self._shots, self._last = [], None
        for file in sorted(numbered, key=lambda file: file == "screenshot.png"):
            with self._run.trying(f"the file {file}", f"{name}/{file}"):
                if file.lower().endswith(_PICTURES):
                    self._picture(folder, file)
                elif file.endswith(".json"):
                    self._document(folder, file)
        self._show()

    def _picture(self, folder: Entry, file: str) -> None:
        picture = folder.picture(file, up=0)
        if picture is None:
            return
        stem = re.sub(r"^\d+_", "", file.rsplit(".", 1)[0])
        if stem.startswith(_BEFORE) or not self._run.steps:
            self._before = picture
        else:
            self._shots.append((stem, picture))

    def _document(self, folder: Entry, file: str) -> None:
        found = folder.at(file)
        document = found.required() if found else {}
        at = _time(document.get("created_at") or document.get("timestamp"))
        if file.endswith("agent_response.json"):
            done = len(self._run.steps)
            self._run.identity += found.sha256 if found else ""
            self._response(document, at)
            if file.startswith("turn_"):  # of `cua do`: written after the action
                for step in self._run.steps[done:]:
                    step.status, step.ended = StepStatus.EXECUTED, at
        elif file.endswith("_call_result.json"):
            self._run.identity += found.sha256 if found else ""
            self._result(document, at)
        elif file.endswith("api_start.json"):
            known = document.get("kwargs")
            self._say(known.get("messages") if isinstance(known, dict) else None)
        self._run.started = self._run.started if self._run.started is not None else at
        self._run.ended = at if at is not None else self._run.ended

    def _say(self, messages: Any) -> None:
        """Take what the user asks first as the task."""
        self._run.task = self._run.task or task_of_messages(messages)

    def _response(self, document: JSON, at: int | None) -> None:
        response = document.get("response")
        body: JSON = response if isinstance(response, dict) else {"output": response}
        known = document.get("kwargs")
        self._say(known.get("messages") if isinstance(known, dict) else None)
        model = str(document.get("model") or body.get("model") or self._run.model)
        if at is None:
            at = wall_ns(body.get("created_at"))
        turn = DraftTurn(model=model, response_id=str(body.get("id") or ""), started=at, ended=at)
        turn.usage = usage_of(body.get("usage"))
        self._run.turns.append(turn)
        self._before, self._shots = _clean(self._shots) or self._before, []  # taken before the model was asked
        done = len(self._run.steps)
        for item in objects(body.get("output")):
            self._item(turn, item, at)
        for step in self._run.steps[done : done + 1]:
            step.show(self._before, FrameRole.BEFORE)
            self._before = None

    def _item(self, turn: DraftTurn, item: JSON, at: int | None) -> None:
        kind = item.get("type")
        number = len(self._run.turns) - 1
        if kind == "reasoning":
            thought = "\n".join(str(part.get("text") or "") for part in objects(item.get("summary")))
            turn.content.append({"type": "thinking", "thinking": thought or text_of(item.get("content"))})
        elif kind == "message":
            turn.content.append({"type": "text", "text": text_of(item.get("content"))})
        elif kind == "computer_call":
            call = str(item.get("call_id") or item.get("id") or "")
            actions = objects(item.get("actions")) or objects([item.get("action")])
            turn.content.append({"type": "tool_use", "id": call, "name": "computer", "input": {"actions": actions}})
            if len(actions) == 1:
                turn.content[-1]["input"] = actions[0]
            made = [
                action for one in actions for action in actions_of_call("computer", one, pointer=self._calls.pointer)
            ]
            self._calls.add_actions(number, call, made, at=at)
            self._last = self._calls.last_step(call)
        elif kind == "function_call":
            call, name = str(item.get("call_id") or item.get("id") or ""), str(item.get("name") or "")
            given = _parsed(item.get("arguments"))
            turn.content.append({"type": "tool_use", "id": call, "name": name, "input": given})
            made = actions_of_call(name, given, pointer=self._calls.pointer)
            self._calls.add_actions(number, call, made, at=at)
            self._last = self._calls.last_step(call)
        elif str(kind).endswith("_output"):
            self._output(item, at)

    def _result(self, document: JSON, at: int | None) -> None:
        item = document.get("item")
        call = str(item.get("call_id") or item.get("id") or "") if isinstance(item, dict) else ""
        self._last = self._calls.last_step(call) or self._last
        for output in objects(document.get("result")):
            self._output({"call_id": call, **output}, at)

    def _output(self, output: JSON, at: int | None) -> None:
        call = str(output.get("call_id") or "")
        given = _parsed(output.get("output"))
        if not str(output.get("type") or "").endswith("_output") or self._calls.last_step(call) is None:
            return
        step, text, pictures = self._calls.last_step(call), "", list[DraftPicture]()
        about: JSON = given if isinstance(given, dict) else {}
        image = about.get("image_url") or about.get("screenshot")
        if isinstance(image, str) and len(image) > _LEAST_PICTURE:
            pictures.append(base64_picture(image, f"result of {call}", at=at))
        kept = {key: value for key, value in about.items() if key not in {"image_url", "screenshot"}}
        if set(kept) == {"error"}:
            text = str(kept["error"])
        elif kept and kept != {"type": "input_image"}:
            text = json.dumps(kept, ensure_ascii=False, default=str)
        elif given is not None and given is not about:
            text = str(given)
        failed = text.startswith(("ToolError", "Error")) or about.get("success") is False or bool(about.get("error"))
        self._calls.finish(call, content=text, failed=failed, pictures=pictures, at=at)
        self._last = step
        if about.get("terminated"):
            self._run.outcomes.append(_self_report(about))

    def _show(self) -> None:
        """Give the pictures of a turn's folder to its step: the clean one where there are two."""
        if self._last is None or self._last.own(FrameRole.AFTER):
            return
        shown = _clean(self._shots)
        if shown is not None:
            shown.at = shown.at or self._last.ended
            self._last.show(shown, FrameRole.AFTER, FrameRole.OBSERVED)

    def finished(self) -> DraftRun:
        """Return the run, its missing sides filled in. Raises BadImport where there is nothing."""
        run, status = self._run, str(self._about.get("status") or "")
        if not run.turns:
            self._new_items()
        if not run.turns and not run.steps and not self._about:
            raise BadImport(f"There is no turn in {self._entry.name}.")
        for item in objects(self._about.get("new_items")):  # a call that failed has no file, and its output is here
            step = self._calls.last_step(str(item.get("call_id") or ""))
            if step is not None and step.status is StepStatus.UNKNOWN:
                self._output(item, None)
        run.identity = run.identity or str(self._about.get("trajectory_id") or self._entry.name)
        run.ended = _time(self._about.get("completed_at")) or run.ended
        if status in {"running", ""} and self._about:
            run.status = RunStatus.INTERRUPTED
        elif status in {"failed", "error", "errored"}:
            run.status, run.error = RunStatus.ERRORED, str(self._about.get("error") or status)
        derive_before_from_last(run)
        return run

    def _new_items(self) -> None:
        """Take the items of the metadata, where there are no turns."""
        items = self._about.get("new_items")
        if isinstance(items, list) and items:
            self._response({"response": {"output": items}}, _time(self._about.get("completed_at")))


def _clean(shots: Sequence[tuple[str, DraftPicture]]) -> DraftPicture | None:
    """Return the last picture of a turn's folder, by name; one with a crosshair where there is no other."""
    clean = [shot for stem, shot in shots if "action" not in stem]
    return clean[-1] if clean else shots[-1][1] if shots else None


def _self_report(given: JSON) -> DraftOutcome:
    failed = str(given.get("status") or given.get("terminated_status") or "success") in {"failure", "failed", "error"}
    return DraftOutcome("failure" if failed else "success", OutcomeSource.SELF, "terminate")


def _parsed(given: Any) -> Any:
    """Return arguments or an output, which may be JSON in a text, or an object as Python prints it."""
    if not isinstance(given, str) or given.lstrip()[:1] not in {"{", "["}:
        return given
    for parse in (parse_json, parse_literal):
        with contextlib.suppress(BadImport):
            return parse(given)
    return given


def _time(given: Any) -> int | None:
    """Return nanoseconds since 1970 for a time that counts 100 ns since 1582, or any other."""
    text = str(given) if isinstance(given, str | int) else ""
    if text.isascii() and text.isdigit() and 17 <= len(text) <= 19 and int(text) > _EPOCH_OF_UUIDS:
        return (int(text) - _EPOCH_OF_UUIDS) * 100
    return wall_ns(given)
