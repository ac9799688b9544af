"""
browser-use: an `AgentHistoryList` as JSON, in the shapes that its versions wrote.

    {"history": [{"model_output": {…, "action": [{"click_element": {"index": 40}}, …]}, "result": [{…}, …],
      "state": {"url", "title", "screenshot": base64 | "screenshot_path"}, "metadata"?: {"step_start_time", …}}]}

The first versions had one action and one result, not lists; thoughts stand beside the actions or under
`current_state`; pictures are base64 at first, and files later. A picture was taken before the actions. Elements are
named by their index on the page; where an action was carried out is told with its result by later versions, in pixels
of the page, and by an action itself that names coordinates, on a picture that may be scaled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import base64_picture, objects, wall_ns
from footage.interchange.importers.common.derive import derive_after
from footage.interchange.importers.draft import DraftOutcome, DraftPicture, DraftRun, DraftStep, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.providers.actions.canvas import Canvas
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource, RunStatus, StepStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "browser-use"
LINE = "history of model outputs, all its shapes"
PRIORITY = 40

_THOUGHTS = ("thinking", "reasoning_task_status", "evaluation_previous_goal", "valuation_previous_goal", "memory")


def recognise(entry: Entry) -> bool:
    """Tell a history by its entries, which hold what the model said, what came of it and the page's state."""
    found = entry.object("history", "state", "result") if entry.kind == "json" else None
    if found is None and entry.kind == "json" and b'"history"' in entry.data and b'"model_output"' in entry.data:
        found = entry.object("history")
    items = objects(found.get("history")) if found else []
    return any("model_output" in item and "state" in item and "result" in item for item in items[:5])


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the history's run."""
    history = entry.required()
    run = DraftRun(identity=entry.sha256, task=str(history.get("task") or ""), conversations=[""])
    for number, item in enumerate(history["history"]):
        with run.trying(f"entry {number}"):
            _add(entry, run, item)
    derive_after(run)
    final = history["history"][-1] if history["history"] else None
    _end(run, _results(final)[-1] if isinstance(final, dict) else {})
    yield run


def _results(item: JSON) -> list[JSON]:
    """Return the results of an entry, of which the first versions had one, and no list."""
    return objects(item.get("result")) or [_single(item.get("result"))]


def _single(result: Any) -> JSON:
    return result if isinstance(result, dict) else {}


def _end(run: DraftRun, last: JSON) -> None:
    """Say how the agent itself ended; before `success` there was only one way to be done."""
    if last.get("is_done") is not True:
        run.status = RunStatus.INTERRUPTED
        return
    value = "failure" if last.get("success") is False else "success"
    run.outcomes.append(DraftOutcome(value, OutcomeSource.SELF, str(last.get("extracted_content") or "")))
    judged = _single(last.get("judgement"))
    if isinstance(judged.get("verdict"), bool):
        why = str(judged.get("failure_reason") or judged.get("reasoning") or "")
        run.outcomes.append(DraftOutcome("success" if judged["verdict"] else "failure", OutcomeSource.JUDGE, why))


def _add(entry: Entry, run: DraftRun, item: JSON) -> None:
    """Take in one reply, its actions, and what came of each."""
    output, state, about = item.get("model_output"), item.get("state"), item.get("metadata")
    state, about = _single(state), _single(about)
    started, ended = wall_ns(about.get("step_start_time")), wall_ns(about.get("step_end_time"))
    run.started = started if run.started is None else run.started
    run.ended = ended or run.ended
    results = _results(item)
    picture = _picture(entry, run, state)
    if not isinstance(output, dict):  # the model gave no answer that could be used
        errors = "; ".join(str(result["error"]) for result in results if result.get("error"))
        run.turns.append(DraftTurn(started=started, ended=ended, status="errored", error=errors or "no answer"))
        return
    given = output.get("action")
    actions = objects(given) if isinstance(given, list) else [_single(given)]
    usage = {"input_tokens": about["input_tokens"]} if isinstance(about.get("input_tokens"), int) else {}
    run.turns.append(DraftTurn(_content(output), usage=usage, started=started, ended=ended))
    elements = state.get("interacted_element")
    for index, action in enumerate(actions):
        element = elements[index] if isinstance(elements, list) and index < len(elements) else None
        result = results[index] if index < len(results) else None
        made = _action(action, element, picture, _single(result.get("metadata") if result else None))
        step = DraftStep(made, turn=len(run.turns) - 1, call_index=index, started=started)
        _finish(step, result)
        if not index:
            step.show(picture, FrameRole.BEFORE)
        run.steps.append(step)


def _finish(step: DraftStep, result: JSON | None) -> None:
    if result is None:  # a change of the page ends a reply's actions
        step.status = StepStatus.NOT_EXECUTED
        return
    step.result_text = str(result.get("extracted_content") or result.get("long_term_memory") or "")
    step.error = str(result.get("error") or "")
    step.status = StepStatus.FAILED if step.error else StepStatus.EXECUTED


def _content(output: JSON) -> list[JSON]:
    brain = {**_single(output.get("current_state")), **output}
    thoughts = [f"{key}: {brain[key]}" for key in _THOUGHTS if brain.get(key)]
    content: list[JSON] = [{"type": "thinking", "thinking": "\n".join(thoughts)}] if thoughts else []
    return [*content, {"type": "text", "text": str(brain["next_goal"])}] if brain.get("next_goal") else content


def _action(action: JSON, element: Any, picture: DraftPicture | None, done: JSON) -> Action:
    """
    Return an action under its own name; one that gives coordinates is a click on the picture.

    `done` is what was told of it afterwards: its place on the page, which the model may have seen larger or smaller.
    """
    name = next(iter(action), "unknown")
    given = _single(action.get(name))
    raw = {**action, **({"interacted_element": element} if element else {}), **({"metadata": done} if done else {})}
    canvas = Canvas(picture.size if picture else None)
    told = [canvas.point(done.get(f"{kind}_x"), done.get(f"{kind}_y")) for kind in ("click", "input")]
    point = told[0] or told[1] or canvas.point(given.get("coordinate_x"), given.get("coordinate_y"))
    place: JSON = {"coordinate": point} if point else {}
    if given.get("coordinate_x") is not None and given.get("coordinate_y") is not None:
        return Action("left_click", place, raw=raw)
    if name == "wait":
        seconds = given.get("seconds")
        return Action("wait", {"duration": seconds} if isinstance(seconds, int | float) else {}, raw=raw)
    return Action(name, {**{k: v for k, v in given.items() if k != "coordinate"}, **place}, "browser", raw)


def _picture(entry: Entry, run: DraftRun, state: JSON) -> DraftPicture | None:
    data, path = state.get("screenshot"), state.get("screenshot_path")
    if isinstance(data, str) and data:
        return base64_picture(data, f"{entry.name}, entry {len(run.turns)}")
    if not isinstance(path, str) or not path:
        return None
    name = path.replace("\\", "/")
    last = name.rpartition("/")[2]
    found = entry.picture(*([] if name.startswith("/") else [name]), f"screenshots/{last}", last, up=1)
    if found is None:
        run.problem("there is no such picture", entry.named(last), step=len(run.steps))
    return found
