"""
A run in ATIF, the Agent Trajectory Interchange Format 1.8 of Harbor, with its pictures in a folder beside the file.

One step of ATIF is one model reply with its tool calls and what they returned, or what a person or the harness said
before it. Actions keep the input as the model gave it; where they land on the screen, frames and verdicts stand in
`extra`, which is the one place for what ATIF has no word for.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from footage import stopping
from footage.errors import StoreCorrupt, UsageError
from footage.storage.file.scratch import scratch_beside
from footage.storage.store import Store
from footage.trajectory import JSON, Frame, FrameRole, Instant, Run, Step, StepStatus, Turn

__all__ = ["ENDING", "LINE", "NAME", "SCHEMA_VERSION", "AtifFile", "export", "write_atif"]

NAME = "atif"
ENDING = ".json"
LINE = "one run in ATIF, the Agent Trajectory Interchange Format, with its pictures in a folder beside it"

SCHEMA_VERSION = "ATIF-v1.8"
_ROLES = (FrameRole.OBSERVED, FrameRole.AFTER, FrameRole.BEFORE)


@dataclass(frozen=True, slots=True)
class AtifFile:
    """What was written."""

    path: Path
    folder: Path | None
    """Where the pictures are; None where there are none."""
    run: str
    steps: int
    """Of ATIF: replies and messages."""
    pictures: int
    bytes: int
    """Of the file and its pictures."""

    def as_json(self) -> JSON:
        """Return {"path", "to", "runs", "bytes", "steps", "pictures", "folder"}."""
        counts = {"bytes": self.bytes, "steps": self.steps, "pictures": self.pictures}
        folder = str(self.folder) if self.folder else None
        return {"path": str(self.path), "to": "atif", "runs": [self.run], **counts, "folder": folder}


def write_atif(
    store: Store,
    run: str,
    path: Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> AtifFile:
    """
    Write a run as an ATIF document; its pictures, as PNG, go into the folder `<name>-images` beside it.

    `on_progress` is called with (done, total) steps. Raises RunNotFound, UsageError (the file exists, the run is
    empty).
    """
    found = store.run(run)
    folder = path.with_name(f"{path.stem}-images")
    if not overwrite and (path.exists() or folder.exists()):
        taken = path if path.exists() else folder
        raise UsageError(f"{taken} exists already.", hint="Choose another name, or --force to replace it.")
    if path.exists() and (not path.is_file() or path.samefile(store.path)):
        raise UsageError(f"{path} cannot be replaced.", hint="Choose another name.")
    with scratch_beside(path) as scratch:
        made = _Document(store, found, scratch / folder.name, on_progress or (lambda _done, _total: None))
        text = json.dumps(made.document(), ensure_ascii=False, indent=2) + "\n"
        (scratch / "document").write_text(text, "utf-8", errors="backslashreplace")
        size = sum(file.stat().st_size for file in scratch.rglob("*") if file.is_file())
        with stopping.held():  # the document and its pictures take their places together
            if folder.is_dir():
                shutil.rmtree(folder)
            if made.folder.is_dir():
                made.folder.rename(folder)
            (scratch / "document").replace(path)
    return AtifFile(path, folder if made.pictures else None, found.id, made.steps, len(made.pictures), size)


def export(
    store: Store, runs: Sequence[str], path: Path, *, overwrite: bool, on_progress: Callable[[int, int], None]
) -> AtifFile:
    """Write one run: `write_atif` as an exporter."""
    return write_atif(store, runs[0], path, overwrite=overwrite, on_progress=on_progress)


@dataclass(slots=True)
class _Document:
    """One document in the making."""

    store: Store
    run: Run
    folder: Path
    on_progress: Callable[[int, int], None]
    pictures: dict[int, str] = field(default_factory=dict)
    """By the pictures' ids: the path of each file, as it stands in the document."""
    steps: int = 0

    def document(self) -> JSON:
        """Return the document; writes the pictures."""
        from importlib.metadata import version

        run, turns = self.run, self.store.turns(self.run.id)
        steps = [_plain({**step, "step_id": number}) for number, step in enumerate(self._steps(turns), 1)]
        self.steps = len(steps)
        if not steps:
            raise UsageError(f"Run {run.id} is empty: it has no task, no replies and no steps.")
        agent = {"name": "footage", "version": version("footage"), "model_name": run.model or None}
        extra = {
            "kind": run.kind,
            "status": run.status,
            "task_id": run.task_id,
            "source_format": run.source_format,
            "outcomes": [{"value": o.value, "source": o.source, "note": o.note} for o in run.outcomes],
            "tags": list(run.tags),
            "machine": run.machine,
            "gaps": [{"step": gap.step, "reason": gap.reason} for gap in self.store.gaps(run.id)],
        }
        head = {"schema_version": SCHEMA_VERSION, "session_id": run.id, "trajectory_id": run.id}
        document = {**head, "agent": _plain(agent), "steps": steps, "final_metrics": _totals(turns, len(steps))}
        return {**document, "extra": _plain(extra)}

    def _steps(self, turns: Sequence[Turn]) -> Iterator[JSON]:
        """Yield the steps of ATIF: the task, then replies and what was done without one, in their order."""
        if self.run.task:
            yield {"source": "user", "message": self.run.task, "timestamp": _when(self.run.started)}
        actions = self.store.steps(self.run.id)
        by_turn: dict[int, list[Step]] = {}
        for step in actions:
            if step.turn is not None:
                by_turn.setdefault(step.turn, []).append(step)
        alone = [step for step in actions if step.turn is None]
        for turn in turns:
            mine = by_turn.get(turn.number, [])
            while alone and mine and alone[0].index < mine[0].index:
                yield self._action(alone.pop(0))
            yield self._reply(turn, mine)
            self.on_progress(turn.number + 1, len(turns))
        for step in alone:
            yield self._action(step)

    def _reply(self, turn: Turn, steps: Sequence[Step]) -> JSON:
        """Return a model's reply, with its calls and what they returned."""
        found: JSON = {
            "source": "agent",
            "timestamp": _when(turn.started),
            "model_name": turn.model or None,
            "message": turn.text,
            "reasoning_content": turn.thinking or None,
            "metrics": _metrics([turn]),
            "llm_call_count": 1,
            "extra": {"turn": turn.number, "conversation": turn.conversation, "stop_reason": turn.stop_reason},
        }
        return found | self._calls(steps)

    def _action(self, step: Step) -> JSON:
        """Return an action that belongs to no reply."""
        when = _when(step.started or step.intended)
        return {"source": "agent", "timestamp": when, "message": "", "llm_call_count": 0} | self._calls([step])

    def _calls(self, steps: Sequence[Step]) -> JSON:
        if not steps:
            return {}
        names = [_call_id(step, steps) for step in steps]
        calls = [_call(step, name) for step, name in zip(steps, names, strict=True)]
        results = [self._result(step, name) for step, name in zip(steps, names, strict=True)]
        return {"tool_calls": calls, "observation": {"results": results}}

    def _result(self, step: Step, name: str) -> JSON:
        text = "\n".join(part for part in (step.result_text, step.error) if part)
        parts: list[JSON] = [{"type": "text", "text": text}] if text else []
        shown = next((step.frames[role][0] for role in _ROLES if step.frames.get(role)), None)
        if shown is not None and (path := self._picture(shown)) is not None:
            parts.append({"type": "image", "source": {"media_type": "image/png", "path": path}})
        frames = [
            {"role": role, "path": self._picture(frame), "derived": frame.derived}
            for role, held in step.frames.items()
            for frame in held
        ]
        extra = {"step": step.index, "status": step.status, "duration_ms": step.duration_ms, "frames": frames}
        if step.status is StepStatus.FAILED or step.error:
            extra["error"] = step.error
        if step.verdict is not None:
            extra["verdict"] = {"verdict": step.verdict.verdict, "why": step.verdict.why}
        return {"source_call_id": name, "content": parts or None, "extra": extra}

    def _picture(self, frame: Frame) -> str | None:
        """Write a frame's picture once; return its path from the document, None where it is damaged."""
        if frame.picture not in self.pictures:
            from PIL import Image

            try:
                pixels = self.store.pixels(frame.picture)
            except StoreCorrupt:
                return None
            self.folder.mkdir(exist_ok=True)
            name = f"{len(self.pictures):05d}.png"
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "PNG")
            (self.folder / name).write_bytes(out.getvalue())
            self.pictures[frame.picture] = f"{self.folder.name}/{name}"
        return self.pictures[frame.picture]


