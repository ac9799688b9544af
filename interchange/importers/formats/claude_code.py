"""
Transcripts of Claude Code and of the Agent SDK: `session.jsonl`, one event a line.

    {"type": "assistant" | "user" | …, "timestamp", "sessionId", "message": {"role", "model", "id", "content": […]}}

One reply is split over several lines with the same message id, and results of its first calls may come between them.
Pictures are inline, in the results of calls; one that a file tool read is what the model observed, but not the screen.
Subagents (`isSidechain`, `parent_tool_use_id`) are conversations of their own. The stream of `--output-format
stream-json` has the same messages, and a last line of type `result`. A `result.json` beside it may hold a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import blocks_of, text_of, wall_ns
from footage.interchange.importers.common.conversation import ConversationReader
from footage.interchange.importers.common.derive import derive_before_from_last
from footage.interchange.importers.draft import DraftOutcome, DraftRun
from footage.interchange.importers.entry import Entry
from footage.trajectory import JSON, OutcomeSource, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "claude-code"
LINE = "JSON lines of a session, or of stream-json"
PRIORITY = 130

_SESSION = ("sessionId", "session_id")
_KINDS = frozenset(
    {
        *("assistant", "user", "system", "summary", "attachment", "queue-operation", "last-prompt", "result"),
        *("file-history-snapshot", "progress", "stream_event", "custom-title", "ai-title", "mode", "permission-mode"),
    }
)
_ENOUGH_LINES = 50
_VERDICTS = ("verification_passed", "success", "passed", "task_successful")


def recognise(entry: Entry) -> bool:
    """Tell a transcript by its lines: a known type, and a session or a message with a role."""
    first = entry.first if entry.kind in {"json", "jsonl"} else None
    if not isinstance(first, dict) or first.get("type") not in _KINDS:
        return False
    if any(key in first for key in _SESSION):
        return True
    for line, _ in zip(entry.lines(), range(_ENOUGH_LINES), strict=False):
        event = line.value
        if isinstance(event, dict) and event.get("type") in {"assistant", "user"}:
            return isinstance(event.get("message"), dict) and "role" in event["message"]
    return False


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the session."""
    run = DraftRun(identity=entry.sha256)
    reader = _Session(run)
    for line in entry.lines():
        with run.trying(f"line {line.number}"):
            if line.problem:
                run.problem(line.problem.rstrip("."))
            elif isinstance(line.value, dict):
                reader.event(line.value)
    reader.end()
    derive_before_from_last(run)
    _judge(entry, run)
    yield run


class _Session:
    """Reads one session, line by line."""

    def __init__(self, run: DraftRun) -> None:
        self._run = run
        self._reader = ConversationReader(run)
        self._seen: set[str] = set()
        self._threads: dict[str, int] = {}
        self._result: JSON | None = None

    def event(self, event: JSON) -> None:
        """Take in one line. Raises what a line of a wrong shape raises."""
        identity = str(event.get("uuid") or "")
        if identity and identity in self._seen:
            return  # a resumed session repeats the one before
        self._seen.add(identity)
        at = wall_ns(event.get("timestamp"))
        if at is not None:
            self._run.started = at if self._run.started is None else min(self._run.started, at)
            self._run.ended = at if self._run.ended is None else max(self._run.ended, at)
        kind = event.get("type")
        if kind == "assistant":
            self._reply(event, at)
        elif kind == "user":
            self._user(event, at)
        elif kind == "result":
            self._result = event
        elif kind == "system" and event.get("subtype") == "init":
            self._run.model = str(event.get("model") or "")

    def _thread(self, event: JSON) -> int:
        """Return the conversation an event belongs to: the main one, or one for each subagent."""
        parent = event.get("parent_tool_use_id")
        name = str(event.get("agentId") or parent or "subagent") if event.get("isSidechain") or parent else ""
        if name not in self._threads:
            self._threads[name] = len(self._threads)
            self._run.conversations.append(name)
        return self._threads[name]

    def _reply(self, event: JSON, at: int | None) -> None:
        message = event["message"]
        if message.get("model") == "<synthetic>":  # what the harness says in the model's place
            if event.get("isApiErrorMessage"):
                self._run.problem(
                    f"an error of the API: {text_of(message.get('content'))}", step=len(self._run.steps) - 1
                )
            return
        self._reader.reply(
            message["content"],
            model=str(message.get("model") or ""),
            identity=str(message.get("id") or ""),
            conversation=self._thread(event),
            at=at,
            stop_reason=str(message.get("stop_reason") or ""),
            usage=message.get("usage"),
        )

    def _user(self, event: JSON, at: int | None) -> None:
        content = event["message"]["content"]
        if event.get("isMeta") or event.get("isSidechain") or event.get("parent_tool_use_id"):
            content = [block for block in blocks_of(content) if _is_for_main(block)]
        self._reader.user(content, at=at, conversation=self._thread(event))

    def end(self) -> None:
        """Say how the session ended."""
        result = self._result
        if result is None:
            self._reader.end()
            return
        cut = str(result.get("subtype") or "").startswith("error_max")
        if cut:
            self._run.status = RunStatus.INTERRUPTED
        elif result.get("is_error"):
            self._run.status, self._run.error = RunStatus.ERRORED, str(result.get("result") or result.get("subtype"))
        else:
            self._run.status = RunStatus.COMPLETED


def _is_for_main(block: JSON) -> bool:
    """Tell whether a block of what the harness says is a result, or says that the client itself ran a command."""
    said = str(block.get("text") or "").lstrip()
    return block.get("type") == "tool_result" or said.startswith(("<local-command-caveat>", "Caveat: The messages"))


def _judge(entry: Entry, run: DraftRun) -> None:
    """Take the verdict of a `result.json` in the same folder: a program looked whether the task was done."""
    found = entry.at("result.json")
    result: Any = found.value if found else None
    if not isinstance(result, dict):
        return
    run.task_id = "/".join(str(result[key]) for key in ("app_id", "os") if isinstance(result.get(key), str))
    said = next((result[key] for key in _VERDICTS if isinstance(result.get(key), bool)), None)
    if said is not None:
        note = str(result.get("screenshot_verification") or "")
        run.outcomes.append(DraftOutcome("success" if said else "failure", OutcomeSource.EVALUATOR, note))
