"""
ATIF, the Agent Trajectory Interchange Format, versions 1.0 to 1.8: one JSON file, text and pictures by their paths.

    {"schema_version": "ATIF-v1.6", "session_id", "agent": {"name", "version", "model_name"}, "steps": [
        {"step_id", "timestamp", "source": "system" | "user" | "agent", "message", "reasoning_content",
         "tool_calls": [{"tool_call_id", "function_name", "arguments"}],
         "observation": {"results": [{"source_call_id", "content"}]}, "metrics"}], "final_metrics"}

A step of the agent is a turn here, each of its calls a step. Pictures of a result were taken after its call; a picture
in a message shows the screen before what follows. Steps that are copied context are the first turn's request.
What became of the trial may lie beside it: the verifier's reward, or why it failed. Files that footage wrote say more,
in `extra`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import (
    blocks_of,
    objects,
    picture_of,
    text_of,
    usage_of,
    wall_ns,
)
from footage.interchange.importers.common.calls import CallBook, looks_at_screen
from footage.interchange.importers.common.derive import derive_before_from_last
from footage.interchange.importers.draft import DraftNote, DraftOutcome, DraftPicture, DraftRun, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.interchange.importers.own.own_atif import own_action, own_facts, own_result
from footage.providers.actions.any_call import actions_of_call
from footage.providers.tasks import task_of_texts
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "atif"
LINE = "schema_version ATIF-v1.0 to v1.8"
PRIORITY = 100


def recognise(entry: Entry) -> bool:
    """Tell a trajectory by its schema version, or by its agent and its sourced steps."""
    found = entry.object("steps", "agent")
    if found is None or not isinstance(found["steps"], list) or not isinstance(found["agent"], dict):
        return False
    if str(found.get("schema_version") or "").upper().startswith("ATIF"):
        return True
    steps = objects(found["steps"])
    return bool(steps) and all("source" in step and "step_id" in step for step in steps)


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the run."""
    document = entry.required()
    run = DraftRun(identity=entry.sha256)
    reader = _Trajectory(entry, run)
    reader.read(document)
    times = [turn.started for turn in run.turns if turn.started is not None]
    run.started, run.ended = run.started or min(times, default=None), max(times, default=None)
    if not reader.own:  # which tells which pictures are derived
        derive_before_from_last(run)
    trial = _trial(entry)
    run.task_id = run.task_id or str(trial.get("task_name") or "")
    failure = trial.get("exception_info")
    if isinstance(failure, dict):
        told = [str(failure[key]) for key in ("exception_type", "exception_message") if failure.get(key)]
        run.status, run.error = RunStatus.ERRORED, ": ".join(told) or "the trial failed"
    reward = _reward(entry, trial)
    if reward is not None:
        value = {1.0: "success", 0.0: "failure"}.get(reward, str(reward))
        run.outcomes.append(DraftOutcome(value, OutcomeSource.EVALUATOR, f"reward {reward}"))
    yield run


