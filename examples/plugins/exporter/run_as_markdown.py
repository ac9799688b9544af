"""An exporter of one's own, complete: a run as Markdown, one line a step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from footage import Exported, Progress, Store
from footage.errors import UsageError

NAME = "markdown"
ENDING = ".md"
LINE = "one run as Markdown: its task, and a line for each step"


def export(store: Store, runs: Sequence[str], path: Path, /, *, overwrite: bool, on_progress: Progress) -> Exported:
    """Write the run beside its place first, then move it there: nobody ever sees half a file."""
    run = store.run(runs[0])
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists already.", hint="Choose another name, or --force to replace it.")
    steps = store.steps(run.id)
    lines = [f"# {_line(run.task) or run.id}", "", f"{run.model or 'No model'}, {run.status}.", ""]
    for done, step in enumerate(steps, 1):
        point = f" at {step.action.point}" if step.action.point else ""
        lines.append(f"{step.index}. `{step.action.title}`{point}: {step.status}")
        on_progress(done, len(steps))
    data = ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return Exported(path, NAME, (run.id,), len(data))


def _line(text: str) -> str:
    return " ".join(text.split())
