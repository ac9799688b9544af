"""
Anthropic event logs: `logs/session_<id>.json`, one file a session, with an event for everything that happened.

    {"session_id", "start_time", "end_time"?, "status"?, "events": [{"timestamp", "type", "data"}]}

A reply (`api_response`) holds content blocks, one to eight of them tool calls; most results are text alone. Pictures
are files, taken after the call whose result they are. Clicks name no point: they land where the pointer was moved to.
Labels of people lie in `evaluations/evaluations.json`, under the task's number and the session's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import blocks_of, objects, text_of, wall_ns
from footage.interchange.importers.common.calls import CallBook
from footage.interchange.importers.common.derive import derive_before_from_last
from footage.interchange.importers.draft import DraftNote, DraftOutcome, DraftPicture, DraftRun, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.trajectory import JSON, OutcomeSource, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "anthropic-events"
LINE = "session_id and typed events in one JSON file"
PRIORITY = 160

_TYPES = frozenset({"api_response", "tool_result", "user_input", "session_metadata", "model_selection"})


def recognise(entry: Entry) -> bool:
    """Tell an event log by its session and its typed events."""
    log = entry.object("session_id", "events")
    if log is None or not isinstance(log["events"], list):
        return False
    events = objects(log["events"])
    if not events:
        return not log["events"] and "start_time" in log
    return any(event.get("type") in _TYPES and "data" in event for event in events[:50])


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the session."""
    log = entry.required()
    run = DraftRun(identity=entry.sha256, started=wall_ns(log.get("start_time")), ended=wall_ns(log.get("end_time")))
    reader = _Reader(entry, run)
    for number, event in enumerate(log.get("events") or []):
        with run.trying(f"event {number}"):
            reader.event(event)
    run.status = _status(log)
    if run.status is RunStatus.ERRORED and not run.error:
        run.error = f"the session ended with status {log.get('status')}"
    derive_before_from_last(run)
    for labels in _labels(entry, str(log.get("session_id") or "")):
        with run.trying("the evaluation", "evaluations/evaluations.json"):
            _judge(run, labels)
    yield run


def _status(log: JSON) -> RunStatus:
    status = str(log.get("status") or "")
    if "end_time" not in log or log.get("end_time") is None:
        return RunStatus.INTERRUPTED
    if status in {"error", "errored", "failed"}:
        return RunStatus.ERRORED
    return (
        RunStatus.INTERRUPTED if status in {"interrupted", "stopped", "cancelled", "running"} else RunStatus.COMPLETED
    )


class _Reader:
    """Reads one session, event by event."""

    def __init__(self, entry: Entry, run: DraftRun) -> None:
        self._entry = entry
        self._run = run
        self._calls = CallBook(run)
        self._usage: JSON = {}
        self._asked: int | None = None

    def event(self, event: JSON) -> None:
        """Take in one event. Raises what an event of a wrong shape raises."""
        data, at = event.get("data"), wall_ns(event.get("timestamp"))
        kind = event["type"]
        if self._run.started is None:
            self._run.started = at
        if not isinstance(data, dict):
            raise TypeError(f"the data of {kind} is no object")
        if kind in {"user_input", "tool_result"}:
            self._asked = at  # the model is asked once it can be told
        if kind == "api_response":
            self._reply(data, at)
        elif kind == "tool_result":
            self._result(data, at)
        else:
            self._about(kind, data)

    def _about(self, kind: str, data: JSON) -> None:
        """Take in an event that is about the session as a whole."""
        if kind == "user_input":
            said = text_of(data.get("instruction") or data.get("text") or data.get("content"))
            self._run.task = "\n\n".join(part for part in (self._run.task, said.strip()) if part)
        elif kind == "model_selection":
            self._run.model = str(data.get("model") or self._run.model)
        elif kind == "token_usage":
            self._usage = {k: v for k, v in data.items() if k != "model"}
        elif kind == "session_metadata":
            self._metadata(data)
        elif kind == "error":
            self._run.error = str(data.get("error_message") or data.get("exception_type") or "an error")

    def _metadata(self, data: JSON) -> None:
        number = data.get("Test_ID") or data.get("test_id") or data.get("task_id")
        category = data.get("Cat") or data.get("category")
        self._run.task_id = self._run.task_id or (f"{number}_{category}" if category else str(number or ""))

    def _reply(self, data: JSON, at: int | None) -> None:
        content = blocks_of(data.get("content"))
        turn = DraftTurn(content, str(data.get("model") or self._run.model), usage=self._usage, ended=at)
        turn.started = self._asked or at
        turn.stop_reason, turn.response_id = str(data.get("stop_reason") or ""), str(data.get("id") or "")
        self._usage = {}
        self._run.turns.append(turn)
        self._calls.add_reply(len(self._run.turns) - 1, content, at=at)

    def _result(self, data: JSON, at: int | None) -> None:
        call = str(data.get("tool_use_id") or "")
        pictures = self._picture(data, call, at)
        failed, said = bool(data.get("error")), str(data.get("error") or data.get("output") or "")
        if not self._calls.finish(call, content=said, failed=failed, pictures=pictures, at=at):
            raise LookupError(f"a result of the call {call!r}, which nobody made")

    def _picture(self, data: JSON, call: str, at: int | None) -> list[DraftPicture]:
        """Return the result's picture, from its file: stored paths are not trusted to lead anywhere."""
        given = data.get("image_path")
        if not isinstance(given, str) or not given:
            return []
        name = given.replace("\\", "/")
        last = name.rsplit("/", 1)[-1]
        found = self._entry.picture(name, f"screenshots/{last}", last, up=2, at=at)
        if found is None:
            self._run.problem("there is no such picture", name, step=self._calls.step_number(call))
        return [found] if found else []


def _labels(entry: Entry, session: str) -> Iterator[JSON]:
    """Yield what people said of the session: `<task>_<session id>` is the key."""
    found = entry.beside("evaluations/evaluations.json", up=2)
    labels: Any = found.value if found else None
    for key, label in labels.items() if isinstance(labels, dict) and session else ():
        if isinstance(label, dict) and (key == session or str(key).endswith(f"_{session}")):
            yield label


def _judge(run: DraftRun, labels: JSON) -> None:
    """Make a label a person's outcome, and the calls it names as failed notes on their steps."""
    said = labels.get("task_successful")
    if isinstance(said, bool):
        value = "success" if said else "failure"
        run.outcomes.append(DraftOutcome(value, OutcomeSource.HUMAN, str(labels.get("notes") or "")))
    by = f" ({labels['evaluated_by']})" if labels.get("evaluated_by") else ""
    steps = {step.call_id: index for index, step in reversed(list(enumerate(run.steps)))}
    for call in labels.get("step_failures") or []:
        if call in steps:
            run.notes.append(DraftNote(f"judged a failed step{by}", steps[call]))
        else:
            run.problem(
                f"the call {call!r} is judged failed, but is not in the session", "evaluations/evaluations.json"
            )
    best = labels.get("optimal_step_count")
    if isinstance(best, int):
        run.notes.append(DraftNote(f"optimal number of steps{by}: {best}"))