class _Trajectory:
    """Reads one trajectory, and those of its subagents as conversations of their own."""

    def __init__(self, entry: Entry, run: DraftRun) -> None:
        self._entry = entry
        self._run = run
        self._calls = CallBook(run, self._picture)
        self._before: DraftPicture | None = None
        self._history: list[JSON] = []
        self._asked: list[str] = []
        self._system = ""
        self.own = False
        """Whether footage wrote it."""
        self._files: dict[str, DraftPicture | None] = {}

    def read(self, document: JSON) -> None:
        """Take in a trajectory's steps."""
        agent: JSON = document["agent"] if isinstance(document.get("agent"), dict) else {}
        self.own = agent.get("name") == "footage"
        number = len(self._run.conversations)
        self._run.conversations.append(str(agent.get("name") or "") if number else "")
        self._model = str(agent.get("model_name") or "")
        self._run.model = self._run.model or self._model
        for step in document.get("steps") or []:
            with self._run.trying(f"step {step.get('step_id') if isinstance(step, dict) else step!r}"):
                self._step(step, number)
        if self.own:
            own_facts(self._run, document.get("extra"))
            self._run.exported_from = str(document.get("session_id") or "")
        for inner in objects(document.get("subagent_trajectories")):
            self.read(inner)

    def _step(self, step: JSON, conversation: int) -> None:
        at = wall_ns(step.get("timestamp"))
        said = text_of(step.get("message"))
        for block in blocks_of(step.get("message")):
            self._before = self._picture(block, "a message") or self._before
        own = step.get("source") == "agent" and not step.get("is_copied_context")
        if own:
            self._reply(step, said, conversation, at)
        elif step.get("source") == "user" and not self._run.turns and not (self.own and self._run.task):
            self._asked += [text_of(block) for block in blocks_of(step.get("message"))]
            self._run.task = said if self.own else task_of_texts(self._asked)
            self._run.started = self._run.started or at
            self._history.append({"role": "user", "content": said})
        elif not self._run.turns:
            self._prologue(step, said)
        elif said:
            self._run.notes.append(DraftNote(f"the {step.get('source')} said: {said}", self._next()))

    def _prologue(self, step: JSON, said: str) -> None:
        """Take in what the model was given before its first reply."""
        if step.get("source") == "system" and not self._system:
            self._system = said
        else:
            role = "assistant" if step.get("source") == "agent" else "user"
            self._history.append({"role": role, "content": said})

    def _next(self) -> int | None:
        return len(self._run.steps) - 1 if self._run.steps else None

    def _reply(self, step: JSON, said: str, conversation: int, at: int | None) -> None:
        thought = step.get("reasoning_content")
        calls = objects(step.get("tool_calls"))
        content: list[JSON] = []
        if isinstance(thought, str) and thought:
            content.append({"type": "thinking", "thinking": thought})
        content += [{"type": "text", "text": said}] if said else []
        for call in calls:
            block = {"id": call.get("tool_call_id"), "name": call.get("function_name"), "input": call.get("arguments")}
            content.append({"type": "tool_use", **block})
        turn = DraftTurn(content, str(step.get("model_name") or self._model), conversation, started=at, ended=at)
        turn.usage = usage_of(step.get("metrics"))
        if not self._run.turns and self._history:
            turn.request = {"model": turn.model, "messages": self._history}
            turn.request |= {"system": self._system} if self._system else {}
        self._run.turns.append(turn)
        number, done = len(self._run.turns) - 1, len(self._run.steps)
        for call in calls:
            own = own_action(call, self._calls.pointer) if self.own else None
            name = str(call.get("function_name") or "")
            made = [own] if own else actions_of_call(name, call.get("arguments"), pointer=self._calls.pointer)
            self._calls.add_actions(number, str(call.get("tool_call_id") or ""), made, at=at)
        self._observe(step, number, at)
        for made_step in self._run.steps[done : done + 1]:
            if looks_at_screen(made_step.action):
                made_step.show(self._before, FrameRole.BEFORE)
                self._before = None

    def _observe(self, step: JSON, turn: int, at: int | None) -> None:
        """Tell the calls their results; an observation of no call is the result of what the reply said."""
        observed = step.get("observation")
        results = objects(observed.get("results")) if isinstance(observed, dict) else []
        calls = [str(call.get("tool_call_id") or "") for call in objects(step.get("tool_calls"))]
        for position, result in enumerate(results):
            call = str(result.get("source_call_id") or "")
            if not call and position < len(calls):
                call = calls[position]
            if self._calls.last_step(call) is None:
                call = f"step {step.get('step_id')}.{position}"
                self._calls.add_actions(turn, call, [Action("act", {}, "agent", {})], at=at)
            extra = result.get("extra")
            failed = isinstance(extra, dict) and extra.get("is_error") is True
            self._calls.finish(call, content=result.get("content"), failed=failed, at=at)
            made = self._calls.last_step(call)
            if self.own and made is not None:
                own_result(made, extra, self._file)

    def _picture(self, block: JSON, call: str) -> DraftPicture | None:
        source = block.get("source")
        path = source.get("path") if isinstance(source, dict) and block.get("type") == "image" else None
        if not isinstance(path, str):
            return picture_of(block, call)
        if path.startswith("data:"):
            return picture_of({"type": "image", "source": {"data": path}}, call)
        found = self._file(path)
        if found is None:
            self._run.problem("there is no such picture", path, step=self._calls.step_number(call))
        return found

    def _file(self, path: str) -> DraftPicture | None:
        if path not in self._files:
            self._files[path] = None if "://" in path else self._entry.picture(path)
        return self._files[path]


def _trial(entry: Entry) -> JSON:
    """Return what is told of the trial that the trajectory is of, where it lies beside it."""
    found = entry.beside("result.json", up=1)
    trial: Any = found.value if found else None
    return trial if isinstance(trial, dict) else {}


def _reward(entry: Entry, trial: JSON) -> float | None:
    """Return the verifier's reward, where it lies beside the trajectory."""
    text = entry.beside("verifier/reward.txt", up=2)
    if text is not None:
        try:
            return float(text.data.decode("utf-8", "replace").strip()[:40])
        except ValueError:
            return None
    verdict: Any = trial
    for key in ("verifier_result", "rewards", "reward"):
        verdict = verdict.get(key) if isinstance(verdict, dict) else verdict
    return float(verdict) if isinstance(verdict, int | float) else None
