"""
A run's JSON with an animated picture: `results_no_screenshot.json` beside `summary.webp`.

    {"run_id", "success", "eval": {"eval", "reason"}, "agent_answer", "task": {"question", "id", "url", …},
      "steps": [{"url", "llm_calls": [{"input_tokens", "output_tokens", "message_out", "pretty_out"}], …}]}

The animation begins with a card that shows the task; then comes a picture for each step, taken before it, with boxes
drawn in. Not every animation has as many as there are steps: then they are given out in their order, and the run says
that their places are not certain. `success` is what the agent says of itself, `eval` what a judge says.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from footage.errors import FootageError
from footage.interchange.importers.common.blocks_of_recordings import objects
from footage.interchange.importers.common.derive import derive_after
from footage.interchange.importers.draft import DraftNote, DraftOutcome, DraftPicture, DraftRun, DraftStep, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.interchange.importers.safety import LIMITS, Pictures, read_file
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource, Pixels, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "animated-run"
LINE = "results_no_screenshot.json and summary.webp"
PRIORITY = 20

_ANIMATIONS = ("summary.webp", "summary.gif")


def recognise(entry: Entry) -> bool:
    """Tell a run by its steps, which hold calls to a model, and its task's question."""
    found = entry.object("steps", "task")
    steps = objects(found["steps"]) if found else []
    return (
        bool(found)
        and isinstance(found, dict)
        and isinstance(found["task"], dict)
        and any("llm_calls" in s for s in steps[:5])
    )


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the run."""
    result = entry.required()
    task = result["task"]
    run = DraftRun(identity=entry.sha256, task=str(task.get("question") or result.get("task_description") or ""))
    run.task_id, run.conversations = str(task.get("id") or ""), [""]
    for number, step in enumerate(result["steps"]):
        with run.trying(f"step {number}"):
            _add(run, step)
    _show(entry, run)
    derive_after(run)
    _end(run, result)
    yield run


def _add(run: DraftRun, step: JSON) -> None:
    said = ""
    for call in objects(step.get("llm_calls")):
        said = str(call.get("pretty_out") or call.get("message_out") or "")
        usage = {key: call[key] for key in ("input_tokens", "output_tokens") if isinstance(call.get(key), int)}
        run.turns.append(DraftTurn([{"type": "text", "text": said}] if said else [], usage=usage))
    last = objects(step.get("llm_calls"))[-1:]
    name, arguments = _called(last[0].get("message_out")) if last else ("unknown", {})
    raw = {key: step[key] for key in ("url", "duration_in_s") if key in step} | {"said": said[:2000]}
    turn = len(run.turns) - 1 if last else None
    run.steps.append(DraftStep(Action(name, arguments, "browser", raw), turn=turn))


def _called(said: Any) -> tuple[str, JSON]:
    """Return the tool a reply calls, where it is written as OpenAI's tool calls or as JSON; else `act`."""
    try:
        value = json.loads(said) if isinstance(said, str) and len(said) < 1_000_000 else said
    except (ValueError, RecursionError):
        return "act", {}
    calls = objects(value.get("tool_calls")) if isinstance(value, dict) else objects(value)
    function = calls[0].get("function", calls[0]) if calls else value
    if not isinstance(function, dict):
        return "act", {}
    given = function.get("arguments", function)
    if isinstance(given, str):
        return _called(given) if len(given) < 1_000_000 else ("act", {})
    actions = objects(given.get("action")) if isinstance(given, dict) else []
    if actions and actions[0]:
        name = next(iter(actions[0]))
        inner = actions[0][name]
        return name, inner if isinstance(inner, dict) else {}
    return str(function.get("name") or "act"), {}


def _show(entry: Entry, run: DraftRun) -> None:
    """Give the steps the animation's pictures, without the card at its beginning."""
    found = entry.beside(*_ANIMATIONS, up=0)
    if found is None or not run.steps:
        if run.steps:
            run.problem("there is no animation", entry.named(_ANIMATIONS[0]))
        return
    pictures = []
    try:
        with Pictures() as decoder:
            for number, pixels in enumerate(decoder.frames(read_file(found.path, LIMITS.picture))):
                if number:
                    pictures.append(_encoded(pixels, f"{found.name}, picture {number}"))
                if number > len(run.steps) + 4:
                    break
    except FootageError as error:
        run.problem(f"the animation cannot be read: {error.message.rstrip('.')}", entry.named(found.name))
    for step, picture in zip(run.steps, pictures, strict=False):
        step.show(picture, FrameRole.BEFORE)
    if pictures and len(pictures) != len(run.steps):
        count = f"The animation has {len(pictures)} pictures for {len(run.steps)} steps"
        run.notes.append(DraftNote(f"{count}: which belongs to which is not certain"))


def _encoded(pixels: Pixels, name: str) -> DraftPicture:
    """Return a picture of the animation as a draft's; it is kept losslessly packed until it is written."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    data = out.getvalue()
    return DraftPicture(lambda: data, name)


def _end(run: DraftRun, result: JSON) -> None:
    judged: Any = result.get("eval")
    if isinstance(result.get("success"), bool):
        value = "success" if result["success"] else "failure"
        run.outcomes.append(DraftOutcome(value, OutcomeSource.SELF, str(result.get("agent_answer") or "")))
    else:
        run.status = RunStatus.INTERRUPTED
    if isinstance(judged, dict) and isinstance(judged.get("eval"), str | bool):
        said = str(judged["eval"]).strip().lower()
        value = "success" if said in {"success", "true", "successful", "pass", "passed"} else "failure"
        if said and said != "unknown":
            run.outcomes.append(DraftOutcome(value, OutcomeSource.JUDGE, str(judged.get("reason") or "")))