def _call_id(step: Step, steps: Sequence[Step]) -> str:
    """Return a call's id; calls of one batch share theirs, which ATIF does not allow."""
    name = step.call_id or f"step-{step.index}"
    return f"{name}.{step.call_index}" if sum(one.call_id == step.call_id for one in steps) > 1 else name


def _call(step: Step, name: str) -> JSON:
    action = step.action
    point = list(action.point) if action.point else None
    extra = {"canonical": action.name, "arguments": dict(action.arguments), "point": point, "redacted": step.redacted}
    raw = dict(action.raw) if action.raw is not None else {"action": action.name, **action.arguments}
    tool = "computer" if action.is_computer else action.title
    return {"tool_call_id": name, "function_name": tool, "arguments": raw, "extra": extra}


def _metrics(turns: Sequence[Turn]) -> JSON | None:
    """Return what replies took, in ATIF's words: tokens from a cache are among those of the prompt."""

    def total(*names: str) -> int:
        counts = (turn.usage.get(name) for turn in turns for name in names)
        return sum(count for count in counts if isinstance(count, int))

    cached = total("cache_read_input_tokens")
    prompt = total("input_tokens", "cache_creation_input_tokens") + cached
    answer = total("output_tokens")
    return {"prompt_tokens": prompt, "completion_tokens": answer, "cached_tokens": cached} if prompt or answer else None


def _totals(turns: Sequence[Turn], steps: int) -> JSON:
    found = _metrics(turns) or {}
    return {**{f"total_{name}": count for name, count in found.items()}, "total_steps": steps}


def _when(at: Instant | None) -> str | None:
    if at is None or not at.wall_ns:
        return None
    return datetime.fromtimestamp(at.wall_ns / 1e9, UTC).isoformat(timespec="milliseconds")


def _plain(value: Any) -> Any:
    """Return a JSON value without the names whose value is None: optional fields are left out."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
